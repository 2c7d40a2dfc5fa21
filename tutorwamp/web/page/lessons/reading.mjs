// What the list asks the server for. The server lists newest start first, so what is soonest is asked for by its time.

import { LATE_MS } from "./state.mjs";
import { soonestFirst } from "./week.mjs";

const PAGE = 100; // the most that the server gives at once
const PAGES_AT_MOST = 10; // of one question: a thousand lessons; an admin sees those of the whole school
const PAST_PAGE = 30;
const DAY_MS = 86_400_000;
const AHEAD_DAYS = [1, 7, 35, 400, Infinity]; // looked at one after the other, until there is enough to show

const LIST = "tutorwamp.lesson.list";
const instant = (ms) => new Date(ms).toISOString();
const isNow = ({ state }) => state === "live" || state === "interrupted";

/** All pages of a question. */
async function all(call, asked) {
  const lessons = [];
  let cursor;
  for (let page = 0; page < PAGES_AT_MOST && cursor !== null; page++) {
    const { items, next_cursor } = await call(LIST, { ...asked, limit: PAGE, ...(cursor && { cursor }) });
    lessons.push(...items);
    cursor = next_cursor;
  }
  return lessons;
}

/** Those that go on now, whatever else there is. */
export async function readNow(call) {
  const states = await Promise.all(["live", "interrupted"].map((state) => all(call, { state })));
  return unique(states.flat()).sort(soonestFirst);
}

/** The next `wanted` that are planned (or called off), soonest first, and whether there are more. */
export async function readComing(call, { now, wanted }) {
  const found = [];
  let from = now - LATE_MS;
  for (const days of AHEAD_DAYS) {
    const to = Number.isFinite(days) ? now + days * DAY_MS : null;
    const window = await all(call, { starts_after: instant(from - 1), ...(to && { starts_before: instant(to) }) });
    found.push(...window.filter((lesson) => lesson.state !== "ended" && !isNow(lesson)));
    const isMore = found.length > wanted;
    if (isMore || to === null) return { lessons: found.sort(soonestFirst).slice(0, wanted), isMore };
    if (found.length === wanted) {
      const { items } = await call(LIST, { starts_after: instant(to - 1), limit: 1 });
      return { lessons: found.sort(soonestFirst), isMore: items.length > 0 };
    }
    from = to;
  }
}

/** What is over, and what was planned and not held, newest first; of `pages` pages. */
export async function readPast(call, { now, pages }) {
  const early = await all(call, { state: "ended", starts_after: instant(now - 1) }); // held before their time
  const lessons = [];
  let cursor;
  for (let page = 0; page < pages && cursor !== null; page++) {
    const { items, next_cursor } = await call(LIST, { starts_before: instant(now), limit: PAST_PAGE, ...(cursor && { cursor }) });
    lessons.push(...items);
    cursor = next_cursor;
  }
  const isPast = (lesson) => !isNow(lesson) && (lesson.state !== "scheduled" || Date.parse(lesson.starts_at) < now - LATE_MS);
  return { lessons: unique([...early, ...lessons]).filter(isPast), isMore: cursor !== null };
}

/** All that begin in a time, whatever their state. */
export async function readBetween(call, from, to) {
  return (await all(call, { starts_after: instant(from.getTime() - 1), starts_before: instant(to.getTime()) })).sort(
    soonestFirst,
  );
}

/** The students of a tutor's own lessons, each with the newest lesson they were in: who is known by name. */
export async function readStudents(call, tutorId) {
  const known = new Map();
  for (const lesson of await all(call, {})) {
    if (lesson.tutor.id !== tutorId) continue;
    for (const person of lesson.students) if (!known.has(person.id)) known.set(person.id, { person, lesson });
  }
  return known;
}

// A lesson may change its place between two pages.
function unique(lessons) {
  return [...new Map(lessons.map((lesson) => [lesson.id, lesson])).values()];
}
