// Plays a timeline: where it is, how fast it goes, and what it passes over. Without a document.

export const SPEEDS = [1, 2, 4, 8, 16];
const QUIET_S = 4; // a shorter silence belongs to what was said before it
const LEAD_S = 1; // before what comes after a silence, so that it is seen to come

export class Player {
  #timeline;
  #now;
  #since = null; // when the position was last worked out; null: it stands still
  /** Seconds from the beginning. */
  position = 0;
  speed = 1;
  /** Pass over times in which nothing was said or drawn. */
  skips = true;

  /** `now()`: milliseconds of a clock that never goes back. */
  constructor(timeline, now = () => performance.now()) {
    this.#timeline = timeline;
    this.#now = now;
  }

  get isPlaying() {
    return this.#since !== null;
  }

  /** From where it is; from the beginning where it is at the end. */
  play() {
    if (this.position >= this.#timeline.length) this.position = 0;
    this.#since = this.#now();
  }

  pause() {
    this.tick();
    this.#since = null;
  }

  seek(seconds) {
    this.position = Math.min(this.#timeline.length, Math.max(0, seconds));
    if (this.isPlaying) this.#since = this.#now();
  }

  /** Go on to where it is by now. At the end it stops. */
  tick() {
    if (!this.isPlaying) return;
    const now = this.#now();
    this.position += ((now - this.#since) / 1000) * this.speed;
    this.#since = now;
    if (this.skips) this.#skip();
    if (this.position < this.#timeline.length) return;
    this.position = this.#timeline.length;
    this.#since = null;
  }

  #skip() {
    const next = this.#timeline.nextAfter(this.position) ?? this.#timeline.length;
    if (next - this.position > QUIET_S) this.position = next - LEAD_S;
  }
}
