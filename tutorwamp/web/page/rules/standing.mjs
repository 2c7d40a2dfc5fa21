// What a person may do in a lesson just now, and why not: docs/rules/students.md, so that the page says it before it is tried.

import { OVER } from "../lessons/state.mjs";

const RULES = { chat: "everyone", unattended: "open", muted: [] }; // of a server that knows none

/**
 * `isAttended`: the tutor is in the room, or is kept a place. `{over, runs, isStudent, writes, draws}`; `writesNot` and `drawsNot` say
 * why not: "over", "chat" (only tutors write), "muted", "unattended" or "pen". As the server: the first that holds is said.
 */
export function standing(lesson, me, { isAttended }) {
  const over = OVER.has(lesson.state);
  const runs = me.role === "admin" || lesson.tutor.id === me.id;
  const rules = { ...RULES, ...lesson.rules };
  const shut = !runs && rules.unattended === "closed" && !isAttended;
  const writesNot = over ? "over" : runs ? null : whyNotWrite(rules, me, shut);
  const drawsNot = over ? "over" : runs ? null : shut ? "unattended" : lesson.pen.includes(me.id) ? null : "pen";
  const isStudent = lesson.students.some(({ id }) => id === me.id);
  return { over, runs, isStudent, shut, writes: writesNot === null, writesNot, draws: drawsNot === null, drawsNot };
}

function whyNotWrite(rules, me, shut) {
  if (rules.muted.includes(me.id)) return "muted";
  if (rules.chat === "tutors") return "chat";
  return shut ? "unattended" : null;
}
