// The smaller ones: pointing, hitting, drawing as SVG, the numbers of a stream.

import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";

import { FADES_AFTER_MS, Pointers } from "../../tutorwamp/web/client/board/cursor.mjs";
import { createClient } from "../../tutorwamp/web/client/client.mjs";
import { systemClock } from "../../tutorwamp/web/client/clock.mjs";
import { Cursor } from "../../tutorwamp/web/client/lesson-parts.mjs";
import { isHit, moved } from "../../tutorwamp/web/client/board/hits.mjs";
import { newId } from "../../tutorwamp/web/client/ids.mjs";
import { shapeOf } from "../../tutorwamp/web/client/board/shapes.mjs";
import { GAP_PATIENCE_MS, Stream } from "../../tutorwamp/web/client/stream.mjs";
import { settled } from "./server.mjs";

beforeEach(() => {
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout", "Date"], now: 1_000_000 });
});

const { cursor: everyMs } = createClient({ url: "https://school.example", getToken: () => "", WebSocket: class {} }).throttle;
const pointing = (whisper) => new Cursor({ whisper, clock: systemClock, everyMs });

test("B32 a pointer is told at most 20 times a second, and where it was last always", () => {
  const told = [];
  const pointer = pointing((place) => told.push(place));
  for (let ms = 0; ms < 1000; ms += 5) {
    pointer.tell({ page: "p1", x: ms, y: 1 });
    mock.timers.tick(5);
  }
  assert.equal(everyMs, 50);
  assert.ok(told.length <= 21 && told.length >= 19, String(told.length));
  mock.timers.tick(1000);
  assert.deepEqual(told.at(-1), { page: "p1", x: 995, y: 1 });
  const count = told.length;
  mock.timers.tick(10_000);
  assert.equal(told.length, count, "a resting pointer says nothing");
});

test("a pointer that does not move fades, and one that does stays", () => {
  const pointers = new Pointers(() => {});
  pointers.heard("ada", { page: "p1", x: 1, y: 2 });
  pointers.heard("ben", { page: "p2", x: 3, y: 4 });
  assert.deepEqual(pointers.on("p1"), [{ id: "ada", x: 1, y: 2 }]);
  mock.timers.tick(FADES_AFTER_MS - 1);
  pointers.heard("ada", { page: "p1", x: 5, y: 6 });
  mock.timers.tick(1);
  assert.deepEqual([pointers.on("p1"), pointers.on("p2")], [[{ id: "ada", x: 5, y: 6 }], []]);
  pointers.forget("ada");
  assert.deepEqual(pointers.on("p1"), []);
});

test("a laser has a trail that fades, and goes out when its owner lets go", () => {
  const pointers = new Pointers(() => {});
  pointers.heard("ada", { page: "p1", x: 1, y: 2, laser: true });
  mock.timers.tick(500);
  pointers.heard("ada", { page: "p1", x: 3, y: 4, laser: true });
  assert.deepEqual(pointers.on("p1")[0].trail.map(({ x }) => x), [1, 3]);
  mock.timers.tick(400);
  assert.deepEqual(pointers.on("p1")[0].trail.map(({ x }) => x), [3]);
  pointers.heard("ada", { page: "p1", x: 3, y: 4 });
  assert.deepEqual(pointers.on("p1"), [{ id: "ada", x: 3, y: 4 }]);
  const told = [];
  const pointer = pointing((place) => told.push(place));
  pointer.tell({ page: "p1", x: 1, y: 2, laser: true });
  pointer.tell({ page: "p1", x: 1, y: 2 });
  mock.timers.tick(1000);
  assert.deepEqual(told, [{ page: "p1", x: 1, y: 2, laser: true }, { page: "p1", x: 1, y: 2 }]);
});

test("what is no place is not believed", () => {
  const pointers = new Pointers(() => assert.fail("nothing to see"));
  for (const place of [{}, { page: "p1", x: "1", y: 2 }, { page: "p1", x: NaN, y: 2 }, { page: 7, x: 1, y: 2 }, { page: "p1", x: 1e999, y: 2 }]) {
    pointers.heard("ada", place);
  }
  pointers.heard(undefined, { page: "p1", x: 1, y: 2 });
});

const stroke = { kind: "stroke", color: "#123456", width: 4, points: [[0, 0], [100, 0], [100, 100]] };
const box = { x: 10, y: 10, width: 100, height: 50, color: "#123456" };

test("a line is hit near its way, and not at the corner of its box", () => {
  assert.equal(isHit(stroke, [50, 6], 5), true);
  assert.equal(isHit(stroke, [50, 8], 5), false);
  assert.equal(isHit(stroke, [20, 80], 5), false);
  assert.equal(isHit({ ...stroke, points: [[5, 5]] }, [9, 5], 5), true);
});

test("a shape is hit on its border, and inside where it is filled", () => {
  const rect = { ...box, kind: "rect", stroke_width: 2 };
  assert.equal(isHit(rect, [10, 30], 3), true);
  assert.equal(isHit(rect, [60, 35], 3), false);
  assert.equal(isHit({ ...rect, fill: "#ffffff" }, [60, 35], 3), true);
  assert.equal(isHit(rect, [10, 90], 3), false);
  const ellipse = { ...box, kind: "ellipse" };
  assert.equal(isHit(ellipse, [10, 35], 3), true);
  assert.equal(isHit(ellipse, [60, 35], 3), false);
  assert.equal(isHit(ellipse, [12, 12], 3), false);
  assert.equal(isHit({ ...ellipse, fill: "#ffffff" }, [60, 35], 3), true);
  assert.equal(isHit({ ...ellipse, width: 0, height: 0 }, [10, 10], 3), true);
});

test("words and pictures are hit anywhere", () => {
  assert.equal(isHit({ ...box, kind: "image", asset_id: "a" }, [60, 35], 0), true);
  const text = { kind: "text", x: 0, y: 0, size: 20, text: "one\ntwo" };
  assert.equal(isHit(text, [10, 40], 0), true);
  assert.equal(isHit(text, [10, 60], 0), false);
});

test("moving keeps everything but the place", () => {
  assert.deepEqual(moved({ ...box, version: 3 }, 5, -5), { ...box, version: 3, x: 15, y: 5 });
  assert.deepEqual(moved({ points: [[1, 2, 0.5], [3, 4]] }, 1, 1), { points: [[2, 3, 0.5], [4, 5]] });
});

test("a stroke goes from its first point to its last, through the middles between", () => {
  assert.equal(shapeOf({ ...stroke, points: [[1, 2]] }).attributes.d, "M1 2L1 2");
  assert.equal(shapeOf({ ...stroke, points: [[1, 2]] }).attributes.fill, "none");
  assert.equal(shapeOf({ ...stroke, points: [[1, 2]], fill: "#ffec99" }).attributes.fill, "#ffec99");
  assert.equal(shapeOf({ ...stroke, points: [[0, 0, 0.5], [10, 0], [20, 10]] }).attributes.d, "M0 0Q10 0 15 5L20 10");
});

test("an arrow has a head at its end, and none without a direction", () => {
  const arrow = (to) => shapeOf({ ...stroke, kind: "arrow", points: [[0, 0], to] }).attributes.d;
  const numbers = arrow([100, 0]).match(/[-.0-9]+/g).map((number) => Math.round(Number(number)));
  assert.deepEqual(numbers, [0, 0, 100, 0, 86, 8, 100, 0, 86, -8]); // 16 long, at 30 degrees
  assert.equal(arrow([0, 0]), "M0 0L0 0");
});

test("what people wrote is text, and an element of a newer kind is nothing", () => {
  const text = '<script>alert(1)</script>\n"&';
  const { tag, attributes, lines } = shapeOf({ kind: "text", x: 1, y: 2, size: 10, text, color: "#123456" });
  assert.equal(tag, "text");
  assert.deepEqual(lines, [{ x: 1, y: 11.5, text: "<script>alert(1)</script>" }, { x: 1, y: 23.5, text: '"&' }]);
  assert.ok(!JSON.stringify(attributes).includes("script"));
  assert.deepEqual(shapeOf({ kind: "hologram" }), { tag: "g", attributes: {} });
});

test("a picture that is not here is a frame", () => {
  const image = { ...box, kind: "image", asset_id: "a" };
  assert.equal(shapeOf(image).tag, "path");
  assert.equal(shapeOf(image, "blob:x").attributes.href, "blob:x");
});

test("ids are UUIDs, also where the browser makes none", () => {
  const form = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
  assert.match(newId(), form);
  Object.defineProperty(crypto, "randomUUID", { value: undefined, configurable: true }); // as on plain http
  try {
    assert.match(newId(), form);
    assert.notEqual(newId(), newId());
  } finally {
    delete crypto.randomUUID;
  }
});

test("B31 what is read afresh says its position: what it holds is not applied again, what follows is", async () => {
  const applied = [];
  let tellState;
  const stream = new Stream({ apply: ({ seq }) => applied.push(seq), readAfresh: () => new Promise((resolve) => (tellState = resolve)) });
  const begun = stream.begin(3);
  await settled();
  for (const seq of [4, 5, 6]) stream.hear({ seq });
  tellState(5);
  await begun;
  assert.deepEqual(applied, [6]);
  stream.hear({ seq: 6 });
  stream.hear({ seq: 7 });
  assert.deepEqual(applied, [6, 7]);
  stream.hear({ seq: 9 }); // 8 is missing
  mock.timers.tick(GAP_PATIENCE_MS);
  tellState(9);
  await settled();
  stream.hear({ seq: 10 });
  assert.deepEqual(applied, [6, 7, 10]);
});

test("a state without a position holds everything that had arrived", async () => {
  const applied = [];
  const stream = new Stream({ apply: ({ seq }) => applied.push(seq), readAfresh: async () => {} });
  await stream.begin(3);
  stream.hear({ seq: 4 });
  stream.hear({ seq: 6 });
  mock.timers.tick(GAP_PATIENCE_MS);
  await settled();
  stream.hear({ seq: 7 });
  assert.deepEqual(applied, [4, 7]);
});
