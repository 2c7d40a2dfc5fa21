import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { renewing } from "../../tutorwamp/web/client/again.mjs";
import { Connection } from "../../tutorwamp/web/client/connection.mjs";
import { ClientError } from "../../tutorwamp/web/client/errors.mjs";
import { TIMEOUTS } from "../../tutorwamp/web/client/limits.mjs";
import { Session } from "../../tutorwamp/web/client/session.mjs";
import { connectionWords } from "../../tutorwamp/web/page/connection-words.mjs";
import { interruption } from "../../tutorwamp/web/page/lessons/state.mjs";
import { Clock, NEVER, Router } from "./router.mjs";

const [GOODBYE, UNSUBSCRIBE] = [6, 34];
const unauthenticated = { error: "tutorwamp.error.unauthenticated", action: "reauth" };
const page = new EventTarget();
globalThis.addEventListener = (...heard) => page.addEventListener(...heard);

let router;
let clock;
let renewed;
let told; // states as they are told
let losses;
let arrivals;
let connection;
const tokens = {
  user: { id: "ada" },
  accessToken: async ({ renew = false } = {}) => {
    if (renew) renewed++;
    return `token ${renewed}`;
  },
};

beforeEach(() => {
  connection?.close();
  [router, clock, renewed, told, losses, arrivals] = [new Router(), new Clock(), 0, [], 0, 0];
  connection = new Connection({
    url: "ws://classroom.test/ws",
    tokens,
    WebSocket: router.WebSocket,
    clock,
    timeouts: TIMEOUTS,
    hooks: { onState: (now) => told.push(now), onArrival: () => arrivals++, onLost: () => losses++ },
  });
});

async function connected() {
  connection.open();
  await clock.tick(0);
  assert.equal(connection.state, "connected");
}

const asked = (socket) => socket.said.filter(([kind]) => kind === UNSUBSCRIBE).length;
const states = () => told.map(({ state, reason }) => (reason ? `${state} ${reason}` : state)).filter((state, place, all) => state !== all[place - 1]);

test("S11 a call that is answered with reauth is asked once again, with a new token", async () => {
  await connected();
  const answers = [unauthenticated, { fine: true }];
  router.answers["tutorwamp.lesson.get"] = () => answers.shift();
  assert.deepEqual(await connection.call("tutorwamp.lesson.get"), { fine: true });
  assert.deepEqual([router.calls.length, renewed], [2, 1]);
});

test("S11 a new token that does not help is the end of it", async () => {
  await connected();
  router.answers["tutorwamp.lesson.get"] = () => unauthenticated;
  await assert.rejects(connection.call("tutorwamp.lesson.get"), { action: "reauth" });
  assert.deepEqual([router.calls.length, renewed], [2, 1]);
  router.answers["tutorwamp.lesson.get"] = () => ({ error: "tutorwamp.error.forbidden", action: "stop" });
  await assert.rejects(connection.call("tutorwamp.lesson.get"), { action: "stop", uri: "tutorwamp.error.forbidden", requestId: "r1" });
  assert.deepEqual([router.calls.length, renewed], [3, 1]);
});

test("a ticket that is refused is replaced once, and then whoever it is has to sign in", async () => {
  router.refusals = [{ uri: unauthenticated.error }];
  await connected();
  assert.equal(renewed, 1);
  router.refusals = [{ uri: unauthenticated.error }, { uri: unauthenticated.error }];
  router.socket.end();
  await clock.tick(2_000);
  assert.deepEqual([states().at(-1), renewed], ["disconnected unauthenticated", 2]);
  await clock.tick(60_000);
  assert.equal(router.sockets.length, 4);
});

test("a call is waited for as long as somebody wants to, and no longer", async () => {
  await connected();
  router.answers["tutorwamp.lesson.get"] = () => NEVER;
  const late = assert.rejects(connection.call("tutorwamp.lesson.get", {}, { timeout: 3 }), { action: "retry", message: /3 s/ });
  const leaving = new AbortController();
  const stopped = assert.rejects(connection.call("tutorwamp.lesson.get", {}, { signal: leaving.signal }), { message: "enough" });
  const long = assert.rejects(connection.call("tutorwamp.lesson.get"), { message: /30 s/ });
  await clock.tick(3_000);
  await late;
  leaving.abort(new Error("enough"));
  await stopped;
  await clock.tick(27_000);
  await long;
  await assert.rejects(connection.call("tutorwamp.lesson.get", {}, { signal: leaving.signal }), { message: "enough" });
  assert.equal(router.calls.length, 3, "who does not want to know is not asked for");
});

test("a browser that is offline makes the connection be given up at once, without a goodbye", async () => {
  await connected();
  page.dispatchEvent(new Event("offline"));
  page.dispatchEvent(new Event("offline"));
  assert.deepEqual([states(), connection.isOpen, losses], [["connecting", "connected", "reconnecting offline"], false, 1]);
  assert.equal(router.socket.isClosed, true);
  assert.equal(router.socket.said.some(([kind]) => kind === GOODBYE), false);
  page.dispatchEvent(new Event("online"));
  await clock.tick(0);
  assert.deepEqual([connection.state, arrivals], ["connected", 2]);
});

test("S9 S2 a node says when to come back, and one that does not is come back to soon", async (t) => {
  t.mock.method(Math, "random", () => 0);
  await connected();
  for (const [reason, topic, message, seconds] of [
    ["draining", "draining", { action: "retry", retry_after_s: 4.25 }, 4.75],
    ["draining", "draining", { action: "retry", retry_after_s: "soon" }, 2.5],
    ["draining", null, null, 2.5],
    ["slow", null, null, 0.5],
    ["ping_timeout", null, null, 0.5],
    ["ping_timeout", "timeout", { session: 1, last_seen: "then", timeout_s: 120, action: "retry", retry_after_s: 3 }, 3.5],
  ]) {
    if (topic) router.tell(`tutorwamp.connection.${topic}`, message);
    router.goodbye(`tutorwamp.close.${reason}`);
    await clock.tick(0);
    assert.deepEqual(told.at(-1), { state: "reconnecting", reason, seconds });
    await clock.tick(seconds * 1000 - 1);
    assert.equal(connection.state, "reconnecting");
    await clock.tick(20_000); // long enough for the pauses to begin anew
    assert.equal(connection.state, "connected");
  }
});

test("S29 the pause after a timeout is jittered, so that not all come at once", async (t) => {
  const pauses = new Set();
  for (const chance of [0, 0.25, 0.75, 0.999]) {
    t.mock.method(Math, "random", () => chance);
    if (!connection.isOpen) await connected();
    router.tell("tutorwamp.connection.timeout", { session: 1, last_seen: "then", timeout_s: 120, action: "retry", retry_after_s: 4 });
    router.goodbye("tutorwamp.close.ping_timeout");
    await clock.tick(0);
    pauses.add(told.at(-1).seconds);
    await clock.tick(20_000);
  }
  assert.equal(pauses.size, 4);
  for (const seconds of pauses) assert.ok(seconds >= 4.5 && seconds <= 7, `${seconds} s`);
});

test("who was signed out does not come back", async () => {
  await connected();
  router.goodbye("tutorwamp.close.revoked");
  await clock.tick(60_000);
  assert.deepEqual([states().at(-1), losses, router.sockets.length], ["disconnected revoked", 1, 1]);
});

test("S29 a network that goes silent is noticed within 5 s, where nobody does anything", async () => {
  await connected();
  await clock.tick(20_000);
  assert.equal(router.sockets.length, 1, "and a quiet one is none");
  router.isSilent = true;
  await clock.tick(5_000);
  assert.equal(states()[2], "reconnecting silent");
  assert.equal(losses, 0, "what is heard on it after all counts");
});

test("S29 a network that goes silent is noticed within 5 s of a call, where nobody looks", async () => {
  await connected();
  connection.attentive = false;
  await clock.tick(60_000);
  assert.equal(asked(router.socket), 0);
  router.isSilent = true;
  await clock.tick(60_000);
  assert.equal(connection.state, "connected", "nobody is told, so nobody asks");
  const call = connection.call("tutorwamp.chat.send", {}).catch((error) => error.action);
  await clock.tick(5_000);
  assert.equal(states()[2], "reconnecting silent");
  router.isSilent = false;
  await clock.tick(8_000);
  assert.deepEqual([connection.state, await call], ["connected", "retry"]);
});

test("S29 a call that takes long is no silence", async () => {
  await connected();
  connection.attentive = false;
  router.answers["tutorwamp.lesson.get"] = () => NEVER;
  connection.call("tutorwamp.lesson.get").catch(() => {});
  await clock.tick(29_000);
  assert.deepEqual([connection.state, router.sockets.length], ["connected", 1]);
});

test("what is heard all the time costs no question", async () => {
  await connected();
  for (let i = 0; i < 30; i++) {
    router.tell("tutorwamp.connection.draining", {});
    await clock.tick(1_000);
  }
  assert.equal(asked(router.socket), 0);
});

test("S29 a quiet connection is asked every three seconds, and where nobody does anything every fifteen", async () => {
  await connected();
  await clock.tick(120_000);
  assert.ok(asked(router.socket) <= 40, `${asked(router.socket)} times`);
  const before = asked(router.socket);
  await clock.tick(300_000);
  assert.ok(asked(router.socket) - before <= 20, `${asked(router.socket) - before} times`);
});

for (const [who, does] of [
  ["somebody touches the page", () => (connection.attentive = true)],
  ["somebody else does something", () => router.tell("tutorwamp.connection.draining", {})],
]) {
  test(`S29 after a long quiet, once ${who}, a silence is noticed within 5 s again`, async () => {
    await connected();
    await clock.tick(600_000);
    does();
    await clock.tick(1_000);
    router.isSilent = true;
    await clock.tick(5_000);
    assert.equal(states()[2], "reconnecting silent");
  });
}

test("S29 a silence that began while nobody did anything is noticed at the first touch", async () => {
  await connected();
  await clock.tick(600_000);
  await clock.tick(14_000 - ((clock.time - 1_000_000) % 15_000));
  router.isSilent = true;
  await clock.tick(5_000);
  connection.attentive = true;
  await clock.tick(2_000);
  assert.equal(states()[2], "reconnecting silent");
});

test("S29 after a silence the connection is right again within 20 s of the network's return", async () => {
  for (const [minute, silence] of [5, 13, 61, 300].entries()) {
    await connected();
    await clock.tick(minute * 60_000);
    router.isSilent = true;
    await clock.tick(silence * 1_000);
    assert.equal(connection.state, "reconnecting");
    router.isSilent = false; // but what was swallowed is gone
    const since = clock.time;
    for (; connection.state !== "connected" && clock.time - since < 60_000; ) await clock.tick(100);
    assert.ok(clock.time - since < 20_000, `${clock.time - since} ms after ${silence} s`);
    connection.close();
  }
});

test("S29 a network that was only slow gives the connection back, and nothing was lost", async (t) => {
  t.mock.method(Math, "random", () => 0);
  await connected();
  router.isSilent = true;
  await clock.tick(5_500);
  router.isSilent = false;
  router.sockets[0].arrive();
  await clock.tick(0);
  assert.deepEqual([states().slice(2), losses, arrivals], [["reconnecting silent", "reconnecting", "connected silent"], 0, 1]);
  await clock.tick(60_000);
  assert.equal(connection.state, "connected");
  assert.equal(router.sockets.slice(1).every(({ isClosed }) => isClosed), true, "of the attempts none is left");
});

test("S29 one large answer on a slow line is waited for, once that is known", async () => {
  await connected();
  router.answers["tutorwamp.board.open"] = () => NEVER;
  for (let i = 0; i < 3; i++) {
    connection.call("tutorwamp.board.open").catch(() => {});
    await clock.tick(0);
    router.isSilent = true;
    const since = clock.time;
    for (; connection.state === "connected"; ) await clock.tick(100);
    const patience = clock.time - since;
    assert.ok(patience > [1_700, 5_300, 16_000][i], `${patience} ms`);
    router.isSilent = false;
    await clock.tick(10_000);
  }
});

test("S29 somebody who comes back to the page knows within 2 s, and is connected", async () => {
  await connected();
  connection.attentive = false;
  await clock.tick(30_000);
  router.isSilent = true; // the phone was carried into another network: this socket is dead
  await clock.sleep(3_600_000);
  router.isSilent = false;
  router.socket.readyState = 3;
  const since = clock.time;
  connection.attentive = true;
  connection.wake();
  for (; router.sockets.length < 2 || connection.state !== "connected"; ) {
    await clock.tick(100);
    assert.ok(clock.time - since < 2_000);
  }
});

test("S29 what was said before they looked away is no sign of life to somebody who comes back", async () => {
  await connected();
  router.isSilent = true;
  connection.wake();
  await clock.tick(400);
  router.sockets[0].onmessage({ data: JSON.stringify([36, 99, 1, {}]) });
  await clock.tick(500);
  assert.equal(states()[2], "reconnecting silent");
  router.sockets[0].onmessage({ data: JSON.stringify([36, 99, 1, {}]) });
  assert.equal(states().at(-1), "connected silent", "after that, any word");
});

test("S29 somebody who comes back while it waits is connected at once", async () => {
  await connected();
  router.isOff = true;
  router.socket.end();
  await clock.tick(120_000);
  router.isOff = false;
  connection.wake();
  await clock.tick(0);
  assert.equal(connection.state, "connected");
});

test("S29 somebody who comes back while an attempt hangs does not wait for it", async () => {
  await connected();
  router.isSilent = true;
  await clock.tick(10_000);
  while (router.socket.isClosed) await clock.tick(500);
  await clock.tick(1_500);
  router.isSilent = false;
  connection.wake();
  await clock.tick(0);
  assert.equal(connection.state, "connected");
});

test("S29 a machine that has slept asks before it believes in a silence", async () => {
  await connected();
  await clock.sleep(3_600_000);
  await clock.tick(5_000);
  assert.deepEqual([connection.state, router.sockets.length], ["connected", 1]);
});

test("a socket that never opens is given up, and so is a server that never lets in", async () => {
  router.isSilent = true;
  connection.open();
  await clock.tick(6_000);
  assert.equal(router.sockets[0].isClosed, true);
  await clock.tick(60_000);
  assert.deepEqual([connection.state, states()], ["connecting", ["connecting"]]);
  assert.ok(router.sockets.length > 4);
});

test("while the node starts, it is come back to", async () => {
  router.refusals = Array.from({ length: 5 }, () => ({ uri: "tutorwamp.error.unavailable", details: { message: "later", retry_after_s: 1 } }));
  connection.open();
  await clock.tick(60_000);
  assert.deepEqual([connection.state, router.sockets.length], ["connected", 6]);
});

test("S11 files are asked for again with the new token itself", async () => {
  const seen = [];
  const ask = async (token) => {
    seen.push(token);
    if (seen.length === 1) throw new ClientError({ uri: unauthenticated.error, action: "reauth", message: "no" });
    return "picture";
  };
  assert.equal(await renewing(tokens, ask, true), "picture");
  assert.deepEqual(seen, ["token 0", "token 1"]);
});

test("the connection's words say how it is, why, and how much waits to be sent", () => {
  const words = [["connected", 0], ["connecting", 0], ["reconnecting", 0], ["reconnecting", 3], ["connecting", 3], ["connected", 3]].map(([state, waiting]) => connectionWords(state, waiting));
  assert.deepEqual(words, ["Connected", "Connecting …", "Offline, trying again", "Offline, 3 to send", "Connecting, 3 to send", "Connected, 3 to send"]);
  assert.match(connectionWords("reconnecting", 0, "silent"), /No answer/);
  assert.match(connectionWords("reconnecting", 0, "ping_timeout"), /asleep/);
  assert.match(connectionWords("reconnecting", 0, "some later reason"), /^Offline, trying again$/);
});

test("L20 an interrupted lesson says for whom it waits, and a live one nothing", () => {
  const tutor = { id: "t", name: "Tessa" };
  assert.match(interruption({ state: "interrupted", tutor }, { id: "ada" }), /Waiting for Tessa/);
  assert.match(interruption({ state: "interrupted", tutor }, tutor), /You were away/);
  for (const state of ["scheduled", "live", "ended", "cancelled"]) assert.equal(interruption({ state, tutor }, { id: "ada" }), "");
});

test("a session that is given no fetch asks by that of the place", async (test) => {
  const asked = test.mock.method(globalThis, "fetch", async () => new Response('{"access_token": "a", "expires_in": 900, "user": {"id": "7"}}'));
  const session = new Session({ url: "https://tutor.example" });
  await session.logIn({ email: "a@b.example", password: "p" });
  assert.equal(session.user.id, "7");
  assert.equal(String(asked.mock.calls[0].arguments[0]), "https://tutor.example/api/auth/login");
});
