// What the events of the contract are called, and how their values are read. What a later version adds changes nothing here:
// an event of another type takes its place in its stream and is skipped. docs/rules/sessions.md, S30.

import { orElse } from "./storage.mjs";

/** By the topic's kind. docs/api/topics.md; a test compares. */
export const EVENTS = {
  state: [
    "lesson.updated",
    "lesson.started",
    "lesson.interrupted",
    "lesson.continued",
    "lesson.ended",
    "lesson.cancelled",
    "pen.changed",
    "rules.changed",
    "hand.changed",
    "timer.changed",
  ],
  chat: ["message.created", "message.updated", "message.deleted", "reaction.changed", "read.advanced"],
  board: ["board.changed", "page.added", "page.removed", "board.cleared"],
  polls: ["poll.opened", "poll.changed", "poll.closed"],
  notifications: ["notification.created", "notification.read"],
  presence: ["participant.joined", "participant.reconnecting", "participant.left"],
  view: ["view.changed"],
};

/** Whether an event of this topic is one that we know how to read. */
export function isKnown(kind, { type }) {
  return EVENTS[kind].includes(type);
}

/** A lesson as it is read: what older servers do not say is as it was with them. Throws where it is none. */
export function readLesson(lesson) {
  if (!isText(lesson?.id) || !isText(lesson.state)) throw new TypeError("not a lesson");
  const everybody = { chat: "everyone", unattended: "open", muted: [] };
  return {
    ...lesson,
    title: textOf(lesson.title),
    tutor: readPerson(lesson.tutor),
    students: listOf(lesson.students).map(readPerson),
    pen: listOf(lesson.pen),
    rules: { ...everybody, ...lesson.rules },
    hands: listOf(lesson.hands),
    timer: lesson.timer ?? null,
  };
}

/** The lesson after an event of its topic `state`. */
export function lessonAfter(lesson, event) {
  return isKnown("state", event) ? readLesson(event.data) : lesson;
}

/** A message as it is read: nothing is missing that whoever shows it asks for. Throws where it is none. */
export function readMessage(message) {
  if (!isText(message?.id) || !Number.isSafeInteger(message.seq)) throw new TypeError("not a message");
  const given = Object.entries(message.reactions ?? {}).filter(([, people]) => Array.isArray(people));
  return {
    reply_to: null,
    client_id: null,
    edited_at: null,
    deleted_at: null,
    ...message,
    author: readPerson(message.author),
    body: message.body ?? (message.deleted_at ? null : ""),
    reactions: Object.fromEntries(given),
    files: listOf(message.files),
  };
}

/** A poll as it is read, of whatever kind. Throws where it is none. */
export function readPoll(poll) {
  if (!isText(poll?.id)) throw new TypeError("not a poll");
  const choices = listOf(poll.choices).map((choice) => ({ ...choice, text: textOf(choice?.text), votes: choice?.votes ?? null }));
  return { answered: 0, anonymous: false, shown: false, created_at: "", ...poll, question: textOf(poll.question), choices };
}

/** A notification as it is read, of whatever kind: it has its own words. Throws where it is none. */
export function readNotification(notification) {
  if (!isText(notification?.id)) throw new TypeError("not a notification");
  const { title, body, read_at, data } = notification;
  return { ...notification, title: textOf(title), body: textOf(body), read_at: read_at ?? null, data: data ?? {} };
}

/** Somebody; what nobody has said or done (a later version may have such things) is of somebody without a name. */
export function readPerson(person) {
  return { ...person, id: textOf(person?.id), name: textOf(person?.name), role: person?.role ?? "" };
}

/** Those that can be read. */
export function legible(items, read) {
  return listOf(items).flatMap((item) => orElse(() => [read(item)], []));
}

export function listOf(value) {
  return Array.isArray(value) ? value : [];
}

function isText(value) {
  return typeof value === "string" && value !== "";
}

function textOf(value) {
  return typeof value === "string" ? value : "";
}
