// Our own changes on their way to the server: gathered for a moment, sent in their order without waiting for answers,
// and sent again (same client_id) where there was none, also after a reload. docs/rules/board.md, B21, B22, B31, B33, B45.

import { jittered } from "../again.mjs";
import { NOT_KEPT } from "../chat/kept.mjs";
import { systemClock } from "../clock.mjs";
import { ClientError } from "../errors.mjs";
import { listOf } from "../events.mjs";
import { newClientId } from "../ids.mjs";
import { Pace } from "./pace.mjs";
import { grown, idOf } from "./replica.mjs";

const CHANGES_AT_MOST = 200; // in one submission
const SIZE_AT_MOST = 256 * 1024; // characters of JSON; the server takes 1 MiB of a call
const UNANSWERED_AT_MOST = 20; // a second's worth; on a slower connection more is gathered into each
const PAUSE_AT_MOST_S = 10;
const KEPT_AFTER_MS = 1_000; // what is answered sooner is never stored; a browser that is killed loses no more than this
const TRIES_IN_DOUBT = 3; // of what fails in a way that nobody has thought of
const STALE = "tutorwamp.error.board.stale";

// A submission: {clientId, changes, size, state, isSealed, isKept, isOld, doubts, seq}. Each element occurs in it once, so that
// an answer, which names elements, says clearly what became of each change. `state`: waiting, flying, or answered (until the
// event `seq` is here). Sealed is what was sent or stored: from then on, one client_id means these changes, in every tab. Old
// is of a page before.

export class Outbox {
  #submissions = [];
  #hooks;
  #clock;
  #everyMs;
  #kept;
  #keeping = null;
  #isClosed = false;
  #open = false;
  #session = 0; // answers of a session before are not waited for: everything was sent again
  #timer = null;
  #nextAt = 0;
  #pace = new Pace();
  #failures = 0; // in a row
  #head = 0;
  #unsentIds = null; // null: to be counted afresh. Who deletes thousands asks after each of them.

  /**
   * `send(clientId, changes)` promises the server's answer. `onRejected(rejections)`: the server took the rest.
   * `onRefused(error, changes)`: a whole submission can never be taken. `changes` change after both. `kept` keeps what is not
   * answered (chat/kept.mjs), and what it has from before is sent first. `onUnkept()`: it has no room for it.
   * `onTurn()`: less waits, where no event will tell it, or it waits for longer. `everyMs`: no oftener than this.
   */
  constructor({ kept = NOT_KEPT, clock = systemClock, everyMs = 0, ...hooks }) {
    this.#hooks = hooks;
    this.#clock = clock;
    this.#everyMs = everyMs;
    this.#kept = kept;
    for (const { client_id, changes } of kept.all) {
      const ofBefore = { clientId: client_id, changes, isSealed: true, isKept: true, isOld: true };
      if (listOf(changes).length > 0 && changes.every(isChange)) this.#push(ofBefore);
      else kept.remove(client_id);
    }
  }

  #push(more) {
    const submission = { clientId: newClientId(), changes: [], size: 0, state: "waiting", seq: null, doubts: 0, ...more };
    this.#submissions.push(submission);
    return submission;
  }

  /** All that the board may not have yet, in order. */
  get changes() {
    return this.#submissions.flatMap(({ changes }) => changes);
  }

  /** How many elements have changes that the server has not answered. */
  get unsentCount() {
    const unsent = () => this.#submissions.filter(({ state }) => state !== "answered").flatMap(({ changes }) => changes.map(idOf));
    return (this.#unsentIds ??= new Set(unsent())).size;
  }

  /** Something was tried and has to be tried again, or there is nobody to send it to. */
  get isStuck() {
    return this.#submissions.some(({ state }) => state === "waiting") && (!this.#open || this.#failures > 0);
  }

  /** Take one more change. True where it became one with a change before it, which then makes another version. */
  add(change) {
    let last = this.#submissions.at(-1);
    if (!last || last.isSealed || !hasRoom(last, change)) last = this.#push();
    const isJoined = join(last, change);
    this.#unsentIds?.add(idOf(change));
    this.#sendSoon();
    this.#keepSoon();
    return isJoined;
  }

  #keepSoon() {
    this.#keeping ??= this.#clock.setTimeout(() => this.keep(), KEPT_AFTER_MS);
  }

  /** Store what is not answered, now: the page may be gone the next moment. */
  keep() {
    this.#clock.clearTimeout(this.#keeping);
    this.#keeping = null;
    let isFull = false;
    for (const submission of this.#submissions) {
      if (submission.isKept || submission.state === "answered") continue;
      submission.isKept = this.#kept.put({ client_id: submission.clientId, changes: submission.changes });
      submission.isSealed ||= submission.isKept;
      isFull ||= !submission.isKept;
    }
    if (isFull) this.#hooks.onUnkept?.();
  }

  #forget(submission) {
    if (submission.isKept) this.#kept.remove(submission.clientId);
    submission.isKept = false;
  }

  /** Now, so that what is called next comes after it. */
  flush() {
    if (this.#open && this.#failures === 0) this.#sendNow();
  }

  /** A new session: everything unanswered is sent again. */
  resume() {
    this.halt();
    this.#open = true;
    this.#failures = 0;
    this.#sendNow();
  }

  /** The connection is gone. */
  halt() {
    this.#open = false;
    this.#session++;
    this.#clock.clearTimeout(this.#timer);
    this.#timer = null;
    for (const submission of this.#submissions) if (submission.state === "flying") submission.state = "waiting";
  }

  /** The person goes: what waits is sent, and kept where no answer comes. */
  close() {
    this.flush();
    this.keep();
    this.#isClosed = true;
    this.halt();
    this.#submissions = [];
    this.#unsentIds = null;
  }

  /** Nothing of it will ever be taken. */
  giveUp(error) {
    this.#drop(this.#submissions.filter(({ state }) => state !== "answered"), error);
  }

  #drop(given, error) {
    this.#submissions = this.#submissions.filter((one) => !given.includes(one));
    this.#unsentIds = null;
    for (const submission of given) this.#forget(submission);
    if (given.length > 0) this.#hooks.onRefused(error, given.flatMap(({ changes }) => changes));
  }

  /** The board has everything up to the event `head`. True where that was waited for. */
  settle(head) {
    const { length } = this.#submissions;
    this.#head = head;
    this.#submissions = this.#submissions.filter(({ state, seq }) => state !== "answered" || seq > head);
    return this.#submissions.length < length;
  }

  #sendSoon() {
    if (!this.#open || this.#timer !== null) return;
    const pauseMs = this.#nextAt - this.#clock.now();
    if (pauseMs <= 0) return this.#sendNow();
    this.#timer = this.#clock.setTimeout(() => {
      this.#timer = null;
      this.#sendSoon(); // a failure may have moved #nextAt
    }, pauseMs);
  }

  #sendNow() {
    this.#clock.clearTimeout(this.#timer);
    this.#timer = null;
    for (const submission of this.#submissions) {
      if (submission.state !== "waiting") continue;
      // The next answer goes on. After a failure everything in flight comes down first, and then it is one at a time until
      // one is answered: the server judges in the order of sending.
      if (this.#flying >= UNANSWERED_AT_MOST || (this.#failures > 0 && this.#flying > 0)) return;
      this.#fly(submission);
      this.#nextAt = this.#clock.now() + Math.max(this.#everyMs, this.#pace.pause(this.#flying, this.#clock.now()));
    }
  }

  get #flying() {
    return this.#submissions.filter(({ state }) => state === "flying").length;
  }

  async #fly(submission) {
    submission.state = "flying";
    submission.isSealed = true;
    const session = this.#session;
    try {
      const answer = await this.#hooks.send(submission.clientId, submission.changes);
      if (session === this.#session) this.#answered(submission, answer);
      else if (this.#isClosed && listOf(answer?.rejected).length === 0) this.#forget(submission);
    } catch (error) {
      if (session === this.#session) this.#failed(submission, ClientError.from(error));
    }
  }

  #answered(submission, answer) {
    const place = this.#submissions.indexOf(submission);
    const { seq } = answer;
    const rejected = listOf(answer.rejected);
    const refused = new Map(rejected.map((one) => [one.id, one]));
    const mine = (wanted) => submission.changes.filter((change) => wanted(refused.get(idOf(change))));
    // A stale change was only too early where something before it has yet to be taken, or had to be when the server first
    // judged it (an answer is repeated, but with the element as it is now). Then it follows, as a new one.
    const early = this.#submissions.slice(0, place).some(({ state }) => state !== "answered");
    const wasEarly = (change) => early || isAt(refused.get(idOf(change)).element ?? null, change);
    const again = mine((rejection) => rejection?.error === STALE).filter(wasEarly);
    const taken = { ...submission, state: "answered", seq, changes: mine((rejection) => !rejection) };
    const follower = { ...submission, clientId: newClientId(), changes: again, state: "waiting", isKept: false };
    const followers = again.length ? [follower] : [];
    this.#submissions.splice(place, 1, taken, ...followers);
    this.#unsentIds = null;
    this.#forget(submission);
    if (again.length) this.#keepSoon();
    const isSettled = this.settle(this.#head); // the event was here first, as where another tab has sent the same
    if (!early) this.#failures = 0;
    else if (again.length) this.#failures ||= 1;
    // Of a page before: it had arrived, longer ago than the server remembers answers.
    const isNews = ({ id, error }) => !again.some((change) => idOf(change) === id) && !(submission.isOld && error === STALE);
    const judged = rejected.filter(isNews);
    if (judged.length) this.#hooks.onRejected(judged);
    else if (isSettled) this.#hooks.onTurn?.();
    this.#goOn();
  }

  #failed(submission, error) {
    if (this.#mayBeTaken(submission, error)) {
      submission.state = "waiting";
      this.#failures = this.#flying > 0 ? Math.max(1, this.#failures) : this.#failures + 1; // many that fail together are one
      this.#hooks.onTurn?.();
      if (error.action === "reauth") return; // until the person is back, or draws on
      const seconds = Math.min(PAUSE_AT_MOST_S, Math.max(1, error.retryAfter) * this.#failures);
      this.#nextAt = this.#clock.now() + jittered(seconds) * 1000;
    } else this.#drop([submission], error);
    this.#goOn();
  }

  // Only the server's own word is believed at once: what fails in another way is tried again, though not for ever.
  #mayBeTaken(submission, { uri, action }) {
    if (action === "retry" || action === "reauth") return true;
    return !uri?.startsWith("tutorwamp.error.") && ++submission.doubts < TRIES_IN_DOUBT;
  }

  #goOn() {
    if (this.#submissions.some(({ state }) => state === "waiting")) this.#sendSoon();
  }
}

// More of a stroke that waits goes with it. Anything else of an element that is in there already must come after it.
function hasRoom({ changes, size }, change) {
  const before = changes.find((one) => idOf(one) === idOf(change));
  if (before) return change.op === "append" && before.op !== "delete";
  return changes.length < CHANGES_AT_MOST && size + sizeOf(change) <= SIZE_AT_MOST;
}

function join(submission, change) {
  const { changes } = submission;
  submission.size += sizeOf(change);
  const place = changes.findIndex((one) => idOf(one) === idOf(change));
  if (place < 0) changes.push(change);
  else if (changes[place].op === "put") changes[place] = { op: "put", element: grown(changes[place].element, change) };
  else changes[place] = grown(changes[place], change);
  return place >= 0;
}

/** Whether what was stored is a change that can be sent. */
function isChange(change) {
  return typeof change?.op === "string" && typeof (change.op === "put" ? change.element?.id : change.id) === "string";
}

function isAt(element, change) {
  return element !== null && element.version === (change.op === "put" ? change.element : change).version;
}

function sizeOf(change) {
  return JSON.stringify(change).length;
}
