// What a tutor wants of a lesson, as plain values: what the form holds, what of it is news, and what stays of it where somebody
// else was faster. Pure.

import { writtenLine } from "../../client/writing.mjs";

const MINUTE_MS = 60_000;

/** The values of a lesson that is there: `starts` in ms. */
export function valuesOf(lesson) {
  const starts = Date.parse(lesson.starts_at);
  return {
    title: lesson.title,
    subject: lesson.subject ?? "",
    starts,
    minutes: Math.round((Date.parse(lesson.ends_at) - starts) / MINUTE_MS),
    students: lesson.students.map(({ id }) => id),
  };
}

/** As `tutorwamp.lesson.create` wants them. */
export function asked({ title, subject, starts, minutes, students }) {
  return {
    title: writtenLine(title),
    ...(writtenLine(subject) && { subject: writtenLine(subject) }),
    student_ids: students,
    starts_at: new Date(starts).toISOString(),
    ends_at: new Date(starts + minutes * MINUTE_MS).toISOString(),
  };
}

/** Which values differ between two. */
export function differing(one, other) {
  return Object.keys(one).filter((name) => JSON.stringify(one[name]) !== JSON.stringify(other[name]));
}

/**
 * What `tutorwamp.lesson.update` is to change: only what differs from the lesson as it is, so that what others have changed stays.
 * The end goes with the start. A subject cannot be taken away, only be another one.
 */
export function changes(lesson, mine) {
  const names = new Set(differing(valuesOf(lesson), mine));
  const all = asked(mine);
  const isStarted = lesson.state !== "scheduled";
  return {
    ...(names.has("title") && { title: all.title }),
    ...(names.has("subject") && all.subject && { subject: all.subject }),
    ...(names.has("starts") && !isStarted && { starts_at: all.starts_at }),
    ...((names.has("starts") || names.has("minutes")) && { ends_at: all.ends_at }),
    ...(names.has("students") && { student_ids: all.student_ids }),
  };
}

/**
 * Somebody was faster: what the form holds now is what the person has changed themselves, and for the rest what the lesson is now.
 * `news`: the values that were changed elsewhere and by the person, to be decided on. Students: who was added and who was taken
 * off by either is so.
 */
export function rebased(before, mine, newest) {
  const [old, current] = [valuesOf(before), valuesOf(newest)];
  const own = differing(old, mine);
  const values = { ...current, ...Object.fromEntries(own.map((name) => [name, mine[name]])) };
  if (own.includes("students")) {
    const added = mine.students.filter((id) => !old.students.includes(id) && !current.students.includes(id));
    const taken = new Set(old.students.filter((id) => !mine.students.includes(id)));
    values.students = [...current.students.filter((id) => !taken.has(id)), ...added];
  }
  const news = differing(old, current).filter((name) => own.includes(name) && name !== "students");
  return { values, news: news.filter((name) => mine[name] !== current[name]) };
}

/** The form of `<input type="datetime-local">`, in the time zone of this device. */
export function localMinute(ms) {
  const date = new Date(ms);
  const two = (number) => String(number).padStart(2, "0");
  const year = String(date.getFullYear()).padStart(4, "0");
  return `${year}-${two(date.getMonth() + 1)}-${two(date.getDate())}T${two(date.getHours())}:${two(date.getMinutes())}`;
}

/** The next full quarter of an hour. */
export function nextQuarter(ms) {
  return Math.ceil(ms / (15 * MINUTE_MS)) * 15 * MINUTE_MS;
}
