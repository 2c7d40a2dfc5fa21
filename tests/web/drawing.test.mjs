// Where one looks and what one means: the camera, hits, frames, taking back and doing again, text in lines, the clipboard.

import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";

import { Camera, SCALE_AT_MOST } from "../../tutorwamp/web/client/board/camera.mjs";
import { asNew, isScene, lookOf, packed, unpacked } from "../../tutorwamp/web/client/board/carrying.mjs";
import { boxOf, boxOfAll, frameOf, isHit, isInside, keptOn, resized } from "../../tutorwamp/web/client/board/hits.mjs";
import { History } from "../../tutorwamp/web/client/board/history.mjs";
import { PenStroke } from "../../tutorwamp/web/client/board/stroke.mjs";
import { outline, widthAt } from "../../tutorwamp/web/client/board/pressure.mjs";
import { shapeOf } from "../../tutorwamp/web/client/board/shapes.mjs";
import { unwrapped, wrapped } from "../../tutorwamp/web/client/board/wrapping.mjs";
import { meantBy } from "../../tutorwamp/web/page/board/shortcuts.mjs";
import { stretched } from "../../tutorwamp/web/page/board/selecting.mjs";
import { people, rect } from "./person.mjs";
import { Server } from "./server.mjs";

beforeEach(() => {
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout", "Date"], now: 1_000_000 });
});

function camera(width = 800, height = 500) {
  const made = new Camera();
  made.resize(width, height);
  return made;
}
const near = (actual, expected) =>
  actual.forEach((number, i) => assert.ok(Math.abs(number - expected[i]) < 1e-6, `${actual} is not ${expected}`));

test("the whole sheet is seen at first, in the middle, also after the window has changed", () => {
  const one = camera();
  near(one.toScreen([800, 500]), [400, 250]);
  assert.ok(one.view.x <= 0 && one.view.y <= 0 && one.view.width >= 1600 && one.view.height >= 1000);
  one.resize(300, 900);
  near(one.toScreen([800, 500]), [150, 450]);
  assert.ok(one.view.width >= 1600);
});

test("zooming keeps what is under the pointer there, and has an end", () => {
  const one = camera();
  const before = one.toBoard([600, 300]);
  one.zoom([600, 300], 3);
  near(one.toBoard([600, 300]), before);
  for (let i = 0; i < 100; i++) one.zoom([600, 300], 2);
  assert.equal(one.scale, SCALE_AT_MOST);
  for (let i = 0; i < 100; i++) one.zoom([600, 300], 0.5);
  assert.ok(one.scale > 0.03);
});

test("what is under a finger goes with it, and two fingers zoom around their middle", () => {
  const one = camera();
  one.zoom([400, 250], 4);
  const held = one.toBoard([300, 200]);
  one.pan(40, -20);
  near(one.toBoard([340, 180]), held);
  const [a, b] = [one.toBoard([300, 200]), one.toBoard([500, 300])];
  one.pinch(
    [
      [300, 200],
      [500, 300],
    ],
    [
      [200, 150],
      [600, 350],
    ],
  );
  near(one.toBoard([200, 150]), a);
  near(one.toBoard([600, 350]), b);
});

test("one cannot lose the board, however far one moves", () => {
  const one = camera();
  one.zoom([0, 0], 8);
  for (let i = 0; i < 50; i++) one.pan(-900, -900);
  const { x, y } = one.view;
  assert.ok(x < 1600 && y < 1000, "its corner is still to be seen");
  one.bounds = [0, 0, 9000, 1000];
  one.fitAll();
  assert.ok(one.view.width >= 9000, "nor what is beyond the sheet");
});

test("a view that is shown is seen wholly in a window of any form", () => {
  for (const size of [
    [800, 500],
    [390, 500],
    [900, 120],
  ]) {
    const one = camera(...size);
    one.show({ x: 100, y: 200, width: 400, height: 300 });
    const { x, y, width, height } = one.view;
    assert.ok(x <= 100 && y <= 200 && x + width >= 500 && y + height >= 500, JSON.stringify(one.view));
  }
});

test("revealing moves only what has to be moved", () => {
  const one = camera();
  assert.equal(one.reveal([800, 500]), false);
  assert.equal(one.isFitted, true);
  one.zoom([400, 250], 4);
  assert.equal(one.reveal([1500, 500]), true);
  const [px] = one.toScreen([1500, 500]);
  assert.ok(px > 0 && px < 800);
});

test("a filled stroke is hit inside, and what is of an unknown kind has no place", () => {
  const triangle = {
    kind: "stroke",
    width: 2,
    points: [
      [0, 0],
      [100, 0],
      [0, 100],
    ],
    fill: "#ffffff",
  };
  assert.equal(isHit(triangle, [20, 20], 1), true);
  assert.equal(isHit(triangle, [90, 90], 1), false);
  assert.equal(isHit({ ...triangle, fill: undefined }, [20, 20], 1), false);
  assert.equal(boxOf({ kind: "hologram" }), null);
  assert.equal(isHit({ kind: "hologram" }, [0, 0], 9), false);
});

test("a frame holds what is wholly in it, whichever corner it began at", () => {
  const box = rect("r", { x: 10, y: 10, width: 20, height: 20 });
  assert.deepEqual(frameOf([40, 0], [0, 40]), [0, 0, 40, 40]);
  assert.equal(isInside(box, [0, 0, 40, 40]), true);
  assert.equal(isInside(box, [0, 0, 25, 40]), false);
  assert.deepEqual(boxOfAll([box, rect("s", { x: 100, y: -5 })]), [10, -5, 105, 30]);
  assert.equal(boxOfAll([]), null);
});

test("what is made larger keeps its pressure, its lines their width, letters their form", () => {
  const [from, to] = [
    [0, 0, 100, 100],
    [0, 0, 200, 50],
  ];
  assert.deepEqual(
    resized(
      {
        points: [
          [50, 50, 0.3],
          [100, 0],
        ],
        width: 4,
      },
      from,
      to,
    ),
    {
      points: [
        [100, 25, 0.3],
        [200, 0],
      ],
      width: 4,
    },
  );
  assert.deepEqual(resized({ x: 10, y: 20, width: 30, height: 40 }, from, to), { x: 20, y: 10, width: 60, height: 20 });
  assert.equal(resized({ kind: "text", x: 0, y: 0, text: "a", size: 20 }, from, to).size, 10);
  const line = resized(
    {
      points: [
        [0, 5],
        [0, 10],
      ],
    },
    [0, 5, 0, 10],
    [7, 5, 7, 20],
  );
  assert.deepEqual(
    line.points,
    [
      [7, 5],
      [7, 20],
    ],
    "one without a breadth is only moved across",
  );
});

test("a handle moves its side, and the opposite one stays", () => {
  const box = [100, 100, 200, 150];
  assert.deepEqual(stretched(box, "e", [260, 999], false), [100, 100, 260, 150]);
  assert.deepEqual(stretched(box, "nw", [80, 90], false), [80, 90, 200, 150]);
  assert.deepEqual(stretched(box, "se", [300, 0], true), [100, 100, 300, 200]);
  const [left, , right] = stretched(box, "w", [500, 0], false);
  assert.ok(left < right, "it is never turned inside out");
});

test("what is moved stays on the sheet, and what is beyond it can come back", () => {
  const sheet = { width: 1600, height: 1000 };
  assert.deepEqual(keptOn(sheet, [10, 10, 50, 50], -30, 2000), [-10, 950]);
  assert.deepEqual(keptOn(sheet, [-500, 0, -400, 10], -30, 0), [0, 0]);
  assert.deepEqual(keptOn(sheet, [-500, 0, -400, 10], 300, 0), [300, 0]);
});

test("B30 what was undone is done again, until something new is drawn", async () => {
  const server = new Server();
  const [ada, ben] = await people(server, "ada", "ben");
  ada.board.put(rect("r1"), {});
  ada.board.put(rect("r1", { version: 1, x: 7 }), {});
  await ada.go();
  for (let i = 0; i < 2; i++) {
    ada.board.undo();
    ada.board.undo();
    await ada.go();
    await ada.go();
    assert.deepEqual([ben.seen, ada.board.canUndo], [[], false]);
    ada.board.redo();
    await ada.go();
    await ada.go();
    assert.deepEqual(
      ben.seen.map(({ x }) => x),
      [0],
    );
    ada.board.redo();
    await ada.go();
    await ada.go();
    assert.deepEqual([ben.seen.map(({ x }) => x), ada.board.canRedo, ada.told], [[7], false, []]);
  }
  ada.board.undo();
  ada.board.put(rect("r2"), {});
  assert.equal(ada.board.canRedo, false);
});

test("B30 a stroke comes back whole, and what somebody else has changed since is not done again", async () => {
  const server = new Server();
  const [ada, ben] = await people(server, "ada", "ben");
  const stroke = new PenStroke(ada.board, { page: "p1", color: "#000000", width: 2 }, [0, 0, 0.2]);
  stroke.add([[10, 0, 0.9]]);
  stroke.end([20, 0, 0.5]);
  await ada.go();
  ada.board.undo();
  ada.board.redo();
  await ada.go();
  await ada.go();
  assert.deepEqual(ben.seen[0].points, [
    [0, 0, 0.2],
    [10, 0, 0.9],
    [20, 0, 0.5],
  ]);
  ada.board.put({ ...ada.board.at(stroke.id).element, color: "#ffffff" }, {});
  await ada.go();
  ada.board.undo();
  await ada.go();
  ben.board.put({ ...ben.board.at(stroke.id).element, color: "#123456" }, {});
  await ben.go();
  ada.board.redo();
  await ada.go();
  assert.deepEqual([ben.seen[0].color, ada.told.length], ["#123456", 1]);
});

test("B30 one's own clearing is undone like anything else; others' is nobody's own", async () => {
  const server = new Server();
  const [ada, ben] = await people(server, "ada", "ben");
  ada.board.put(rect("r1"), {});
  ben.board.put(rect("r2"), {});
  await ada.go();
  await ben.go();
  const cleared = (who) => {
    for (const held of server.held.values()) Object.assign(held, { version: held.version + 1, element: null });
    const event = { ...server.tell("board.cleared", { page: "p1" }), actor: { id: who } };
    for (const person of [ada, ben]) person.hear(structuredClone(event));
  };
  cleared("ada");
  await ada.events();
  await ben.events();
  assert.deepEqual([ada.seen, ben.board.canUndo], [[], true]);
  ada.board.undo();
  await ada.go();
  await ada.go();
  assert.deepEqual([ada.told, ben.seen.map(({ id }) => id).sort()], [[], ["r1", "r2"]]);
  ada.board.undo();
  await ada.go();
  assert.deepEqual([ada.told, ben.seen.map(({ id }) => id)], [[], ["r2"]], "and what was before it");
  cleared("ada");
  await ben.events();
  ben.board.undo();
  assert.equal(ben.told.length, 1);
});

test("B30 what may be taken back survives a reload, as far as nobody has changed it", async () => {
  const server = new Server();
  const [ada, ben] = await people(server, "ada", "ben");
  for (const id of ["r1", "r2"]) ada.board.put(rect(id), {});
  ada.board.put(rect("r1", { version: 1, x: 7 }), {});
  await ada.go();
  const kept = JSON.parse(JSON.stringify(ada.board.history));
  const [again] = await people(server, "ada");
  again.board.history.restore(kept);
  ben.board.put(rect("r2", { version: 1, x: 3 }), {});
  await ben.go();
  await again.board.begin(server.head);
  again.board.undo();
  assert.equal(again.seen.find(({ id }) => id === "r1").x, 0);
  again.board.undo(); // r2 is Ben's by now
  assert.equal(again.told.length, 1);
  again.board.undo();
  assert.deepEqual(
    again.seen.map(({ id }) => id),
    ["r2"],
  );
});

test("what is kept is bounded, and what is no history is none", () => {
  const history = new History();
  for (let i = 0; i < 50; i++)
    history.note({}, `e${i}`, { element: { id: `e${i}`, text: "x".repeat(50_000) }, version: 1 }, { version: 2 });
  assert.ok(JSON.stringify(history).length < 500_000);
  const restored = new History();
  for (const odd of [null, 7, "x", [7], [[["id", {}]]], [[["id", { version: 1, before: 5 }]]]]) restored.restore(odd);
  assert.equal(restored.canUndo, false);
});

test("a stylus draws wider where it is pressed harder, without a hole where the stroke crosses itself", () => {
  const stroke = {
    kind: "stroke",
    color: "#123456",
    width: 10,
    points: [
      [0, 0, 0.1],
      [50, 0, 0.9],
      [50, 50, 0.5],
    ],
  };
  const { tag, attributes } = shapeOf(stroke);
  assert.deepEqual([tag, attributes.fill, attributes.stroke], ["path", "#123456", "none"]);
  assert.ok(widthAt(10, 0.1) < widthAt(10, 0.5) && widthAt(10, 0.5) === 10 && widthAt(10, 0.9) > 10);
  assert.equal(
    shapeOf({
      ...stroke,
      points: [
        [0, 0, 0.5],
        [9, 9, 0.5],
      ],
    }).attributes.fill,
    "none",
    "an even one is a line",
  );
  // Every piece turns the same way: the sign of its area tells.
  for (const [, corners] of outline(stroke).matchAll(/M([-\d. L]+)z/g)) {
    const points = corners.split("L").map((pair) => pair.split(" ").map(Number));
    const area = points.reduce((sum, [x, y], i) => sum + x * points.at(i - 1)[1] - y * points.at(i - 1)[0], 0);
    assert.ok(area <= 0.01, corners);
  }
});

const letters = (text) => text.length;

test("text is broken where it is too wide, and is whole again when somebody edits it", () => {
  const text = "one two three\nfour\n\n  by two and more";
  const lines = wrapped(text, 8, letters);
  assert.deepEqual(
    lines.split("\n").map((line) => line.trimEnd().length <= 8),
    lines.split("\n").map(() => true),
  );
  assert.equal(unwrapped(lines), text);
  assert.equal(wrapped("short", 8, letters), "short");
});

test("a word that is wider than a line is broken between letters, and emoji stay whole", () => {
  assert.deepEqual(wrapped("abcdefgh", 3, letters).split("\n"), ["abc", "def", "gh"]);
  const family = "👨‍👩‍👧‍👦";
  for (const line of wrapped(family.repeat(3), 4, letters).split("\n")) assert.equal(line, family);
  assert.equal(wrapped("漢字漢字漢", 2, letters), "漢字\n漢字\n漢");
});

test("what is copied is new where it arrives: its own id, no lock, no version, finished", () => {
  const stroke = {
    ...rect("s", { version: 4, locked: true, author: { id: "ada" } }),
    kind: "stroke",
    width: 3,
    points: [[1, 2, 0.5]],
  };
  const { lesson, elements } = unpacked(packed([stroke], "l1"));
  assert.equal(lesson, "l1");
  assert.deepEqual(
    Object.keys(elements[0]).filter((name) => ["id", "version", "author", "locked", "page"].includes(name)),
    [],
  );
  const [made] = asNew(elements, "p2", () => "new");
  assert.deepEqual([made.id, made.page, made.finished, made.version], ["new", "p2", true, undefined]);
  assert.deepEqual(lookOf(made).points, [[1, 2, 0.5]]);
});

test("a clipboard may hold anything", () => {
  const form = (elements) => JSON.stringify({ type: "tutorwamp/elements", lesson: "l", elements });
  for (const text of [
    "",
    "{",
    "hello",
    "{}",
    '{"type":"tutorwamp/elements"}',
    '{"type":"excalidraw/clipboard","x":"tutorwamp/elements"}',
  ])
    assert.equal(unpacked(text), null);
  const odd = [
    null,
    5,
    {},
    rect("r", { color: "red" }),
    rect("r", { x: "1" }),
    { ...rect("r"), kind: "stroke", width: 1, points: [[1]] },
    { ...rect("r"), kind: "text", size: 3, text: " " },
  ];
  assert.deepEqual(unpacked(form(odd)).elements, []);
  assert.equal(unpacked(form(Array(9_000).fill(rect("r")))).elements.length, 4_000);
  assert.equal(isScene('{"type":"excalidraw/clipboard","elements":[]}'), true);
  assert.equal(isScene('{\n  "type": "excalidraw",\n "version": 2'), true);
  assert.equal(isScene('see "type":"excalidraw"'), false);
});

test("keys mean one thing each, and others' keys nothing", () => {
  const key = (name, held = {}) => meantBy({ key: name, ...held });
  assert.deepEqual(key("p"), { tool: "pen" });
  assert.deepEqual(key("z", { ctrlKey: true }), { do: "undo" });
  assert.deepEqual(key("Z", { metaKey: true, shiftKey: true }), { do: "redo" });
  assert.deepEqual(key("N", { shiftKey: true }), { do: "previous" });
  for (const [name, held] of [["c", { ctrlKey: true }], ["p", { altKey: true }], ["F5"], ["Tab"], ["+", { ctrlKey: true }]])
    assert.equal(key(name, held), null);
});
