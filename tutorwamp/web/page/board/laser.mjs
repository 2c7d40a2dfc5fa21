// A red light on the board, to be seen from afar: everybody in the lesson may point, and nothing of it stays.

import { fresh, longer } from "../../client/board/cursor.mjs";

export class Laser {
  #point;
  #onChange;
  #trail = [];
  page = null;
  isOn = false;

  /** `point(page, place, {laser})` tells the others where it is. */
  constructor({ point, onChange }) {
    this.#point = point;
    this.#onChange = onChange;
  }

  begin(point) {
    this.isOn = true;
    this.#shine(point);
    const dark = () => {
      this.isOn = false;
      const last = this.#trail.at(-1);
      if (last && this.page) this.#point(this.page, [last.x, last.y]); // the others' light goes out
    };
    return { move: (points) => points.forEach((place) => this.#shine(place)), end: dark, drop: dark };
  }

  #shine([x, y]) {
    if (!this.page) return;
    this.#trail = longer(this.#trail, { x, y, at: Date.now() });
    this.#point(this.page, [x, y], { laser: true });
    this.#onChange();
  }

  /** What is still to be seen of one's own. */
  get trail() {
    return (this.#trail = fresh(this.#trail));
  }
}
