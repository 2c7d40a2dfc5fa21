// What a pointer's events become: each point of a stroke once, however often a browser tells of it.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Pointing } from "../../tutorwamp/web/page/board/pointing.mjs";

const STROKE = { isStroke: true };

/** A sheet, a gesture that `kind` describes, and what it was moved to. */
function pressed(kind) {
  const moved = [];
  const space = Object.assign(new EventTarget(), { setPointerCapture() {}, classList: { remove() {}, add() {} } });
  const view = { scale: 1, at: () => [], pixelOf: placeOf, placeOf };
  const gesture = { ...kind, move: (points) => moved.push(points), end: (point) => moved.push(point) };
  const hooks = { onPoint() {}, onPress: () => false, onStylus() {}, onView() {} };
  new Pointing(space, { view, tools: { mayBegin: true, begin: () => gesture }, hooks, signal: AbortSignal.timeout(60_000) });
  const tell = (type, timeStamp, more = {}) => space.dispatchEvent(pointer(type, timeStamp, more));
  tell("pointerdown", 1);
  return { tell, moved };
}

const placeOf = ({ timeStamp }) => [timeStamp, 0];

function pointer(type, timeStamp, { between = [], ...more } = {}) {
  const event = new Event(type);
  const about = { pointerId: 1, pointerType: "mouse", button: 0, shiftKey: false, ...more };
  for (const [name, value] of Object.entries({ ...about, timeStamp })) Object.defineProperty(event, name, { value });
  event.getCoalescedEvents = () => between.map((at) => pointer(type, at, more));
  return event;
}

test("a point that is told at once and again with its frame is drawn once", () => {
  const { tell, moved } = pressed(STROKE);
  tell("pointerrawupdate", 4, { between: [3, 4] });
  tell("pointerrawupdate", 6);
  tell("pointermove", 7, { between: [3, 4, 6, 7] });
  tell("pointermove", 7);
  tell("pointerup", 8);
  assert.deepEqual(moved, [[[3, 0], [4, 0]], [[6, 0]], [[7, 0]], [8, 0]]);
});

test("another finger's points are nobody's", () => {
  const { tell, moved } = pressed(STROKE);
  tell("pointerrawupdate", 4, { pointerId: 2 });
  assert.deepEqual(moved, []);
});

test("what is heavier than a stroke moves with the frames", () => {
  const { tell, moved } = pressed({});
  tell("pointerrawupdate", 4);
  tell("pointermove", 5, { between: [4, 5] });
  assert.deepEqual(moved, [[[4, 0], [5, 0]]]);
});
