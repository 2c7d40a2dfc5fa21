import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";

import { Heartbeat } from "../../tutorwamp/web/heartbeat.mjs";
import { Stream } from "../../tutorwamp/web/stream.mjs";
import { settled } from "./server.mjs";

// A stream of numbers. A reader shows them; `generous` is how many are given back at once.
class Numbers {
  head = 0;
  generous = 300;
  asked = [];
  read = 0;
  shown = [];

  constructor({ resumes = true } = {}) {
    this.stream = new Stream({
      apply: ({ seq }) => this.shown.push(seq),
      readAfresh: async () => {
        this.read++;
        this.shown = Array.from({ length: this.head }, (_, i) => i + 1);
        return this.head;
      },
      ...(resumes && { resume: async (position) => this.resume(position) }),
    });
  }

  resume(position) {
    this.asked.push(position);
    const missed = this.head - position;
    if (missed < 0 || missed > this.generous) return { complete: false, head: this.head };
    return { complete: true, head: this.head, events: Array.from({ length: missed }, (_, i) => ({ seq: position + 1 + i })) };
  }

  get all() {
    return Array.from({ length: this.head }, (_, i) => i + 1);
  }
}

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
  await settled();
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
  await settled();
  assert.deepEqual([numbers.shown, numbers.stream.position, numbers.read], [numbers.all, 500, 2]);
});

test("S10 a server that has forgotten is believed", async () => {
  numbers.head = 1;
  await numbers.stream.begin(1, numbers.resume(3));
  assert.deepEqual([numbers.shown, numbers.stream.position], [[1], 1]);
  numbers.head = 2;
  numbers.stream.hear({ seq: 2 });
  assert.deepEqual(numbers.shown, [1, 2]);
});

test("S10 what comes while it is being mended is shown after it", async () => {
  numbers.head = 5;
  numbers.stream.hear({ seq: 5 });
  numbers.head = 7;
  numbers.stream.hear({ seq: 7 });
  numbers.stream.hear({ seq: 6 });
  await settled();
  assert.deepEqual(numbers.shown, numbers.all);
});

test("S4 what a heartbeat says is compared", async () => {
  numbers.head = 4; // and not a word of it arrives
  numbers.stream.compare(4);
  await settled();
  assert.deepEqual(numbers.shown, numbers.all);
  numbers.stream.compare(4);
  await settled();
  assert.deepEqual(numbers.asked, [3]);
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
      else if (deed === 5) await settled();
      else if (deed === 6 && chance(4) === 0) {
        onTheWay = [];
        await settled();
        await all.stream.begin(all.head, all.resume(all.stream.position));
      }
    }
    await settled();
    all.stream.compare(all.head);
    await settled();
    assert.deepEqual(all.shown, all.all, `seed ${seed}`);
  }
});

// Heartbeats

function heart({ answers = [] } = {}) {
  const said = [];
  const heard = [];
  const heartbeat = new Heartbeat({
    call: async (kwargs) => {
      said.push(kwargs);
      const answer = answers.shift() ?? { interval_s: 10, behind: {} };
      if (answer instanceof Error) throw answer;
      return answer;
    },
    positions: () => ({ chat: 7 }),
    behind: (heads) => heard.push(heads),
  });
  return { heartbeat, said, heard };
}

const pass = async (seconds) => {
  mock.timers.tick(seconds * 1000);
  await settled();
};

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
  assert.deepEqual(heard, [{ chat: 9 }]);
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
