// One press of the pen: a stroke that is sent as it grows (docs/rules/board.md, B33).

import { newId } from "../ids.mjs";

const POINTS_AT_MOST = 500;
const APART = 1.5; // board units: nearer points than this tell nothing

export class PenStroke {
  #board;
  #look;
  #gesture = {};
  #count = 0;
  #last;

  /** `look`: page, colour and width. `point`: [x, y] or [x, y, pressure]. */
  constructor(board, look, point) {
    this.#board = board;
    this.#look = look;
    this.#begin(point);
  }

  #begin(point) {
    this.id = newId();
    this.#board.put({ id: this.id, kind: "stroke", ...this.#look, points: [point] }, this.#gesture);
    this.#count = 1;
    this.#last = point;
  }

  /** False when the stroke is no longer there to be continued. */
  add(points) {
    const further = [];
    for (const point of points) {
      if (Math.hypot(point[0] - this.#last[0], point[1] - this.#last[1]) < APART) continue;
      this.#last = point;
      further.push(point);
    }
    while (this.#count + further.length >= POINTS_AT_MOST) {
      const final = further.splice(0, POINTS_AT_MOST - this.#count);
      if (!this.#append(final, true)) return false;
      this.#begin(final.at(-1));
    }
    return further.length === 0 || this.#append(further, false);
  }

  #append(points, finished) {
    this.#count += points.length;
    return this.#board.append(this.id, points, { finished, gesture: this.#gesture });
  }

  /** The pen is lifted, at `point` or where it was last. */
  end(point = this.#last) {
    this.#append([point], true);
  }

  /** It was not meant: a second finger came down, to move the page. */
  takeBack() {
    this.#board.undo({ again: false });
  }
}
