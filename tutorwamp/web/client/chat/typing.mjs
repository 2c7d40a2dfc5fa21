// Who is typing. Nothing of it is kept: it is said on the topic `typing` and forgotten.

import { Emitter } from "../emitter.mjs";

export const TYPING_EVERY_MS = 2_500; // the others believe a "typing" for twice as long

/** Who writes just now: their ids. A "typing" that is not repeated fades. */
export class TypingNow extends Emitter {
  #people = new Map(); // id -> timer
  #whisper;
  #clock;
  #everyMs;
  #saidAt = -Infinity;

  constructor({ whisper, clock, everyMs }) {
    super();
    this.#whisper = whisper;
    this.#clock = clock;
    this.#everyMs = everyMs;
  }

  get ids() {
    return [...this.#people.keys()];
  }

  hear({ typing }, who) {
    this.#clock.clearTimeout(this.#people.get(who));
    this.#people.delete(who);
    if (typing === true) this.#people.set(who, this.#clock.setTimeout(() => this.hear({}, who), 2 * TYPING_EVERY_MS));
    this.emit("update", this.ids);
  }

  clear() {
    for (const who of this.ids) this.hear({}, who);
  }

  /** Tell the others; that one still types is said now and then. */
  tell(typing) {
    if (typing && this.#clock.now() - this.#saidAt < this.#everyMs) return;
    if (!typing && this.#saidAt === -Infinity) return;
    this.#saidAt = typing ? this.#clock.now() : -Infinity;
    this.#whisper({ typing });
  }
}
