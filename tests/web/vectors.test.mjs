// What every client does alike: tests/vectors/, with this one. And the names it knows beside those of the contract.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { beforeEach, mock, test } from "node:test";

import { jittered } from "../../tutorwamp/web/client/again.mjs";
import { Board } from "../../tutorwamp/web/client/board/board.mjs";
import { isDrawable, shapeOf } from "../../tutorwamp/web/client/board/shapes.mjs";
import { Chat } from "../../tutorwamp/web/client/chat/chat.mjs";
import { NOT_KEPT } from "../../tutorwamp/web/client/chat/kept.mjs";
import { systemClock } from "../../tutorwamp/web/client/clock.mjs";
import { ClientError } from "../../tutorwamp/web/client/errors.mjs";
import { EVENTS, lessonAfter, readLesson } from "../../tutorwamp/web/client/events.mjs";
import { LessonState, Polls } from "../../tutorwamp/web/client/lesson-parts.mjs";
import { Notifications } from "../../tutorwamp/web/client/notifications.mjs";
import { OVER } from "../../tutorwamp/web/page/lessons/state.mjs";
import { settled } from "./server.mjs";

const at = (path) => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");
const vectors = (name) => JSON.parse(at(`tests/vectors/${name}.json`));
const me = { id: "me", name: "Me", role: "student" };
const LONG_MS = 1_000_000; // than any pause between two readings

let warn;

beforeEach((context) => {
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout"] });
  warn?.mock.restore();
  warn = mock.method(console, "warn", () => {});
});

const headOf = (events, before = 0) => events.at(-1)?.seq ?? before;

/** Each case twice: the events are heard, or they are in the answer of a resume. */
function follow(name, make) {
  for (const vector of vectors(name)) {
    for (const way of ["heard", "resumed"]) {
      test(`S30 ${name}, ${way}: ${vector.name}`, async () => {
        const { stream, begin, shown, meanwhile, reads, expected } = make(vector);
        await begin();
        const before = reads();
        if (way === "heard") {
          for (const event of vector.events) stream().hear(structuredClone(event));
          await settled();
          if (vector.meanwhile) assert.deepEqual(meanwhile(), vector.meanwhile);
          assert.equal(reads(), before, "not at once, where all hear the same");
        } else {
          stream().hold();
          const head = headOf(vector.events, stream().position ?? 0);
          await begin(head, { complete: true, events: structuredClone(vector.events), head });
        }
        for (let i = 0; i < 5; i++) {
          mock.timers.tick(LONG_MS);
          await settled();
        }
        assert.deepEqual(shown(), expected);
        assert.equal(reads() - before, vector.afresh ? 1 : 0, "how often it was read again");
      });
    }
  }
}

follow("board", ({ begin, afresh, shown }) => {
  let reads = 0;
  const call = async (name) => structuredClone(reads++ && afresh ? afresh : begin);
  const hooks = { onChange: () => {}, onNews: () => {}, onStopped: () => {}, tell: (error) => assert.fail(error) };
  const board = new Board({ call, me, hooks, resume: async () => assert.fail("nothing is missing") });
  const seen = () => board.pages.flatMap((page) => board.elementsOn(page)).map(({ id, version }) => [id, version]);
  return {
    stream: () => board.stream,
    begin: (head = begin.head, resumed = null) => board.begin(head, resumed),
    shown: () => ({ pages: board.pages, elements: seen(), head: board.stream.position }),
    meanwhile: seen,
    reads: () => reads,
    expected: shown,
  };
});

follow("chat", ({ begin, head = begin.length, afresh, shown }) => {
  let reads = 0;
  const connection = {
    call: async (procedure) => {
      if (procedure === "tutorwamp.chat.mark_read") return { read_seq: 0, unread_count: 0 };
      return { items: structuredClone(reads++ && afresh ? afresh : begin).reverse(), next_cursor: null };
    },
  };
  const view = { show: () => {}, arrived: () => {}, isWatched: () => true };
  const resume = async () => assert.fail("nothing is missing");
  const chat = new Chat({ connection, lessonId: "L", me, view, kept: NOT_KEPT, resume, tell: (error) => assert.fail(error) });
  return {
    stream: () => chat.stream,
    begin: (now = head, resumed = null) => chat.begin(now, resumed),
    shown: () => ({
      bodies: chat.picture.messages.map(({ body }) => body),
      read: Object.fromEntries(chat.picture.seenBy.map(({ person, seq }) => [person.id, seq])),
      head: chat.stream.position,
    }),
    reads: () => reads,
    expected: shown,
  };
});

follow("polls", ({ begin, afresh, shown }) => {
  let reads = 0;
  const read = async () => ({ items: structuredClone(reads++ && afresh ? afresh : begin) });
  const polls = new Polls({ read, moderates: () => false, clock: systemClock, resume: async () => assert.fail("nothing is missing") });
  return {
    stream: () => polls.stream,
    begin: (head = 0, resumed = null) => polls.begin(head, resumed),
    shown: () => ({ questions: polls.items.map(({ question }) => question), head: polls.stream.position }),
    reads: () => reads,
    expected: shown,
  };
});

follow("lesson", ({ begin, shown }) => {
  let reads = 0;
  const read = async () => ++reads && structuredClone(begin);
  const state = new LessonState({ read, clock: systemClock, resume: async () => assert.fail("nothing is missing") });
  return {
    stream: () => state.stream,
    begin: (head = 0, resumed = null) => state.stream.begin(head, resumed),
    shown: () => Object.fromEntries(Object.keys(shown).map((key) => [key, state.value[key]])),
    reads: () => reads,
    expected: shown,
  };
});

for (const { name, begin, events, shown, over } of vectors("lesson")) {
  test(`S30 lesson: ${name}`, () => {
    const lesson = events.reduce(lessonAfter, readLesson(begin));
    assert.deepEqual(Object.fromEntries(Object.keys(shown).map((key) => [key, lesson[key]])), shown);
    assert.equal(OVER.has(lesson.state), over);
  });
}

for (const { name, begin, events, afresh, shown } of vectors("notifications")) {
  test(`S30 notifications: ${name}`, async () => {
    let reads = 0;
    let hear;
    const now = () => (reads && afresh ? afresh : begin);
    const call = async (procedure) => {
      if (procedure === "tutorwamp.session.heartbeat") return { behind: {} };
      if (procedure === "tutorwamp.notification.unread_count") return { unread_count: now().unread_count };
      const answer = { items: structuredClone(now().items), next_cursor: null };
      reads++;
      return answer;
    };
    const notifications = new Notifications({ call, subscribe: async (_, heard) => (hear = heard), me: () => me });
    await notifications.enter();
    for (const event of events) hear(structuredClone(event));
    for (let i = 0; i < 5; i++) {
      mock.timers.tick(LONG_MS);
      await settled();
    }
    const { items, unreadCount } = notifications;
    const unread = items.filter(({ read_at }) => read_at === null).map(({ id }) => id);
    assert.deepEqual({ titles: items.map(({ title }) => title), unread, unread_count: unreadCount }, shown);
    assert.equal(reads, afresh ? 2 : 1);
  });
}

// A stream whose events keep making no sense is not read without end.

test("S30 the readings for events that make no sense grow rarer, however many of them come", async () => {
  let opened = 0;
  const call = async () => ({ pages: [{ id: "p1" }], elements: [], head: opened++ ? seq : 0 });
  const hooks = { onChange: () => {}, onNews: () => {}, onStopped: () => {}, tell: () => {} };
  const board = new Board({ call, me, hooks, resume: async () => assert.fail("nothing is missing") });
  let seq = 0;
  await board.begin(0);
  for (let second = 0; second < 600; second++) {
    board.stream.hear({ seq: ++seq, type: "board.changed", data: { changes: [{ op: "wobble", id: "a", by: "x" }] } });
    mock.timers.tick(1_000);
    await settled();
  }
  assert.equal(board.stream.position, 600);
  assert.ok(opened > 5 && opened < 25, `${opened} readings in ten minutes`);
});

test("S30 a reading that fails is tried again, and what is heard meanwhile is shown", async () => {
  let opened = 0;
  const states = [{ head: 0 }, new TypeError("unreadable"), new ClientError({ uri: "tutorwamp.error.unavailable" }), { head: 2 }];
  const call = async () => {
    const state = states[opened++];
    if (state instanceof Error) throw state;
    return { pages: [{ id: "p1" }], elements: [], ...state };
  };
  const hooks = { onChange: () => {}, onNews: () => {}, onStopped: () => {}, tell: () => {} };
  const board = new Board({ call, me, hooks, resume: async () => assert.fail("nothing is missing") });
  await board.begin(0);
  board.stream.hear({ seq: 1, type: "board.changed", data: { changes: [{ op: "wobble", id: "a", by: "x" }] } });
  board.stream.hear({ seq: 2, type: "page.added", data: { page: "p2" } });
  assert.deepEqual(board.pages, ["p1", "p2"]);
  for (let i = 0; i < 5; i++) {
    mock.timers.tick(LONG_MS);
    await settled();
  }
  assert.deepEqual([opened, board.stream.position, board.pages], [4, 2, ["p1"]]);
});

// Drawing

for (const element of [
  { kind: "hologram", points: [[0, 0]] },
  { kind: "stroke" },
  { kind: "stroke", points: [], width: 2 },
  { kind: "stroke", points: "M0 0", width: 2 },
  { kind: "stroke", points: [[0, "x"]], width: 2 },
  { kind: "arrow", points: [[0, 0]], width: 2 },
  { kind: "rect", x: 0, y: 0, width: "wide", height: 3 },
  { kind: "ellipse", x: 0, y: 0, width: -1, height: 3 },
  { kind: "text", x: 0, y: 0, size: 12, text: ["a", "b"] },
  { kind: "image", x: 0, y: 0, width: 1, height: 1 },
  { kind: "constructor" },
  {},
]) {
  test(`S30 what cannot be drawn is an empty place: ${JSON.stringify(element)}`, () => {
    assert.equal(isDrawable(element), false);
    assert.deepEqual(shapeOf(element), { tag: "g", attributes: {} });
  });
}

// Errors

const response = ({ status, body }) => new Response(body === null ? "<html>" : JSON.stringify(body), { status });

for (const vector of vectors("errors")) {
  test(`S11 ${vector.door}: ${vector.name}`, async () => {
    const { door, uri, said, rejection, action, retry_after_s } = vector;
    const error = {
      wamp: () => ClientError.from({ errorUri: uri, argsDict: said }),
      http: () => ClientError.fromResponse(response(vector)),
      abort: () => ClientError.fromAbort({ errorUri: uri, details: { message: "No." } }),
      rejection: () => ClientError.fromRejection(rejection),
    };
    const made = await error[door]();
    assert.deepEqual([made.uri, made.action], [uri ?? rejection.error, action]);
    if (retry_after_s !== undefined) assert.equal(made.retryAfter, retry_after_s);
    assert.ok(made.retryAfter >= 0 && made.retryAfter <= 3_600);
  });
}

for (const { name, details, at_least_s, at_most_s } of vectors("pauses")) {
  test(`S11 a pause: ${name}`, () => {
    for (let i = 0; i < 100; i++) {
      const pause = jittered(new ClientError({ uri: "tutorwamp.error.unavailable", details }).retryAfter);
      assert.ok(pause >= at_least_s && pause <= at_most_s, String(pause));
    }
  });
}

// The contract

test("every error of the contract has the action here that it has there", () => {
  const table = [...at("docs/api/errors.md").matchAll(/^\| `([^`]+)` \| \d+ \| (\w+) \|/gm)];
  assert.ok(table.length > 20);
  for (const [, uri, action] of table) assert.equal(new ClientError({ uri }).action, action, uri);
});

test("every type of event of the contract is known", () => {
  const rows = [...at("docs/api/topics.md").matchAll(/^\| `tutorwamp\.(?:lesson|user)\.\{\w+\}\.(\w+)` \| server \| ([^|]+)\|/gm)];
  const told = Object.fromEntries(rows.map(([, kind, says]) => [kind, [...says.matchAll(/`([a-z]+\.[a-z]+)`:/g)].map(([, type]) => type)]));
  for (const kind of ["state", "chat", "board", "polls", "notifications"]) assert.deepEqual(EVENTS[kind], told[kind], kind);
});
