import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";

import { ClientError } from "../../tutorwamp/web/client/errors.mjs";
import { Notifications } from "../../tutorwamp/web/client/notifications.mjs";
import { settled } from "./server.mjs";

const topic = "tutorwamp.user.ada.notifications";
const refused = (action) => new ClientError({ uri: "wamp.error.not_authorized", action, message: "no" });

// Somebody's notifications on a server; `failures` are the errors of the next calls of a procedure.
class Office {
  events = [];
  items = [];
  asked = [];
  failures = {};

  async call(procedure, kwargs) {
    const name = procedure.split(".").at(-1);
    this.asked.push(name);
    const failure = this.failures[name]?.shift();
    if (failure) throw failure;
    const { positions } = kwargs;
    if (name === "heartbeat") return { behind: this.head > positions[topic] ? { [topic]: this.head } : {} };
    if (name === "resume") return { streams: { [topic]: { complete: true, events: this.events.slice(positions[topic]), head: this.head } } };
    if (name === "list") return { items: structuredClone(this.items).reverse().slice(0, kwargs.limit), next_cursor: null };
    if (name === "mark_read") this.read(kwargs.notification_ids);
    if (name === "mark_all_read") this.read(null);
    return { unread_count: this.unread };
  }

  async subscribe(name, heard) {
    if (this.failures.subscribe?.length) throw this.failures.subscribe.shift();
    assert.equal(name, topic);
    this.heard = heard;
  }

  get head() {
    return this.events.length;
  }

  get unread() {
    return this.items.filter(({ read_at }) => read_at === null).length;
  }

  create(id) {
    const notification = { id, kind: "lesson.invited", title: `title ${id}`, body: "", data: {}, created_at: "", read_at: null };
    this.items.push(notification);
    this.#tell("notification.created", { notification: structuredClone(notification), unread_count: this.unread });
  }

  read(notification_ids) {
    for (const one of this.items) if (notification_ids?.includes(one.id) ?? true) one.read_at ??= "then";
    this.#tell("notification.read", { notification_ids, read_at: "then", unread_count: this.unread });
  }

  #tell(type, data) {
    const event = { stream: topic, seq: this.head + 1, type, at: "then", actor: null, data };
    this.events.push(event);
    this.heard?.(event);
  }
}

let office;
let news;
let notifications;

beforeEach(() => {
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout"] });
  [office, news] = [new Office(), []];
  notifications = new Notifications({
    call: (procedure, kwargs = {}) => office.call(procedure, kwargs),
    subscribe: (name, heard) => office.subscribe(name, heard),
    me: () => ({ id: "ada" }),
  });
  notifications.on("news", ({ id }) => news.push(id));
});

const shown = () => [notifications.items.map(({ id }) => id), notifications.unreadCount];

test("what was there before is listed and counted, and is no news", async () => {
  for (let i = 1; i <= 25; i++) office.create(`n${i}`);
  await notifications.enter();
  assert.deepEqual([notifications.items.length, notifications.items[0].id, notifications.unreadCount], [20, "n25", 25]);
  assert.deepEqual([news, notifications.following.positions(), office.asked.includes("resume")], [[], { [topic]: 25 }, false]);
});

test("a new one is there at once, and is read in every tab", async () => {
  await notifications.enter();
  office.create("n1");
  office.create("n2");
  assert.deepEqual([shown(), news], [[["n2", "n1"], 2], ["n1", "n2"]]);
  await notifications.markRead({ id: "n1" });
  assert.deepEqual(notifications.items.map(({ read_at }) => read_at), [null, "then"]);
  assert.equal(notifications.unreadCount, 1);
  await notifications.markAllRead();
  assert.deepEqual([notifications.unreadCount, notifications.items.every(({ read_at }) => read_at)], [0, true]);
});

test("S10 what came while the connection was gone is resumed, once", async () => {
  await notifications.enter();
  office.create("n1");
  notifications.lost();
  office.heard = null;
  office.create("n2");
  const entering = notifications.enter();
  office.create("n3");
  await entering;
  assert.deepEqual([shown(), news], [[["n3", "n2", "n1"], 3], ["n1", "n2", "n3"]]);
});

test("S4 what a heartbeat knows of is fetched", async () => {
  await notifications.enter();
  office.heard = null;
  office.create("n1");
  notifications.following.behind({ [topic]: 1 }, { [topic]: 0 });
  await settled();
  assert.deepEqual(shown(), [["n1"], 1]);
});

for (const part of ["subscribe", "heartbeat", "list", "unread_count"]) {
  test(`a server that has no notifications (refuses ${part}) is no error, and is not asked again`, async () => {
    office.failures[part] = [refused("stop")];
    await notifications.enter();
    mock.timers.tick(3_600_000);
    await settled();
    assert.deepEqual([notifications.isServed, notifications.following.positions()], [false, {}]);
    assert.equal(office.asked.filter((name) => name === "list").length <= 1, true);
    await notifications.enter();
    assert.equal(notifications.isServed, true, "the next arrival may be at a newer server");
  });
}

test("whoever has gone does not come back by themselves", async () => {
  office.failures.list = [refused("retry")];
  const entering = notifications.enter();
  notifications.lost();
  await entering;
  const { length } = office.asked;
  mock.timers.tick(3_600_000);
  await settled();
  assert.equal(office.asked.length, length);
});

test("S11 notifications that are restarting are tried again by themselves", async () => {
  office.failures.list = [refused("retry")];
  office.create("n1");
  await notifications.enter();
  assert.equal(notifications.isServed, false);
  mock.timers.tick(45_000);
  await settled();
  assert.deepEqual([notifications.isServed, shown()], [true, [["n1"], 1]]);
});
