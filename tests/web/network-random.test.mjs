// A client on a bad network, at random: whatever happens, in the end everybody sees the same, and all of it once.

import assert from "node:assert/strict";
import { test } from "node:test";

import { createClient, MemoryStorage, PenStroke } from "../../tutorwamp/web/client/index.mjs";
import { Clock, Router } from "./router.mjs";
import { LESSON, School, TUTOR } from "./school.mjs";

const SEEDS = 40;
const STEPS = 120;

function dice(seed) {
  let state = seed * 2654435761 + 1;
  return () => {
    state = (state ^ (state << 13)) >>> 0;
    state = (state ^ (state >>> 17)) >>> 0;
    state = (state ^ (state << 5)) >>> 0;
    return state / 2 ** 32;
  };
}

class World {
  router = new Router();
  clock = new Clock();
  school = new School(this.router);
  storage = new MemoryStorage();
  said = [];
  drawn = 0;
  lesson = null;

  constructor(chance) {
    this.chance = chance;
    this.open();
  }

  open() {
    const { router, clock, storage } = this;
    this.client = createClient({ url: "http://school.test", getToken: async () => "token", user: () => ({ id: "ada", name: "Ada", role: "student" }), storage, WebSocket: router.WebSocket, clock });
    this.client.connect().catch(() => {});
    this.enter();
  }

  enter() {
    this.lesson = this.client.lesson(LESSON);
    this.lesson.join().catch(() => {});
  }

  step() {
    const names = ["say", "say", "draw", "draw", "hear", "hear", "change", "pass", "pass", "pass", "silence", "voice", "strand", "cut", "off", "on", "bye", "wake", "look", "forget", "leave", "reload"];
    const name = names[Math.floor(this.chance() * names.length)];
    this[`_${name}`]();
    return this.clock.tick(this.chance() * 1_500);
  }

  _say() {
    if (!this.lesson) return;
    this.said.push(`word ${this.said.length}`);
    this.lesson.chat.send(this.said.at(-1));
  }

  _draw() {
    if (!this.lesson) return;
    this.drawn++;
    new PenStroke(this.lesson.board, { page: "p1", color: "#000000", width: 2 }, [0, 0]).end([this.drawn, 5]);
  }

  _hear() {
    this.school.say(TUTOR, `heard ${this.school.messages.length}`);
  }

  _change() {
    this.school.change("lesson.updated", { title: `title ${this.school.lesson.version}` });
  }

  _pass() {
    return this.clock.tick(this.chance() * 20_000);
  }

  _silence() {
    this.router.isSilent = true;
  }

  // It was only slow: what was swallowed arrives.
  _voice() {
    this.router.isSilent = false;
    for (const socket of this.router.sockets) socket.arrive();
  }

  // The network is back, and the connections are not.
  _strand() {
    if (!this.router.isSilent) return;
    this.router.isSilent = false;
    for (const socket of this.router.sockets) socket.strand();
  }

  _cut() {
    this.router.socket?.end();
  }

  _off() {
    this.router.isOff = true;
    for (const socket of this.router.sockets) socket.end();
  }

  _on() {
    this.router.isOff = false;
  }

  _bye() {
    const reasons = ["draining", "slow", "ping_timeout"];
    if (this.router.socket) this.router.goodbye(`tutorwamp.close.${reasons[Math.floor(this.chance() * reasons.length)]}`);
  }

  _wake() {
    this.client.wake();
  }

  _look() {
    this.client.attentive = this.chance() < 0.5;
  }

  _forget() {
    this.school.forgotten = this.chance() < 0.5;
  }

  _leave() {
    if (!this.lesson) return this.enter();
    this.lesson.leave();
    this.lesson = null;
  }

  _reload() {
    if (this.chance() < 0.7) return;
    this.client.keep();
    this.client.close();
    this.open();
  }

  async calm() {
    this._on();
    this._voice();
    this.school.forgotten = false;
    if (!this.lesson) this.enter();
    await this.clock.tick(120_000);
  }
}

for (let seed = 1; seed <= SEEDS; seed++) {
  test(`S10 S12 S29 seed ${seed}: nothing is lost, doubled, or out of order`, async (t) => {
    const chance = dice(seed);
    t.mock.method(Math, "random", chance);
    const world = new World(chance);
    for (let i = 0; i < STEPS; i++) await world.step();
    await world.calm();
    const { school, lesson, client } = world;
    assert.equal(client.state, "connected");
    const mine = school.messages.filter(({ author }) => author.id === "ada").map(({ body }) => body);
    assert.deepEqual(mine, world.said);
    assert.deepEqual(lesson.chat.picture.messages.map(({ body }) => body), school.messages.map(({ body }) => body));
    assert.deepEqual(lesson.chat.picture.onTheirWay, []);
    assert.equal(school.board.elements.length, world.drawn);
    assert.deepEqual(lesson.board.elementsOn("p1").map(({ id }) => id), school.board.elements.map(({ id }) => id));
    assert.equal(lesson.value.title, school.lesson.title);
    assert.deepEqual([client.pending, world.storage.keys()], [{ words: 0, strokes: 0, lessons: {} }, []]);
    assert.equal(world.router.sockets.filter(({ isClosed }) => !isClosed).length, 1, "one connection");
    client.close();
  });
}
