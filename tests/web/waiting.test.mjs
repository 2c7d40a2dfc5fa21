// How much waits to be sent: right in the end, and told, whoever sends it, whichever tab goes, and whatever the server says.

import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";

import { createClient, MemoryStorage, PenStroke, Session } from "../../tutorwamp/web/client/index.mjs";
import { Clock, NEVER, Router } from "./router.mjs";
import { ADA, LESSON, School, TUTOR } from "./school.mjs";

const NOTHING = { words: 0, strokes: 0, lessons: {} };
const busy = (seconds) => () => ({ error: "tutorwamp.error.unavailable", action: "retry", details: { retry_after_s: seconds } });
const no = (message) => () => ({ error: "tutorwamp.error.forbidden", action: "stop", message });

let router;
let clock;
let school;
let storage;
let client;

beforeEach(() => {
  [router, clock, storage] = [new Router(), new Clock(), new MemoryStorage()];
  school = new School(router);
  client = newClient();
});

afterEach(() => client.close());

function newClient(more = {}) {
  return createClient({ url: "https://school.test", getToken: async () => "token", storage, WebSocket: router.WebSocket, clock, ...more });
}

async function connected(who = client) {
  const connecting = who.connect();
  await clock.tick(0);
  await connecting;
}

async function joined(who = client) {
  await connected(who);
  const joining = who.lesson(LESSON).join();
  await clock.tick(0);
  await joining;
  return who.lesson(LESSON);
}

async function lose() {
  router.isOff = true;
  router.socket.end();
  await clock.tick(0);
  router.isOff = false; // the next attempt gets through
}

function toldOf(who) {
  const told = [];
  who.on("pendingchange", ({ words, strokes }) => told.push([words, strokes]));
  return told;
}

const draw = (lesson) => new PenStroke(lesson.board, { page: "p1", color: "#000000", width: 2 }, [0, 0]).end([5, 5]);
const answering = (name, answer) => (router.answers[`tutorwamp.${name}`] = answer);

test("what a page before has left is told when it is known whose it is", async () => {
  const lesson = await joined();
  await lose();
  lesson.chat.send("one");
  client.close();
  answering("chat.send", busy(5));
  client = newClient();
  const told = toldOf(client);
  assert.deepEqual(client.pending, NOTHING);
  await connected();
  assert.deepEqual([client.pending.words, told], [1, [[1, 0]]]);
});

test("who looks again at what waits when they are told of it is told once", async () => {
  const lesson = await joined();
  const told = toldOf(client);
  client.on("pendingchange", () => client.lesson("another"));
  lesson.chat.send("one");
  assert.deepEqual(told, [[1, 0]]);
});

test("what a tab has left that was closed without a connection is sent by one that stayed connected", async () => {
  const [lesson, told] = [await joined(), toldOf(client)];
  const other = newClient();
  await connected(other);
  const others = toldOf(other);
  router.sockets.at(-2).end();
  draw(lesson);
  lesson.chat.send("one");
  client.close();
  await clock.tick(31_000);
  assert.deepEqual([school.messages.length, school.board.elements.length, storage.length], [1, 1, 0]);
  assert.deepEqual([told.at(-1), others.at(-1), other.pending], [[1, 1], [0, 0], NOTHING]);
  other.close();
});

test("… also where that one is in the same lesson", async () => {
  const lesson = await joined();
  const other = newClient();
  const others = await joined(other);
  router.sockets.at(-2).end();
  lesson.chat.send("one");
  client.close();
  await clock.tick(31_000);
  assert.deepEqual([others.chat.picture.messages.map(({ body }) => body), storage.length, other.pending], [["one"], 0, NOTHING]);
  other.close();
});

test("what another tab has sent is not counted any longer", async () => {
  const send = router.answers["tutorwamp.chat.send"];
  answering("chat.send", busy(5));
  const lesson = await joined();
  const other = newClient();
  await connected(other);
  lesson.chat.send("one");
  other.lesson("another"); // looks what there is
  const told = toldOf(other);
  assert.equal(other.pending.words, 1);
  answering("chat.send", send);
  await clock.tick(40_000);
  assert.deepEqual([told, other.pending, client.pending], [[[0, 0]], NOTHING, NOTHING]);
  other.close();
});

test("what waits when its lesson ends is its author's again, and told", async () => {
  answering("chat.send", busy(30));
  const lesson = await joined();
  lesson.chat.send("one");
  await clock.tick(100);
  const told = toldOf(client);
  school.change("lesson.ended", { state: "ended" });
  await clock.tick(0);
  assert.deepEqual([told, lesson.chat.picture.onTheirWay.map(({ problem }) => problem.uri)], [[[0, 0]], ["tutorwamp.error.lesson.state"]]);
});

test("what is said and drawn in a lesson that is over is refused, and does not wait", async () => {
  school.isOver = true;
  school.lesson.state = "ended";
  for (const name of ["chat.send", "board.submit"]) answering(name, no("over"));
  const lesson = await joined();
  const told = [];
  lesson.on("told", ({ message }) => told.push(message));
  lesson.chat.send("one");
  draw(lesson);
  await clock.tick(1_000);
  assert.deepEqual([client.pending, told[0], lesson.chat.picture.onTheirWay.map(({ problem }) => problem.message)], [NOTHING, "over", ["over"]]);
});

test("who may not enter any more is told what becomes of what they had written and drawn", async () => {
  const lesson = await joined();
  await lose();
  lesson.chat.send("one");
  draw(lesson);
  for (const name of ["lesson.join", "chat.send", "board.submit"]) answering(name, no(name));
  const told = [];
  for (const event of ["failed", "told"]) lesson.on(event, ({ message }) => told.push(message));
  await clock.tick(10_000);
  assert.deepEqual([client.pending, new Set(told)], [NOTHING, new Set(["lesson.join", "board.submit"])]);
  assert.deepEqual(lesson.chat.picture.onTheirWay.map(({ problem }) => problem.message), ["chat.send"]);
});

test("what is refused after its lesson was left is told, words and strokes", async () => {
  const lesson = await joined();
  const refused = [];
  client.on("refused", ({ error: { message } }) => refused.push(message));
  for (const name of ["chat.send", "board.submit"]) answering(name, no(name));
  lesson.chat.send("one");
  draw(lesson);
  lesson.leave();
  await clock.tick(10_000);
  assert.deepEqual([new Set(refused), client.pending], [new Set(["chat.send", "board.submit"]), NOTHING]);
});

test("that the server wants to be asked later is shown, and that it does not any more", async () => {
  const answers = { ...router.answers };
  for (const name of ["chat.send", "board.submit"]) answering(name, busy(2));
  const lesson = await joined();
  const shown = { chat: [], board: [] };
  for (const part of ["chat", "board"]) lesson[part].on("change", () => shown[part].push(lesson[part].stuckCount));
  draw(lesson);
  lesson.chat.send("one");
  lesson.chat.send("two");
  await clock.tick(500);
  assert.deepEqual([shown.chat.at(-1), shown.board.at(-1)], [2, 1]);
  answering("board.submit", answers["tutorwamp.board.submit"]);
  answering("chat.send", (kwargs) => (kwargs.body === "two" ? NEVER : answers["tutorwamp.chat.send"](kwargs)));
  await clock.tick(10_000);
  assert.deepEqual([shown.chat.at(-1), shown.board.at(-1), lesson.chat.picture.stuck], [0, 0, false], "the second is on its way");
});

test("what one person has written is not sent by the next who signs in", async () => {
  const tokens = (user) => ({ access_token: `of ${user.id}`, refresh_token: user.id, user, expires_in: 900 });
  const session = new Session({ url: "https://school.test", clock });
  session.adopt(tokens(ADA));
  client = newClient({ session, getToken: undefined });
  const lesson = await joined();
  await lose();
  lesson.chat.send("of Ada");
  session.adopt(tokens(TUTOR));
  await connected();
  await clock.tick(60_000);
  assert.deepEqual([client.user.id, school.messages, client.pending, storage.length], ["tess", [], NOTHING, 1]);
});

test("what was read in another tab is not new in this one", async () => {
  answering("chat.mark_read", ({ seq }) => {
    if (seq) school.tell("chat", "read.advanced", { person: ADA, read_seq: seq });
    return { read_seq: seq, unread_count: 0 };
  });
  const other = newClient();
  const [here, there] = [await joined(), await joined(other)];
  school.say(TUTOR, "hello");
  await clock.tick(0);
  assert.deepEqual([here.chat.newCount, there.chat.newCount], [1, 1]);
  here.chat.seen();
  await clock.tick(2_000);
  assert.deepEqual([here.chat.newCount, there.chat.newCount], [0, 0]);
  other.close();
});
