import assert from "node:assert/strict";
import { test } from "node:test";

import { changed, Replica } from "../../tutorwamp/web/client/board/replica.mjs";

const stroke = (id, more = {}) => ({ id, page: "p1", kind: "stroke", version: 1, points: [[0, 0]], width: 2, ...more });
const told = (seq, ...changes) => ({ seq, type: "board.changed", at: `at ${seq}`, data: { changes } });
const ids = (replica) => [...replica.elements].map(({ id }) => id);

function opened(...elements) {
  const replica = new Replica();
  replica.open({ pages: [{ id: "p1" }, { id: "p2" }], elements, head: 7 });
  return replica;
}

test("B18 a put replaces in place, or adds on top", () => {
  const replica = opened(stroke("a"), stroke("b"));
  replica.apply(told(8, { op: "put", element: stroke("a", { version: 2, width: 9 }) }, { op: "put", element: stroke("c") }));
  assert.deepEqual(ids(replica), ["a", "b", "c"]);
  assert.equal(replica.at("a").element.width, 9);
  assert.equal(replica.head, 8);
});

test("B18 an append adds its points, its version, its end and the event's time", () => {
  const before = stroke("a");
  const replica = opened(before);
  replica.apply(told(8, { op: "append", id: "a", version: 3, points: [[1, 1], [2, 2]], finished: true }));
  assert.deepEqual(replica.at("a").element, stroke("a", { version: 3, points: [[0, 0], [1, 1], [2, 2]], finished: true, updated_at: "at 8" }));
  assert.deepEqual(before, stroke("a"), "an element that is drawn is not changed under the view");
  replica.apply(told(9, { op: "put", element: stroke("b") }, { op: "append", id: "b", version: 2, points: [[1, 1]] }));
  assert.equal("finished" in replica.at("b").element, false);
});

test("B18 a delete removes, and what is brought back is on top", () => {
  const replica = opened(stroke("a"), stroke("b"));
  replica.apply(told(8, { op: "delete", id: "a", version: 2 }));
  assert.deepEqual(replica.at("a"), { element: null, version: 2 });
  replica.apply(told(9, { op: "put", element: stroke("a", { version: 3 }) }));
  assert.deepEqual(ids(replica), ["b", "a"]);
});

test("B18 pages are added at the end and removed with what is on them", () => {
  const replica = opened(stroke("a"), stroke("b", { page: "p2", version: 4 }));
  replica.apply({ seq: 8, type: "page.added", at: "", data: { page: "p3" } });
  assert.deepEqual(replica.pages, ["p1", "p2", "p3"]);
  replica.apply({ seq: 9, type: "page.removed", at: "", data: { page: "p2" } });
  assert.deepEqual([replica.pages, ids(replica)], [["p1", "p3"], ["a"]]);
  assert.deepEqual(replica.at("b"), { element: null, version: 5 }); // B24: a tombstone, as of a delete
});

test("B18 clearing takes one page's elements, or all", () => {
  const all = [stroke("a"), stroke("b", { page: "p2" }), stroke("c")];
  const one = opened(...all);
  one.apply({ seq: 8, type: "board.cleared", at: "", data: { page: "p1" } });
  assert.deepEqual([ids(one), one.pages], [["b"], ["p1", "p2"]]);
  const both = opened(...all);
  both.apply({ seq: 8, type: "board.cleared", at: "", data: { page: null } });
  assert.deepEqual([ids(both), both.pages], [[], ["p1", "p2"]]);
});

test("opening again forgets what is not there, and knows what was deleted before", () => {
  const replica = opened(stroke("a"), stroke("b"));
  replica.apply(told(8, { op: "delete", id: "a", version: 2 }, { op: "delete", id: "b", version: 2 }));
  replica.open({ pages: [{ id: "p1" }], elements: [stroke("b", { version: 3 })], head: 20 });
  assert.deepEqual([replica.at("a").version, replica.at("b").version, replica.at("x").version], [2, 3, null]);
  assert.equal(replica.head, 20);
});

const me = { id: "me" };
const there = { element: stroke("a", { version: 4 }), version: 4 };
const gone = { element: null, version: 5 };
const unknown = { element: null, version: null };
const put = (version) => ({ op: "put", element: { ...stroke("a"), version } });

test("B1 B2 B4 a put counts for exactly the version it names", () => {
  assert.equal(changed(unknown, put(undefined), me).version, 1);
  assert.equal(changed(unknown, put(undefined), me).element.author, me);
  assert.equal(changed(there, put(undefined), me), there);
  assert.equal(changed(gone, put(undefined), me), gone);
  assert.equal(changed(there, put(4), me).version, 5);
  assert.equal(changed(there, put(3), me), there);
  assert.equal(changed(gone, put(5), me).element.version, 6);
  assert.equal(changed(unknown, put(1), me), unknown);
});

test("B3 a delete counts for exactly the version it names", () => {
  const del = (version) => ({ op: "delete", id: "a", version });
  assert.deepEqual(changed(there, del(4), me), { element: null, version: 5 });
  assert.equal(changed(there, del(3), me), there);
  assert.equal(changed(gone, del(5), me), gone);
});

test("B5 an append counts for exactly the version it names, so one that has arrived is not made twice", () => {
  const append = (version) => ({ op: "append", id: "a", version, points: [[1, 1]] });
  const once = changed(there, append(4), me);
  assert.deepEqual([once.version, once.element.version, once.element.points], [5, 5, [[0, 0], [1, 1]]]);
  assert.equal(changed(once, append(4), me), once);
  assert.equal(changed(gone, append(5), me), gone);
});
