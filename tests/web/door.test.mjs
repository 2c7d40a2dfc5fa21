// The page's pure parts about lessons and invitations: addresses, codes, weeks, what the list asks for, and what a form changes.

import assert from "node:assert/strict";
import { test } from "node:test";

process.env.TZ = "Europe/Berlin"; // where clocks are changed

const { codeOf, linkOf } = await import("../../tutorwamp/web/page/invites/code.mjs");
const { asked, changes, localMinute, nextQuarter, rebased, valuesOf } =
  await import("../../tutorwamp/web/page/lessons/planning.mjs");
const { readBetween, readComing, readNow, readPast, readStudents } = await import("../../tutorwamp/web/page/lessons/reading.mjs");
const { byDay, firstDayOf, moved, weekOf, weeksLater } = await import("../../tutorwamp/web/page/lessons/week.mjs");
const { addressOf } = await import("../../tutorwamp/web/page/views.mjs");
const { ClientError } = await import("../../tutorwamp/web/client/errors.mjs");
const { isAbout, refusalWords } = await import("../../tutorwamp/web/page/refusals.mjs");
const { clockIsOff, learnTime, now } = await import("../../tutorwamp/web/page/clock.mjs");

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const NOW = Date.parse("2026-12-01T09:00:00.000Z");
const tina = { id: "tina", name: "Tina", role: "tutor" };
const person = (id) => ({ id, name: id, role: "student" });

function lesson(id, starts, more = {}) {
  const starts_at = new Date(starts).toISOString();
  const ends_at = new Date(starts + HOUR).toISOString();
  return { id, title: id, subject: null, tutor: tina, students: [], state: "scheduled", version: 1, starts_at, ends_at, ...more };
}

/** Lists lessons as the server does, L18: newest start first, in pages; both bounds are exclusive. */
function serverOf(lessons) {
  const calls = [];
  const newestFirst = [...lessons].sort((a, b) => b.starts_at.localeCompare(a.starts_at));
  const call = async (procedure, { state, starts_after, starts_before, limit = 50, cursor }) => {
    assert.equal(procedure, "tutorwamp.lesson.list");
    assert.ok(limit <= 100);
    calls.push({ state, starts_after, starts_before, cursor });
    const found = newestFirst.filter(
      (one) =>
        (!state || one.state === state) &&
        (!starts_after || one.starts_at > starts_after) &&
        (!starts_before || one.starts_at < starts_before),
    );
    const begin = Number(cursor ?? 0);
    const next = begin + limit;
    return { items: found.slice(begin, next), next_cursor: next < found.length ? String(next) : null };
  };
  return { call, calls };
}

const ids = (lessons) => lessons.map(({ id }) => id);

test("an address is of the view that it names, else of the list", () => {
  const names = ["", "lesson", "invite", "account"];
  assert.deepEqual(addressOf("#lesson=7", names), ["lesson", "7"]);
  assert.deepEqual(addressOf("#account", names), ["account", ""]);
  assert.deepEqual(addressOf("#email=ada@school.example&invite=K7QD-93XM-4TFA", names), ["invite", "K7QD-93XM-4TFA"]);
  for (const hash of ["", "#", "#nowhere=1", "#email=ada@school.example"]) assert.deepEqual(addressOf(hash, names), ["", ""]);
});

test("L29: a code is read however it is typed", () => {
  const typed = [
    "K7QD-93XM-4TF1",
    "k7qd93xm4tf1",
    " k7qd 93xm 4tfl ",
    "K7QD–93XM—4TFi",
    "Ｋ７ＱＤ９３ＸＭ４ＴＦ１",
    "k7qd%2093xm%204tf1",
    "K7QD_93XM.4TFI",
    "\u200bK7QD-93XM-4TF1\u2069",
    "http://127.0.0.1:8080/#invite=K7QD-93XM-4TF1",
    "https://school.example/c/?invite=k7qd93xm4tf1#x",
  ];
  for (const one of typed) assert.equal(codeOf(one), "K7QD-93XM-4TF1", one);
  assert.equal(codeOf("ooooooooiiil"), "0000-0000-1111");
  for (const none of ["", "K7QD-93XM", "K7QD-93XM-4TFU", "K7QD-93XM-4TF1-1", "<script>alert", "http://127.0.0.1:8080/"])
    assert.equal(codeOf(none), null, none);
});

test("a link is the server's, unless that names only its own machine", () => {
  const code = "K7QD-93XM-4TFA";
  const link = (url, page) => linkOf({ url, code }, page);
  assert.equal(
    link(`https://tutor.example/room/#invite=${code}`, "http://10.0.0.7:8080/"),
    `https://tutor.example/room/#invite=${code}`,
  );
  assert.equal(
    link(`http://127.0.0.1:8080/#invite=${code}`, "http://10.0.0.7:8080/?a=1#lesson=7"),
    `http://10.0.0.7:8080/#invite=${code}`,
  );
  assert.equal(link(`https://tutor.example/?invite=${code}`, "http://localhost/"), `https://tutor.example/#invite=${code}`);
});

test("a week has seven days also where clocks are changed, and begins where people begin it", () => {
  for (const day of ["2026-03-29T12:00", "2026-10-25T00:30"]) {
    const midnights = weekOf(new Date(day), 1);
    assert.deepEqual(
      midnights.map((date) => date.getHours()),
      Array(8).fill(0),
    );
    assert.equal(midnights[0].getDay(), 1);
    assert.equal(new Date(midnights.at(-1).getTime() - 1).getDay(), 0);
    assert.ok([167, 169].includes((midnights.at(-1) - midnights[0]) / HOUR));
  }
  assert.equal(weekOf(new Date("2026-12-01T10:00"), 7)[0].getDay(), 0);
  assert.equal(weekOf(new Date("2026-12-06T10:00"), 7)[0].getDate(), 6);
  assert.equal(firstDayOf("de-DE"), 1);
  assert.equal(new Date(weeksLater(new Date("2026-12-30T23:59"), 1)).getFullYear(), 2027);
  assert.equal(weekOf(weeksLater(new Date("2026-03-23T00:00"), 1), 1)[0].getDate(), 30);
});

test("a lesson is on the day of its start, the one at midnight on the day that begins", () => {
  const midnights = weekOf(new Date("2026-12-01T10:00"), 1);
  const at = (text) => new Date(text).getTime();
  const days = byDay(
    [
      lesson("late", at("2026-12-01T23:59")),
      lesson("midnight", at("2026-12-02T00:00")),
      lesson("early", at("2026-12-01T00:00")),
      lesson("next", at("2026-12-07T00:00")),
    ],
    midnights,
  );
  assert.deepEqual(days.map(ids), [[], ["early", "late"], ["midnight"], [], [], [], []]);
});

test("arrow keys move in the week, and beyond it to another one", () => {
  const counts = [1, 3, 1, 1, 1, 1, 2];
  assert.deepEqual(moved([1, 2], "ArrowRight", counts), [2, 0]);
  assert.deepEqual(moved([1, 2], "ArrowRight", counts, true), [0, 0]);
  assert.deepEqual(moved([0, 0], "ArrowLeft", counts), { weeks: -1 });
  assert.deepEqual(moved([6, 1], "ArrowRight", counts), { weeks: 1 });
  assert.deepEqual(moved([0, 0], "ArrowRight", counts, true), { weeks: -1 });
  assert.deepEqual(moved([1, 2], "ArrowDown", counts), [1, 2]);
  assert.deepEqual(moved([1, 2], "ArrowUp", counts), [1, 1]);
  assert.deepEqual(moved([3, 0], "PageDown", counts), { weeks: 1 });
  assert.equal(moved([3, 0], "a", counts), null);
});

test("what goes on now is found behind three hundred that are planned", async () => {
  const planned = Array.from({ length: 300 }, (_, number) => lesson(`p${number}`, NOW + (number + 1) * DAY));
  const server = serverOf([
    ...planned,
    lesson("live", NOW - HOUR, { state: "live" }),
    lesson("away", NOW - 2 * HOUR, { state: "interrupted" }),
  ]);
  assert.deepEqual(ids(await readNow(server.call)), ["away", "live"]);
  const { lessons, isMore } = await readComing(server.call, { now: NOW, wanted: 10 });
  assert.deepEqual(ids(lessons), ids(planned.slice(0, 10)));
  assert.equal(isMore, true);
  assert.ok(server.calls.length < 8, "it does not read all three hundred");
  const all = await readComing(server.call, { now: NOW, wanted: 300 });
  assert.deepEqual([all.lessons.length, all.isMore], [300, false]);
  const most = await readComing(server.call, { now: NOW, wanted: 500 });
  assert.deepEqual([ids(most.lessons), most.isMore], [ids(planned), false]);
});

test("none is missed or shown twice where one window ends and the next begins", async () => {
  const edges = [0, DAY - 1, DAY, DAY + 1, 7 * DAY, 35 * DAY, 400 * DAY, 4_000 * DAY].map((ms, number) =>
    lesson(`e${number}`, NOW + ms),
  );
  const { lessons } = await readComing(serverOf(edges).call, { now: NOW, wanted: 50 });
  assert.deepEqual(ids(lessons), ids(edges));
});

test("who is late is coming still; what nobody started is past; what was held early is past and not coming", async () => {
  const late = lesson("late", NOW - HOUR);
  const missed = lesson("missed", NOW - DAY);
  const early = lesson("early", NOW + DAY, { state: "ended" });
  const off = lesson("off", NOW + DAY, { state: "cancelled" });
  const live = lesson("live", NOW - HOUR, { state: "live" });
  const server = serverOf([late, missed, early, off, live]);
  assert.deepEqual(ids((await readComing(server.call, { now: NOW, wanted: 10 })).lessons), ["late", "off"]);
  assert.deepEqual(ids((await readPast(server.call, { now: NOW, pages: 1 })).lessons), ["early", "missed"]);
});

test("the past comes page by page", async () => {
  const past = Array.from({ length: 70 }, (_, number) => lesson(`p${number}`, NOW - (number + 1) * DAY, { state: "ended" }));
  const server = serverOf(past);
  const first = await readPast(server.call, { now: NOW, pages: 1 });
  assert.deepEqual([ids(first.lessons), first.isMore], [ids(past.slice(0, 30)), true]);
  const all = await readPast(server.call, { now: NOW, pages: 9 });
  assert.deepEqual([ids(all.lessons), all.isMore], [ids(past), false]);
});

test("a week is read whole, from its first to its last millisecond", async () => {
  const midnights = weekOf(NOW, 1);
  const [first, last] = [midnights[0].getTime(), midnights.at(-1).getTime()];
  const server = serverOf([lesson("before", first - 1), lesson("first", first), lesson("last", last - 1), lesson("after", last)]);
  assert.deepEqual(ids(await readBetween(server.call, midnights[0], midnights.at(-1))), ["first", "last"]);
});

test("students are known from the tutor's own lessons, with the newest they were in", async () => {
  const other = { tutor: { ...tina, id: "other" }, students: [person("nobody")] };
  const server = serverOf([
    lesson("old", NOW - 9 * DAY, { students: [person("ann"), person("ben")] }),
    lesson("new", NOW - DAY, { students: [person("ann")] }),
    lesson("others", NOW, other),
  ]);
  const known = await readStudents(server.call, "tina");
  assert.deepEqual(
    [...known].map(([id, one]) => [id, one.lesson.id]),
    [
      ["ann", "new"],
      ["ben", "old"],
    ],
  );
});

test("only what is another is changed, and the end goes with the start", () => {
  const before = lesson("Fractions", NOW, { subject: "Maths", students: [person("ann")] });
  const was = valuesOf(before);
  assert.deepEqual(changes(before, was), {});
  assert.deepEqual(changes(before, { ...was, title: " Ratios " }), { title: "Ratios" });
  assert.deepEqual(changes(before, { ...was, subject: "" }), {}, "a subject cannot be taken away");
  const moved = { starts_at: new Date(NOW + DAY).toISOString(), ends_at: new Date(NOW + DAY + HOUR).toISOString() };
  assert.deepEqual(changes(before, { ...was, starts: NOW + DAY }), moved);
  assert.deepEqual(changes({ ...before, state: "live" }, { ...was, minutes: 90 }), {
    ends_at: new Date(NOW + 1.5 * HOUR).toISOString(),
  });
  assert.deepEqual(asked({ ...was, subject: " ", students: [] }).student_ids, []);
});

test("two who change the same lesson: what one did not touch is as the other made it", () => {
  const before = lesson("Fractions", NOW, { students: [person("ann"), person("ben")] });
  const newest = { ...before, version: 2, title: "Ratios", subject: "Maths", students: [person("ben"), person("cid")] };
  const mine = { ...valuesOf(before), title: "Powers", students: ["ann", "ben", "dan"], starts: NOW + DAY };
  const { values, news } = rebased(before, mine, newest);
  assert.deepEqual(values, {
    title: "Powers",
    subject: "Maths",
    starts: NOW + DAY,
    minutes: 60,
    students: ["ben", "cid", "dan"],
  });
  assert.deepEqual(news, ["title"]);
  assert.deepEqual(Object.keys(changes(newest, values)).sort(), ["ends_at", "starts_at", "student_ids", "title"]);
  const answered = { ...before, version: 2, title: "Powers" }; // our own change, whose answer was lost
  assert.deepEqual(rebased(before, { ...valuesOf(before), title: "Powers" }, answered), { values: valuesOf(answered), news: [] });
});

test("a form's time is that of the device", () => {
  assert.equal(localMinute(Date.parse("2026-07-01T09:05:00.000Z")), "2026-07-01T11:05");
  assert.equal(localMinute(Date.parse("0999-01-01T12:00:00.000Z")).slice(0, 4), "0999");
  assert.equal(nextQuarter(Date.parse("2026-07-01T09:05:00.000Z")), Date.parse("2026-07-01T09:15:00.000Z"));
  assert.equal(nextQuarter(NOW), NOW);
});

test("the server's clock counts, where an answer says something about it", () => {
  const askedAt = Date.now();
  learnTime("nonsense", askedAt, askedAt + 10);
  learnTime(new Date(askedAt + DAY).toISOString(), askedAt - HOUR, askedAt); // slept meanwhile
  assert.equal(clockIsOff(), false);
  learnTime(new Date(askedAt + 3 * HOUR).toISOString(), askedAt, askedAt + 100);
  assert.equal(clockIsOff(), true);
  assert.ok(Math.abs(now() - Date.now() - 3 * HOUR) < 1_000);
  learnTime(new Date(askedAt + 60).toISOString(), askedAt, askedAt + 100);
  assert.equal(clockIsOff(), false);
});

test("a refusal is told in the words of its place, a limit with its time, and a lost connection as one", () => {
  const refusal = (name, more) =>
    new ClientError({ uri: `tutorwamp.error.${name}`, message: "The server's own words.", ...more });
  assert.equal(refusalWords(refusal("lesson.full"), { "lesson.full": "It is full." }), "It is full.");
  assert.match(refusalWords(refusal("rate_limited", { details: { retry_after_s: 30 } })), /again in 30 seconds/);
  assert.match(refusalWords(refusal("rate_limited", { details: { retry_after_s: 900 } })), /again in 15 minutes/);
  assert.match(refusalWords(ClientError.disconnected()), /no connection/);
  for (const one of [refusal("conflict"), refusal("of.a.later.version"), { ...refusal("internal"), uri: undefined }]) {
    assert.doesNotMatch(refusalWords(one), /own words/);
  }
  const invalid = refusal("invalid", { details: [{ loc: ["student_ids", 3], msg: "is closed" }] });
  assert.deepEqual(
    [isAbout(invalid, "student_ids"), isAbout(invalid, "title"), isAbout(refusal("conflict"), "title")],
    [true, false, false],
  );
});
