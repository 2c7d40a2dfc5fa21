import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";

import { createClient, MemoryStorage, PenStroke } from "../../tutorwamp/web/client/index.mjs";
import { Clock, Router, settled } from "./router.mjs";
import { ADA, LESSON, School, TUTOR } from "./school.mjs";

let router;
let clock;
let school;
let storage;
let client;
let states;

beforeEach(() => {
  [router, clock, storage, states] = [new Router(), new Clock(), new MemoryStorage(), []];
  school = new School(router);
  client = newClient();
});

afterEach(() => client.close());

function newClient(more = {}) {
  const made = createClient({ url: "https://school.test", getToken: async () => "token", storage, WebSocket: router.WebSocket, clock, ...more });
  made.on("state", ({ old, new: now, reason }) => states.push([old, now, reason]));
  return made;
}

async function connected() {
  const connecting = client.connect();
  await clock.tick(0);
  await connecting;
}

async function joined() {
  await connected();
  const lesson = client.lesson(LESSON);
  const joining = lesson.join();
  await clock.tick(0);
  await joining;
  return lesson;
}

async function lose(ms = 0) {
  router.isOff = true;
  router.socket.end();
  await clock.tick(ms);
}

async function back() {
  router.isOff = false;
  client.wake();
  await clock.tick(100);
}

function heard(part, ...events) {
  const all = [];
  for (const event of events) part.on(event, (value) => all.push([event, value?.type ?? null]));
  return all;
}

const bodies = (lesson) => lesson.chat.picture.messages.map(({ body }) => body);

test("the socket is the server's, and nothing is done before connect()", async () => {
  assert.deepEqual([client.state, router.sockets.length], ["initial", 0]);
  await connected();
  assert.deepEqual([router.socket.url, client.user], ["wss://school.test/ws", { id: "ada", name: "Ada", role: "student" }]);
});

test("states are told with what was before and why", async () => {
  await connected();
  await lose();
  await back();
  client.close();
  assert.deepEqual(states, [
    ["initial", "connecting", undefined],
    ["connecting", "connected", undefined],
    ["connected", "reconnecting", "lost"],
    ["reconnecting", "connected", undefined],
    ["connected", "disconnected", "closed"],
  ]);
});

test("a loss that lasts is told after five seconds, and when it is over; a short one is not", async () => {
  const told = [];
  client.on("lost", () => told.push("lost"));
  client.on("restored", () => told.push("restored"));
  await connected();
  await lose(4_900);
  await back();
  await clock.tick(60_000);
  assert.deepEqual(told, []);
  await lose(5_100);
  assert.deepEqual(told, ["lost"]);
  await back();
  assert.deepEqual(told, ["lost", "restored"]);
});

test("a connection that there can not be fails, and says why", async () => {
  router.refusals = [{ uri: "tutorwamp.error.unauthenticated" }, { uri: "tutorwamp.error.unauthenticated" }];
  const connecting = assert.rejects(client.connect(), { action: "reauth" });
  await clock.tick(0);
  await connecting;
  assert.equal(client.state, "disconnected");
});

test("who listens no more is told no more, and a listener that fails stops nobody", async (t) => {
  t.mock.method(console, "error", () => {});
  const told = [];
  client.on("state", () => {
    throw new Error("mine");
  });
  const off = client.on("state", () => told.push("first"));
  const second = () => told.push("second");
  client.on("state", second);
  await connected();
  off();
  client.off("state", second);
  await lose();
  assert.deepEqual(told, ["first", "second", "first", "second"]);
});

test("joining tells the whole of each part, and what follows as updates", async () => {
  school.say(TUTOR, "hello");
  school.ask({ id: "p1", question: "Clear?", choices: [], state: "open", shown: false, created_at: "1" });
  await connected();
  const lesson = client.lesson(LESSON);
  const parts = ["chat", "board", "state", "presence", "polls", "view"];
  const told = Object.fromEntries(parts.map((part) => [part, heard(lesson[part], "sync", "update")]));
  lesson.join();
  await clock.tick(0);
  for (const part of parts) assert.deepEqual(told[part].map(([event]) => event), ["sync"], part);
  assert.deepEqual([bodies(lesson), lesson.polls.items.map(({ id }) => id), lesson.presence.participants.length], [["hello"], ["p1"], 2]);
  school.say(TUTOR, "again");
  school.change("rules.changed", { rules: { chat: "tutors" } });
  school.whisper("presence", { type: "participant.left", at: "now", participant: { person: TUTOR } });
  school.whisper("view", { type: "view.changed", at: "now", view: { page: "p1", x: 0, y: 0, width: 1, height: 1 } });
  school.ask({ id: "p2", question: "And now?", choices: [], state: "open", shown: false, created_at: "2" });
  school.board.submit("tess", { client_id: "c", changes: [] });
  await clock.tick(0);
  const last = (part) => told[part].at(-1);
  assert.deepEqual(["chat", "state", "presence", "view", "polls"].map(last), [
    ["update", "message.created"],
    ["update", "rules.changed"],
    ["update", "participant.left"],
    ["update", "view.changed"],
    ["update", "poll.opened"],
  ]);
  assert.deepEqual([bodies(lesson), lesson.value.rules.chat, lesson.view.value.page, lesson.polls.items[0].id], [["hello", "again"], "tutors", "p1", "p2"]);
});

test("S10 what was missed is resumed: recovered, and nothing is read afresh", async () => {
  const lesson = await joined();
  assert.equal(lesson.recovered, false, "the first time everything is read");
  const told = heard(lesson.chat, "sync", "update");
  await lose(3_000);
  school.say(TUTOR, "while away");
  school.change("lesson.updated", { title: "Decimals" });
  const reads = ["chat.history", "board.open", "poll.list", "lesson.get"].map((name) => school.asked(name).length);
  await back();
  assert.deepEqual([bodies(lesson), lesson.value.title, told], [["while away"], "Decimals", [["update", "message.created"]]]);
  assert.deepEqual(["chat", "board", "state", "polls"].map((part) => lesson[part].recovered), [true, true, true, true]);
  assert.deepEqual(["chat.history", "board.open", "poll.list", "lesson.get"].map((name) => school.asked(name).length), reads);
});

test("S10 what is too much to be resumed is read afresh, and said so", async () => {
  const lesson = await joined();
  const told = heard(lesson.chat, "sync", "update");
  await lose(3_000);
  school.say(TUTOR, "while away");
  school.forgotten = true;
  await back();
  assert.deepEqual([bodies(lesson), told, lesson.recovered], [["while away"], [["sync", null]], false]);
});

test("a lesson that is over can be read", async () => {
  school.say(TUTOR, "hello");
  school.isOver = true;
  school.lesson.state = "ended";
  const lesson = await joined();
  assert.deepEqual([bodies(lesson), lesson.isOver, lesson.chat.picture.closed], [["hello"], true, true]);
});

test("a lesson that one may not enter is told, and not tried again", async () => {
  router.answers["tutorwamp.lesson.join"] = () => ({ error: "tutorwamp.error.not_found", action: "stop" });
  await connected();
  const lesson = client.lesson(LESSON);
  const failed = [];
  lesson.on("failed", ({ uri }) => failed.push(uri));
  const joining = assert.rejects(lesson.join(), { uri: "tutorwamp.error.not_found" });
  await clock.tick(60_000);
  await joining;
  assert.deepEqual([failed, school.asked("lesson.join").length], [["tutorwamp.error.not_found"], 1]);
});

test("S11 a lesson whose server is busy is tried again", async () => {
  const answer = router.answers["tutorwamp.lesson.join"];
  let busy = 2;
  router.answers["tutorwamp.lesson.join"] = () => (busy-- > 0 ? { error: "tutorwamp.error.unavailable", action: "retry", details: { retry_after_s: 1 } } : answer());
  await connected();
  const joining = client.lesson(LESSON).join();
  await clock.tick(5_000);
  await joining;
});

test("polls that cannot be read stop nobody from entering, and come when they can", async () => {
  const answer = router.answers["tutorwamp.poll.list"];
  router.answers["tutorwamp.poll.list"] = () => ({ error: "tutorwamp.error.unavailable", action: "retry", details: { retry_after_s: 1 } });
  school.ask({ id: "p1", question: "Clear?", choices: [], state: "open", shown: false, created_at: "1" });
  const lesson = await joined();
  assert.deepEqual(lesson.polls.items, []);
  router.answers["tutorwamp.poll.list"] = answer;
  await clock.tick(3_000);
  assert.deepEqual(lesson.polls.items.map(({ id }) => id), ["p1"]);
});

test("an older server without polls and view is entered as well", async () => {
  const answer = router.answers["tutorwamp.lesson.join"];
  router.answers["tutorwamp.lesson.join"] = () => {
    const { topics: { polls, view, ...topics }, view: shown, polls: open, ...more } = answer();
    return { ...more, topics };
  };
  const lesson = await joined();
  await lose(1_000);
  school.say(TUTOR, "hello");
  await back();
  assert.deepEqual([bodies(lesson), lesson.view.value, lesson.polls.items], [["hello"], null, []]);
});

test("a lesson that ends while one enters is one that has ended: there is all to read, and nobody is turned away", async () => {
  const answer = router.answers["tutorwamp.lesson.join"];
  let joins = 0;
  router.answers["tutorwamp.lesson.join"] = () => {
    if (++joins === 2) {
      school.isOver = true;
      school.lesson = { ...school.lesson, state: "ended" };
    }
    return answer();
  };
  school.say(TUTOR, "hello");
  const lesson = await joined();
  assert.deepEqual([lesson.isOver, bodies(lesson)], [true, ["hello"]]);
});

test("what happens to a lesson while one enters keeps nobody waiting for what happens next", async () => {
  const answer = router.answers["tutorwamp.lesson.join"];
  let joins = 0;
  router.answers["tutorwamp.lesson.join"] = () => {
    const said = answer();
    if (++joins === 1) school.change("lesson.live", { state: "live" }); // nobody has subscribed yet
    return said;
  };
  const lesson = await joined();
  school.change("pen.changed", { pen: ["ada"] });
  await clock.tick(0);
  assert.deepEqual([lesson.value.pen, school.asked("session.resume").length], [["ada"], 0]);
});

test("whoever leads sees the votes after each answer, with one reading for many", async () => {
  client.close();
  client = newClient({ user: () => TUTOR });
  const open = { id: "p1", question: "Clear?", choices: [{ id: "a", text: "Yes", votes: 3 }], state: "open", shown: false, created_at: "1" };
  school.ask(open);
  const lesson = await joined();
  const reads = school.asked("poll.list").length;
  for (let i = 0; i < 10; i++) school.tell("polls", "poll.changed", { ...open, answered: i, choices: [{ id: "a", text: "Yes", votes: null }] });
  await clock.tick(0);
  assert.deepEqual([lesson.polls.items[0].choices[0].votes, lesson.polls.items[0].answered], [3, 9]);
  await clock.tick(1_000);
  assert.equal(school.asked("poll.list").length, reads + 1);
});

test("an answer that comes behind newer events does not take them back", async () => {
  const lesson = await joined();
  const names = () => lesson.value.hands.map(({ person }) => person.name);
  const [mine, hers] = [ADA, TUTOR].map((person) => ({ person, at: "now" }));
  const raise = (...hands) => ((school.lesson = { ...school.lesson, hands }), school.tell("state", "hand.changed", school.lesson), school.lesson);
  router.answers["tutorwamp.lesson.raise_hand"] = () => {
    const answer = raise(mine);
    raise(mine, hers); // by somebody else, and told before the answer arrives
    return answer;
  };
  const acting = lesson.act("raise_hand", { up: true });
  await clock.tick(0);
  assert.deepEqual([(await acting).hands.length, names()], [1, ["Ada", "Tess"]]);
  router.answers["tutorwamp.lesson.raise_hand"] = () => ({ ...school.lesson, hands: [hers] }); // its event is still on its way
  lesson.act("raise_hand", { up: false });
  await clock.tick(0);
  assert.deepEqual(names(), ["Tess"], "nothing was told meanwhile");
});

test("what is not sent is counted by lesson, also of lessons that are not open", async () => {
  const lesson = await joined();
  const told = [];
  client.on("pendingchange", ({ words, strokes }) => told.push([words, strokes]));
  router.isSilent = true;
  lesson.chat.send("one");
  lesson.chat.send("two");
  const stroke = new PenStroke(lesson.board, { page: "p1", color: "#000000", width: 2 }, [0, 0]);
  stroke.end([5, 5]);
  assert.deepEqual(client.pending, { words: 2, strokes: 1, lessons: { [LESSON]: { words: 2, strokes: 1 } } });
  assert.deepEqual(told, [[1, 0], [2, 0], [2, 1]]);
  await clock.tick(5_000);
  assert.deepEqual([client.state, client.pending.words, client.pending.strokes], ["reconnecting", 2, 1], "also what is on its way");
  router.isSilent = false;
  await clock.tick(20_000);
  assert.deepEqual([client.state, client.pending], ["connected", { words: 0, strokes: 0, lessons: {} }]);
  assert.deepEqual([school.messages.map(({ body }) => body), school.board.elements.length], [["one", "two"], 1]);
});

test("what two tabs have kept is sent by the one and counted down by both", async () => {
  await leaveUnsent();
  client.lesson(LESSON).join();
  router.isOff = false;
  const [first, told] = [client, { first: [], second: [] }];
  client = newClient();
  for (const [name, tab] of [["first", first], ["second", client]]) tab.on("pendingchange", ({ words, strokes }) => told[name].push([words, strokes]));
  await joined();
  first.wake();
  await clock.tick(10_000);
  for (const tab of [first, client]) assert.deepEqual(tab.pending, { words: 0, strokes: 0, lessons: {} });
  assert.deepEqual([told.first.at(-1), told.second.at(-1)], [[0, 0], [0, 0]]);
  assert.deepEqual([school.messages.map(({ body }) => body), school.board.elements.length, storage.length], [["one", "two"], 1, 0]);
  first.close();
});

test("what was on its way when its lesson was left is counted until it is answered", async () => {
  const lesson = await joined();
  const told = [];
  client.on("pendingchange", ({ words, strokes }) => told.push([words, strokes]));
  lesson.chat.send("one");
  new PenStroke(lesson.board, { page: "p1", color: "#000000", width: 2 }, [0, 0]).end([5, 5]);
  lesson.leave();
  assert.deepEqual(told.at(-1), [1, 1]);
  await clock.tick(3_000);
  assert.deepEqual([told.at(-1), client.pending, storage.length], [[0, 0], { words: 0, strokes: 0, lessons: {} }, 0]);
});

test("leaving a lesson ends what it hears, and the next look at it is another", async () => {
  const lesson = await joined();
  lesson.leave();
  await clock.tick(0);
  school.say(TUTOR, "too late");
  await clock.tick(0);
  assert.deepEqual([bodies(lesson), school.asked("lesson.leave").length], [[], 1]);
  assert.notEqual(client.lesson(LESSON), lesson);
  const joins = school.asked("lesson.join").length;
  await lose(1_000);
  await back();
  assert.equal(school.asked("lesson.join").length, joins, "who has gone does not come back by itself");
});

test("notifications are followed from the first look on", async () => {
  Object.assign(router.answers, {
    "tutorwamp.notification.list": () => ({ items: [{ id: "n1", kind: "lesson.invited", read_at: null }], next_cursor: null }),
    "tutorwamp.notification.unread_count": () => ({ unread_count: 1 }),
  });
  await connected();
  const { notifications } = client;
  await clock.tick(0);
  assert.deepEqual([notifications.unreadCount, notifications.items.length], [1, 1]);
  router.tell("tutorwamp.user.ada.notifications", { seq: 1, type: "notification.read", data: { notification_ids: null, read_at: "now", unread_count: 0 } });
  await clock.tick(0);
  assert.equal(notifications.unreadCount, 0);
});

test("what is typed and pointed at is told now and then", async () => {
  const lesson = await joined();
  for (let i = 0; i < 100; i++) {
    lesson.typing.tell(true);
    lesson.cursor.tell({ page: "p1", x: i, y: 0 });
    await clock.tick(10);
  }
  await clock.tick(100);
  const said = (kind) => router.published.filter(({ topic }) => topic.endsWith(kind));
  assert.deepEqual([said("typing").length, said("cursor").at(-1).kwargs.x], [1, 99]);
  assert.ok(said("cursor").length <= 22);
  lesson.typing.tell(false);
  await settled();
  assert.deepEqual(router.published.at(-1).kwargs, { typing: false });
});

test("a client says what it lacks", () => {
  assert.throws(() => createClient({}), /url/);
  assert.throws(() => createClient({ url: "https://school.test" }), /getToken/);
  assert.throws(() => client.lesson(LESSON), /connect/);
});

async function leaveUnsent() {
  const lesson = await joined();
  await lose(0);
  lesson.chat.send("one");
  lesson.chat.send("two");
  new PenStroke(lesson.board, { page: "p1", color: "#000000", width: 2 }, [0, 0]).end([5, 5]);
  lesson.leave();
}

test("what was written and drawn without a connection is sent after one has gone elsewhere, in its order and once", async () => {
  await leaveUnsent();
  assert.deepEqual(client.pending, { words: 2, strokes: 1, lessons: { [LESSON]: { words: 2, strokes: 1 } } });
  const joins = school.asked("lesson.join").length;
  await back();
  await clock.tick(10_000);
  assert.deepEqual([school.messages.map(({ body }) => body), school.board.elements.length], [["one", "two"], 1]);
  assert.deepEqual([client.pending.words, client.pending.strokes, storage.length], [0, 0, 0]);
  assert.equal(school.asked("lesson.join").length, joins, "without entering");
  await clock.tick(60_000);
  assert.equal(school.asked("chat.send").length, 2);
});

test("what was left in the storage by a page before is sent by the next one", async () => {
  await leaveUnsent();
  client.close();
  router.isOff = false;
  client = newClient();
  await connected();
  await clock.tick(10_000);
  assert.deepEqual([school.messages.map(({ body }) => body), school.board.elements.length, storage.length], [["one", "two"], 1, 0]);
});

test("words that are refused meanwhile are kept for their author", async () => {
  await leaveUnsent();
  const refused = [];
  client.on("refused", ({ lessonId, error }) => refused.push([lessonId, error.uri]));
  for (const name of ["chat.send", "board.submit"]) router.answers[`tutorwamp.${name}`] = () => ({ error: "tutorwamp.error.lesson.state", action: "reload" });
  await back();
  await clock.tick(10_000);
  assert.equal(refused.length, 3);
  assert.deepEqual(client.pending, { words: 0, strokes: 0, lessons: {} });
  const lesson = client.lesson(LESSON);
  assert.deepEqual(lesson.chat.picture.onTheirWay.map(({ body, problem }) => [body, problem.uri]), [
    ["one", "tutorwamp.error.lesson.state"],
    ["two", "tutorwamp.error.lesson.state"],
  ]);
});

test("a lesson that is opened again sends what it has itself", async () => {
  await leaveUnsent();
  client.lesson(LESSON).join();
  await back();
  await clock.tick(10_000);
  assert.deepEqual([school.messages.map(({ body }) => body), school.asked("chat.send").length, school.board.elements.length], [["one", "two"], 2, 1]);
});

test("a name that nobody has says so, and a name that the types do not know can be called", async () => {
  await connected();
  router.answers["tutorwamp.lesson.lst"] = () => ({ error: "wamp.error.not_authorized", message: null });
  await assert.rejects(client.callAny("tutorwamp.lesson.lst", {}), { action: "stop", message: /tutorwamp\.lesson\.lst/ });
});

test("words are made fit before they are shown and sent", async () => {
  const lesson = await joined();
  lesson.chat.send("It\u0092s cafe\u0301\u0000");
  assert.deepEqual(lesson.chat.picture.onTheirWay.map(({ body }) => body), ["It’s café"]);
  await clock.tick(100);
  assert.deepEqual(school.asked("chat.send").map(({ body }) => body), ["It’s café"]);
});

test("a pause is told when it begins and when it is over, and nothing in between", async () => {
  const told = [];
  client.on("retry", ({ seconds }) => told.push(seconds === null ? null : "pause"));
  await connected();
  await clock.tick(20_000);
  assert.deepEqual(told, []);
  await lose();
  await back();
  assert.deepEqual(told, ["pause", null]);
});
