// What a lesson's state means for somebody in it, in words.

import { isolated } from "./writing.mjs";

/** While a lesson waits for its tutor; otherwise nothing. */
export function interruption({ state, tutor }, me) {
  if (state !== "interrupted") return "";
  if (tutor.id === me.id) return "You were away, so the lesson was interrupted. It goes on now that you are back.";
  return `Waiting for ${isolated(tutor.name)} to come back. Meanwhile you can go on writing; the lesson goes on by itself.`;
}

/** How the connection is, and how much waits for it. */
export function connectionWords(state, waiting) {
  const words = { open: "Connected", connecting: "Connecting …", waiting: "Offline" }[state];
  if (waiting > 0) return `${words.replace(" …", "")}, ${waiting} to send`;
  return state === "waiting" ? "Offline, trying again soon" : words;
}
