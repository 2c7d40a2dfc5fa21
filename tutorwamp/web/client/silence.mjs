// Whether the other end is still there, where the socket does not know: decision 38 says why like this, and what it costs.
// Whatever is heard is a sign of life. Where something is expected and nothing comes, we ask; where there is no answer to
// that either, it is silence.

const ASLEEP_MS = 2_000; // a timer that comes so much too late: the page or the machine stood still, not the network
const FACTOR_AT_MOST = 27; // a minute, for a line that is busy with one large answer

export class Silence {
  #clock;
  #timeouts;
  #hooks;
  #timer = null;
  #dueAt = 0;
  #attentive = true;
  #running = false;
  #heardAt = 0;
  #waitingSince = null; // null while nothing is expected
  #probedAt = null;
  #silent = false; // told so; the next thing heard ends it
  #hurried = null; // how long the answer to this probe may take, ms
  #factor = 1; // of patience

  /**
   * `timeouts`, in seconds: `probe`, after which a quiet connection is asked; `silent`, after which it is taken for dead;
   * `shown`, how long the answer may take when the page has just been shown. `hooks`: probe(), which answers whether there was an answer; isAwaited(), whether an answer
   * is waited for; onSilent({hurried}), told once, and whether somebody has just come back; onLife(), something is heard after all.
   */
  constructor({ clock, timeouts, hooks }) {
    this.#clock = clock;
    this.#timeouts = timeouts;
    this.#hooks = hooks;
  }

  /** A session begins. */
  start() {
    this.stop();
    this.#running = true;
    this.#heardAt = this.#clock.now();
    this.#expect();
  }

  stop() {
    this.#running = this.#silent = false;
    this.#rest();
    this.#probedAt = this.#waitingSince = this.#hurried = null;
  }

  /** Somebody looks at what we show: they are told of a silence. Otherwise only those are whom something answers. */
  set attentive(attentive) {
    this.#attentive = attentive;
    this.#expect();
  }

  heard() {
    this.#heardAt = this.#clock.now();
    // Somebody who has just come back may hear what was said while nobody looked. Of the present only the answer tells.
    if (this.#hurried === null) this.#lives();
  }

  #lives() {
    this.#probedAt = this.#hurried = null;
    if (!this.#silent) return;
    this.#silent = false;
    this.#expect();
    this.#hooks.onLife();
  }

  sent() {
    this.#expect();
  }

  /** Ask now, and wait for the answer no longer than somebody does who has just come back to the page. */
  ask() {
    if (!this.#running || this.#silent) return;
    this.#hurried = this.#timeouts.shown * 1000 * this.#factor;
    this.#probe(this.#hurried);
  }

  /** It was no silence, only slow: wait longer from now on. */
  wasWrong() {
    this.#factor = Math.min(FACTOR_AT_MOST, this.#factor * 3);
  }

  /** All is well for a long time. */
  forgive() {
    this.#factor = 1;
  }

  // Begin to look, where that is not so already.
  #expect() {
    if (!this.#running || this.#silent || this.#timer !== null || this.#probedAt !== null || !this.#isExpecting) return;
    this.#waitingSince = this.#clock.now();
    this.#lookIn(this.#timeouts.probe * 1000);
  }

  get #isExpecting() {
    return this.#attentive || this.#hooks.isAwaited();
  }

  #look() {
    this.#timer = null;
    const now = this.#clock.now();
    if (now - this.#dueAt > ASLEEP_MS) return this.ask(); // what was said meanwhile may only wait to be heard
    if (this.#probedAt !== null) {
      const left = this.#probedAt + (this.#hurried ?? this.#answerMs) - now;
      if (left > 0) return this.#lookIn(left);
      const hurried = this.#hurried !== null;
      this.#silent = true;
      this.#hurried = null; // from now on any word will do
      return this.#hooks.onSilent({ hurried });
    }
    if (!this.#isExpecting) return;
    const left = Math.max(this.#heardAt, this.#waitingSince) + this.#timeouts.probe * 1000 - now;
    if (left > 0) this.#lookIn(left);
    else this.#probe(this.#answerMs);
  }

  get #answerMs() {
    return (this.#timeouts.silent - this.#timeouts.probe) * 1000 * this.#factor;
  }

  #probe(ms) {
    const at = (this.#probedAt = this.#clock.now());
    this.#hooks.probe().then((answered) => answered && this.#probedAt === at && this.#lives());
    this.#rest();
    this.#lookIn(ms);
  }

  #lookIn(ms) {
    this.#dueAt = this.#clock.now() + ms;
    this.#timer = this.#clock.setTimeout(() => this.#look(), ms);
  }

  #rest() {
    this.#clock.clearTimeout(this.#timer);
    this.#timer = null;
  }
}
