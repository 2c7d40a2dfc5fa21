// A stream's events in order, each once. What is missing is waited for, then resumed; where that is too much, or an event makes
// no sense here, the state is read afresh. docs/rules/sessions.md, S10, S11 and S30.

import { jittered } from "./again.mjs";
import { systemClock } from "./clock.mjs";
import { Emitter } from "./emitter.mjs";
import { ClientError } from "./errors.mjs";

export const GAP_PATIENCE_MS = 1_000; // for events that others have overtaken; on one connection they are some milliseconds late
const EARLY_AT_MOST = 1_000; // half a minute of a busy board; more are not resumed one by one either
// From an event that makes no sense to the reading: not all who hear it at once, and seldom where each one makes none.
const DOUBT_MS = 500;
const DOUBT_AT_MOST_MS = 60_000;

export class Stream {
  #position = 0; // the last event that is shown
  #head = 0; // what lesson.join said there is
  #begun = false;
  #held = true; // from a loss until begin() has finished, what is heard waits
  #losses = 0;
  #early = new Map(); // seq -> an event whose turn has not come
  #mending = null;
  #timer = null; // of the next look at a gap
  #isDoubtful = false; // an event made no sense: what is shown may not be what the others see
  #doubts = 0; // in a row
  #doubtedAt = -Infinity;
  #doubtTimer = null;
  #hooks;
  #clock;
  /** `{applied(event), read()}`: is told of each event that was shown, and each time when the state was read afresh. */
  listener = null;
  /** Whether the last begin() resumed, and nothing had to be read afresh. */
  recovered = false;

  /**
   * `apply(event)` shows one event, and throws where it makes no sense: then the state is read. `readAfresh()` reads and shows
   * the whole state, including every event so far. Where it says the number of the last event in there, no event is applied
   * twice. `resume(position)` asks tutorwamp.session.resume for what came after: `{complete, events, head}`.
   */
  constructor({ clock = systemClock, ...hooks }) {
    this.#clock = clock;
    this.#hooks = hooks;
  }

  /** The number of the last event that is shown; null before the state was read. */
  get position() {
    return this.#begun ? this.#position : null;
  }

  /** The connection is gone, or is about to be entered again: show nothing until begin(), which needs a position that stays. */
  hold() {
    this.#losses++;
    this.#held = true;
    this.#early.clear(); // the resume brings them again, if the server still knows them
    this.#settle();
  }

  /**
   * Start, or start again after a loss, once subscribed. `head` is what lesson.join said, `resumed` what session.resume has
   * answered for this stream, where it was asked already. Throws ClientError; then the stream stays held.
   */
  async begin(head, resumed = null) {
    const losses = this.#losses;
    await this.#mending?.catch(() => {}); // of the session before; it has lost its connection
    this.#head = head;
    this.recovered = true;
    await this.#mend(resumed);
    if (losses !== this.#losses) throw ClientError.disconnected(); // lost again meanwhile
    this.#held = false;
    this.#goOn();
  }

  hear(event) {
    if (!Number.isSafeInteger(event?.seq)) return; // not one of a stream
    const waits = this.#held || this.#mending !== null;
    if (!waits && event.seq <= this.#position) return;
    this.#early.set(event.seq, event);
    if (this.#early.size > EARLY_AT_MOST) this.#early.delete(Math.max(...this.#early.keys())); // the first ones come first
    if (!waits) this.#goOn();
  }

  /**
   * A heartbeat in which we said `sent` was answered with another `head`, a moment ago. Events may have come since; but a
   * server whose head is smaller than what we have seen has forgotten (a backup was brought back), and is believed.
   */
  compare(head, sent) {
    if (this.#held || this.#mending) return;
    const isBehind = head > sent && this.#position < head;
    const hasForgotten = head < sent && this.#position >= sent;
    if (isBehind || hasForgotten) this.#repair();
  }

  /** The server's numbers belong to another past than ours (a backup was brought back): none of ours means anything. */
  compareAfresh() {
    if (!this.#held && !this.#mending) this.#repair();
  }

  // Show all whose turn has come, and give what is missing before the others a moment.
  #goOn() {
    for (const seq of this.#early.keys()) if (seq <= this.#position) this.#early.delete(seq);
    for (let next; (next = this.#early.get(this.#position + 1)); ) {
      this.#early.delete(next.seq);
      this.#take(next);
    }
    if (this.#isDoubtful) this.#lookAfreshSoon();
    if (this.#early.size > 0 && this.#timer === null) this.#wait();
  }

  // The position goes on in any case: the state that is read for an event that made no sense has it in it, and it is not asked
  // for a second time.
  #take(event) {
    if (!(event?.seq > this.#position)) return;
    this.#position = event.seq;
    try {
      this.#hooks.apply(event);
      this.listener?.applied(event);
    } catch (error) {
      console.warn(`${event.stream ?? "A stream"}, event ${event.seq} (${event.type}) makes no sense here:`, error);
      this.#isDoubtful = true;
    }
  }

  #lookAfreshSoon() {
    if (this.#doubtTimer !== null) return;
    if (this.#clock.now() - this.#doubtedAt > 2 * DOUBT_AT_MOST_MS) this.#doubts = 0;
    this.#doubtedAt = this.#clock.now();
    const pauseMs = jittered(Math.min(DOUBT_AT_MOST_MS, DOUBT_MS * 2 ** this.#doubts++));
    this.#doubtTimer = this.#clock.setTimeout(() => {
      this.#doubtTimer = null;
      if (this.#isDoubtful && !this.#held && !this.#mending) this.#repair();
    }, pauseMs);
  }

  #wait() {
    const due = Math.max(...this.#early.keys());
    this.#again(GAP_PATIENCE_MS, () => {
      if (this.#position < due) this.#repair();
      else if (this.#early.size > 0) this.#wait(); // for others than before
    });
  }

  #again(ms, act) {
    this.#timer = this.#clock.setTimeout(() => {
      this.#timer = null;
      act();
    }, ms);
  }

  #settle() {
    this.#clock.clearTimeout(this.#timer);
    this.#clock.clearTimeout(this.#doubtTimer);
    this.#timer = this.#doubtTimer = null;
  }

  async #repair() {
    try {
      await this.#mend();
    } catch (error) {
      if (this.#held) return; // no connection: the next arrival begins again
      if (error.action === "retry") this.#again(jittered(error.retryAfter) * 1000, () => this.#repair());
      else if (this.#isDoubtful) this.#lookAfreshSoon();
      // Otherwise the next event, or the next heartbeat, shows the gap again.
    }
  }

  async #mend(resumed = null) {
    this.#settle();
    this.#mending = this.#catchUp(resumed);
    try {
      await this.#mending;
      this.#begun = true;
    } finally {
      this.#mending = null;
    }
    if (!this.#held) this.#goOn();
  }

  async #catchUp(resumed) {
    let known = Math.max(this.#position, this.#head);
    if (this.#begun && this.#hooks.resume && (resumed || !this.#isDoubtful)) {
      const answer = resumed ?? (await this.#hooks.resume(this.#position)) ?? {};
      for (const event of answer.events ?? []) this.#take(event);
      const head = Number.isSafeInteger(answer.head) ? answer.head : known;
      const isWhole = answer.complete === true && this.#position >= head;
      if (isWhole && !this.#isDoubtful) return;
      known = isWhole ? this.#position : head; // smaller than ours where a backup was brought back
      // Ours is worth nothing from here on, also where the reading fails: the next try must not ask what came after it.
      this.#begun = false;
      this.#position = 0;
      this.#head = known;
    }
    // Numbers are given out in the order of commits, and an event leaves after its commit. So what is read from now on
    // holds everything up to the newest event that has arrived.
    known = Math.max(known, ...this.#early.keys());
    this.recovered = false;
    this.#position = (await this.#hooks.readAfresh()) ?? known;
    this.#isDoubtful = false;
    this.listener?.read();
  }
}

/** What has a stream of its own, and tells of it. */
export class Followed extends Emitter {
  /** `hooks`: the stream's. */
  constructor(hooks) {
    super();
    this.stream = new Stream(hooks);
  }

  /** Tell `update` with each event, and `sync` with the `whole()` each time when it was read afresh. */
  telling(whole = () => this) {
    this.stream.listener = { applied: (event) => this.emit("update", event), read: () => this.emit("sync", whole()) };
    return this;
  }

  /** Whether the last return resumed what was missed, and nothing had to be read afresh. */
  get recovered() {
    return this.stream.recovered;
  }
}
