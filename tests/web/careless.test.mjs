// A program around the client that is not careful: what it hands in fails, hangs, or closes the client at an odd moment.

import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";

import { createClient, ClientError, MemoryStorage, systemClock } from "../../tutorwamp/web/client/index.mjs";
import { Clock, NEVER, Router, settled } from "./router.mjs";
import { LESSON, School, TUTOR } from "./school.mjs";

let router;
let clock;
let client;

beforeEach(() => {
  [router, clock] = [new Router(), new Clock()];
  new School(router);
});

afterEach(() => client?.close());

function made(more = {}) {
  const options = { url: "https://school.test", getToken: async () => "token", storage: new MemoryStorage(), clock, ...more };
  return (client = createClient({ WebSocket: router.WebSocket, ...options }));
}

async function connected(more) {
  made(more);
  const connecting = client.connect();
  await clock.tick(0);
  await connecting;
}

async function joined(more) {
  await connected(more);
  const joining = client.lesson(LESSON).join();
  await clock.tick(0);
  await joining;
  return client.lesson(LESSON);
}

// Closing

for (const [what, more] of [["known", { user: () => TUTOR }], ["asked for", {}]]) {
  for (const [event, state] of [["state", "connected"], ["arrived", undefined]]) {
    test(`who closes when they hear of "${event}" is gone for good, where the person is ${what}`, async () => {
      made(more);
      client.on(event, (told) => told.new === state && client.close());
      client.connect().catch(() => {});
      await clock.tick(1_000);
      const calls = router.calls.length;
      await clock.tick(600_000);
      assert.deepEqual([client.state, client.hasArrived, client.isOpen], ["disconnected", false, false]);
      assert.equal(router.calls.length, calls, "no heartbeat goes on");
      assert.equal(router.sockets.length, 1);
    });
  }
}

for (const [how, lose] of [["lost", () => router.socket.end()], ["silent", () => (router.isSilent = true)]]) {
  test(`who closes when they hear that the connection is ${how} is not connected again`, async () => {
    await connected();
    client.on("state", ({ new: state }) => state === "reconnecting" && client.close());
    lose();
    await clock.tick(600_000);
    assert.equal(client.state, "disconnected");
    assert.equal(router.sockets.length, 1);
  });
}

test("who closes and connects again when they hear of a loss has one connection", async () => {
  await connected();
  const off = client.on("state", ({ new: state }) => {
    if (state !== "reconnecting") return;
    off();
    client.close();
    client.connect();
  });
  router.socket.end();
  await clock.tick(60_000);
  assert.equal(client.state, "connected");
  assert.equal(router.sockets.length, 2);
});

// A storage that fails

const forbidden = () => {
  throw new Error("forbidden");
};
const FORBIDDEN = { getItem: forbidden, setItem: forbidden, removeItem: forbidden, key: forbidden };
Object.defineProperty(FORBIDDEN, "length", { get: forbidden });

for (const [what, storage] of [
  ["nothing works", FORBIDDEN],
  ["nothing can be removed", Object.assign(new MemoryStorage(), { removeItem: forbidden })],
]) {
  test(`with a storage in which ${what} one talks as ever`, async () => {
    const lesson = await joined({ storage });
    router.answers["tutorwamp.chat.send"] = ({ client_id, body }) => message(client_id, body);
    lesson.chat.send("Hello");
    assert.equal(client.pending.words, 1);
    await clock.tick(100);
    assert.deepEqual(lesson.chat.picture.onTheirWay, []);
    assert.equal(lesson.chat.picture.messages.at(-1).body, "Hello");
    assert.equal(client.pending.words, 0);
  });
}

function message(client_id, body) {
  return { id: "m1", seq: 9, client_id, body, author: TUTOR, reactions: {}, deleted_at: null };
}

// Tokens and requests

const isRetry = (error) => error instanceof ClientError && error.action === "retry";

test("whatever goes wrong with a request is a ClientError", async () => {
  const circle = {};
  circle.circle = circle;
  made();
  await assert.rejects(client.request("POST", "/api/lessons", { body: circle }), ClientError);
  made({ getToken: forbidden });
  await assert.rejects(client.request("GET", "/api/lessons"), ClientError);
});

test("a token that never comes is waited for as long as somebody wants to", async () => {
  made({ getToken: () => new Promise(() => {}) });
  const leaving = new AbortController();
  const late = assert.rejects(client.request("GET", "/api/lessons", { timeout: 5 }), isRetry);
  const left = assert.rejects(client.request("GET", "/api/lessons", { signal: leaving.signal }), { name: "AbortError" });
  leaving.abort();
  await left;
  await clock.tick(5_000);
  await late;
});

test("a call whose new token comes too late is not made any more", async () => {
  let come;
  await connected({ getToken: ({ renew }) => (renew ? new Promise((resolve) => (come = resolve)) : "token") });
  const procedure = "tutorwamp.chat.send";
  router.answers[procedure] = () => ({ error: "tutorwamp.error.unauthenticated", action: "reauth" });
  const late = assert.rejects(client.call(procedure, {}, { timeout: 2 }), isRetry);
  await clock.tick(2_000);
  await late;
  come("another");
  await settled();
  assert.equal(router.calls.filter((call) => call.procedure === procedure).length, 1);
});

test("what was given up before it began is not asked", async () => {
  let fetched = 0;
  await connected({ fetch: async () => ++fetched && Response.json({}) });
  router.answers["tutorwamp.chat.send"] = () => NEVER;
  const how = { signal: AbortSignal.abort() };
  await assert.rejects(client.call("tutorwamp.chat.send", {}, how), { name: "AbortError" });
  await assert.rejects(client.request("POST", "/api/lessons", { body: {}, ...how }), { name: "AbortError" });
  await settled();
  assert.equal(router.calls.some(({ procedure }) => procedure === "tutorwamp.chat.send"), false);
  assert.equal(fetched, 0);
});

// Listeners

test("who was taken off by another listener is not told any more", () => {
  made();
  const heard = [];
  const second = () => heard.push("second");
  client.on("state", () => heard.push("first") && client.off("state", second));
  client.on("state", second);
  client.emit("state", {});
  assert.deepEqual(heard, ["first"]);
});

test("a listener whose promise fails, and a debugger that fails, stop nobody", async (t) => {
  const complaints = t.mock.method(console, "error", () => {});
  await connected({ debug: forbidden });
  assert.equal(client.state, "connected");
  complaints.mock.resetCalls();
  client.on("told", async () => forbidden());
  client.emit("told");
  await settled();
  assert.equal(complaints.mock.callCount(), 1);
});

// What others say of the time

test("a clock that is put back an hour does not make us wait for that hour", (t) => {
  const before = systemClock.now();
  let time = Date.now() + 10_000;
  t.mock.method(Date, "now", () => time);
  const first = systemClock.now();
  time -= 3_600_000;
  assert.equal(systemClock.now(), first);
  time += 500;
  assert.equal(systemClock.now(), first + 500);
  assert.ok(before < first);
});

test("a heartbeat that names no interval beats on at the last one", async () => {
  router.answers["tutorwamp.session.heartbeat"] = () => ({ behind: {} });
  await connected();
  await clock.tick(95_000);
  assert.equal(router.calls.filter(({ procedure }) => procedure === "tutorwamp.session.heartbeat").length, 4);
});

test("who is asked whose a client is before they can say so is asked again", async () => {
  let known;
  made({ user: () => known.user });
  known = { user: TUTOR };
  client.connect();
  await clock.tick(0);
  assert.deepEqual([client.state, client.user.id], ["connected", "tess"]);
});
