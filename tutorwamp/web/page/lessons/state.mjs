// A lesson's state in words: what it is called, and what it means for somebody in the lesson.

import { isolated } from "../../client/writing.mjs";
import { now } from "../clock.mjs";
import { h } from "../dom.mjs";
import { t } from "../words.mjs";

export const OVER = new Set(["ended", "cancelled"]);
/** Who has not started a planned lesson so long after its time is not expected to any more. */
export const LATE_MS = 3 * 3_600_000;
const KNOWN = new Set(["scheduled", "live", "interrupted", ...OVER]);

/** What a state is called; of a newer server's state, its own name. */
export const stateWords = (state) => (KNOWN.has(state) ? t(`state.${state}`) : state);

export function stateBadge({ state, starts_at }) {
  const isMissed = state === "scheduled" && Date.parse(starts_at) < now() - LATE_MS;
  return h("span", { class: `badge ${state}` }, isMissed ? t("state.not-held") : stateWords(state));
}

/** While a lesson waits for its tutor; otherwise nothing. */
export function interruption({ state, tutor }, me) {
  if (state !== "interrupted") return "";
  if (tutor.id === me.id) return t("state.was-away");
  return t("state.waiting-for", { name: isolated(tutor.name) });
}
