// What is pressed is drawn when it is let go, and never older than it is.

import assert from "node:assert/strict";
import { test } from "node:test";

const page = new EventTarget();
globalThis.addEventListener = page.addEventListener.bind(page);
const { drawIn } = await import("../../tutorwamp/web/page/pressing.mjs");

const button = {};
const list = { isConnected: true, contains: (one) => one === button };
const tell = (type, target) => page.dispatchEvent(Object.defineProperty(new Event(type), "target", { value: target }));
const later = () => new Promise((done) => setTimeout(done, 1));

test("what comes while it is pressed is drawn once, as it is last, and elsewhere at once", async () => {
  const drawn = [];
  drawIn(list, () => drawn.push("before"));
  tell("pointerdown", button);
  drawIn(list, () => drawn.push("old"));
  drawIn(list, () => drawn.push("new"));
  drawIn({ contains: () => false }, () => drawn.push("elsewhere"));
  assert.deepEqual(drawn, ["before", "elsewhere"]);
  tell("pointerup", button);
  await later();
  assert.deepEqual(drawn, ["before", "elsewhere", "new"]);
});

test("what the click itself draws is not overwritten by what waited for it", async () => {
  const drawn = [];
  tell("pointerdown", button);
  drawIn(list, () => drawn.push("old"));
  tell("pointerup", button);
  drawIn(list, () => drawn.push("clicked"));
  await later();
  assert.deepEqual(drawn, ["clicked"]);
});

test("of a place that is gone nothing is drawn", async () => {
  const drawn = [];
  tell("pointerdown", button);
  drawIn({ ...list, isConnected: false }, () => drawn.push("gone"));
  tell("pointercancel", button);
  await later();
  assert.deepEqual(drawn, []);
});
