// Words on their way: one at a time, in the order they were written, until the server has them or says no.
// docs/rules/sessions.md, S11 and S12.

import { jittered, pause } from "../again.mjs";
import { ClientError } from "../errors.mjs";

const PAUSE_AT_MOST_S = 10; // unless the server wants more

export class Delivery {
  #hooks;
  #open = false;
  #running = false;
  #leaving = false;
  #clock;
  #failures = 0; // in a row
  #session = 0; // deliveries of an earlier one are no longer ours

  /**
   * `next()`: the first that waits, or undefined. `send(message)` promises that it need not be sent again.
   * `onRefused(message, error)`: it never can be, so next() must not give it again. `onTurn()`: one was sent, or was refused,
   * or takes longer.
   */
  constructor({ clock, ...hooks }) {
    this.#clock = clock;
    this.#hooks = hooks;
  }

  /** There is nobody to send to, or the server wants to be asked later. */
  get isStuck() {
    return !this.#open || this.#failures > 0;
  }

  /** A new session: what was not answered is sent again. */
  resume() {
    this.halt();
    this.#open = true;
    this.hurry();
  }

  /** The connection is gone. */
  halt() {
    this.#session++;
    this.#open = this.#running = false;
    this.#failures = 0;
  }

  /** The person goes: what can be sent right now is sent. */
  finish() {
    this.#leaving = true;
  }

  /** There is something new to send. */
  hurry() {
    if (this.#open && !this.#running) this.#run();
  }

  async #run() {
    const session = this.#session;
    this.#running = true;
    for (let message; (message = this.#hooks.next()); ) {
      const goesOn = await this.#deliver(message, session);
      if (session !== this.#session) return;
      if (!goesOn) break;
    }
    this.#running = false;
  }

  async #deliver(message, session) {
    try {
      await this.#hooks.send(message);
    } catch (thrown) {
      const error = ClientError.from(thrown);
      // Without a good token it waits until the person is back; who has left is told by what sends the leftovers.
      if (session !== this.#session || this.#leaving || error.action === "reauth") return false;
      if (error.action === "retry") return this.#later(error.retryAfter);
      this.#hooks.onRefused(message, error);
    }
    this.#failures = 0;
    this.#hooks.onTurn();
    return true;
  }

  async #later(seconds) {
    this.#failures++;
    this.#hooks.onTurn();
    await pause(jittered(Math.max(seconds, Math.min(PAUSE_AT_MOST_S, seconds * this.#failures))), this.#clock);
    return !this.#leaving;
  }
}
