// Whether the other end is still there, where the socket does not know: decision 38 says why like this, and what it costs.
// Whatever is heard is a sign of life. Where something is expected and nothing comes, we ask; where there is no answer to
// that either, it is silence.

const ASLEEP_MS = 2_000; // a timer that comes so much too late: the page or the machine stood still, not the network
const LIVELY_MS = 120_000; // after the last event, and the last sign of whoever looks: from then on we ask seldom
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
  #livelyAt = 0;
  #from = 0; // quiet is counted from here on, or from what was heard after it
  #probedAt = null;
  #silent = false; // told so; the next thing heard ends it
  #hurried = null; // how long the answer to this probe may take, ms
  #factor = 1; // of patience

  /**
   * `timeouts`, in seconds: `probe`, after which a quiet connection is asked, and `idle`, where nobody does anything; `silent`,
   * after which it is taken for dead; `shown`, how long the answer may take when the page has just been shown. `hooks`: probe(),
   * which answers whether there was an answer; isAwaited(), whether an answer is waited for; onSilent({hurried}), told once, and
   * whether somebody has just come back; onLife(), something is heard after all.
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
    this.#heardAt = this.#livelyAt = this.#clock.now();
    this.#expect(this.#heardAt);
  }

  stop() {
    this.#running = this.#silent = false;
    this.#rest();
    this.#probedAt = this.#hurried = null;
  }

  /** Somebody looks at what we show, and does something there right now; or nobody looks any more. */
  set attentive(attentive) {
    this.#attentive = attentive;
    if (attentive) this.#livelyAt = this.#clock.now();
    this.#expect(this.#heardAt);
  }

  /** `isEvent`: others do something, and not only the server answers. */
  heard(isEvent) {
    this.#heardAt = this.#clock.now();
    if (isEvent) this.#enliven();
    // Somebody who has just come back may hear what was said while nobody looked. Of the present only the answer tells.
    if (this.#hurried === null) this.#lives();
  }

  // Where we have asked seldom, the next look comes sooner now.
  #enliven() {
    this.#livelyAt = this.#heardAt;
    if (this.#dueAt - this.#heardAt > this.#timeouts.probe * 1000) this.#expect(this.#heardAt);
  }

  #lives() {
    this.#probedAt = this.#hurried = null;
    if (!this.#silent) return;
    this.#silent = false;
    this.#expect(this.#heardAt);
    this.#hooks.onLife();
  }

  sent() {
    this.#expect(this.#clock.now());
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

  // Look when it has been quiet for too long from this moment on, or sooner where that is planned already.
  #expect(from) {
    if (!this.#running || this.#silent || this.#probedAt !== null || this.#patienceMs === null) return;
    const dueAt = Math.max(this.#heardAt, from) + this.#patienceMs;
    if (this.#timer !== null && this.#dueAt <= dueAt) return;
    this.#from = from;
    this.#lookAt(dueAt);
  }

  // How long it may be quiet before we ask; null: nobody wants to know.
  get #patienceMs() {
    const isLively = this.#attentive && this.#clock.now() - this.#livelyAt < LIVELY_MS;
    if (isLively || this.#hooks.isAwaited()) return this.#timeouts.probe * 1000;
    return this.#attentive ? this.#timeouts.idle * 1000 : null;
  }

  #look() {
    this.#timer = null;
    const now = this.#clock.now();
    if (now - this.#dueAt > ASLEEP_MS) return this.ask(); // what was said meanwhile may only wait to be heard
    if (this.#probedAt !== null) return this.#judge(now);
    if (this.#patienceMs === null) return;
    const dueAt = Math.max(this.#heardAt, this.#from) + this.#patienceMs;
    if (dueAt > now) this.#lookAt(dueAt);
    else this.#probe(this.#answerMs);
  }

  // There was a question, and no answer yet.
  #judge(now) {
    const dueAt = this.#probedAt + (this.#hurried ?? this.#answerMs);
    if (dueAt > now) return this.#lookAt(dueAt);
    const hurried = this.#hurried !== null;
    this.#silent = true;
    this.#hurried = null; // from now on any word will do
    this.#hooks.onSilent({ hurried });
  }

  get #answerMs() {
    return (this.#timeouts.silent - this.#timeouts.probe) * 1000 * this.#factor;
  }

  #probe(ms) {
    const at = (this.#probedAt = this.#clock.now());
    this.#hooks.probe().then((answered) => answered && this.#probedAt === at && this.#lives());
    this.#lookAt(at + ms);
  }

  #lookAt(dueAt) {
    this.#rest();
    this.#dueAt = dueAt;
    this.#timer = this.#clock.setTimeout(() => this.#look(), Math.max(0, dueAt - this.#clock.now()));
  }

  #rest() {
    this.#clock.clearTimeout(this.#timer);
    this.#timer = null;
  }
}
