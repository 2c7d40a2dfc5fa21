// What is drawn and not answered outlives the page: a reload, a closed tab, somebody who leaves; in two tabs, too.

import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";

import { Outbox } from "../../tutorwamp/web/client/board/outbox.mjs";
import { PenStroke } from "../../tutorwamp/web/client/board/stroke.mjs";
import { forgetKept, Kept } from "../../tutorwamp/web/client/chat/kept.mjs";
import { ClientError } from "../../tutorwamp/web/client/errors.mjs";
import { boardOf, Person, rect } from "./person.mjs";
import { Server, settled } from "./server.mjs";
import { Storage } from "./storage.mjs";

let server;
let storage;
let others;

beforeEach(() => {
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout", "Date"], now: 1_000_000 });
  [server, storage, others] = [new Server(), new Storage(), []];
});

// A tab of Ada's; making another one is what a reload does.
const tab = () => new Person("ada", server, others, new Kept(storage, "ada", "lesson", "board"));
const look = { page: "p1", color: "#000000", width: 2 };

async function entered() {
  const person = tab();
  await person.arrive();
  return person;
}

/** The browser ends the page. */
function end(person) {
  others.splice(others.indexOf(person), 1);
  person.isConnected = false;
}

async function drawOffline(person) {
  person.cut();
  const stroke = new PenStroke(person.board, look, [0, 0]);
  for (let i = 1; i <= 40; i++) {
    stroke.add([[i * 10, 0]]);
    mock.timers.tick(50);
  }
  stroke.end([410, 0]);
  person.board.put(rect("r1"), {});
}

for (const [what, leave] of [
  ["a reload", (person) => person.board.keep()],
  ["leaving the lesson", (person) => person.board.close()],
  ["a browser that was killed a second later", () => mock.timers.tick(1_000)],
]) {
  test(`B45 what was drawn without a connection is there after ${what}, and once`, async () => {
    const before = await entered();
    await drawOffline(before);
    leave(before);
    end(before);
    const after = await entered();
    assert.equal(after.seen.length, 2, "seen before it is sent");
    for (let i = 0; i < 6; i++) await after.go();
    assert.deepEqual(server.elements.map(({ id, points }) => [id === "r1", points?.length]), [[false, 42], [true, undefined]]);
    assert.deepEqual([after.seen, after.told, storage.length, after.board.isStuck], [boardOf(server), [], 0, false]);
  });
}

test("B45 what had arrived though no answer came is not drawn twice", async () => {
  const before = await entered();
  before.board.put(rect("r1"), {});
  await settled();
  await before.serve({ losesAnswers: true });
  before.board.keep();
  end(before);
  const after = await entered();
  for (let i = 0; i < 3; i++) await after.go();
  assert.deepEqual([server.elements.length, server.elements[0].version, after.told, storage.length], [1, 1, [], 0]);
});

test("B45 what had arrived longer ago than the server remembers is dropped without a word", async () => {
  const before = await entered();
  const stroke = new PenStroke(before.board, look, [0, 0]);
  await settled();
  await before.serve({ losesAnswers: true });
  before.cut();
  stroke.add([[10, 0]]);
  before.board.keep();
  end(before);
  server.answers.clear();
  const after = await entered();
  for (let i = 0; i < 3; i++) await after.go();
  assert.deepEqual([server.elements[0].points, after.told, storage.length], [[[0, 0], [10, 0]], [], 0]);
});

test("B45 two tabs that send the same draw it once, also where one of them draws on", async () => {
  const first = await entered();
  await drawOffline(first);
  first.board.keep();
  const second = await entered();
  first.board.put(rect("r2"), {}); // still without a connection
  for (let i = 0; i < 4; i++) await second.go();
  await first.arrive();
  for (let i = 0; i < 6; i++) await first.go();
  assert.deepEqual(server.elements.map(({ version }) => version).sort(), [1, 1, server.elements[0].version].sort());
  assert.deepEqual([server.elements.length, first.seen, second.seen], [3, boardOf(server), boardOf(server)]);
  assert.deepEqual([first.told, second.told, storage.length], [[], [], 0]);
});

test("B45 an answer that comes after its person has left is enough", async () => {
  const before = await entered();
  before.board.put(rect("r1"), {});
  before.board.close();
  assert.equal(storage.length, 1);
  await before.serve();
  assert.equal(storage.length, 0);
});

test("B45 what is answered soon is hardly ever stored", async () => {
  let writes = 0;
  storage.setItem = () => writes++;
  const ada = await entered();
  for (let i = 0; i < 50; i++) {
    ada.board.put(rect(`r${i}`), {});
    await ada.go();
  }
  assert.ok(writes <= 3, `${writes} in two and a half seconds`);
});

test("B45 a full storage is told once, and what is drawn is sent from the page", async () => {
  const ada = await entered();
  storage.isFull = true;
  await drawOffline(ada);
  ada.board.keep();
  assert.deepEqual(ada.told.map(({ uri }) => uri), ["tutorwamp.client.unkept"]);
  await ada.arrive();
  for (let i = 0; i < 4; i++) await ada.go();
  assert.equal(server.elements.length, 2);
});

test("B45 where the lesson is over, the person is told, and nothing is kept for ever", async () => {
  const before = await entered();
  await drawOffline(before);
  before.board.keep();
  end(before);
  const after = tab();
  after.isConnected = true;
  await after.board.readOnly();
  assert.deepEqual([after.told.map(({ uri }) => uri), storage.length], [["tutorwamp.error.lesson.state"], 0]);
});

test("B45 signing out forgets it, and what cannot be read is nothing", async () => {
  const before = await entered();
  await drawOffline(before);
  before.board.keep();
  assert.ok(storage.length > 0);
  forgetKept(storage, "ada");
  assert.equal(storage.length, 0);
  for (const text of ["{", "7", "null", JSON.stringify({ order: 1, piece: { client_id: "c", changes: [{ op: "put" }] } })]) {
    storage.setItem("tutorwamp.unsent.ada.lesson.board.c", text);
    const after = await entered();
    for (let i = 0; i < 2; i++) await after.go();
    assert.deepEqual([after.asked, after.told], [[], []], text);
    end(after);
  }
});

// How a call can fail

const put = { op: "put", element: rect("a") };

function failing(...errors) {
  const refused = [];
  let sent = 0;
  const send = async () => {
    sent++;
    if (errors.length) throw errors.shift();
    return { seq: 1, applied: ["a"], rejected: [] };
  };
  const outbox = new Outbox({ send, onRejected: () => {}, onRefused: (error) => refused.push(error) });
  outbox.resume();
  return { outbox, refused, sent: () => sent };
}

async function pass(seconds) {
  for (let i = 0; i < seconds * 10; i++) {
    mock.timers.tick(100);
    await settled();
  }
}

const named = (name, message = "Connection closed") => Object.assign(new Error(message), { name });

for (const [what, error] of [
  ["a socket that closes under it", named("WebsocketError")],
  ["a socket that is not open yet", named("InvalidStateError")],
  ["a call that was not answered in time", named("TimeoutError")],
  ["a component that died", { errorUri: "wamp.error.canceled" }],
  ["an answer of the router that nobody has thought of", { errorUri: "wamp.error.runtime_error" }],
  ["an error of wampy", named("NoDealerError")],
  ["a mistake", new TypeError("x is undefined")],
  ["nothing at all", undefined],
  ["a token that has run out", new ClientError({ uri: "tutorwamp.error.unauthenticated" })],
]) {
  test(`S11 no stroke is dropped for ${what}`, async () => {
    const { outbox, refused } = failing(error);
    outbox.add(put);
    await pass(5);
    outbox.resume();
    await pass(5);
    outbox.settle(1);
    assert.deepEqual([refused, outbox.changes], [[], []]);
  });
}

test("S11 the same mistake is not made for ever", async () => {
  const { outbox, refused, sent } = failing(...Array.from({ length: 9 }, () => new TypeError("x is undefined")));
  outbox.add(put);
  await pass(120);
  assert.deepEqual([refused.map(({ uri }) => uri), sent(), outbox.changes], [["tutorwamp.client.fault"], 3, []]);
});

test("S11 a token that has run out is not shown again and again", async () => {
  const { outbox, sent } = failing(...Array.from({ length: 9 }, () => new ClientError({ uri: "tutorwamp.error.unauthenticated" })));
  outbox.add(put);
  await pass(120);
  assert.deepEqual([sent(), outbox.changes.length, outbox.isStuck], [1, 1, true]);
});
