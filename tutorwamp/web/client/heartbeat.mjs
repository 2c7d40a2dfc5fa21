// Show the server that somebody is here, at the interval it names, and hear of streams that have gone on without us. Whether
// the server is there is another question (silence.mjs).

import { systemClock } from "./clock.mjs";

const FIRST_INTERVAL_S = 30; // until the server has named its own
const PATIENCE_MS = 1_000; // an event that is on its way arrives by itself

export class Heartbeat {
  #call;
  #positions;
  #epochs;
  #behind;
  #clock;
  #timers = new Set();
  #intervalS = FIRST_INTERVAL_S;
  #beating = 0; // which start() counts; beats of an earlier one are no longer ours

  /**
   * `call(kwargs)` calls tutorwamp.session.heartbeat. `positions()`: by stream, the last event shown; `epochs()`: of which
   * past they are, one for each view. `behind(heads, sent, epoch)`: by stream, the server's head, a moment after it was another
   * than the position we had sent, or the epoch was.
   */
  constructor({ call, positions, epochs = () => [], behind, clock = systemClock }) {
    this.#clock = clock;
    this.#call = call;
    this.#positions = positions;
    this.#epochs = epochs;
    this.#behind = behind;
  }

  /** With each new session. */
  start() {
    this.stop();
    this.#beat(++this.#beating);
  }

  stop() {
    this.#beating++;
    for (const timer of this.#timers) this.#clock.clearTimeout(timer);
    this.#timers.clear();
  }

  async #beat(which) {
    try {
      const positions = this.#positions();
      const epochs = new Set(this.#epochs());
      const [epoch] = epochs;
      const { interval_s, behind, epoch: theirs } = await this.#call(epochs.size === 1 ? { positions, epoch } : { positions });
      if (interval_s > 0) this.#intervalS = interval_s;
      const isAnother = theirs !== undefined && [...epochs].some((one) => one !== theirs);
      if (which === this.#beating && (isAnother || Object.keys(behind).length))
        this.#after(PATIENCE_MS, () => this.#behind(behind, positions, theirs));
    } catch {
      // The next one may get through; a session that is gone is noticed by the connection.
    }
    if (which === this.#beating) this.#after(this.#intervalS * 1000, () => this.#beat(which));
  }

  #after(ms, doing) {
    const timer = this.#clock.setTimeout(() => {
      this.#timers.delete(timer);
      doing();
    }, ms);
    this.#timers.add(timer);
  }
}
