// Tabs that share one login: they renew once, sign in together, and sign out together.

import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";

import { createClient, MemoryStorage, Session } from "../../tutorwamp/web/client/index.mjs";
import { Clock, Router, settled } from "./router.mjs";
import { LESSON, School } from "./school.mjs";

const ADA = { id: "ada", name: "Ada", role: "student" };
const URL_ = "https://school.test";
const MINUTES_15 = 900;

let accounts;
let channels;
let storage;
let clock;

/** As much of the server as a login needs: a refresh token works once, and the same request again is answered the same. */
class Accounts {
  renewals = [];
  lost = false; // the family is ended
  #spent = new Map(); // refresh token -> {client_id, tokens}
  #number = 0;

  fetch = async (url, { body }) => {
    const asked = JSON.parse(body);
    await settled(); // the network takes a while
    const tokens = this[new URL(url).pathname.split("/").at(-1)](asked);
    return tokens ? new Response(JSON.stringify(tokens)) : new Response("{}", { status: 401 });
  };

  login({ email }) {
    const user = { ...ADA, id: email };
    this.lost = false;
    return this.#tokens(user);
  }

  logout() {
    this.lost = true;
    return {};
  }

  refresh({ refresh_token, client_id }) {
    this.renewals.push(refresh_token);
    const before = this.#spent.get(refresh_token);
    if (before && before.client_id !== client_id) this.lost = true;
    if (this.lost) return null;
    const tokens = before?.tokens ?? this.#tokens({ ...ADA, id: refresh_token.split(" ")[0] });
    this.#spent.set(refresh_token, { client_id, tokens });
    return tokens;
  }

  #tokens(user) {
    const number = ++this.#number;
    return { access_token: `access ${number}`, refresh_token: `${user.id} ${number}`, expires_in: MINUTES_15, user };
  }
}

const kept = {
  get: () => JSON.parse(storage.getItem("tokens")),
  set: (tokens) => storage.setItem("tokens", JSON.stringify(tokens)),
};

function tab(more = {}) {
  const channel = {
    postMessage: (message) => {
      const data = structuredClone(message);
      for (const other of channels) if (other !== channel) queueMicrotask(() => other.onmessage?.({ data }));
    },
  };
  channels.push(channel);
  return new Session({ url: URL_, fetch: accounts.fetch, clock, kept, tabs: channel, ...more });
}

function locks() {
  const asked = [];
  let last = Promise.resolve();
  const request = (name, work) => {
    asked.push(name);
    return (last = last.then(work, work));
  };
  return { asked, request };
}

beforeEach(() => {
  [accounts, channels, storage, clock] = [new Accounts(), [], new MemoryStorage(), new Clock()];
  storage.setItem("tokens", "null");
});

afterEach(() => assert.equal(accounts.lost, false, "the login is lost"));

const LOGIN = { email: "ada", password: "p" };
const all = (tabs, how) => Promise.all(tabs.map((one) => one.accessToken(how)));

for (const [what, withLocks] of [["with the browser's locks, which is asked for by itself", true], ["without locks", false]]) {
  test(`two tabs that renew at once, again and again, keep the login: ${what}`, async (t) => {
    const browser = locks();
    const before = Object.getOwnPropertyDescriptor(globalThis, "navigator");
    Object.defineProperty(globalThis, "navigator", { value: withLocks ? { locks: browser } : {}, configurable: true });
    t.after(() => (before ? Object.defineProperty(globalThis, "navigator", before) : delete globalThis.navigator));
    const first = tab();
    await first.logIn(LOGIN);
    const tabs = [first, tab()];
    for (let turn = 0; turn < 4; turn++) {
      await clock.tick(MINUTES_15 * 1000);
      const [one, other] = await all(tabs);
      assert.equal(one, other);
      await settled();
    }
    const [one, other] = await all(tabs, { renew: true }); // the server has refused it in both
    assert.equal(one, other);
    if (!withLocks) return;
    assert.equal(accounts.renewals.length, 5);
    assert.deepEqual(new Set(browser.asked), new Set(["tutorwamp.tokens.school.test"]));
  });
}

test("what another tab has renewed is read inside the lock, also where no word of it came", async () => {
  const browser = locks();
  const alone = (work) => browser.request("ours", work);
  const silent = { tabs: undefined, alone };
  const first = tab(silent);
  await first.logIn(LOGIN);
  const second = tab(silent);
  await clock.tick(MINUTES_15 * 1000);
  const [one, other] = await all([first, second]);
  assert.equal(one, other);
  assert.equal(accounts.renewals.length, 1);
  assert.deepEqual(browser.asked, ["ours", "ours"]);
});

test("a tab that was open before has signed in with the other, and signs out with it", async () => {
  const [first, second] = [tab(), tab()];
  const told = [];
  second.on("change", (user) => told.push(user?.id ?? null));
  await first.logIn(LOGIN);
  await settled();
  assert.equal(await second.accessToken(), await first.accessToken());
  const leaving = first.logOut();
  await settled();
  assert.deepEqual([told, second.user], [["ada", null], null]);
  await assert.rejects(second.accessToken(), { action: "reauth" });
  await leaving;
  accounts.lost = false; // on purpose
});

test("tabs that keep their tokens each for themselves share neither sign-in nor sign-out", async () => {
  const own = () => {
    let mine = null;
    return { kept: { get: () => mine, set: (tokens) => (mine = tokens) } };
  };
  const [first, second] = [tab(own()), tab(own())];
  await first.logIn(LOGIN);
  await clock.tick(1_000);
  assert.equal(second.user, null);
  await second.logIn({ email: "eve", password: "p" });
  first.forget();
  await clock.tick(1_000);
  assert.equal(second.user.id, "eve");
});

test("a storage that keeps nothing signs nobody out", async () => {
  const session = tab({ kept: { get: () => null, set: () => {} } });
  await session.logIn(LOGIN);
  await clock.tick(MINUTES_15 * 1000);
  assert.match(await session.accessToken(), /^access/);
});

test("a client of a session that has ended in another tab is disconnected, and says why", async () => {
  const router = new Router();
  new School(router);
  const [first, second] = [tab(), tab()];
  await first.logIn(LOGIN);
  await settled();
  const client = createClient({ url: URL_, session: second, storage, WebSocket: router.WebSocket, clock });
  const reasons = [];
  client.on("state", ({ new: state, reason }) => reasons.push(reason ? `${state} ${reason}` : state));
  const connecting = client.connect();
  await clock.tick(0);
  await connecting;
  assert.equal(client.user.id, "ada");
  first.forget();
  await clock.tick(1_000);
  assert.deepEqual(reasons, ["connecting", "connected", "disconnected revoked"]);
  await assert.rejects(client.connect(), { action: "reauth" });
});

test("a client that nobody has signed in for yet connects with what the other tab has brought meanwhile", async () => {
  const router = new Router();
  new School(router);
  const [first, second] = [tab({ tabs: undefined }), tab({ tabs: undefined })];
  const client = createClient({ url: URL_, session: second, storage, WebSocket: router.WebSocket, clock });
  await first.logIn(LOGIN);
  const connecting = client.connect();
  await clock.tick(0);
  await connecting;
  assert.equal(client.state, "connected");
  client.close();
});

const html = (status) => () => new Response("<html>Somebody else</html>", { status });
const json = (text, status = 200) => () => new Response(text, { status });
const ANSWERS = {
  "404 of a proxy": html(404),
  "403 of a proxy": html(403),
  "502 of a proxy": html(502),
  "page of a network that wants a login": html(200),
  "fault": json("{}", 500),
  "word without tokens": json("{}"),
  "null": json("null"),
  "silence": () => new Promise(() => {}),
};
for (const [what, answer] of Object.entries(ANSWERS)) {
  test(`a renewal whose answer is a ${what} ends nothing and loses nothing; it is asked for again`, async () => {
    const router = new Router();
    const school = new School(router);
    let isOurs = true;
    const fetch = (url, asked) => (!isOurs && url.endsWith("/refresh") ? answer() : url.endsWith("/upload") ? json("{}")() : accounts.fetch(url, asked));
    const session = tab({ fetch });
    await session.logIn(LOGIN);
    const client = createClient({ url: URL_, session, storage, fetch, WebSocket: router.WebSocket, clock });
    const connecting = client.connect();
    await clock.tick(0);
    await connecting;
    const lesson = client.lesson(LESSON);
    lesson.join();
    await clock.tick(0);
    const send = router.answers["tutorwamp.chat.send"];
    router.answers["tutorwamp.chat.send"] = () => ({ error: "tutorwamp.error.unauthenticated", action: "reauth" });
    isOurs = false;
    lesson.chat.send("with a token that is not good any more");
    await clock.tick(40_000);
    assert.equal(client.pending.words, 1);
    clock.time += MINUTES_15 * 1_000;
    router.socket.end();
    const asking = assert.rejects(client.request("POST", "/upload", { body: {} }), { action: "retry" });
    await clock.tick(60_000);
    await asking;
    assert.equal(client.state, "reconnecting");
    [isOurs, router.answers["tutorwamp.chat.send"]] = [true, send];
    for (let i = 0; i < 12; i++) await clock.tick(5_000); // a renewal takes a while by the loop's turns, too
    assert.deepEqual([client.state, client.pending.words, school.messages.length, session.user.id], ["connected", 0, 1, "ada"]);
    client.close();
  });
}
