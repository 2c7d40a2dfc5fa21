// What teaching decides without a page: what a student may do, what is left of a timer, which emoji is one, how files are sent.

import assert from "node:assert/strict";
import { test } from "node:test";

import { ClientError } from "../../tutorwamp/web/client/errors.mjs";
import { isReaction, QUICK } from "../../tutorwamp/web/page/chat/reactions.mjs";
import { refusalInWords, sizeInWords } from "../../tutorwamp/web/page/files/file-words.mjs";
import { FILES_AT_MOST, nameFor, Uploads } from "../../tutorwamp/web/page/files/uploads.mjs";
import { secondsLeft, stopwatch } from "../../tutorwamp/web/page/lengths.mjs";
import { standing } from "../../tutorwamp/web/page/rules/standing.mjs";

const TUTOR = { id: "t", role: "tutor" };
const STUDENT = { id: "s", role: "student" };
const ADMIN = { id: "a", role: "admin" };
const lessonWith = (more) => ({ state: "live", tutor: TUTOR, students: [STUDENT], pen: [], rules: { chat: "everyone", unattended: "open", muted: [] }, ...more });
const RULES = {
  none: {},
  tutors: { chat: "tutors" },
  muted: { muted: ["s"] },
  closed: { unattended: "closed" },
  all: { chat: "tutors", muted: ["s"], unattended: "closed" },
};

// docs/rules/students.md, row by row: rule, whether the tutor is there, pen, why not write, why not draw.
for (const [rule, isAttended, pen, writesNot, drawsNot] of [
  ["none", true, ["s"], null, null],
  ["none", false, [], null, "pen"],
  ["tutors", true, ["s"], "chat", null],
  ["muted", true, ["s"], "muted", null],
  ["closed", true, ["s"], null, null],
  ["closed", false, ["s"], "unattended", "unattended"],
  ["closed", false, [], "unattended", "unattended"],
  ["all", false, ["s"], "muted", "unattended"],
]) {
  test(`L24 L25 ${rule}, tutor ${isAttended ? "there" : "away"}, ${pen.length ? "with" : "without"} the pen`, () => {
    const lesson = lessonWith({ pen, rules: { chat: "everyone", unattended: "open", muted: [], ...RULES[rule] } });
    const may = standing(lesson, STUDENT, { isAttended });
    assert.deepEqual([may.writesNot, may.drawsNot, may.writes, may.draws], [writesNot, drawsNot, writesNot === null, drawsNot === null]);
    for (const who of [TUTOR, ADMIN]) {
      const led = standing(lesson, who, { isAttended });
      assert.deepEqual([led.runs, led.writes, led.draws], [true, true, true]);
    }
  });
}

test("a lesson that is over is over for everybody", () => {
  for (const state of ["ended", "cancelled"]) {
    for (const who of [TUTOR, STUDENT, ADMIN]) {
      const may = standing(lessonWith({ state, pen: ["s"] }), who, { isAttended: true });
      assert.deepEqual([may.over, may.writesNot, may.drawsNot], [true, "over", "over"]);
    }
  }
});

test("a timer says 0:00 when it is over and not before", () => {
  const end = "2026-12-01T10:00:00.000Z";
  const at = (ms) => stopwatch(secondsLeft(end, Date.parse(end) - ms));
  assert.deepEqual([at(1), at(1_000), at(60_000), at(61_000), at(3_600_000), at(0), at(-5_000)], ["0:01", "0:01", "1:00", "1:01", "1:00:00", "0:00", "0:00"]);
});

test("C8 emoji are reactions, and nothing else is", () => {
  for (const emoji of [...QUICK, "🇩🇪", "👩🏽‍🏫", "1️⃣", "👍👍", "❤"]) assert.equal(isReaction(emoji), true, emoji);
  for (const text of ["", "ok", "👍 ", "★", "①", "🏽", "1", "👍ok", "👍".repeat(33)]) assert.equal(isReaction(text), false, text);
});

test("F2 a name is made fit, and keeps its ending", () => {
  assert.equal(nameFor("a/b\\c.txt"), "a_b_c.txt");
  assert.equal(nameFor("invoice\u202etxt.exe"), "invoicetxt.exe");
  assert.equal(nameFor("U\u0308bung\n1.pdf"), "Übung 1.pdf");
  for (const name of ["", " ", ".", "..", undefined]) assert.equal(nameFor(name), "file");
  const long = nameFor(`${"😀".repeat(300)}.pdf`);
  assert.deepEqual([[...long].length, long.endsWith("😀.pdf")], [200, true]);
});

// Files on their way: what is sent waits in `asked` until the test lets it go on.
function sending() {
  const asked = [];
  let changes = 0;
  const send = (item, how) => new Promise((resolve, reject) => asked.push({ ...how, item, key: item.key, resolve, reject }));
  const uploads = new Uploads({ send, onChange: () => changes++ });
  return { uploads, asked, states: () => uploads.items.map(({ state }) => state), changed: () => changes };
}

const blob = (name) => ({ name, size: 10 });
const settled = () => new Promise((resolve) => setImmediate(resolve));
const refusal = (uri, more = {}) => new ClientError({ uri, message: "no", ...more });

test("F6 a file whose line dropped is sent again with its key, one file after the other", async () => {
  const { uploads, asked, states } = sending();
  uploads.add([blob("a.txt"), blob("b.txt")]);
  assert.deepEqual(states(), ["sending", "waiting"]);
  asked[0].onProgress(7);
  assert.equal(uploads.items[0].sent, 7);
  asked[0].reject(ClientError.disconnected());
  await settled();
  assert.deepEqual([states(), uploads.items[0].sent, uploads.isReady], [["stuck", "waiting"], 0, false]);
  uploads.hurry();
  await settled();
  assert.equal(asked[1].key, asked[0].key);
  asked[1].resolve({ id: "f1", name: "a.txt", size: 10 });
  await settled();
  assert.notEqual(asked[2].key, asked[0].key);
  asked[2].resolve({ id: "f2", name: "b.txt", size: 10 });
  await settled();
  assert.equal(uploads.isReady, true);
  assert.deepEqual(uploads.take().map(({ id }) => id), ["f1", "f2"]);
  assert.deepEqual(uploads.items, []);
});

test("what is refused stays until it is removed, and the next one goes", async () => {
  const { uploads, asked, states } = sending();
  uploads.add([blob("a.txt"), blob("b.txt")]);
  asked[0].reject(refusal("tutorwamp.error.too_large", { details: { bytes_at_most: 10, bytes_left: 4 } }));
  await settled();
  assert.deepEqual(states(), ["refused", "sending"]);
  assert.equal(refusalInWords(uploads.items[0].error), "The lesson has no room for this file: 4 byte are left. Where messages with files are deleted, there is room again.");
  asked[1].resolve({ id: "f2", name: "b.txt", size: 10 });
  await settled();
  assert.equal(uploads.isReady, false);
  uploads.remove(uploads.items[0]);
  assert.equal(uploads.isReady, true);
});

test("a file that is removed is not sent any further", async () => {
  const { uploads, asked } = sending();
  uploads.add([blob("a.txt"), blob("b.txt")]);
  const [first] = uploads.items;
  uploads.remove(first);
  assert.equal(asked[0].signal.aborted, true);
  asked[0].reject(ClientError.disconnected());
  await settled();
  assert.equal(asked[1].item.name, "b.txt");
  uploads.close();
  assert.equal(asked[1].signal.aborted, true);
});

test("C17 a message has no more files than it can have", () => {
  const { uploads } = sending();
  assert.equal(uploads.add(Array.from({ length: 14 }, (_, place) => blob(`${place}.txt`))), FILES_AT_MOST);
  assert.equal(uploads.add([blob("more.txt")]), 0);
});

test("why a file was refused is said in words", () => {
  const invalid = (msg) => refusal("tutorwamp.error.invalid", { details: [{ loc: ["content"], msg }] });
  assert.equal(refusalInWords(invalid("must not be infected")), "The virus scanner refused this file.");
  assert.match(refusalInWords(invalid("must be a whole picture")), /broken/);
  assert.equal(refusalInWords(invalid("must not be empty")), "The file is empty.");
  assert.equal(refusalInWords(refusal("tutorwamp.error.too_large", { details: { limit: 1 } })), "The file is too large.");
  assert.match(refusalInWords(refusal("tutorwamp.error.too_large", { details: { files_at_most: 2_000 } })), /as many files/);
  assert.deepEqual([0, 999, 1_500, 25 * 2 ** 20].map(sizeInWords), ["0 byte", "999 byte", "1.5 kB", "26.2 MB"]);
});
