// A recorded lesson: the same board and chat at a moment, whichever way one came there; silences passed over.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Player } from "../../tutorwamp/web/page/replay/player.mjs";
import { Timeline } from "../../tutorwamp/web/page/replay/timeline.mjs";

const BEGIN = Date.parse("2026-12-01T10:00:00.000Z");
const at = (seconds) => new Date(BEGIN + seconds * 1000).toISOString();
const LESSON = { started_at: at(0), ended_at: at(3600), starts_at: at(0) };
const EMPTY = { pages: [{ id: "p1" }], elements: [], head: 0 };
let seq = 0;
const event = (kind, type, seconds, data) => ({ stream: `tutorwamp.lesson.l.${kind}`, seq: ++seq, type, at: at(seconds), actor: null, data });
const said = (id, seconds, more = {}) => event("chat", "message.created", seconds, { id, body: id, created_at: at(seconds), ...more });
const drawn = (id, seconds, page = "p1") =>
  event("board", "board.changed", seconds, { changes: [{ op: "put", element: { id, page, kind: "stroke", version: 1, points: [[0, 0]] } }] });
const grown = (id, version, seconds) =>
  event("board", "board.changed", seconds, { changes: [{ op: "append", id, version, points: [[version, version]] }] });

function timelineOf(events, lesson = LESSON) {
  const made = new Timeline(lesson, EMPTY);
  made.add(events);
  return made;
}

const seen = ({ pages, page, items, elementsOn }) => JSON.stringify({ pages, page, items, elements: pages.map(elementsOn) });

test("any moment is the same, from before and from after", () => {
  const events = [];
  for (let number = 0; number < 9_000; number++) {
    events.push(number % 3 === 0 ? drawn(`e${number}`, number / 4) : number % 3 === 1 ? grown(`e${number - 1}`, 2, number / 4) : said(`m${number}`, number / 4));
  }
  const there = timelineOf(events);
  const moments = [0, 1, 40, 700.5, 1500, 2249, 3600];
  const forwards = moments.map((moment) => seen(there.at(moment)));
  const backwards = moments.toReversed().map((moment) => seen(there.at(moment)));
  assert.deepEqual(backwards.toReversed(), forwards);
  const fresh = moments.map((moment) => seen(timelineOf(events).at(moment)));
  assert.deepEqual(forwards, fresh);
  assert.notEqual(forwards[1], forwards[2]);
});

test("what was before the lesson is there at once, and what came after it at its end", () => {
  const there = timelineOf([said("early", -9_000), said("during", 60), event("chat", "message.deleted", 7_200, { id: "during", body: null, created_at: at(60) })]);
  const bodies = (seconds) => there.at(seconds).items.map(({ message }) => message.body);
  assert.deepEqual([bodies(0), bodies(60), bodies(3_599), bodies(3_600)], [["early"], ["early", "during"], ["early", "during"], ["early", null]]);
});

test("the page on which somebody draws is shown, also after a page is gone", () => {
  const page = (type, id, seconds) => event("board", type, seconds, { page: id });
  const there = timelineOf([drawn("a", 1), page("page.added", "p2", 2), drawn("b", 3), drawn("c", 4, "p2"), page("page.removed", "p2", 5)]);
  assert.deepEqual([1, 2, 3, 4, 5].map((moment) => there.at(moment).page), ["p1", "p2", "p1", "p2", "p1"]);
});

test("what a newer version says is passed over", () => {
  const there = timelineOf([event("board", "board.turned", 1, { angle: 3 }), event("chat", "message.pinned", 2, { id: "m" }), event("robots", "x", 3, {}), said("m", 4)]);
  assert.equal(there.at(5).items.length, 1);
});

test("a lesson that goes on ends with what has happened so far", () => {
  const there = timelineOf([said("a", 10)], { ...LESSON, ended_at: null });
  assert.equal(there.length, 10);
  there.add([said("b", 30)]);
  assert.equal(there.length, 30);
  assert.equal(new Timeline({ ...LESSON, ended_at: null }, EMPTY).length, 0);
});

test("silences are passed over, or not, as one likes", () => {
  let now = 0;
  const player = new Player(timelineOf([said("a", 2), said("b", 1_000), event("chat", "read.advanced", 500, {})]), () => now);
  player.play();
  now = 1_000;
  player.tick();
  assert.equal(player.position, 1);
  now = 3_000;
  player.tick();
  assert.equal(player.position, 999); // a second before b
  player.skips = false;
  player.speed = 16;
  now = 4_000;
  player.tick();
  assert.equal(player.position, 1_015);
  player.skips = true;
  now = 4_001;
  player.tick();
  assert.equal(player.position, 3_599);
  now = 6_000;
  player.tick();
  assert.deepEqual([player.position, player.isPlaying], [3_600, false]);
  player.play();
  assert.equal(player.position, 0); // once more
});

test("a pause stands still, and a place is gone to within the lesson", () => {
  let now = 0;
  const player = new Player(timelineOf([said("a", 2)]), () => now);
  player.skips = false;
  player.play();
  now = 5_000;
  player.pause();
  now = 9_000;
  player.tick();
  assert.equal(player.position, 5);
  for (const [to, reached] of [[-5, 0], [9_999, 3_600], [70, 70]]) {
    player.seek(to);
    assert.equal(player.position, reached);
  }
});
