import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";

import { Chat } from "../../tutorwamp/web/client/chat/chat.mjs";
import { ClientError } from "../../tutorwamp/web/client/errors.mjs";
import { forgetKept, Kept } from "../../tutorwamp/web/client/chat/kept.mjs";
import { settled } from "./server.mjs";
import { Storage } from "./storage.mjs";

const me = { id: "ada", name: "Ada", role: "student" };
const refusal = (action, details = {}) => new ClientError({ uri: `tutorwamp.error.${action}`, action, message: `The server says ${action}.`, details });

// A chat's server; `answers` are errors of the next calls of a name, or a promise to wait for.
class School {
  messages = [];
  asked = [];
  answers = { send: [], edit: [], react: [] };
  isOpen = true;

  async call(procedure, kwargs) {
    const name = procedure.split(".").at(-1);
    if (!this.isOpen) throw ClientError.disconnected();
    if (name === "history") return this.history(kwargs);
    if (name === "mark_read") return { read_seq: 0, unread_count: 0 };
    this.asked.push([name, kwargs]);
    const next = await this.answers[name]?.shift();
    if (next instanceof Error) throw next;
    return name === "send" ? this.#keep(kwargs) : {};
  }

  history() {
    return { items: [...this.messages].reverse(), next_cursor: null };
  }

  say(body) {
    return this.#keep({ client_id: `c${this.messages.length}`, body });
  }

  #keep({ client_id, body, reply_to = null }) {
    const known = this.messages.find((message) => message.client_id === client_id);
    if (known) return known;
    const seq = this.messages.length + 1;
    const message = { id: `m${seq}`, seq, author: me, body, reply_to, client_id, reactions: {}, created_at: "", edited_at: null, deleted_at: null };
    this.messages.push(message);
    return message;
  }

  get sent() {
    return this.asked.filter(([name]) => name === "send").map(([, { body }]) => body);
  }
}

let school;
let storage;
let told;

beforeEach(() => {
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout"] });
  [school, storage, told] = [new School(), new Storage(), []];
});

// A page in the lesson; making another one is what a reload does.
function page({ lessonId = "lesson", person = me } = {}) {
  const view = { show: () => {}, isWatched: () => true };
  const kept = new Kept(storage, person.id, lessonId);
  return new Chat({ connection: school, lessonId, me: person, view, kept, tell: (error) => told.push(error) });
}

async function entered(options) {
  const chat = page(options);
  await chat.begin(school.messages.length);
  await settled();
  return chat;
}

const pass = async (seconds) => {
  mock.timers.tick(seconds * 1000);
  await settled();
};
const bodies = (messages) => messages.map(({ body }) => body);

test("S12 what was written without a connection is sent after a reload, in its order and under its client_id", async () => {
  const before = await entered();
  school.isOpen = false;
  before.lost();
  for (const body of ["one", "two", "three"]) before.send(body);
  const ids = before.picture.onTheirWay.map(({ client_id }) => client_id);
  school.isOpen = true;
  const after = page();
  assert.deepEqual(bodies(after.picture.onTheirWay), ["one", "two", "three"]);
  await after.begin(0);
  await settled();
  assert.deepEqual(bodies(school.messages), ["one", "two", "three"]);
  assert.deepEqual(school.messages.map(({ client_id }) => client_id), ids);
  assert.deepEqual([after.picture.onTheirWay, storage.length], [[], 0]);
});

test("S12 a message whose answer was lost by a reload is there once", async () => {
  const before = await entered();
  school.answers.send = [new Promise(() => {})];
  before.send("one");
  await settled();
  await school.call("tutorwamp.chat.send", { ...school.asked[0][1] }); // it had arrived
  const after = await entered();
  assert.deepEqual([bodies(school.messages), bodies(after.picture.messages), after.picture.onTheirWay], [["one"], ["one"], []]);
});

test("what is not sent is kept by person and lesson, and forgotten with the sign-out of its person", async () => {
  const chat = await entered();
  chat.lost();
  chat.send("one");
  for (const other of [{ lessonId: "other" }, { person: { ...me, id: "ben" } }]) assert.deepEqual(page(other).picture.onTheirWay, []);
  const ben = page({ person: { ...me, id: "ben" } });
  ben.send("two");
  forgetKept(storage, "ada");
  assert.deepEqual([page().picture.onTheirWay.length, page({ person: { ...me, id: "ben" } }).picture.onTheirWay.length], [0, 1]);
});

test("a full storage keeps nobody from sending", async () => {
  storage.isFull = true;
  const chat = await entered();
  chat.send("one");
  await settled();
  assert.deepEqual(bodies(school.messages), ["one"]);
});

for (const action of ["fix", "stop", "reload"]) {
  test(`S11 a message that is answered with ${action} says why and waits for its author, the next one goes on`, async () => {
    const chat = await entered();
    school.answers.send = [refusal(action)];
    chat.send("one");
    chat.send("two");
    await pass(60);
    assert.deepEqual(school.sent, ["one", "two"]);
    const [refused] = chat.picture.onTheirWay;
    assert.deepEqual([refused.body, refused.problem.uri, refused.problem.action], ["one", `tutorwamp.error.${action}`, action]);
    assert.deepEqual(page().picture.onTheirWay[0].problem, refused.problem, "also after a reload");
    chat.discard(refused);
    assert.deepEqual([chat.picture.onTheirWay, page().picture.onTheirWay], [[], []]);
  });
}

test("S11 a message is tried again after the time the server named, before the ones behind it, and for as long as it takes", async () => {
  const chat = await entered();
  school.answers.send = Array.from({ length: 8 }, () => refusal("retry", { retry_after_s: 4 }));
  chat.send("one");
  chat.send("two");
  await settled();
  await pass(3.9);
  assert.deepEqual([school.sent, chat.stuckCount], [["one"], 2]);
  await pass(2.1);
  assert.equal(school.sent.length, 2);
  for (let i = 0; i < 20; i++) await pass(15);
  assert.deepEqual([bodies(school.messages), school.sent.length, chat.stuckCount], [["one", "two"], 10, 0]);
});

test("S12 what waits for its second try goes at once when the connection is new", async () => {
  const chat = await entered();
  school.answers.send = [refusal("retry", { retry_after_s: 60 })];
  chat.send("one");
  await settled();
  chat.lost();
  await chat.begin(0);
  await settled();
  assert.deepEqual(bodies(school.messages), ["one"]);
  await pass(100);
  assert.equal(school.sent.length, 2);
});

test("S12 a try of the session before does not mix with those of the new one", async () => {
  const chat = await entered();
  school.answers.send = [refusal("retry", { retry_after_s: 10 }), new Promise(() => {})];
  chat.send("one");
  await settled();
  chat.lost();
  await chat.begin(0);
  await settled();
  await pass(100);
  assert.deepEqual(school.sent, ["one", "one"]);
});

test("S11 words for which there is no good token are kept until the person has signed in again", async () => {
  const chat = await entered();
  school.answers.send = [refusal("reauth")];
  chat.send("one");
  await pass(60);
  assert.equal(school.sent.length, 1);
  assert.deepEqual(page().picture.onTheirWay.map(({ problem }) => problem), [null]);
  await chat.begin(0);
  await settled();
  assert.deepEqual(bodies(school.messages), ["one"]);
});

test("a chat that was left sends nothing later on, when somebody else may be signed in", async () => {
  const chat = await entered();
  school.answers.send = [refusal("retry", { retry_after_s: 5 })];
  chat.send("one");
  await settled();
  chat.close();
  await pass(60);
  assert.deepEqual(school.sent, ["one"]);
});

test("S10 what is heard after a loss waits for what was missed", async () => {
  const chat = await entered();
  chat.lost();
  await school.call("tutorwamp.chat.send", { client_id: "c", body: "one" }); // by the same person, in another tab
  chat.stream.hear({ seq: 1, type: "message.created", data: school.messages[0] });
  assert.deepEqual(chat.picture.messages, []);
  await chat.begin(1);
  assert.deepEqual(bodies(chat.picture.messages), ["one"]);
});

test("what waits when the lesson ends says so", async () => {
  const chat = await entered();
  chat.lost();
  chat.send("one");
  chat.end();
  assert.equal(chat.picture.onTheirWay[0].problem.uri, "tutorwamp.error.lesson.state");
  assert.equal(chat.stuckCount, 0);
});

test("how much waits is what was written without a connection", async () => {
  const chat = await entered();
  school.answers.send = [new Promise(() => {})];
  chat.send("one");
  await settled();
  assert.equal(chat.stuckCount, 0, "on its way");
  chat.lost();
  chat.send("two");
  assert.equal(chat.stuckCount, 2);
});

test("S11 a correction that is answered with retry is tried again twice before the person is told", async () => {
  const chat = await entered();
  const message = { id: "m1", reactions: {} };
  school.answers.edit = [refusal("retry"), refusal("retry")];
  const edited = chat.edit(message, "better");
  for (let i = 0; i < 3; i++) await pass(2);
  assert.deepEqual([await edited, told, school.asked.length], [true, [], 3]);
  school.answers.react = [refusal("retry"), refusal("retry"), refusal("retry")];
  const reacted = chat.react(message, "👍");
  for (let i = 0; i < 3; i++) await pass(2);
  assert.deepEqual([await reacted, told.length, school.asked.length], [false, 1, 6]);
});

test("S11 whoever would wait for long is told at once, and a refusal is not asked again", async () => {
  const chat = await entered();
  school.answers.edit = [refusal("retry", { retry_after_s: 30 }), refusal("stop")];
  assert.equal(await chat.edit({ id: "m1" }, "better"), false);
  assert.equal(await chat.edit({ id: "m1" }, "better"), false);
  assert.deepEqual([told.length, school.asked.length], [2, 2]);
});

test("C17 files go with their message, also after a reload, and only where there are any", async () => {
  const file = { id: "f1", name: "a.txt", media_type: "text/plain", size: 5 };
  school.isOpen = false;
  const before = page();
  await before.begin(0).catch(() => {});
  before.send("", null, [file]);
  assert.deepEqual(before.picture.onTheirWay[0].files, [file]);
  school.isOpen = true;
  const after = page();
  await after.begin(0);
  await settled();
  after.send("without");
  await settled();
  const asked = school.asked.filter(([name]) => name === "send").map(([, { body, file_ids }]) => [body, file_ids]);
  assert.deepEqual(asked, [["", ["f1"]], ["without", undefined]]);
});

// A school whose pages have two messages, and whose answers come when the test says so.
function paged(count) {
  for (let n = 1; n <= count; n++) school.say(`${n}`);
  const answers = [];
  school.history = ({ cursor }) => {
    const end = Number(cursor ?? school.messages.length);
    const page = structuredClone({ items: school.messages.slice(Math.max(0, end - 2), end).reverse(), next_cursor: end > 2 ? `${end - 2}` : null });
    return new Promise((resolve) => answers.push(() => resolve(page)));
  };
  return async () => {
    answers.splice(0).forEach((answer) => answer());
    await settled();
  };
}

for (const [what, change] of Object.entries({ deleted: { body: null, deleted_at: "now" }, edited: { body: "new", edited_at: "now" } })) {
  test(`what is ${what} while its page is read is not shown as it was before`, async () => {
    const answer = paged(6);
    const chat = page();
    const beginning = chat.begin(6);
    await settled();
    for (let n = 0; n < 3; n++) await answer();
    await beginning;
    const shown = chat.picture.messages.length;
    const earlier = chat.showEarlier();
    await settled();
    const old = Object.assign(school.messages[chat.picture.messages[0].seq - 2], change);
    chat.stream.hear({ seq: 7, type: `message.${what === "edited" ? "updated" : what}`, data: structuredClone(old) });
    for (let n = 0; n < 3; n++) await answer();
    await earlier;
    const found = chat.picture.messages.find(({ id }) => id === old.id);
    assert.deepEqual([found.body, chat.picture.messages.length], [change.body, shown + 2]);
  });
}
