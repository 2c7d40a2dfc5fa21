// One WAMP session after another: connects, shows the ticket, comes back after a loss. What to do on arrival (join the
// lesson, subscribe, read what was missed) is the business of `onArrival`; a new session remembers nothing of the old.

import { jittered, renewing } from "./again.mjs";
import { Refusal } from "./errors.mjs";
import { socketThatHearsGoodbye } from "./goodbye.mjs";
import { Wampy } from "./vendor/wampy.mjs";

const REALM = "tutor";
const JOIN_TIMEOUT_S = 15; // wampy waits for ever where the socket opens and nothing answers
const PAUSE_AT_MOST_S = 20; // within the server's 30 s of grace a lost person is still "reconnecting" to the others
const STEADY_AFTER_S = 10; // a session that lived this long starts the pauses from the beginning
const DRAINING = "tutorwamp.close.draining";
const DRAINING_TOPIC = "tutorwamp.connection.draining"; // says when to come back, before that goodbye
const BACK_AFTER_DRAINING_S = 2; // where it did not
const REVOKED = "tutorwamp.close.revoked";

export class Connection {
  #wampy = null;
  #hangUp = null;
  #session;
  #hooks;
  #url;
  #attempt = 0;
  #timer = null;
  #wanted = false;
  #joining = false;

  /** `hooks`: onState({state, seconds}), onArrival() and onSignedOut(words). `url`: of a node, where it is not this site's. */
  constructor(session, hooks, url = webSocketUrl()) {
    this.#session = session;
    this.#hooks = hooks;
    this.#url = url;
    // A browser knows of a network that is back before our timer does; Node tells nothing.
    globalThis.addEventListener?.("online", () => this.tryNow());
    globalThis.addEventListener?.("offline", () => this.drop());
  }

  get isOpen() {
    return this.#wampy !== null;
  }

  open() {
    this.#wanted = true;
    this.#attempt = 0;
    this.tryNow();
  }

  close() {
    this.#wanted = false;
    clearTimeout(this.#timer);
    this.#wampy?.disconnect();
    this.#wampy = this.#hangUp = null;
  }

  /** Nobody is at the other end any more, though the socket may not know it for minutes. To the others we are reconnecting. */
  drop() {
    this.#hangUp?.();
  }

  tryNow() {
    clearTimeout(this.#timer);
    if (this.#wanted && !this.#wampy && !this.#joining) this.#connect();
  }

  /** Call a procedure. Throws Refusal, whatever goes wrong; `reauth` only where a new token did not help. */
  call(procedure, kwargs = {}) {
    return renewing(this.#session, () => this.#ask(procedure, kwargs));
  }

  async #ask(procedure, kwargs) {
    const wampy = this.#open();
    try {
      // `argsDict` spelled out, or wampy would take arguments of these two names for its own.
      const { argsList } = await wampy.call(procedure, { argsDict: kwargs });
      return argsList?.[0] ?? {}; // a procedure returns one dict: it is the first positional result
    } catch (error) {
      throw Refusal.fromWamp(error);
    }
  }

  /** Hear a topic; `heard(kwargs, publisher)`, where the publisher is a user id on typing and cursor, and one of ours elsewhere. */
  async subscribe(topic, heard) {
    const wampy = this.#open();
    try {
      const { subscriptionId } = await wampy.subscribe(topic, ({ argsDict, details }) =>
        heard(argsDict ?? {}, details.publisher_authid),
      );
      // Leaving a lesson takes its subscriptions away without wampy noticing, and a second subscribe() on the same
      // session would then be answered from its memory. So unsubscribe first, and do not mind if it is gone already.
      return () => wampy.unsubscribe(subscriptionId).catch(() => {});
    } catch (error) {
      throw Refusal.fromWamp(error);
    }
  }

  /** Tell the others on an ephemeral topic. Nobody waits for it, and a lost one does no harm. */
  whisper(topic, kwargs) {
    this.#wampy?.publish(topic, { argsDict: kwargs }).catch(() => {});
  }

  #open() {
    if (!this.#wampy) throw Refusal.disconnected();
    return this.#wampy;
  }

  async #connect() {
    this.#joining = true;
    this.#hooks.onState({ state: "connecting" });
    try {
      await this.#join();
    } catch (error) {
      this.#joining = false;
      const refusal = Refusal.fromWamp(error);
      if (refusal.action === "reauth") return this.#signOut("Your sign-in has run out. Please sign in again.");
      return this.#comeBack(refusal.details?.retry_after_s);
    }
    this.#joining = false;
    if (!this.#wanted) return this.close(); // signed out in the meantime
    this.#hooks.onState({ state: "open" });
    await this.#hooks.onArrival();
  }

  async #join() {
    // Where the token looks good to us and not to the server, it was revoked, or our clock is off.
    await renewing(this.#session, (ticket) => this.#joinWith(ticket), await this.#session.accessToken());
  }

  async #joinWith(ticket) {
    let goodbye = null;
    let socket;
    let tellClosed;
    const closed = new Promise((resolve) => (tellClosed = resolve));
    const wampy = new Wampy(this.#url, {
      realm: REALM,
      authid: this.#session.user.id, // without it wampy offers no authentication at all
      authmethods: ["ticket"],
      onChallenge: () => ticket,
      ws: socketThatHearsGoodbye((heard) => (goodbye = heard), (made) => (socket = made)),
      uriValidation: "loose", // "strict" refuses the hyphens of a UUID in a topic
      autoReconnect: false, // it would subscribe again before the lesson is joined, and it hides onClose
      onClose: tellClosed,
    });
    const timeout = wait(JOIN_TIMEOUT_S);
    try {
      await Promise.race([wampy.connect(), Promise.any([closed, timeout.over]).then(() => Promise.reject(Refusal.disconnected()))]);
    } catch (error) {
      wampy.disconnect();
      throw error.name === "AbortedError" ? Refusal.fromAbort(error) : error;
    } finally {
      timeout.cancel();
    }
    this.#wampy = wampy;
    let backAfter = BACK_AFTER_DRAINING_S;
    const hearWhen = ({ argsDict }) => Number.isFinite(argsDict?.retry_after_s) && (backAfter = argsDict.retry_after_s);
    wampy.subscribe(DRAINING_TOPIC, hearWhen).catch(() => {}); // an older node does not know it
    const since = Date.now();
    const lost = () => this.#lost(wampy, since, goodbye, backAfter);
    closed.then(lost);
    this.#hangUp = () => {
      socket.close(); // which takes a while where nobody answers
      lost();
    };
  }

  #lost(wampy, since, goodbye, backAfter) {
    if (this.#wampy !== wampy) return; // closed by ourselves
    this.#wampy = this.#hangUp = null;
    if (goodbye?.reason === REVOKED) return this.#signOut("You have been signed out on this device.");
    if (Date.now() - since > STEADY_AFTER_S * 1000) this.#attempt = 0;
    this.#comeBack(goodbye?.reason === DRAINING ? backAfter : undefined);
  }

  #comeBack(atLeast = 0) {
    if (!this.#wanted) return;
    // Jittered, or everybody who was thrown out together would knock together.
    const pause = Math.min(PAUSE_AT_MOST_S, 2 ** this.#attempt++) * (0.5 + Math.random() / 2);
    const seconds = jittered(atLeast) + pause;
    this.#hooks.onState({ state: "waiting", seconds });
    this.#timer = setTimeout(() => this.tryNow(), seconds * 1000);
  }

  #signOut(words) {
    this.close();
    this.#session.forget();
    this.#hooks.onSignedOut(words);
  }
}

function webSocketUrl() {
  const url = new URL("/ws", location.href);
  url.protocol = location.protocol === "https:" ? "wss:" : "ws:";
  return url.href;
}

function wait(seconds) {
  let timer;
  const over = new Promise((resolve) => (timer = setTimeout(resolve, seconds * 1000)));
  return { over, cancel: () => clearTimeout(timer) };
}
