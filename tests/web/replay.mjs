// The page's replica, driven by test_board_module.py: a JSON line {start, events} in, a line {states} out, one state after
// each event. So the page's idea of a board can be compared with the server's.

import { createInterface } from "node:readline";

import { Replica } from "../../tutorwamp/web/client/board/replica.mjs";

for await (const line of createInterface({ input: process.stdin })) {
  const { start, events } = JSON.parse(line);
  const replica = new Replica();
  replica.open(start);
  const states = events.map((event) => {
    replica.apply(event);
    return { pages: replica.pages.map((id) => ({ id })), elements: [...replica.elements], head: replica.head };
  });
  console.log(JSON.stringify({ states }));
}
