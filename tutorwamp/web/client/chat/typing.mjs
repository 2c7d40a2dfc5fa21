// Who is typing. Nothing of it is kept: it is said on the topic `typing` and forgotten.

import { systemClock } from "../clock.mjs";

export const TYPING_EVERY_MS = 2_500; // the others believe a "typing" for twice as long

/** Who types, from what is heard; a "typing" that is not repeated fades. */
export class Typing {
  #people = new Map(); // id -> timer
  #show;
  #clock;

  constructor(show, clock = systemClock) {
    this.#clock = clock;
    this.#show = show;
  }

  heard(id, typing) {
    this.#clock.clearTimeout(this.#people.get(id));
    this.#people.delete(id);
    if (typing === true) this.#people.set(id, this.#clock.setTimeout(() => this.heard(id, false), 2 * TYPING_EVERY_MS));
    this.#show([...this.#people.keys()]);
  }

  clear() {
    for (const id of [...this.#people.keys()]) this.heard(id, false);
  }
}
