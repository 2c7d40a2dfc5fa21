import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { renewing } from "../../tutorwamp/web/client/again.mjs";
import { Refusal } from "../../tutorwamp/web/client/errors.mjs";
import { connectionWords } from "../../tutorwamp/web/page/connection-words.mjs";
import { interruption } from "../../tutorwamp/web/page/lessons/state.mjs";

const [HELLO, WELCOME, ERROR, CALL, RESULT] = [1, 2, 8, 48, 50];
const [GOODBYE, SUBSCRIBE, SUBSCRIBED, EVENT] = [6, 32, 33, 36];

// A router in few lines: lets everybody in, and answers a call with what `answers` has next.
let answers;
let calls;
let closed; // by socket, what was said on it
let router; // the newest

class Router extends EventTarget {
  protocol = "wamp.2.json";
  readyState = 1;
  said = [];

  constructor(url) {
    super();
    this.url = url;
    router = this;
    setTimeout(() => this.onopen(), 0);
  }

  send(text) {
    this.said.push(text);
    const [kind, request, , procedure] = JSON.parse(text);
    if (kind === HELLO) this.#say([WELCOME, 1, { roles: { broker: {}, dealer: {} } }]);
    if (kind === SUBSCRIBE) this.#say([SUBSCRIBED, request, procedure === "tutorwamp.connection.draining" ? 7 : 8]);
    if (kind !== CALL) return;
    calls.push(procedure);
    const next = answers.shift();
    if (next.error) this.#say([ERROR, CALL, request, {}, next.error, [], { message: "no", action: next.action, details: {} }]);
    else this.#say([RESULT, request, {}, [next]]);
  }

  close() {
    closed.push(this.said); // and nobody answers
  }

  /** Ends the session, and says before when to come back. */
  goodbye(reason, told) {
    if (told) this.#say([EVENT, 7, 1, {}, [], told]);
    this.#say([GOODBYE, {}, reason]);
    setTimeout(() => this.onclose({ code: 1000 }), 1);
  }

  #say(message) {
    queueMicrotask(() => {
      const event = Object.assign(new Event("message"), { data: JSON.stringify(message) });
      this.dispatchEvent(event);
      this.onmessage(event);
    });
  }
}

globalThis.WebSocket = Router;
const page = new EventTarget();
globalThis.addEventListener = (...heard) => page.addEventListener(...heard);
globalThis.location = { protocol: "http:", href: "http://classroom.test/" };
const { Connection } = await import("../../tutorwamp/web/client/connection.mjs");

let renewed;
const session = {
  user: { id: "ada" },
  accessToken: async ({ renew = false } = {}) => {
    if (renew) renewed++;
    return `token ${renewed}`;
  },
};
const unauthenticated = { error: "tutorwamp.error.unauthenticated", action: "reauth" };

beforeEach(() => ([answers, calls, closed, renewed] = [[], [], [], 0]));

async function connected(states = []) {
  const arrived = deferred();
  const connection = new Connection(session, { onState: ({ state }) => states.push(state), onArrival: async () => arrived.resolve(), onSignedOut: () => {} });
  connection.open();
  await arrived.promise;
  return connection;
}

function deferred() {
  let resolve;
  const promise = new Promise((told) => (resolve = told));
  return { promise, resolve };
}

test("S11 a call that is answered with reauth is asked once again, with a new token", async () => {
  const connection = await connected();
  answers = [unauthenticated, { fine: true }];
  assert.deepEqual(await connection.call("tutorwamp.lesson.get"), { fine: true });
  assert.deepEqual([calls.length, renewed], [2, 1]);
  connection.close();
});

test("S11 a new token that does not help is the end of it", async () => {
  const connection = await connected();
  answers = [unauthenticated, unauthenticated, { fine: true }];
  await assert.rejects(connection.call("tutorwamp.lesson.get"), { action: "reauth" });
  assert.deepEqual([calls.length, renewed], [2, 1]);
  answers = [{ error: "tutorwamp.error.forbidden", action: "stop" }];
  await assert.rejects(connection.call("tutorwamp.lesson.get"), { action: "stop" });
  assert.deepEqual([calls.length, renewed], [3, 1]);
  connection.close();
});

test("the socket is the site's own, or the one that is named", async () => {
  for (const [named, url] of [[[], "ws://classroom.test/ws"], [["wss://other.test/ws"], "wss://other.test/ws"]]) {
    const connection = new Connection(session, { onState: () => {}, onSignedOut: () => {} }, ...named);
    connection.open();
    await new Promise(setImmediate); // asks for a token first
    assert.equal(router.url, url);
    connection.close();
  }
});

test("a browser that is offline makes the connection be given up at once, without a goodbye", async () => {
  const states = [];
  const connection = await connected(states);
  page.dispatchEvent(new Event("offline"));
  page.dispatchEvent(new Event("offline"));
  assert.deepEqual([states, connection.isOpen, closed.length], [["connecting", "open", "waiting"], false, 1]);
  assert.equal(closed[0].some((text) => JSON.parse(text)[0] === GOODBYE), false);
  page.dispatchEvent(new Event("online"));
  assert.equal(states.at(-1), "connecting");
  connection.close();
});

test("S9 a node that is stopped says when to come back, and one that does not is come back to after two seconds", async (t) => {
  t.mock.method(Math, "random", () => 0);
  for (const [reason, told, seconds] of [
    ["tutorwamp.close.draining", { action: "retry", retry_after_s: 4.25 }, 4.75],
    ["tutorwamp.close.draining", { action: "retry", retry_after_s: "soon" }, 2.5],
    ["tutorwamp.close.draining", null, 2.5],
    ["tutorwamp.close.slow", null, 0.5],
    ["tutorwamp.close.ping_timeout", null, 0.5],
  ]) {
    const waiting = deferred();
    const arrived = deferred();
    const onState = ({ state, seconds }) => state === "waiting" && waiting.resolve(seconds);
    const connection = new Connection(session, { onState, onArrival: async () => arrived.resolve(), onSignedOut: () => {} });
    connection.open();
    await arrived.promise;
    router.goodbye(reason, told);
    assert.equal(await waiting.promise, seconds);
    connection.close();
  }
});

test("S11 files are asked for again with the new token itself", async () => {
  const seen = [];
  const ask = async (token) => {
    seen.push(token);
    if (seen.length === 1) throw new Refusal({ uri: unauthenticated.error, action: "reauth", message: "no" });
    return "picture";
  };
  assert.equal(await renewing(session, ask, "old"), "picture");
  assert.deepEqual(seen, ["old", "token 1"]);
});

test("the connection's words say how much waits to be sent", () => {
  const words = [["open", 0], ["connecting", 0], ["waiting", 0], ["waiting", 3], ["connecting", 3], ["open", 3]].map(([state, waiting]) => connectionWords(state, waiting));
  assert.deepEqual(words, ["Connected", "Connecting …", "Offline, trying again soon", "Offline, 3 to send", "Connecting, 3 to send", "Connected, 3 to send"]);
});

test("L20 an interrupted lesson says for whom it waits, and a live one nothing", () => {
  const tutor = { id: "t", name: "Tessa" };
  assert.match(interruption({ state: "interrupted", tutor }, { id: "ada" }), /Waiting for Tessa/);
  assert.match(interruption({ state: "interrupted", tutor }, tutor), /You were away/);
  for (const state of ["scheduled", "live", "ended", "cancelled"]) assert.equal(interruption({ state, tutor }, { id: "ada" }), "");
});
