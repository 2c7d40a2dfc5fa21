// A lesson's state in words: what it is called, and what it means for somebody in the lesson.

import { isolated } from "../../client/writing.mjs";
import { h } from "../dom.mjs";

export const OVER = new Set(["ended", "cancelled"]);

const STATES = {
  scheduled: "Planned",
  live: "Live",
  interrupted: "Waiting for the tutor",
  ended: "Ended",
  cancelled: "Called off",
};

export function stateBadge({ state }) {
  return h("span", { class: `badge ${state}` }, STATES[state] ?? state);
}

/** While a lesson waits for its tutor; otherwise nothing. */
export function interruption({ state, tutor }, me) {
  if (state !== "interrupted") return "";
  if (tutor.id === me.id) return "You were away, so the lesson was interrupted. It goes on now that you are back.";
  return `Waiting for ${isolated(tutor.name)} to come back. Meanwhile you can go on writing; the lesson goes on by itself.`;
}
