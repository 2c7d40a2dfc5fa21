import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";

import { Heartbeat } from "../../tutorwamp/web/client/heartbeat.mjs";
import { ClientError } from "../../tutorwamp/web/client/errors.mjs";
import { Following } from "../../tutorwamp/web/client/following.mjs";
import { GAP_PATIENCE_MS, Stream } from "../../tutorwamp/web/client/stream.mjs";
import { settled } from "./server.mjs";

// A stream of numbers. A reader shows them; `generous` is how many are given back at once.
class Numbers {
  head = 0;
  generous = 300;
  asked = [];
  read = 0;
  shown = [];

  constructor({ resumer = async (position) => this.resume(position) } = {}) {
    this.stream = new Stream({
      apply: ({ seq }) => this.shown.push(seq),
      readAfresh: async () => {
        if (this.unreadable) throw retry(1);
        this.read++;
        this.shown = Array.from({ length: this.head }, (_, i) => i + 1);
        return this.head;
      },
      resume: resumer,
    });
  }

  failures = []; // of the next resumes
  unreadable = false;

  resume(position) {
    this.asked.push(position);
    if (this.failures.length) throw this.failures.shift();
    const missed = this.head - position;
    if (missed < 0 || missed > this.generous) return { complete: false, head: this.head };
    return { complete: true, head: this.head, events: Array.from({ length: missed }, (_, i) => ({ seq: position + 1 + i })) };
  }

  get all() {
    return Array.from({ length: this.head }, (_, i) => i + 1);
  }
}

const pass = async (seconds) => {
  mock.timers.tick(seconds * 1000);
  await settled();
};

const retry = (seconds) => new ClientError({ uri: "tutorwamp.error.unavailable", action: "retry", message: "later", details: { retry_after_s: seconds } });

let numbers;

beforeEach(async () => {
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout"] });
  numbers = new Numbers();
  numbers.head = 3;
  await numbers.stream.begin(3);
});

test("S10 a gap is resumed, not read afresh", async () => {
  numbers.head = 6;
  numbers.stream.hear({ seq: 6 });
  numbers.stream.hear({ seq: 5 });
  await pass(1);
  assert.deepEqual([numbers.shown, numbers.asked, numbers.read], [numbers.all, [3], 1]);
});

test("S10 what is there already is not shown again", async () => {
  numbers.head = 4;
  numbers.stream.hear({ seq: 4 });
  numbers.stream.hear({ seq: 4 });
  numbers.stream.hear({ seq: 2 });
  await settled();
  assert.deepEqual([numbers.shown, numbers.asked], [numbers.all, []]);
});

test("S10 after a loss the answer for all streams is used, and nothing is asked again", async () => {
  numbers.head = 9;
  await numbers.stream.begin(9, numbers.resume(3));
  assert.deepEqual([numbers.shown, numbers.asked, numbers.read], [numbers.all, [3], 1]);
});

test("S10 where too much was missed the state is read afresh", async () => {
  numbers.head = 500;
  numbers.stream.hear({ seq: 500 });
  await pass(1);
  assert.deepEqual([numbers.shown, numbers.stream.position, numbers.read], [numbers.all, 500, 2]);
});

test("S10 a server that has forgotten is believed", async () => {
  numbers.head = 1;
  numbers.stream.hold();
  await numbers.stream.begin(1, numbers.resume(3));
  assert.deepEqual([numbers.shown, numbers.stream.position], [[1], 1]);
  numbers.head = 2;
  numbers.stream.hear({ seq: 2 });
  assert.deepEqual(numbers.shown, [1, 2]);
});

test("S10 what comes while it is being mended is shown after it", async () => {
  numbers.head = 5;
  numbers.stream.hear({ seq: 5 });
  mock.timers.tick(GAP_PATIENCE_MS); // asked now
  numbers.head = 7;
  numbers.stream.hear({ seq: 7 });
  numbers.stream.hear({ seq: 6 });
  await settled();
  assert.deepEqual(numbers.shown, numbers.all);
});

test("S4 what a heartbeat says is compared", async () => {
  numbers.head = 4; // and not a word of it arrives
  numbers.stream.compare(4, 3);
  await settled();
  assert.deepEqual(numbers.shown, numbers.all);
  numbers.stream.compare(4, 3);
  await settled();
  assert.deepEqual(numbers.asked, [3]);
});

test("S4 a stream that has gone on since the heartbeat was sent is not resumed", async () => {
  numbers.head = 6;
  for (const seq of [4, 5, 6]) numbers.stream.hear({ seq });
  numbers.stream.compare(4, 3);
  await settled();
  assert.deepEqual([numbers.shown, numbers.asked], [numbers.all, []]);
});

test("S4 a heartbeat's word that the server has forgotten is believed, also when an event has come since", async () => {
  numbers.stream.hear({ seq: 4 });
  numbers.head = 1;
  numbers.stream.compare(1, 3);
  await settled();
  assert.deepEqual([numbers.shown, numbers.stream.position], [[1], 1]);
  numbers.stream.compare(1, 3); // said again, of before
  await settled();
  assert.deepEqual(numbers.asked, [4]);
});

test("S10 two events that have overtaken each other are not asked for", async () => {
  numbers.head = 5;
  numbers.stream.hear({ seq: 5 });
  await pass(0.9);
  assert.deepEqual(numbers.shown, [1, 2, 3]);
  numbers.stream.hear({ seq: 4 });
  assert.deepEqual(numbers.shown, numbers.all);
  await pass(5);
  assert.deepEqual(numbers.asked, []);
});

test("S10 each gap is given its own moment", async () => {
  numbers.head = 7;
  numbers.stream.hear({ seq: 5 });
  await pass(0.9);
  numbers.stream.hear({ seq: 7 });
  numbers.stream.hear({ seq: 4 });
  await pass(0.9);
  assert.deepEqual(numbers.asked, []);
  await pass(1);
  assert.deepEqual([numbers.shown, numbers.asked], [numbers.all, [5]]);
});

test("S11 a resume that is told to retry does so after the time it was told, without another event", async () => {
  numbers.head = 6;
  numbers.failures = [retry(4), retry(4)];
  numbers.stream.hear({ seq: 6 });
  await pass(1);
  await pass(3.9);
  assert.deepEqual(numbers.asked, [3]);
  await pass(2.1);
  assert.deepEqual(numbers.asked, [3, 3]);
  await pass(6);
  assert.deepEqual([numbers.shown, numbers.asked], [numbers.all, [3, 3, 3]]);
});

test("S11 without a connection nothing is asked again until the next arrival", async () => {
  numbers.head = 6;
  numbers.failures = [ClientError.disconnected()];
  numbers.stream.hear({ seq: 6 });
  mock.timers.tick(GAP_PATIENCE_MS);
  numbers.stream.hold();
  await settled();
  await pass(60);
  assert.deepEqual(numbers.asked, [3]);
  await numbers.stream.begin(6, numbers.resume(3));
  assert.deepEqual(numbers.shown, numbers.all);
});

test("S10 what had come too early before a loss is not waited for after it", async () => {
  numbers.stream.hear({ seq: 6 });
  numbers.stream.hold();
  numbers.head = 1; // it has forgotten
  await numbers.stream.begin(1, numbers.resume(3));
  await pass(5);
  assert.deepEqual([numbers.shown, numbers.asked], [[1], [3]]);
});

// From a loss until everything is in place again

function classroom() {
  const asked = [];
  let answer;
  const following = new Following((procedure, { positions }) => {
    asked.push([procedure, positions]);
    return new Promise((resolve) => (answer = () => resolve({ streams: { "topic.chat": chat.resume(positions["topic.chat"]) } })));
  });
  const chat = new Numbers({ resumer: following.resumer("chat") });
  following.topics = { chat: "topic.chat" };
  following.follow({ chat: chat.stream });
  return { chat, asked, following, answer: () => answer() };
}

test("S10 what is heard between subscribing again and the resume's answer is shown once", async () => {
  const { chat, asked, following, answer } = classroom();
  chat.head = 3;
  await chat.stream.begin(3);
  following.hold(); // lost
  chat.head = 5; // missed
  chat.head = 6;
  chat.stream.hear({ seq: 6 }); // subscribed again
  const resumed = following.resume();
  chat.head = 7;
  chat.stream.hear({ seq: 7 });
  answer();
  chat.head = 8;
  chat.stream.hear({ seq: 8 });
  await chat.stream.begin(6, (await resumed).chat);
  assert.deepEqual([chat.shown, chat.stream.position], [chat.all, 8]);
  await pass(10);
  assert.deepEqual([asked, chat.asked, chat.read], [[["tutorwamp.session.resume", { "topic.chat": 3 }]], [3], 1]);
});

test("S10 what was heard of the very next number is not shown twice either", async () => {
  const { chat, following, answer } = classroom();
  chat.head = 3;
  await chat.stream.begin(3);
  following.hold();
  const resumed = following.resume();
  chat.head = 4;
  chat.stream.hear({ seq: 4 }); // committed before the answer was made, and come before it
  answer();
  await chat.stream.begin(4, (await resumed).chat);
  assert.deepEqual(chat.shown, [1, 2, 3, 4]);
});

test("S10 an answer that is older than what is shown takes nothing back", async () => {
  const answer = { complete: true, head: 4, events: [{ seq: 4 }] };
  const old = new Promise((resolve) => (numbers.old = () => resolve(answer)));
  numbers.head = 5;
  numbers.resume = () => old;
  numbers.stream.hear({ seq: 5 });
  mock.timers.tick(GAP_PATIENCE_MS);
  const begun = numbers.stream.begin(5, { complete: true, head: 5, events: [{ seq: 4 }, { seq: 5 }] });
  numbers.old();
  await begun;
  await numbers.stream.begin(5, answer);
  assert.deepEqual([numbers.shown, numbers.stream.position], [numbers.all, 5]);
});

test("S10 lost again while it is resumed: it stays held", async () => {
  let answer;
  numbers.head = 4;
  numbers.stream.hold();
  numbers.resume = () => new Promise((resolve) => (answer = resolve));
  const begun = numbers.stream.begin(4);
  await settled();
  numbers.stream.hold();
  answer({ complete: true, head: 4, events: [{ seq: 4 }] });
  await assert.rejects(begun, { action: "retry" });
  numbers.stream.hear({ seq: 5 });
  assert.deepEqual(numbers.shown, [1, 2, 3, 4]);
});

test("S4 heartbeats name streams by topic, and speak of the position that was sent", async () => {
  const { chat, asked, following, answer } = classroom();
  chat.head = 3;
  assert.deepEqual(following.positions(), {});
  await chat.stream.begin(3);
  assert.deepEqual(following.positions(), { "topic.chat": 3 });
  chat.head = 4;
  following.behind({ "topic.chat": 4, "topic.other": 1 }, { "topic.chat": 3, "topic.other": 9 });
  answer();
  await settled();
  assert.deepEqual([chat.shown, asked.length], [chat.all, 1]);
});

test("S10 whatever is lost, doubled or overtaken, all of it is shown in the end, once and in order", async () => {
  for (let seed = 1; seed <= 200; seed++) {
    let state = seed;
    const chance = (below) => (state = (state * 48271) % 2147483647) % below;
    const all = new Numbers();
    all.generous = [0, 3, 300][chance(3)];
    await all.stream.begin(0);
    let onTheWay = [];
    for (let step = 0; step < 60; step++) {
      const deed = chance(7);
      if (deed <= 2) {
        all.head++;
        for (let copies = [0, 1, 1, 2][chance(4)]; copies > 0; copies--) onTheWay.push(all.head);
      } else if (deed <= 4 && onTheWay.length) all.stream.hear({ seq: onTheWay.splice(chance(onTheWay.length), 1)[0] });
      else if (deed === 5) await pass(0.3 * chance(5));
      else if (deed === 6 && chance(4) === 0) {
        all.stream.hold();
        onTheWay = onTheWay.filter(() => chance(2)); // subscribed again
        for (const seq of onTheWay.splice(0)) if (chance(2)) all.stream.hear({ seq });
        await all.stream.begin(all.head, all.resume(all.stream.position));
      }
    }
    await pass(1);
    all.stream.compare(all.head, all.stream.position);
    await settled();
    assert.deepEqual(all.shown, all.all, `seed ${seed}`);
  }
});

// Heartbeats

function heart({ answers = [] } = {}) {
  const said = [];
  let position = 7;
  const heard = []; // and what was sent before
  const heartbeat = new Heartbeat({
    call: async (kwargs) => {
      said.push(kwargs);
      const answer = (await answers.shift()) ?? { interval_s: 10, behind: {} };
      if (answer instanceof Error) throw answer;
      return answer;
    },
    positions: () => ({ chat: position++ }),
    behind: (heads, sent) => heard.push(heads, sent),
  });
  return { heartbeat, said, heard };
}

test("S1 the heart beats at once and at the interval the server names", async () => {
  const { heartbeat, said } = heart();
  heartbeat.start();
  await settled();
  assert.deepEqual(said, [{ positions: { chat: 7 } }]);
  await pass(9.9);
  assert.equal(said.length, 1);
  await pass(0.2);
  await pass(10);
  assert.equal(said.length, 3);
});

test("S1 a beat without an answer does not stop the heart", async () => {
  const { heartbeat, said } = heart({ answers: [new Error("lost")] });
  heartbeat.start();
  await settled();
  await pass(30);
  assert.equal(said.length, 2);
});

test("S4 streams that are behind are told after a moment", async () => {
  const { heartbeat, heard } = heart({ answers: [{ interval_s: 10, behind: { chat: 9 } }] });
  heartbeat.start();
  await settled();
  assert.deepEqual(heard, []);
  await pass(1);
  assert.deepEqual(heard, [{ chat: 9 }, { chat: 7 }]);
});

test("S1 a heart that was stopped does not beat, and one that was started twice beats once", async () => {
  const { heartbeat, said, heard } = heart({ answers: [{ interval_s: 10, behind: { chat: 9 } }] });
  heartbeat.start();
  await settled();
  heartbeat.stop();
  await pass(100);
  assert.deepEqual([said.length, heard], [1, []]);
  heartbeat.start();
  heartbeat.start();
  await settled();
  await pass(10);
  assert.equal(said.length, 4);
});

test("S24 the heart says of which past we are, and tells where the server is of another one", async () => {
  const said = [];
  const heard = [];
  const heartbeat = new Heartbeat({
    call: async (kwargs) => (said.push(kwargs), { interval_s: 10, behind: {}, epoch: "second" }),
    positions: () => ({ chat: 7 }),
    epochs: () => ["first"],
    behind: (...all) => heard.push(all),
  });
  heartbeat.start();
  await settled();
  await pass(1);
  assert.deepEqual([said, heard], [[{ positions: { chat: 7 }, epoch: "first" }], [[{}, { chat: 7 }, "second"]]]);
  heartbeat.stop();
});

// Two streams that are followed together on a server with epochs.
async function followed() {
  const server = { epoch: "first", failing: false, asked: [] };
  const following = new Following(async (procedure, { positions, epoch }) => {
    server.asked.push(epoch);
    const streams = Object.entries(positions).map(([topic, position]) => {
      const numbers = all[topic];
      return [topic, epoch === server.epoch ? numbers.resume(position) : { complete: false, head: numbers.head }];
    });
    return { streams: Object.fromEntries(streams), epoch: server.epoch };
  });
  const all = {};
  for (const kind of ["chat", "board"]) all[kind] = new Numbers({ resumer: following.resumer(kind) });
  following.topics = { chat: "chat", board: "board" };
  following.follow({ chat: all.chat.stream, board: all.board.stream });
  following.joined("first");
  for (const numbers of Object.values(all)) {
    numbers.head = 10;
    await numbers.stream.begin(10);
  }
  return { server, following, all };
}

test("S24 a restored database is read afresh although it has gone on meanwhile", async () => {
  const { server, following, all } = await followed();
  assert.equal(following.epoch, "first");
  following.hold();
  server.epoch = "second";
  for (const numbers of Object.values(all)) numbers.head = 15;
  following.joined("second");
  const resumed = await following.resume();
  for (const [kind, numbers] of Object.entries(all)) await numbers.stream.begin(15, resumed[kind]);
  assert.deepEqual([all.chat.read, all.board.read, all.chat.shown, following.epoch], [2, 2, all.chat.all, "second"]);
});

test("S24 another epoch in a heartbeat has every stream read afresh, once", async () => {
  const { server, following, all } = await followed();
  server.epoch = "second";
  for (let beats = 0; beats < 3; beats++) {
    following.behind({}, { chat: 10, board: 10 }, "second");
    await settled();
  }
  assert.deepEqual([all.chat.read, all.board.read, following.epoch], [2, 2, "second"]);
});

test("S24 where reading afresh fails, the old position is not taken for one of the new epoch", async () => {
  const { server, following, all } = await followed();
  server.epoch = "second";
  all.chat.head = 15;
  all.chat.unreadable = true;
  following.behind({}, { chat: 10 }, "second");
  await settled();
  all.chat.unreadable = false;
  await pass(3);
  assert.deepEqual([all.chat.stream.position, all.chat.shown], [15, all.chat.all]);
});
