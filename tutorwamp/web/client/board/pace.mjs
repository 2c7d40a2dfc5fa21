// When the next submission may leave (B33): with every frame while there is room for it, twenty a second in the long run.

const FRAME_MS = 12; // less than a frame of 60 Hz, so that each one's points leave with it
const STEADY_MS = 50; // what the server allows a person for ever: 20 a second (S7)
const ROOM = 150; // submissions that may go beyond that; the server has room for 200, among them what is said in the chat
const SCARCE = 50; // of them: from here on slower and slower, so that nobody sees a jerk
const ON_TIME = 6; // unanswered ones of a server that keeps up: a tick is 33 ms

export class Pace {
  #room = ROOM;
  #at = -Infinity;

  /** One has left just now, and `unanswered` are under way: how long the next one waits, in ms. */
  pause(unanswered, now = Date.now()) {
    this.#room = Math.max(0, Math.min(ROOM, this.#room + (now - this.#at) / STEADY_MS) - 1);
    this.#at = now;
    if (unanswered > ON_TIME) return STEADY_MS; // more of them would only wait at the other end
    return STEADY_MS - (STEADY_MS - FRAME_MS) * Math.min(1, this.#room / SCARCE);
  }
}
