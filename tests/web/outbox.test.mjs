import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";

import { ClientError } from "../../tutorwamp/web/client/errors.mjs";
import { Outbox } from "../../tutorwamp/web/client/board/outbox.mjs";
import { settled } from "./server.mjs";

const STALE = "tutorwamp.error.board.stale";
const retry = (seconds = 2) => new ClientError({ uri: "tutorwamp.error.unavailable", action: "retry", message: "later", details: { retry_after_s: seconds } });
const put = (id) => ({ op: "put", element: { id, kind: "stroke", points: [[0, 0]] } });
const append = (id, version, x = version) => ({ op: "append", id, version, points: [[x, x]] });

let arrived; // points
let sent; // {clientId, changes, answer({seq, rejected}), fail(error)}
let rejected;
let refused;
let outbox;

beforeEach(() => {
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout", "Date"], now: 1_000_000 });
  [arrived, sent, rejected, refused] = [[], [], [], []];
  outbox = new Outbox({
    send: (clientId, changes) => new Promise((resolve, reject) => {
      sent.push({ clientId, changes: structuredClone(changes), answer: (seq, no = []) => resolve({ seq, applied: [], rejected: no }), fail: reject });
    }),
    onRejected: (some) => rejected.push(...some.map(({ id }) => id)),
    onRefused: (error, changes) => refused.push([error, changes]),
  });
  outbox.resume();
});

const rejection = (id, error = STALE) => ({ id, error, message: "", details: {}, element: null });
const wait = async (ms = 50) => {
  mock.timers.tick(ms);
  await settled();
};

test("B33 each frame's points leave with it, 20 a second in the long run, and nothing is left out", async () => {
  const server = { room: 200, at: Date.now() }; // S7, with nothing left for the chat
  const counts = [];
  outbox.add(put("a"));
  assert.equal(sent.length, 1, "the first goes at once");
  for (let second = 0, version = 1; second < 20; second++) {
    for (let frame = 0; frame < 60; frame++, version++) {
      outbox.add(append("a", version));
      for (const one of sent.splice(0)) {
        server.room = Math.min(200, server.room + (Date.now() - server.at) / 50) - 1;
        server.at = Date.now();
        assert.ok(server.room >= 45, "room for what else one does");
        counts[second] = (counts[second] ?? 0) + 1;
        arrived.push(...one.changes.flatMap(({ points }) => points ?? []));
        one.answer(version);
      }
      await wait(frame % 3 ? 17 : 16);
    }
  }
  await wait(60);
  arrived.push(...sent.flatMap(({ changes }) => changes.flatMap(({ points }) => points)));
  assert.ok(counts[0] >= 55, `${counts[0]} in the first second`);
  assert.ok(counts[19] >= 20 && counts[19] <= 23, `${counts[19]} in the twentieth`);
  assert.deepEqual(arrived.map(([x]) => x), Array.from({ length: 1200 }, (_, i) => i + 1));
});

test("B33 a server that does not keep up is sent no more than before", async () => {
  outbox.add(put("a"));
  for (let frame = 1; frame <= 60; frame++) {
    outbox.add(append("a", frame));
    await wait(frame % 3 ? 17 : 16);
    if (sent.length > 10) sent[sent.length - 11].answer(frame); // ten are always under way
  }
  assert.ok(sent.length < 30, `${sent.length} in a second`);
});

test("B33 changes follow one another without waiting for answers", async () => {
  for (const change of [put("a"), append("a", 1), append("a", 2)]) {
    outbox.add(change);
    await wait();
  }
  assert.deepEqual(sent.map(({ changes }) => changes), [[put("a")], [append("a", 1)], [append("a", 2)]]);
});

test("on a slow connection more is gathered, and the answers let it go", async () => {
  outbox.add(put("a"));
  for (let i = 1; i <= 60; i++) {
    await wait();
    outbox.add(append("a", i));
  }
  assert.equal(sent.length, 20);
  sent[0].answer(1);
  await wait();
  assert.equal(sent.length, 21);
  assert.ok(sent[20].changes[0].points.length >= 20, "a second's: by then it is stored, and stays as it is");
});

test("an element occurs once in a submission, so that the answer says what became of each change", async () => {
  outbox.halt();
  outbox.add(put("a"));
  outbox.add(append("a", 1));
  outbox.add(put("b"));
  outbox.add({ op: "delete", id: "a", version: 1 });
  outbox.add({ op: "put", element: { id: "a", version: 2 } });
  outbox.resume();
  await wait();
  assert.deepEqual(sent.map(({ changes }) => changes.map(({ op, id, element }) => [op, id ?? element.id])), [
    [["put", "a"], ["put", "b"]],
    [["delete", "a"]],
    [["put", "a"]],
  ]);
  assert.deepEqual(sent[0].changes[0].element.points, [[0, 0], [1, 1]]);
});

test("a submission has at most 200 changes, and stays below what a call may have", async () => {
  outbox.halt();
  for (let i = 0; i < 201; i++) outbox.add(put(`e${i}`));
  const large = (id) => ({ op: "put", element: { id, text: "x".repeat(60_000) } });
  for (let i = 0; i < 10; i++) outbox.add(large(`l${i}`));
  outbox.resume();
  assert.equal(sent[0].changes.length, 200);
  assert.equal(sent.flatMap(({ changes }) => changes).length, 211);
  for (const { changes } of sent) assert.ok(JSON.stringify(changes).length < 300_000);
});

test("B7 what the server rejects is dropped, the rest stays until its event is here", async () => {
  outbox.add(put("a"));
  outbox.add(put("b"));
  outbox.flush();
  sent[0].answer(3);
  sent[1].answer(4, [rejection("b", "tutorwamp.error.board.no_pen")]);
  await settled();
  assert.deepEqual(rejected, ["b"]);
  assert.deepEqual(outbox.changes, [put("a")]);
  outbox.settle(2);
  assert.equal(outbox.changes.length, 1);
  outbox.settle(3);
  assert.equal(outbox.changes.length, 0);
});

test("an answer that comes after its event leaves nothing behind", async () => {
  outbox.add(put("a"));
  outbox.settle(3);
  sent[0].answer(3);
  await settled();
  assert.equal(outbox.changes.length, 0);
});

test("B31 unanswered submissions are sent again, in their order, with the same client_id, and before what is new", async () => {
  outbox.add(put("a"));
  await wait();
  outbox.add(append("a", 1));
  await wait();
  sent[0].answer(1);
  await settled();
  outbox.halt();
  outbox.add(append("a", 2));
  outbox.add(append("a", 3));
  await wait(60_000);
  assert.equal(sent.length, 2, "nobody to send it to");
  assert.equal(outbox.isStuck, true);
  outbox.resume();
  await wait();
  assert.deepEqual(sent.slice(2).map(({ changes }) => changes), [[append("a", 1)], [{ ...append("a", 2), points: [[2, 2], [3, 3]] }]]);
  assert.equal(sent[2].clientId, sent[1].clientId);
  assert.equal(new Set(sent.map(({ clientId }) => clientId)).size, 3);
  // Of the session before: too late to count.
  sent[1].answer(9, [rejection("a")]);
  await settled();
  assert.deepEqual([rejected, outbox.changes.length], [[], 3]);
  assert.equal(outbox.isStuck, false);
});

test("where the server says retry, everything goes on in its order", async () => {
  for (const change of [put("a"), append("a", 1), append("a", 2)]) {
    outbox.add(change);
    await wait();
  }
  sent[0].fail(retry(2));
  await wait(30_000);
  assert.equal(sent.length, 3, "what is in flight comes down first");
  sent[1].answer(5, [rejection("a")]);
  sent[2].answer(5, [rejection("a")]);
  await wait(1_900);
  assert.equal(sent.length, 3, "not before the time the server asked for");
  assert.deepEqual(rejected, [], "they were not wrong, only early");
  outbox.add(append("a", 3));
  await wait(2_000);
  assert.equal(sent.length, 4, "one by one until one is answered");
  assert.deepEqual([sent[3].clientId, sent[3].changes], [sent[0].clientId, [put("a")]]);
  sent[3].answer(6);
  await wait();
  assert.deepEqual(sent.slice(4).map(({ changes }) => changes), [[append("a", 1)], [append("a", 2)], [append("a", 3)]]);
  assert.equal(new Set(sent.map(({ clientId }) => clientId)).size, 6, "an answer is kept under its client_id, so these are new");
});

test("an answer that overtakes an earlier one's failure does not cost the points", async () => {
  outbox.add(put("a"));
  await wait();
  outbox.add(append("a", 1));
  await wait();
  sent[1].answer(5, [rejection("a")]);
  await wait(10_000);
  assert.equal(sent.length, 2);
  sent[0].fail(retry());
  await settled();
  await wait(10_000);
  sent[2].answer(6);
  await wait();
  assert.deepEqual(sent.slice(2).map(({ changes }) => changes), [[put("a")], [append("a", 1)]]);
});

test("the pauses between tries grow, up to a limit, until it works", async () => {
  outbox.add(put("a"));
  const pauses = [];
  for (let i = 0; i < 12; i++) {
    sent.at(-1).fail(retry(1));
    await settled();
    const [count, from] = [sent.length, Date.now()];
    while (sent.length === count) await wait(100);
    pauses.push(Date.now() - from);
  }
  assert.ok(pauses[0] <= 1_600 && pauses[4] >= 5_000 && Math.max(...pauses) <= 15_100, String(pauses));
  sent.at(-1).answer(1);
  await settled();
  outbox.settle(1);
  assert.equal(outbox.changes.length, 0);
});

test("a submission that can never be taken is dropped, and the next ones go on", async () => {
  outbox.add(put("a"));
  await wait();
  outbox.add(put("b"));
  await wait();
  const over = new ClientError({ uri: "tutorwamp.error.lesson.state", action: "reload", message: "over" });
  sent[0].fail(over);
  sent[1].answer(1);
  await settled();
  assert.deepEqual(refused, [[over, [put("a")]]]);
  assert.deepEqual(outbox.changes, [put("b")]);
});

test("what fails after its connection was lost is not heard any more", async () => {
  outbox.add(put("a"));
  outbox.halt();
  outbox.resume();
  sent[0].fail(new ClientError({ uri: "x", action: "stop", message: "no" }));
  await settled();
  assert.deepEqual([refused, outbox.changes], [[], [put("a")]]);
});

test("what is drawn meanwhile does not shorten the time the server asked for", async () => {
  outbox.add(put("a"));
  outbox.add(put("b"));
  sent[0].fail(retry(7));
  await settled();
  outbox.add(put("c"));
  await wait(6_900);
  assert.equal(sent.length, 1);
  await wait(3_700);
  assert.deepEqual(sent[1].changes, [put("a")]);
});

test("it goes on when the server asked for, whatever else is on its way", async () => {
  for (const id of ["a", "b"]) {
    outbox.add(put(id));
    await wait();
  }
  outbox.add(put("c"));
  sent[0].fail(retry(7));
  await settled();
  sent[1].answer(1);
  await wait(6_900);
  assert.equal(sent.length, 3, "c was on its way before the failure");
  sent[2].answer(2);
  await wait(0);
  assert.equal(sent.length, 3);
  await wait(3_700);
  assert.deepEqual(sent.slice(3).map(({ changes }) => changes), [[put("a")]]);
});

test("closing sends what waits, and hears no answer", async () => {
  outbox.add(put("a"));
  outbox.add(put("b"));
  outbox.close();
  assert.equal(sent.length, 2);
  sent[1].answer(1, [rejection("b")]);
  await wait(60_000);
  assert.deepEqual([rejected, sent.length], [[], 2]);
});
