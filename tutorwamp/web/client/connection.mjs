// One WAMP session after another: connects, shows the ticket, notices when nobody is there any more, comes back after a loss.
// What to do on arrival (join the lesson, subscribe, read what was missed) is the business of `onArrival`; a new session
// remembers nothing of the old.

import { jittered, renewing } from "./again.mjs";
import { ClientError } from "./errors.mjs";
import { HEAVY, LARGE, limited } from "./limits.mjs";
import { Silence } from "./silence.mjs";
import { WampSession } from "./wamp.mjs";

const STEADY_AFTER_MS = 10_000; // a session that lived this long starts the pauses from the beginning
const WELL_AFTER_MS = 60_000; // and this long, our patience with a slow line
const FRESH_MS = 1_000; // an attempt that is younger is not begun anew
const DOUBT_S = 1; // spread over this: where a router stands still, everybody finds it silent at the same moment
const CLOSE = "tutorwamp.close."; // what reasons of the server begin with
const BACK_AFTER_S = { draining: 2, ping_timeout: 0 }; // where it did not say when to come back
const TOPICS = { draining: "tutorwamp.connection.draining", ping_timeout: "tutorwamp.connection.timeout" }; // on which it does

export class Connection {
  #url;
  #tokens;
  #WebSocket;
  #clock;
  #timeouts;
  #debug;
  #hooks;
  #silence;
  #session = null;
  #doubted = false; // the session is taken for dead; until another is there, a word on it brings it back to life
  #attempting = null;
  #attempts = 0;
  #timer = null;
  #wanted = false;
  #since = 0; // the session's beginning
  #state = "initial";
  #wasConnected = false;
  #listening = null;

  /**
   * `url` of the WebSocket. `tokens`: accessToken({renew}), and `user` or null. `timeouts` as in limits.mjs. `hooks`:
   * onState({state, reason, seconds}), where `seconds` is the pause before the next attempt; onArrival(welcome), in a new
   * session; onLost(), the old one is gone, and its subscriptions with it.
   */
  constructor({ url, tokens, WebSocket, clock, timeouts, debug, hooks }) {
    this.#url = url;
    this.#tokens = tokens;
    this.#WebSocket = WebSocket;
    this.#clock = clock;
    this.#timeouts = timeouts;
    this.#debug = debug;
    this.#hooks = hooks;
    this.#silence = new Silence({
      clock,
      timeouts,
      hooks: {
        probe: () => this.#session.probe(),
        isAwaited: () => this.#session.unanswered > 0,
        onSilent: ({ hurried }) => this.#doubt(hurried ? 0 : DOUBT_S * Math.random()),
        onLife: () => this.#believe(),
      },
    });
  }

  get state() {
    return this.#state;
  }

  get isOpen() {
    return this.#session !== null;
  }

  /**
   * Somebody looks at what we show, and does something there right now: a silence is noticed, also where nothing is waited for.
   */
  set attentive(attentive) {
    this.#silence.attentive = attentive;
  }

  open() {
    if (this.#wanted) return;
    this.#wanted = true;
    this.#wasConnected = false;
    this.#attempts = 0;
    this.#listen();
    this.#connect();
  }

  /** Stay away, for this reason. */
  close(reason = "closed") {
    if (!this.#wanted) return;
    this.#wanted = false;
    this.#rest();
    this.#listening.abort();
    const session = this.#session;
    this.#session = null;
    session?.leave();
    this.#ended(session);
    this.#become("disconnected", reason);
  }

  /** Nobody is at the other end any more, though the socket may not know it for minutes. */
  drop(reason) {
    const session = this.#session;
    if (!session) return;
    this.#session = null;
    session.cut();
    this.#ended(session);
    if (!this.#attempting) this.#comeBack(reason);
  }

  /** Something tells that the network may be another, or that somebody looks again: see at once whether we are connected. */
  wake() {
    if (!this.#wanted) return;
    this.#attempts = 0;
    if (this.#session && !this.#doubted) return this.#silence.ask();
    if (this.#attempting && this.#clock.now() - this.#attempting.since < FRESH_MS) return;
    this.#rest();
    this.#connect();
  }

  /**
   * Call a procedure. Throws ClientError, whatever goes wrong, or what `signal` says; `reauth` only where a new token did not
   * help.
   */
  call(procedure, kwargs = {}, { timeout, signal } = {}) {
    const ask = (leaving) => renewing(this.#tokens, async () => {
      leaving.throwIfAborted(); // given up while there was no token
      return this.#open().call(procedure, kwargs, leaving);
    });
    const seconds = timeout ?? (LARGE.has(procedure) ? this.#timeouts.read : this.#timeouts.call);
    return limited(ask, { seconds, signal, clock: this.#clock });
  }

  /**
   * Hear a topic; `heard(kwargs, publisher)`, where the publisher is a user id on typing and cursor, and one of ours elsewhere.
   */
  async subscribe(topic, heard) {
    const session = this.#open();
    const subscription = await session.subscribe(topic, heard);
    return () => session.unsubscribe(subscription);
  }

  /** Tell the others on an ephemeral topic. Nobody waits for it, and a lost one does no harm. */
  whisper(topic, kwargs) {
    this.#session?.publish(topic, kwargs).catch(() => {});
  }

  #open() {
    if (!this.#session) throw ClientError.disconnected();
    return this.#session;
  }

  // One attempt

  async #connect() {
    const attempt = (this.#attempting = { since: this.#clock.now(), session: null });
    this.#become(this.#wasConnected ? "reconnecting" : "connecting");
    try {
      const how = { seconds: this.#timeouts.join, signal: this.#listening.signal, clock: this.#clock };
      const welcome = await limited(() => this.#join(attempt), how);
      if (attempt === this.#attempting) this.#arrived(attempt.session, welcome);
    } catch (error) {
      attempt.session?.cut();
      if (attempt === this.#attempting) this.#failed(error);
    }
  }

  async #join(attempt) {
    // Where the token looks good to us and not to the server, it was revoked, or our clock is off.
    return renewing(this.#tokens, (ticket) => this.#joinWith(attempt, ticket), true);
  }

  async #joinWith(attempt, ticket) {
    if (attempt !== this.#attempting) throw ClientError.disconnected();
    const opening = this.#clock.setTimeout(() => session.cut(), this.#timeouts.open * 1000);
    const opened = () => this.#clock.clearTimeout(opening);
    const isOurs = () => this.#session === session;
    const session = (attempt.session = new WampSession({
      url: this.#url,
      WebSocket: this.#WebSocket,
      ticket,
      authid: this.#tokens.user?.id,
      debug: this.#debug,
      hooks: {
        onOpen: opened,
        onHeard: (isEvent) => isOurs() && this.#silence.heard(isEvent),
        onSent: () => isOurs() && this.#silence.sent(),
        onOver: (goodbye) => isOurs() && this.#lost(session, goodbye),
      },
    }));
    return session.joined.finally(opened);
  }

  #failed(error) {
    this.#attempting = null;
    if (error.action === "reauth") return this.close("unauthenticated");
    this.#comeBack(undefined, error.details?.retry_after_s);
  }

  #arrived(session, welcome) {
    this.#attempting = null;
    const old = this.#session;
    this.#session = session;
    if (old) {
      if (old.awaits(HEAVY)) this.#silence.wasWrong();
      old.cut();
      this.#ended(old);
      if (this.#session !== session) return; // whoever was told has closed us
    }
    this.#since = this.#clock.now();
    this.#wasConnected = true;
    session.told = {};
    for (const [reason, topic] of Object.entries(TOPICS)) {
      const heard = ({ retry_after_s: seconds }) => Number.isFinite(seconds) && (session.told[reason] = seconds);
      session.subscribe(topic, heard).catch(() => {}); // an older node does not know it
    }
    this.#silence.start();
    this.#become("connected");
    if (this.#session === session) this.#hooks.onArrival(welcome); // whoever was told may have closed us
  }

  // Losing it

  #doubt(seconds) {
    this.#doubted = true;
    this.#attempts = 0;
    this.#tryIn(seconds);
    this.#become("reconnecting", "silent", seconds);
  }

  #believe() {
    this.#doubted = false;
    if (this.#session.awaits(HEAVY)) this.#silence.wasWrong();
    this.#rest();
    this.#become("connected", "silent");
  }

  #lost(session, goodbye) {
    this.#session = null;
    const known = goodbye?.reason?.startsWith(CLOSE) ? goodbye.reason.slice(CLOSE.length) : "lost";
    if (this.#clock.now() - this.#since > STEADY_AFTER_MS) this.#attempts = 0;
    this.#ended(session);
    if (known === "revoked") return this.close("revoked");
    if (!this.#attempting) this.#comeBack(known, session.told[known] ?? BACK_AFTER_S[known]);
  }

  #ended(session) {
    if (!session) return;
    this.#silence.stop();
    if (this.#clock.now() - this.#since > WELL_AFTER_MS) this.#silence.forgive();
    this.#doubted = false;
    this.#hooks.onLost();
  }

  #comeBack(reason, atLeast = 0) {
    if (!this.#wanted) return;
    // Jittered, or everybody who was thrown out together would knock together.
    const pause = Math.min(this.#timeouts.pause, 2 ** this.#attempts++) * (0.5 + Math.random() / 2);
    const seconds = jittered(atLeast) + pause;
    this.#tryIn(seconds); // before it is told: whoever hears it may close us
    this.#become(this.#wasConnected ? "reconnecting" : "connecting", reason, seconds);
  }

  #tryIn(seconds) {
    this.#clock.clearTimeout(this.#timer);
    this.#timer = this.#clock.setTimeout(() => this.#connect(), seconds * 1000);
  }

  // No attempt any more, neither now nor later.
  #rest() {
    this.#clock.clearTimeout(this.#timer);
    const attempt = this.#attempting;
    this.#attempting = null;
    attempt?.session?.cut();
  }

  #become(state, reason, seconds = null) {
    this.#state = state;
    this.#hooks.onState({ state, reason, seconds });
  }

  // A browser knows of a network that is back, or is another, before our timer does; Node tells nothing.
  #listen() {
    this.#listening = new AbortController();
    const { signal } = this.#listening;
    globalThis.addEventListener?.("online", () => this.wake(), { signal });
    globalThis.addEventListener?.("offline", () => this.drop("offline"), { signal });
    globalThis.navigator?.connection?.addEventListener?.("change", () => this.wake(), { signal });
  }
}
