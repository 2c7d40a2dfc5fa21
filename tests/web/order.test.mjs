// Answers and events in either order: what is shown in the end is the same. Here an event overtakes the answer that was made
// before it; the other order is that of all other tests.

import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";

import { createClient, MemoryStorage, PenStroke } from "../../tutorwamp/web/client/index.mjs";
import { Clock, Router } from "./router.mjs";
import { ADA, LESSON, School, TUTOR } from "./school.mjs";

const POLL = { id: "p1", question: "Clear?", choices: [{ id: "a", text: "Yes", votes: 0 }], state: "open", shown: false, created_at: "1" };

let router;
let clock;
let school;
let client;

beforeEach(() => {
  [router, clock] = [new Router(), new Clock()];
  school = new School(router);
  client = newClient(ADA);
});

afterEach(() => client.close());

function newClient(user) {
  const options = { url: "https://school.test", getToken: async () => "token", user: () => user, storage: new MemoryStorage() };
  return createClient({ ...options, WebSocket: router.WebSocket, clock });
}

async function joined() {
  client.connect();
  await clock.tick(0);
  const joining = client.lesson(LESSON).join();
  await clock.tick(0);
  await joining;
  return client.lesson(LESSON);
}

/** From now on this happens, and is heard, between the making of an answer and its arrival. */
function overtaking(name, act) {
  const answer = router.answers[`tutorwamp.${name}`];
  router.answers[`tutorwamp.${name}`] = (kwargs) => {
    const made = structuredClone(answer(kwargs));
    act();
    return made;
  };
}

test("view and presence, on joining", async () => {
  let joins = 0;
  overtaking("lesson.join", () => {
    if (++joins !== 2) return; // of the second all that follows is heard
    school.whisper("view", { type: "view.changed", at: "now", view: { page: "p2", x: 0, y: 0, width: 1, height: 1 } });
    school.whisper("presence", { type: "participant.left", at: "now", participant: { person: TUTOR } });
  });
  const lesson = await joined();
  assert.deepEqual([lesson.view.value?.page, lesson.presence.participants.map(({ person }) => person.id)], ["p2", ["ada"]]);
});

test("the lesson, on asking how it is", async () => {
  const lesson = await joined();
  overtaking("lesson.get", () => {
    school.lesson = { ...school.lesson, hands: [ADA] }; // without another version
    school.tell("state", "hand.changed", school.lesson);
  });
  lesson.state.refresh();
  await clock.tick(0);
  assert.deepEqual(lesson.value.hands, [ADA]);
});

function edited() {
  if (school.messages[0].body === "edited") return;
  school.messages[0] = { ...school.messages[0], body: "edited" };
  school.tell("chat", "message.updated", school.messages[0]);
}

test("a message, on looking again after a change that was refused", async () => {
  const lesson = await joined();
  school.say(ADA, "hello");
  await clock.tick(0);
  router.answers["tutorwamp.chat.edit"] = () => ({ error: "tutorwamp.error.conflict", action: "reload" });
  for (const name of ["chat.history", "session.resume"]) overtaking(name, edited);
  lesson.chat.edit(lesson.chat.picture.messages[0], "mine");
  await clock.tick(2_000);
  assert.equal(school.messages[0].body, "edited");
  assert.deepEqual(lesson.chat.picture.messages.map(({ body }) => body), ["edited"]);
});

test("an earlier message, on going there", async () => {
  for (let i = 0; i < 80; i++) school.say(TUTOR, `message ${i}`);
  router.answers["tutorwamp.chat.history"] = ({ limit, cursor }) => {
    const end = cursor ? Number(cursor) : school.messages.length;
    const start = Math.max(0, end - limit);
    return { items: school.messages.slice(start, end).reverse(), next_cursor: start ? String(start) : null };
  };
  const lesson = await joined();
  overtaking("chat.history", edited);
  lesson.chat.showEarlier();
  await clock.tick(0);
  assert.deepEqual([lesson.chat.picture.messages.length, lesson.chat.picture.messages[0].body], [80, "edited"]);
});

test("a poll, for who reads the votes", async () => {
  client = newClient(TUTOR);
  school.ask(POLL);
  const lesson = await joined();
  const choices = [{ id: "a", text: "Yes", votes: 2 }];
  let isClosed = false;
  overtaking("poll.list", () => {
    if (isClosed) return;
    isClosed = true;
    school.polls = [{ ...POLL, state: "closed", choices }];
    school.tell("polls", "poll.closed", { ...POLL, state: "closed", choices: [{ id: "a", text: "Yes", votes: null }] });
  });
  school.tell("polls", "poll.changed", POLL);
  await clock.tick(5_000);
  assert.deepEqual(lesson.polls.items.map(({ state, choices: [{ votes }] }) => [state, votes]), [["closed", 2]]);
});

test("notifications and their count", async () => {
  const topic = "tutorwamp.user.ada.notifications";
  const all = [{ id: "n1", read_at: null }];
  let seq = 1;
  const tell = (type, data) => router.tell(topic, { seq: ++seq, type, data });
  Object.assign(router.answers, {
    "tutorwamp.session.heartbeat": () => ({ interval_s: 30, behind: { [topic]: 1 }, epoch: "first" }),
    "tutorwamp.notification.list": () => ({ items: structuredClone(all) }),
    "tutorwamp.notification.unread_count": () => ({ unread_count: 1 }),
  });
  overtaking("notification.list", () => tell("notification.created", { notification: { id: "n2", read_at: null }, unread_count: 2 }));
  overtaking("notification.unread_count", () => tell("notification.read", { notification_ids: null, read_at: "now", unread_count: 0 }));
  client.connect();
  const { notifications } = client;
  await clock.tick(0);
  assert.deepEqual([notifications.unreadCount, notifications.items.map(({ id, read_at }) => [id, read_at])], [0, [["n2", "now"], ["n1", "now"]]]);
});

for (const isFirst of [true, false]) {
  test(`a stroke whose event comes ${isFirst ? "before" : "after"} its answer is not counted any longer, and that is told`, async () => {
    const lesson = await joined();
    const told = [];
    client.on("pendingchange", ({ strokes }) => told.push(strokes));
    router.answers["tutorwamp.board.submit"] = (kwargs) => {
      const { answer, event } = school.board.submit("ada", kwargs);
      const tell = () => router.tell(`tutorwamp.lesson.${LESSON}.board`, event);
      if (isFirst) tell();
      else setImmediate(() => setImmediate(tell));
      return answer;
    };
    new PenStroke(lesson.board, { page: "p1", color: "#000000", width: 2 }, [0, 0]).end([5, 5]);
    await clock.tick(1_000);
    assert.deepEqual([told.at(-1), client.pending.strokes, lesson.board.elementsOn("p1").length], [0, 0, 1]);
  });
}

test("what a server has forgotten whose backup was brought back is not shown any longer", async () => {
  for (let i = 0; i < 10; i++) school.say(TUTOR, `message ${i}`);
  const lesson = await joined();
  router.socket.end();
  school.messages.length = school.streams.chat.length = 7;
  Object.assign(school, { epoch: "second", forgotten: true });
  await clock.tick(10_000);
  assert.equal(lesson.chat.picture.messages.length, 7);
});
