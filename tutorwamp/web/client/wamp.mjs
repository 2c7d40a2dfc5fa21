// One WAMP session over one WebSocket, from HELLO to its end, in JSON: as much of WAMP as this server speaks with clients.

import { pause } from "./clock.mjs";
import { ClientError } from "./errors.mjs";
import { tell } from "./emitter.mjs";
import * as WAMP from "./wamp-messages.mjs";

const PROTOCOL = "wamp.2.json";
const REALM = "tutor";
const ROLES = { caller: { features: {} }, publisher: { features: {} }, subscriber: { features: {} } };
const NO_SUBSCRIPTION = 0; // the router numbers them from 1 on
const OPEN = 1; // of WebSocket.readyState
const CLOSING_S = 1; // then whoever can does not wait for the other end; `ws` would, for 30 s, and Node with it

export class WampSession {
  #socket;
  #ticket;
  #authid;
  #hooks;
  #debug;
  #requests = new Map(); // id -> {resolve, reject, heard, about}: a procedure or a topic
  #heard = new Map(); // subscription id -> function
  #lastId = 0;
  #welcome;
  #refuse;
  #goodbye = null;
  #over = false;

  /**
   * Connects at once. `authid` may be left out. `hooks`: onOpen(), the other end has answered; onHeard(isEvent), whatever it
   * says; onSent(), whenever an answer is waited for; onOver({reason, message}), with null where there was no goodbye.
   * `debug(direction, message)` sees all that is said but the ticket.
   */
  constructor({ url, WebSocket, ticket, authid, hooks, debug }) {
    this.#ticket = ticket;
    this.#authid = authid;
    this.#hooks = hooks;
    this.#debug = (...said) => debug && tell(debug, ...said);
    /** `{session, authid, authrole}`, once let in. Throws ClientError. */
    this.joined = new Promise((resolve, reject) => ([this.#welcome, this.#refuse] = [resolve, reject]));
    this.joined.catch(() => {}); // whoever cuts the session need not wait for it
    const socket = (this.#socket = new WebSocket(url, [PROTOCOL]));
    socket.onopen = () => this.#opened();
    socket.onmessage = ({ data }) => this.#take(data);
    socket.onclose = () => this.#end();
    socket.onerror = () => {}; // the end of it follows
  }

  /** How many answers are waited for. */
  get unanswered() {
    return this.#requests.size;
  }

  /** Whether an answer of one of these procedures is waited for. */
  awaits(procedures) {
    return [...this.#requests.values()].some(({ about }) => procedures.has(about));
  }

  /**
   * The first positional result; throws ClientError. With the signal `leaving` nobody waits for it any more. The server is not
   * told (CANCEL): it waits for 10 s itself, so it has answered before we give up, and what it has begun to change it would
   * change all the same.
   */
  call(procedure, kwargs, leaving) {
    return this.#ask(WAMP.CALL, [{}, procedure, [], kwargs], { leaving });
  }

  /** Hear a topic; `heard(kwargs, publisher)`. Answers its number, by which it is ended. */
  subscribe(topic, heard) {
    return this.#ask(WAMP.SUBSCRIBE, [{}, topic], { heard });
  }

  /** One that the router has ended already is no error. */
  async unsubscribe(subscription) {
    this.#heard.delete(subscription);
    await this.#ask(WAMP.UNSUBSCRIBE, [subscription]).catch(() => {});
  }

  /** Tell the others. Answered, because what asks for no answer holds back all that is sent after it (S18). */
  publish(topic, kwargs) {
    return this.#ask(WAMP.PUBLISH, [{ acknowledge: true }, topic, [], kwargs]);
  }

  /**
   * Ask whether anybody is there. It is the smallest question that the router answers by itself: to end a subscription that
   * nobody has. The answer is a "no", and all that counts is that there is one: true, or false where the session is over.
   */
  async probe() {
    await this.#ask(WAMP.UNSUBSCRIBE, [NO_SUBSCRIPTION]).catch(() => {});
    return !this.#over;
  }

  /** Go, with a goodbye. */
  leave() {
    this.#say([WAMP.GOODBYE, {}, "wamp.close.normal"]);
    this.cut();
  }

  /** Go without a goodbye: to the others we are reconnecting. */
  cut() {
    this.#end();
    this.#socket.close();
    pause(CLOSING_S).then(() => this.#socket.terminate?.());
  }

  #ask(kind, rest, { heard, leaving } = {}) {
    const id = ++this.#lastId;
    const answer = new Promise((resolve, reject) => {
      if (this.#over) throw ClientError.disconnected();
      this.#say([kind, id, ...rest]); // throws what cannot be written as JSON
      this.#requests.set(id, { resolve, reject, heard, about: rest[1] });
    });
    leaving?.addEventListener("abort", () => this.#requests.delete(id));
    this.#hooks.onSent();
    return answer;
  }

  #say(message) {
    const text = JSON.stringify(message);
    this.#debug("out", message[0] === WAMP.AUTHENTICATE ? [WAMP.AUTHENTICATE, "…", {}] : message);
    if (this.#socket.readyState === OPEN) this.#socket.send(text);
  }

  #opened() {
    if (this.#over) return;
    this.#hooks.onOpen();
    this.#say([WAMP.HELLO, REALM, { roles: ROLES, authmethods: ["ticket"], authid: this.#authid }]);
  }

  #take(text) {
    if (this.#over) return;
    let message;
    try {
      message = JSON.parse(text);
    } catch {
      return this.cut(); // that is no router
    }
    this.#debug("in", message);
    const [kind, first, second, third, ...rest] = message;
    this.#hooks.onHeard(kind === WAMP.EVENT);
    if (kind === WAMP.EVENT) this.#heard.get(first)?.(rest[1] ?? {}, third?.publisher_authid);
    else if (kind === WAMP.RESULT) this.#answered(first, third?.[0] ?? {}); // a procedure returns one dict
    else if (kind === WAMP.ERROR) this.#failed(second, rest[0], rest[2]);
    else if (kind === WAMP.SUBSCRIBED) this.#subscribed(first, second);
    else if (kind === WAMP.UNSUBSCRIBED || kind === WAMP.PUBLISHED) this.#answered(first);
    else this.#takeOfSession(kind, first, second);
  }

  #takeOfSession(kind, first, second) {
    if (kind === WAMP.CHALLENGE) this.#say([WAMP.AUTHENTICATE, this.#ticket, {}]);
    else if (kind === WAMP.WELCOME) this.#welcome({ session: first, authid: second.authid, authrole: second.authrole });
    else if (kind === WAMP.ABORT) {
      this.#refuse(ClientError.fromAbort({ errorUri: second, details: first }));
      this.cut();
    } else if (kind === WAMP.GOODBYE) {
      this.#goodbye = { reason: second, message: first?.message ?? "" };
      this.#say([WAMP.GOODBYE, {}, "wamp.close.goodbye_and_out"]);
      this.cut();
    } // what else a later WAMP may say is not for us
  }

  #subscribed(id, subscription) {
    // At once, not when whoever has asked comes to it: the next message may be an event of it.
    const { heard } = this.#requests.get(id) ?? {};
    if (heard) this.#heard.set(subscription, (...said) => tell(heard, ...said));
    this.#answered(id, subscription);
  }

  #answered(id, result) {
    this.#requests.get(id)?.resolve(result);
    this.#requests.delete(id);
  }

  #failed(id, errorUri, argsDict) {
    const { reject, about } = this.#requests.get(id) ?? {};
    reject?.(ClientError.from({ errorUri, argsDict, about }));
    this.#requests.delete(id);
  }

  #end() {
    if (this.#over) return;
    this.#over = true;
    this.#refuse(ClientError.disconnected());
    for (const { reject } of this.#requests.values()) reject(ClientError.disconnected());
    this.#requests.clear();
    this.#hooks.onOver(this.#goodbye);
  }
}
