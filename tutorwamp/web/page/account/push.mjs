// Notifications of the operating system on this device: on, off, and why not. Who shows them is the service worker.

import { ClientError } from "../../client/errors.mjs";

const STORED_AS = "tutorwamp.push"; // whose notifications come to this device: a browser has one subscription, whoever uses it

export class Push {
  #ask;
  #user;
  #scope;

  /** `ask(method, path, {body})`: a client's `request`. `user`: their id. `scope`: of tests, else the browser. */
  constructor({ ask, user, scope = globalThis }) {
    this.#ask = ask;
    this.#user = user;
    this.#scope = scope;
  }

  /** `on`, `off`, `denied` (by the person, in the browser), `unable` (this browser cannot) or `unserved` (the school does not). */
  async state() {
    const registration = await this.#registration();
    if (!registration?.pushManager || !this.#scope.Notification) return "unable";
    if (this.#scope.Notification.permission === "denied") return "denied";
    const key = await this.#key();
    if (!key) return "unserved";
    const subscription = await registration.pushManager.getSubscription();
    return subscription && this.#owner === this.#user && isFor(subscription, key) ? "on" : "off";
  }

  /** To be called by a click: browsers ask the person at no other time. What came of it, as `state()` says it. */
  async turnOn() {
    const permission = await this.#scope.Notification.requestPermission();
    if (permission !== "granted") return permission === "denied" ? "denied" : "off";
    const [registration, key] = [await this.#registration(), await this.#key()];
    if (!registration || !key) return this.state();
    const old = await registration.pushManager.getSubscription();
    if (old && !isFor(old, key)) await old.unsubscribe(); // another key's: the browser would refuse this one
    const subscription = await registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: bytes(key) });
    await this.#register(subscription);
    this.#owner = this.#user;
    return this.state();
  }

  /** After a sign-in or a new password: the server forgets devices of logins that were ended (P11), and this one goes on. */
  async renew() {
    if (!this.isOn) return;
    const registration = await this.#registration();
    const subscription = await registration?.pushManager?.getSubscription();
    if (subscription) await this.#register(subscription);
  }

  #register(subscription) {
    const { endpoint, keys, expirationTime = null } = subscription.toJSON();
    return this.#ask("POST", "/api/push/subscriptions", { body: { endpoint, keys, expirationTime } });
  }

  /** Also when the person signs out here: who comes next is not told of their lessons. */
  async turnOff() {
    const registration = await this.#registration();
    const subscription = await registration?.pushManager?.getSubscription();
    if (!subscription || this.#owner !== this.#user) return this.state();
    this.#owner = null;
    await subscription.unsubscribe(); // first here: it holds also where the server is away, which forgets it at the next try (P5)
    await this.#ask("DELETE", "/api/push/subscriptions", { body: { endpoint: subscription.endpoint } });
    return this.state();
  }

  /** Whether notifications of this person come to this device, as far as is known without asking anybody. */
  get isOn() {
    return this.#owner === this.#user;
  }

  async #registration() {
    const workers = this.#scope.navigator?.serviceWorker;
    // `ready` alone would wait for ever where there is no worker, as in private windows of some browsers.
    return (await workers?.getRegistration()) ? workers.ready : null;
  }

  async #key() {
    try {
      return (await this.#ask("GET", "/api/push/key")).key;
    } catch (error) {
      if (error instanceof ClientError && error.uri === "tutorwamp.error.not_found") return null;
      throw error;
    }
  }

  get #owner() {
    try {
      return this.#scope.localStorage.getItem(STORED_AS);
    } catch {
      return null; // nothing is kept here, so nothing is known
    }
  }

  set #owner(id) {
    try {
      if (id === null) this.#scope.localStorage.removeItem(STORED_AS);
      else this.#scope.localStorage.setItem(STORED_AS, id);
    } catch {
      // As above.
    }
  }
}

/** Whether a subscription was made with this key of the server's. */
function isFor(subscription, key) {
  const made = subscription.options?.applicationServerKey;
  if (!made) return true; // a browser that does not say
  const [mine, wanted] = [new Uint8Array(made), bytes(key)];
  return mine.length === wanted.length && mine.every((byte, place) => byte === wanted[place]);
}

/** Of base64url. */
function bytes(text) {
  return Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (letter) => letter.charCodeAt(0));
}
