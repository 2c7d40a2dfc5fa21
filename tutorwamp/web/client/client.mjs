// The client: one person, one connection that comes back by itself, and the lessons they are in.

import { TYPING_EVERY_MS } from "./chat/typing.mjs";
import { systemClock } from "./clock.mjs";
import { Connection } from "./connection.mjs";
import { ClientError } from "./errors.mjs";
import { Emitter } from "./emitter.mjs";
import { Heartbeat } from "./heartbeat.mjs";
import { Leftovers } from "./leftovers.mjs";
import { Lesson } from "./lesson.mjs";
import { TIMEOUTS } from "./limits.mjs";
import { Notifications } from "./notifications.mjs";
import { Pending } from "./pending.mjs";
import { requester } from "./rest.mjs";
import { Session } from "./session.mjs";
import { asStorage } from "./storage.mjs";

/** How often things are said that are said all the time, in milliseconds: the pointer, that somebody types, what is drawn. */
const THROTTLE = { cursor: 50, typing: TYPING_EVERY_MS, board: 0 }; // strokes by their own pace (board/pace.mjs)
const SIGNED_OUT = new Set(["revoked", "unauthenticated"]); // reasons to be disconnected

/**
 * A client; `connect()` begins. Options:
 *
 * - `url` of the server, `https://school.example`.
 * - `getToken({renew})` answers an access token, with `renew` another than before; or `login: {email, password}` (or a function
 *   that answers that), and the client gets and renews its tokens itself; or `session`, a Session, and who signs out there, in
 *   any tab, is `disconnected` with the reason `revoked`.
 * - `user()`: `{id, name, role}` of whoever the tokens are, where the program knows; otherwise the server is asked.
 * - `storage`, like localStorage: what is not sent yet outlives a reload there. Without it localStorage, or memory.
 * - `WebSocket`, `fetch`, `clock` (clock.mjs), where they are not to be those of the place.
 * - `timeouts` in seconds (limits.mjs), `throttle` in milliseconds.
 * - `debug`: true, or a function `(direction, message)` that sees all that goes over the WebSocket, but no ticket.
 */
export function createClient(options) {
  return new Client(options);
}

export class Client extends Emitter {
  #tokens;
  #connection;
  #heartbeat;
  #pending;
  #leftovers;
  #notifications = null;
  #lessons = new Map(); // id -> Lesson
  #state = "initial";
  #retryAt = null;
  #user = null;
  #welcome = null;
  #lostTimer = null;
  #isLost = false;
  #timeouts;
  #arrivals = 0;

  constructor({
    url, session, getToken, login, user, storage, WebSocket, fetch, clock = systemClock, throttle, timeouts, debug,
  } = {}) {
    super();
    const { http, ws } = addresses(url);
    this.#timeouts = { ...TIMEOUTS, ...timeouts };
    if (session) this.#tokens = this.#watch(session);
    else this.#tokens = getToken ? tokensOf(getToken, user) : new LogIn(login, { url: http, fetch, clock });
    this.#connection = new Connection({
      url: ws,
      tokens: this.#tokens,
      WebSocket: WebSocket ?? globalThis.WebSocket ?? noWebSocket(),
      clock,
      timeouts: this.#timeouts,
      debug: debug === true ? console.debug : debug,
      hooks: { onState: (now) => this.#become(now), onArrival: (welcome) => this.#arrive(welcome), onLost: () => this.#lose() },
    });
    this.#heartbeat = new Heartbeat({
      call: (kwargs) => this.#connection.call("tutorwamp.session.heartbeat", kwargs),
      positions: () => Object.assign({}, ...this.#followed.map((one) => one.positions())),
      epochs: () => this.#followed.map(({ epoch }) => epoch).filter((epoch) => epoch !== undefined),
      behind: (...said) => this.#followed.forEach((one) => one.behind(...said)),
      clock,
    });
    this.storage = asStorage(storage);
    this.throttle = { ...THROTTLE, ...throttle };
    this.clock = clock;
    this.#pending = new Pending(this.storage, () => this.user, () => this.emit("pendingchange", this.pending));
    this.#leftovers = new Leftovers(this, { open: (id) => this.#lessons.get(id), changed: () => this.#pending.lookAfresh() });
    /** `request(method, path, {query, body, headers, timeout, signal, as})`: REST, as rest.mjs says. */
    this.request = requester({ url: http, fetch, tokens: this.#tokens, clock, timeouts: this.#timeouts });
  }

  // Nobody stays connected for a person who has signed out.
  #watch(session) {
    let { user } = session;
    session.on("change", (now) => {
      if (user) this.#connection.close("revoked");
      user = now;
    });
    return session;
  }

  /** `initial` `connecting` `connected` `reconnecting` `disconnected`. The event `state` tells `{old, new, reason}`. */
  get state() {
    return this.#state;
  }

  /** When the next attempt is made, by the clock; null where there is a connection, or one is being made. Event `retry`. */
  get retryAt() {
    return this.#retryAt;
  }

  /** There is a session to call on. While it is silent it may turn out to be none. */
  get isOpen() {
    return this.#connection.isOpen;
  }

  /** There is a session, and it is known who we are: lessons may be joined. */
  get hasArrived() {
    return this.#welcome !== null;
  }

  /** `{id, name, role}`; null before anybody was let in. */
  get user() {
    return this.#tokens.user ?? this.#user;
  }

  /** Connect, and stay so. Kept when there is a connection; fails with ClientError when there can be none. */
  connect() {
    const connected = this.#state === "connected" ? Promise.resolve() : this.#connected();
    this.#connection.open();
    return connected;
  }

  #connected() {
    return new Promise((resolve, reject) => {
      const off = this.on("state", ({ new: state, reason }) => {
        if (state === "connected") resolve();
        else if (state === "disconnected") reject(SIGNED_OUT.has(reason) ? ClientError.signedOut() : ClientError.disconnected());
        else return;
        off();
      });
    });
  }

  /** Go. Lessons are left, and what is not sent yet stays in the storage. */
  close() {
    for (const lesson of this.#lessons.values()) lesson.leave();
    this.#notifications?.lost();
    this.#notifications = null;
    this.#connection.close();
    this.#user = null;
  }

  /** Somebody looks again, or the network may be another: see at once whether we are connected. */
  wake() {
    this.#connection.wake();
  }

  /** The page may be gone the next moment: what can be sent is, and the rest is kept. */
  keep() {
    for (const { board } of this.#lessons.values()) board.keep();
  }

  /**
   * Whether somebody looks at what is shown; said again while they do something there. Then a silent network is noticed also
   * where nothing is waited for: within 5 s, or 17 s where neither they nor the others have done anything for two minutes.
   */
  set attentive(attentive) {
    this.#connection.attentive = attentive;
  }

  /**
   * Call a procedure. `timeout` in seconds; `signal` of an AbortController gives it up, with its reason. Throws ClientError for
   * everything else: what it says is in its `action`.
   */
  call(procedure, kwargs, how) {
    return this.#connection.call(procedure, kwargs, how);
  }

  /** The same for names that the types do not know, such as those of a later version. */
  callAny(procedure, kwargs, how) {
    return this.call(procedure, kwargs, how);
  }

  /** An access token, for what is asked past `request`, such as an upload that shows how far it is. */
  accessToken(how) {
    return this.#tokens.accessToken(how);
  }

  /** Hear a topic of this session; a new session has to subscribe again (event `arrived`). Answers a function that ends it. */
  subscribe(topic, heard) {
    return this.#connection.subscribe(topic, heard);
  }

  /** Tell the others on an ephemeral topic. Nobody waits for it, and a lost one does no harm. */
  whisper(topic, kwargs) {
    this.#connection.whisper(topic, kwargs);
  }

  /** A lesson, to be joined; the same object until it is left. */
  lesson(id) {
    if (!this.#lessons.has(id)) {
      const lesson = new Lesson(this, id, { gone: () => this.#forget(id, lesson), changed: () => this.#pending.look() });
      this.#lessons.set(id, lesson);
      this.#leftovers.opened(id);
      this.#pending.add(lesson);
    }
    return this.#lessons.get(id);
  }

  #forget(id, lesson) {
    if (this.#lessons.get(id) === lesson) this.#lessons.delete(id);
    this.#pending.remove(lesson);
    this.#leftovers.left();
  }

  /** What a person is told wherever they are; followed from the first look on. */
  get notifications() {
    if (this.#notifications === null) {
      this.#notifications = new Notifications({
        call: (procedure, kwargs) => this.call(procedure, kwargs),
        subscribe: (topic, heard) => this.subscribe(topic, heard),
        me: () => this.user,
        clock: this.clock,
      });
      if (this.#welcome) this.#notifications.enter();
    }
    return this.#notifications;
  }

  /** What the server does not have yet: `{words, strokes, lessons: {id: {words, strokes}}}`. Event `pendingchange`. */
  get pending() {
    return this.#pending.now;
  }

  get #followed() {
    const followers = [this.#notifications, ...this.#lessons.values()];
    return followers.flatMap((one) => one?.following ?? []);
  }

  async #arrive(welcome) {
    const arrival = ++this.#arrivals;
    if (!this.user) {
      const { user } = await this.call("tutorwamp.session.whoami").catch(() => ({}));
      if (arrival !== this.#arrivals) return; // this session is over
      if (!user) return this.#connection.drop("lost"); // and again with the next session
      this.#user = user;
    }
    // What somebody else has written is not sent as ours.
    for (const lesson of this.#lessons.values()) if (lesson.me.id !== this.user.id) lesson.leave();
    this.#welcome = welcome;
    this.#heartbeat.start();
    this.#notifications?.enter();
    for (const lesson of this.#lessons.values()) lesson.arrived();
    this.#become({ state: "connected" });
    if (arrival !== this.#arrivals) return; // whoever was told has closed us
    this.emit("arrived", welcome);
    if (arrival === this.#arrivals) this.#leftovers.arrived(); // lessons that were opened on arrival send what they have themselves
  }

  #lose() {
    this.#arrivals++;
    this.#welcome = null;
    this.#heartbeat.stop();
    this.#leftovers.lost();
    this.#notifications?.lost();
    for (const lesson of this.#lessons.values()) lesson.lost();
  }

  #become({ state, reason, seconds = null }) {
    if (state === "connected" && !this.user) return; // #arrive says it, once it is known who that is
    const [old, retryAt] = [this.#state, this.#retryAt];
    this.#retryAt = seconds === null ? null : this.clock.now() + seconds * 1000;
    this.#state = state;
    if (old !== state) {
      this.#watchLoss(state);
      this.emit("state", { old, new: state, reason });
    }
    if (retryAt !== this.#retryAt) this.emit("retry", { seconds });
  }

  // `lost` is told of a loss that lasts, `restored` when that one is over.
  #watchLoss(state) {
    this.clock.clearTimeout(this.#lostTimer);
    if (state === "reconnecting") {
      this.#lostTimer = this.clock.setTimeout(() => {
        this.#isLost = true;
        this.emit("lost");
      }, this.#timeouts.lost * 1000);
    } else if (this.#isLost) {
      this.#isLost = false;
      if (state === "connected") this.emit("restored");
    }
  }
}

/** Tokens from an e-mail address and a password, or a function that answers them; a lost family of logins is begun anew. */
class LogIn {
  #login;
  #session;
  #loggingIn = null;

  constructor(login, { url, fetch, clock }) {
    if (!login) throw new TypeError("createClient needs `getToken`, `login` or `session`.");
    this.#login = typeof login === "function" ? login : () => login;
    this.#session = new Session({ url, fetch, clock });
  }

  get user() {
    return this.#session.user;
  }

  async accessToken(how) {
    try {
      if (this.user) return await this.#session.accessToken(how);
    } catch (error) {
      if (error.action !== "reauth") throw error;
    }
    const logIn = async () => this.#session.logIn(await this.#login());
    this.#loggingIn ??= logIn().finally(() => (this.#loggingIn = null));
    await this.#loggingIn;
    return this.#session.accessToken();
  }
}

function tokensOf(getToken, user) {
  return {
    accessToken: async (how = { renew: false }) => getToken(how),
    get user() {
      return user?.() ?? null;
    },
  };
}

function addresses(url) {
  if (!url) throw new TypeError("createClient needs the `url` of the server.");
  const http = new URL("/", url).href.replace(/^ws/, "http");
  return { http, ws: `${http.replace(/^http/, "ws")}ws` };
}

function noWebSocket() {
  throw new TypeError("There is no WebSocket here: give one to createClient. Node has one from version 22 on.");
}
