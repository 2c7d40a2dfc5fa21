// A lesson's state in words: what it is called, and what it means for somebody in the lesson.

import { isolated } from "../../client/writing.mjs";
import { h } from "../dom.mjs";
import { t } from "../words.mjs";

export const OVER = new Set(["ended", "cancelled"]);
const KNOWN = new Set(["scheduled", "live", "interrupted", ...OVER]);

/** What a state is called; of a newer server's state, its own name. */
export const stateWords = (state) => (KNOWN.has(state) ? t(`state.${state}`) : state);

export function stateBadge({ state }) {
  return h("span", { class: `badge ${state}` }, stateWords(state));
}

/** While a lesson waits for its tutor; otherwise nothing. */
export function interruption({ state, tutor }, me) {
  if (state !== "interrupted") return "";
  if (tutor.id === me.id) return t("state.was-away");
  return t("state.waiting-for", { name: isolated(tutor.name) });
}
