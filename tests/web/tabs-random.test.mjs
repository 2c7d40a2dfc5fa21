// Several tabs of one person on one storage, each with a network of its own: they come and go, write, draw, lose the connection
// and come back, in any order. In the end everything is there once, nothing waits in any of them, and each has been told so.

import assert from "node:assert/strict";
import { test } from "node:test";

import { createClient, MemoryStorage, PenStroke } from "../../tutorwamp/web/client/index.mjs";
import { Clock, Router } from "./router.mjs";
import { LESSON, School } from "./school.mjs";

const RUNS = 25;
const STEPS = 40;
const TABS_AT_MOST = 3;
const LONG_MS = 120_000; // until every tab has looked whether another has left something

/** The same numbers for the same seed. */
function chance(seed) {
  let state = seed;
  return (below) => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return Math.floor((state / 2 ** 31) * below);
  };
}

/** A network of one tab to a router that others use as well. */
function lineTo(router) {
  const line = { sockets: router.sockets, isOff: false, isSilent: false, hear: (socket, message) => router.hear(socket, message), own: [] };
  const FakeSocket = Object.getPrototypeOf(router.WebSocket);
  line.WebSocket = class extends FakeSocket {
    constructor(url) {
      super(line, url);
      line.own.push(this);
    }
  };
  return line;
}

class Tab {
  told = { words: 0, strokes: 0 };

  constructor(router, { storage, clock }) {
    this.line = lineTo(router);
    const options = { url: "https://school.test", getToken: async () => "token", user: () => ({ id: "ada", name: "Ada", role: "student" }) };
    this.client = createClient({ ...options, storage, clock, WebSocket: this.line.WebSocket });
    Object.assign(this.told, this.client.pending);
    this.client.on("pendingchange", (now) => (this.told = now));
    this.client.connect().catch(() => {});
  }

  get lesson() {
    return this.client.lesson(LESSON);
  }

  lose() {
    this.line.isOff = true;
    for (const socket of this.line.own) socket.end();
  }

  find() {
    this.line.isOff = false;
    this.client.wake();
  }
}

for (let seed = 1; seed <= RUNS; seed++) {
  test(`tabs of one person, ${seed}`, async () => {
    const upTo = chance(seed * 7_919);
    const [router, clock, storage] = [new Router(), new Clock(), new MemoryStorage()];
    const school = new School(router);
    const send = router.answers["tutorwamp.chat.send"];
    router.answers["tutorwamp.chat.send"] = (kwargs) =>
      upTo(5) ? send(kwargs) : { error: "tutorwamp.error.unavailable", action: "retry", details: { retry_after_s: 1 } };
    const tabs = new Set();
    const said = [];
    let drawn = 0;
    const steps = {
      open: () => tabs.size < TABS_AT_MOST && tabs.add(new Tab(router, { storage, clock })),
      close: (tab) => tab.client.close() ?? tabs.delete(tab),
      join: (tab) => tab.lesson.join().catch(() => {}),
      leave: (tab) => tab.lesson.leave(),
      write: (tab) => tab.lesson.chat.send(`${said.push(0)}`),
      draw: (tab) => {
        new PenStroke(tab.lesson.board, { page: "p1", color: "#000000", width: 2 }, [0, 0]).end([5, 5]);
        drawn++;
      },
      lose: (tab) => tab.lose(),
      find: (tab) => tab.find(),
    };
    const names = [...Object.keys(steps), "write", "draw"];
    for (let step = 0; step < STEPS; step++) {
      const name = names[upTo(names.length)];
      const tab = [...tabs][upTo(tabs.size)];
      if (tab || name === "open") steps[name](tab);
      await clock.tick([0, 10, 1_500, 20_000][upTo(4)]);
    }
    if (tabs.size === 0) steps.open();
    for (const tab of tabs) {
      tab.find();
      if (upTo(2)) tab.lesson.leave(); // or what it was looked at for
      else steps.join(tab);
    }
    await clock.tick(LONG_MS);
    assert.deepEqual(school.messages.map(({ body }) => body).sort(), said.map((_, at) => `${at + 1}`).sort());
    assert.equal(school.board.elements.length, drawn);
    assert.equal(storage.length, 0);
    const none = { words: 0, strokes: 0, lessons: {} };
    for (const { client, told } of tabs) assert.deepEqual([client.state, client.pending, { lessons: {}, ...told }], ["connected", none, none]);
    for (const { client } of tabs) client.close();
  });
}
