import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";

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

// A fair coin that falls the same way each time.
function chance(seed) {
  let state = seed;
  return (below) => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return Math.floor((state / 2_147_483_648) * below);
  };
}

for (let seed = 1; seed <= 40; seed++) {
  test(`whatever happens on the way, everybody ends with the server's board (${seed})`, async () => {
    const toss = chance(seed);
    const all = await people(server, "ada", "ben", "cleo");
    const strokes = new Map();
    const drawn = new Map(); // stroke -> xs, for strokes nobody erased
    for (let step = 0; step < 250; step++) {
      const person = all[toss(3)];
      const stroke = strokes.get(person);
      const there = person.board.elementsOn("p1");
      const some = there[toss(there.length || 1)];
      switch (toss(13)) {
        case 0: case 1: case 2:
          if (!stroke) {
            strokes.set(person, new PenStroke(person.board, look, [step * 10, 0]));
            drawn.set(strokes.get(person).id, [step * 10]);
          } else if (stroke.add([[step * 10, 0]])) drawn.get(stroke.id)?.push(step * 10);
          else strokes.delete(person);
          break;
        case 3:
          if (!stroke) break;
          stroke.end([step * 10, 0]);
          drawn.get(stroke.id)?.push(step * 10);
          strokes.delete(person);
          break;
        case 4:
          if (!some || toss(3) > 0) break;
          person.board.delete(some.id, {});
          drawn.delete(some.id);
          break;
        case 5: if (some?.kind === "rect") person.board.put({ ...some, x: step }, {}); break;
        case 6: person.board.put(rect(`r${step}`), {}); break;
        case 7: if (!stroke) person.board.undo(); break;
        case 8: if (toss(3) === 0 && person.isConnected) person.cut(); break;
        case 9: await person.refuseNext(); break;
        case 10: if (!person.isConnected) await person.arrive(); break;
        case 11: if (person.isConnected) await person.serve({ losesAnswers: toss(6) === 0 }); break;
        default:
          mock.timers.tick(30);
          await settled();
          await person.events({ lose: toss(8) === 0 ? 1 : 0 });
      }
    }
    for (const person of all) {
      person.cut(); // also for those whose answers were lost
      await person.arrive();
    }
    for (let round = 0; round < 60; round++) {
      mock.timers.tick(1_000);
      for (const person of all) await person.go();
    }
    for (const person of all) assert.deepEqual(person.seen, boardOf(server));
    for (const { id, points } of server.elements) if (drawn.has(id)) assert.deepEqual(points.map(([x]) => x), drawn.get(id));
  });
}
