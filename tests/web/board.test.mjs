import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";

import { Board } from "../../tutorwamp/web/client/board/board.mjs";
import { ClientError } from "../../tutorwamp/web/client/errors.mjs";
import { GAP_PATIENCE_MS } from "../../tutorwamp/web/client/stream.mjs";
import { PenStroke } from "../../tutorwamp/web/client/board/stroke.mjs";
import { boardOf, people, rect } from "./person.mjs";
import { Server, settled } from "./server.mjs";

const look = { page: "p1", color: "#000000", width: 2 };

let server;

beforeEach(() => {
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout", "Date"], now: 1_000_000 });
  server = new Server();
});

test("what one draws is there at once, and others have it after the server", async () => {
  const [ada, ben] = await people(server, "ada", "ben");
  const stroke = new PenStroke(ada.board, look, [0, 0]);
  stroke.add([[10, 0], [20, 0]]);
  assert.deepEqual(ada.seen[0].points, [[0, 0], [10, 0], [20, 0]]);
  assert.deepEqual(ben.seen, []);
  await ada.go();
  await ada.go();
  assert.deepEqual(ben.seen[0].points, [[0, 0], [10, 0], [20, 0]]);
  stroke.end([30, 0]);
  await ada.go();
  assert.deepEqual([ada.seen, ben.seen], [boardOf(server), boardOf(server)]);
  assert.equal(ben.seen[0].finished, true);
});

test("an event and an answer can come in either order", async () => {
  for (const eventFirst of [true, false]) {
    server = new Server();
    const [ada] = await people(server, "ada");
    const stroke = new PenStroke(ada.board, look, [0, 0]);
    for (let i = 1; i <= 5; i++) {
      stroke.add([[i * 10, 0]]);
      mock.timers.tick(50);
      await settled();
      if (eventFirst) {
        await ada.serve();
        await ada.events();
      } else await ada.serve({ count: 1 });
      assert.equal(ada.seen[0].points.length, i + 1);
    }
    await ada.go();
    assert.deepEqual(ada.seen, boardOf(server));
  }
});

test("B7 a rejected change goes back to what the server says, and is told once", async () => {
  const [ada, ben] = await people(server, "ada", "ben");
  ada.board.put(rect("r1"), {});
  await ada.go();
  server.penless = true;
  ben.board.put(rect("r1", { version: 1, x: 9 }), {});
  ben.board.put(rect("r2"), {});
  assert.deepEqual(ben.seen.map(({ id, x }) => [id, x]), [["r1", 9], ["r2", 0]]);
  await ben.go();
  await ben.go();
  assert.deepEqual(ben.seen, boardOf(server));
  assert.deepEqual(ben.stopped.sort(), ["r1", "r2"]);
  assert.deepEqual([...new Set(ben.told.map(({ uri }) => uri))], ["tutorwamp.error.board.no_pen"]);
  assert.equal(ben.board.canUndo, false);
});

test("two who change the same: the first one counts, on both boards", async () => {
  const [ada, ben] = await people(server, "ada", "ben");
  ada.board.put(rect("r1"), {});
  await ada.go();
  ada.board.put(rect("r1", { version: 1, x: 1 }), {});
  ben.board.put(rect("r1", { version: 1, x: 2 }), {});
  await ada.go();
  await ben.go();
  assert.deepEqual([ada.seen[0].x, ben.seen[0].x], [1, 1]);
  assert.equal(ben.told.length, 1);
  ada.board.delete("r1", {});
  ben.board.delete("r1", {});
  await ada.go();
  await ben.go();
  assert.deepEqual([ada.seen, ben.seen, ben.told.length], [[], [], 1]); // both wanted the same: nothing to tell
});

test("B33 a stroke is sent as it grows, and at 500 points goes on as a new one", async () => {
  const [ada, ben] = await people(server, "ada", "ben");
  const stroke = new PenStroke(ada.board, look, [0, 0]);
  for (let i = 1; i <= 1200; i++) {
    stroke.add([[i * 2, 0]]);
    if (i % 10 === 0) await ada.go();
  }
  stroke.end([2402, 0]);
  await ada.go();
  await ada.go();
  assert.deepEqual(ben.seen.map(({ points, finished }) => [points.length, finished]), [[500, true], [500, true], [204, true]]);
  assert.deepEqual(ben.seen[1].points[0], ben.seen[0].points.at(-1), "without a gap");
  assert.deepEqual(ben.seen[2].points.at(-1), [2402, 0]);
  for (const { changes } of ada.asked) assert.equal(changes.length <= 2, true);
  ada.board.undo();
  await ada.go();
  assert.deepEqual(ben.seen, [], "B30: it was one press of the pen");
});

test("a point is enough for a stroke, and points that lie together are one", async () => {
  const [ada] = await people(server, "ada");
  const stroke = new PenStroke(ada.board, look, [5, 5, 0.4]);
  stroke.add([[5.5, 5, 0.5], [6, 5, 0.6]]);
  stroke.end([6, 5, 0.2]);
  await ada.go();
  await ada.go();
  assert.deepEqual(server.elements[0].points, [[5, 5, 0.4], [6, 5, 0.2]]);
});

test("a stroke that somebody else erases is not continued", async () => {
  const [ada, ben] = await people(server, "ada", "ben");
  const stroke = new PenStroke(ada.board, look, [0, 0]);
  await ada.go();
  ben.board.delete(stroke.id, {});
  await ben.go();
  assert.equal(stroke.add([[10, 0]]), false);
  stroke.end([20, 0]);
  await ada.go();
  assert.deepEqual([ada.seen, ben.seen, server.elements], [[], [], []]);
});

test("B30 undo deletes what was created, puts back what was replaced, brings back what was deleted", async () => {
  const [ada, ben] = await people(server, "ada", "ben");
  ada.board.put(rect("r1"), {});
  ada.board.put(rect("r1", { version: 1, x: 7 }), {});
  await ada.go();
  const sweep = {};
  ada.board.put(rect("r2"), {});
  ada.board.delete("r1", sweep);
  ada.board.delete("r2", sweep);
  await ada.go();
  assert.deepEqual(ben.seen, []);
  ada.board.undo();
  await ada.go();
  assert.deepEqual(ben.seen.map(({ id, x }) => [id, x]), [["r1", 7], ["r2", 0]], "in the order they had");
  ada.board.undo();
  await ada.go();
  assert.deepEqual(ben.seen.map(({ id, x }) => [id, x]), [["r1", 7]]);
  ada.board.undo();
  await ada.go();
  assert.deepEqual(ben.seen.map(({ id, x }) => [id, x]), [["r1", 0]]);
  ada.board.undo();
  await ada.go();
  assert.deepEqual([ben.seen, ada.seen, ada.board.canUndo, ada.told], [[], [], false, []]);
});

test("B30 undo works before the server has answered anything", async () => {
  const [ada] = await people(server, "ada");
  ada.board.put(rect("r1"), {});
  ada.board.put(rect("r1", { version: 1, x: 7 }), {});
  ada.board.undo();
  assert.equal(ada.seen[0].x, 0);
  ada.board.undo();
  assert.deepEqual(ada.seen, []);
  for (let i = 0; i < 4; i++) await ada.go();
  assert.deepEqual([server.elements, ada.seen, ada.told], [[], [], []]);
});

test("B30 undo leaves alone what somebody else has changed since", async () => {
  const [ada, ben] = await people(server, "ada", "ben");
  ada.board.put(rect("r1"), {});
  ada.board.put(rect("r2"), {});
  await ada.go();
  ben.board.put(rect("r2", { version: 1, x: 3 }), {});
  await ben.go();
  const asked = ada.asked.length;
  ada.board.undo();
  await ada.go();
  assert.deepEqual([ada.seen.length, ada.told.length, ada.asked.length], [2, 1, asked]);
  ada.board.undo();
  await ada.go();
  assert.deepEqual(ada.seen.map(({ id }) => id), ["r2"]);
  // Also where the change came between two of one's own.
  ada.board.put(rect("r2", { version: 2, x: 4 }), {});
  await ada.go();
  ada.board.undo();
  await ada.go();
  assert.deepEqual([ada.seen[0].x, ada.board.canUndo], [3, false]);
});

test("B30 what others changed between two changes of one's own keeps the first one from being undone", async () => {
  const [ada, ben] = await people(server, "ada", "ben");
  ada.board.put(rect("r1"), {});
  await ada.go();
  ben.board.put(rect("r1", { version: 1, x: 3 }), {});
  await ben.go();
  ada.board.put(rect("r1", { version: 2, x: 4 }), {});
  ada.board.undo();
  await ada.go();
  await ada.go();
  assert.equal(ben.seen[0].x, 3);
  ada.board.undo();
  await ada.go();
  assert.deepEqual([ben.seen.length, ada.told.length], [1, 1]);
});

test("B30 what came and went in one gesture needs no undoing", async () => {
  const [ada] = await people(server, "ada");
  const gesture = {};
  ada.board.put(rect("r1"), gesture);
  ada.board.delete("r1", gesture);
  await ada.go();
  await ada.go();
  const asked = ada.asked.length;
  ada.board.undo();
  await ada.go();
  assert.deepEqual([ada.asked.length, ada.told], [asked, []]);
});

test("B30 nothing is undone that the server did not take", async () => {
  const [ada] = await people(server, "ada");
  ada.board.put(rect("r1"), {});
  await ada.go();
  server.penless = true;
  ada.board.put(rect("r2"), {});
  await ada.go();
  await ada.go();
  server.penless = false;
  ada.board.undo();
  await ada.go();
  assert.deepEqual(server.elements, [], "the change before is the last one");
});

test("B31 a gap in the numbers: the board is opened afresh, and nothing comes twice", async () => {
  const [ada, ben] = await people(server, "ada", "ben");
  const stroke = new PenStroke(ada.board, look, [0, 0]);
  for (let i = 1; i <= 6; i++) {
    stroke.add([[i * 10, 0]]);
    mock.timers.tick(50);
    await settled();
    await ada.serve();
    await ada.events();
    if (i === 4) await ben.events({ lose: 2 }); // what is read afresh has what two events tell that come after
  }
  await ben.events();
  mock.timers.tick(GAP_PATIENCE_MS);
  await settled();
  assert.deepEqual(ben.seen, boardOf(server));
  assert.equal(ben.seen[0].points.length, 7);
});

test("B31 what was drawn without a connection, and what was never answered, is there once", async () => {
  const [ada, ben] = await people(server, "ada", "ben");
  const stroke = new PenStroke(ada.board, look, [0, 0]);
  for (let i = 1; i <= 4; i++) {
    stroke.add([[i * 10, 0]]);
    mock.timers.tick(50);
    await settled();
    await ada.serve({ losesAnswers: i > 1 });
  }
  ada.cut();
  stroke.add([[50, 0]]);
  stroke.end([60, 0]);
  assert.equal(ada.seen[0].points.length, 7);
  assert.equal(ada.board.isStuck, true);
  await ada.arrive();
  for (let i = 0; i < 3; i++) await ada.go();
  assert.deepEqual([ada.seen, ben.seen], [boardOf(server), boardOf(server)]);
  assert.deepEqual(server.elements[0].points.map(([x]) => x), [0, 10, 20, 30, 40, 50, 60]);
  assert.equal(ada.board.isStuck, false);
});

test("S10 what is heard after a loss waits for what was missed", async () => {
  const [ada, ben] = await people(server, "ada", "ben");
  ada.cut();
  ada.isConnected = true; // and subscribed
  ben.board.put(rect("r1"), {});
  await ben.go();
  assert.deepEqual(ada.seen, []);
  await ada.arrive();
  assert.deepEqual(ada.seen, boardOf(server));
});

test("S11 a page is added although the board was restarting just then, and only once", async () => {
  const asked = [];
  const call = async (name, kwargs) => {
    asked.push(kwargs);
    if (asked.length < 3) throw new ClientError({ uri: "wamp.error.canceled", action: "retry", message: "restarting" });
    return {};
  };
  const told = [];
  const page = new Board({ call, me: { id: "ada" }, hooks: { tell: (words) => told.push(words) } }).addPage();
  for (let i = 0; i < 3; i++) {
    await settled();
    mock.timers.tick(2_000);
  }
  assert.deepEqual([asked.map((kwargs) => kwargs.page), told], [[page, page, page], []]);
  assert.equal(new Set(asked.map(({ client_id }) => client_id)).size, 1);
});

test("B31 how much waits is counted in elements, and only where it waits", async () => {
  const [ada] = await people(server, "ada");
  const stroke = new PenStroke(ada.board, look, [0, 0]);
  assert.equal(ada.board.stuckCount, 0);
  ada.cut();
  for (let i = 1; i <= 9; i++) {
    stroke.add([[i * 10, 0]]);
    mock.timers.tick(50);
  }
  ada.board.put(rect("r1"), {});
  assert.equal(ada.board.stuckCount, 2);
  await ada.arrive();
  mock.timers.tick(50);
  await settled();
  await ada.serve(); // answered, but the events are lost
  ada.cut();
  ada.board.put(rect("r2"), {});
  assert.equal(ada.board.stuckCount, 1);
  await ada.arrive();
  for (let i = 0; i < 3; i++) await ada.go();
  assert.deepEqual([ada.board.stuckCount, ada.seen], [0, boardOf(server)]);
});

test("what others do on a page is news, what one does oneself is not", async () => {
  const [ada, ben] = await people(server, "ada", "ben");
  ada.board.put(rect("r1"), {});
  await ada.go();
  assert.deepEqual([ada.news, ben.news], [[], ["p1"]]);
});

test("a sketch is shown in its place, and to nobody else", async () => {
  const [ada] = await people(server, "ada");
  ada.board.put(rect("r1"), {});
  ada.board.put(rect("r2"), {});
  await ada.go();
  ada.board.sketch("r1", rect("r1", { x: 8 }));
  ada.board.sketch("new", rect("new"));
  assert.deepEqual(ada.seen.map(({ id, x }) => [id, x]), [["r1", 8], ["r2", 0], ["new", 0]]);
  ada.board.sketch("r1", null);
  ada.board.sketch("new", null);
  assert.deepEqual(ada.seen, boardOf(server));
});
