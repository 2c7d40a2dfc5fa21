// Who is signed in: tokens from REST, renewed before they run out. Where they are kept, and who else has them (other tabs of
// a page), is handed in.

import { systemClock } from "./clock.mjs";
import { Emitter } from "./emitter.mjs";
import { ClientError } from "./errors.mjs";
import { newClientId } from "./ids.mjs";
import { TIMEOUTS } from "./limits.mjs";
import { requester } from "./rest.mjs";

const RENEWED_WITHIN_S = 8; // a renewal that a silent network swallows must not hold up the connection that comes after it
const RENEW_BEFORE_MS = 60_000; // of 15 minutes: far more than a slow network needs to hand a ticket over
const LOOK_AGAIN_MS = 500; // a word of another tab may be faster than what it has kept

/** `change` tells another `user`, or null: somebody has signed in or out, here or in another tab. */
export class Session extends Emitter {
  #post;
  #kept;
  #tabs;
  #alone;
  #clock;
  #tokens = null;
  #isKept; // what is here outlives a reload
  #renewal = null;

  /**
   * `url` of the server. `kept`: get() and set(tokens or null), where the tokens outlive a reload; `name` it where there are
   * several. A refresh token works once, and a second use ends the whole family of logins; so `tabs`: postMessage() and
   * onmessage, as a BroadcastChannel has them, over which whoever renews first hands the new tokens to the others ("Duplicate
   * tab" copies what a tab keeps), and who signs in or out has them look at `kept`, which may be theirs, too. `alone(work)`
   * renews in one tab at a time; by itself where the browser has locks.
   */
  constructor({ url, fetch, clock = systemClock, kept, tabs, alone }) {
    super();
    const request = requester({ url, fetch, clock, timeouts: TIMEOUTS });
    this.#post = (path, body, timeout) => request("POST", path, { body, timeout });
    this.#kept = kept;
    this.#tabs = tabs;
    this.#alone = alone ?? oneTab(url, kept);
    this.#clock = clock;
    this.#tokens = kept?.get() ?? null;
    this.#isKept = this.#tokens !== null;
    if (tabs) tabs.onmessage = ({ data }) => this.#hear(data);
  }

  get user() {
    return this.#tokens?.user ?? null;
  }

  async register(person) {
    await this.#post("/api/auth/register", person);
    await this.logIn(person);
  }

  async logIn({ email, password }) {
    this.adopt(await this.#post("/api/auth/login", { email, password }));
  }

  /** Go on with the tokens of a new login, as after a new password. */
  adopt(tokens) {
    this.#keep(tokens);
    this.#tabs?.postMessage({ look: true });
  }

  /** Forget the tokens here, and have the server forget them too. Never fails: there is nothing a person could do. */
  async logOut() {
    const refresh_token = this.#tokens?.refresh_token;
    this.forget();
    if (refresh_token) await this.#post("/api/auth/logout", { refresh_token }).catch(() => {});
  }

  forget() {
    this.#kept?.set(null);
    this.#take(null);
    this.#tabs?.postMessage({ look: true });
  }

  /** A token that is good for a while; it is also the WAMP ticket. Throws ClientError (action reauth) when there is none. */
  async accessToken({ renew = false } = {}) {
    if (!renew && this.#isFresh) return this.#tokens.access_token;
    // One renewal at a time here, and over all tabs.
    const refused = renew ? this.#tokens?.access_token : null;
    this.#renewal ??= Promise.resolve(this.#alone(() => this.#renew(refused))).finally(() => (this.#renewal = null));
    await this.#renewal;
    return this.#tokens.access_token;
  }

  get #isFresh() {
    return this.#tokens !== null && this.#tokens.expires_at - RENEW_BEFORE_MS > this.#clock.now();
  }

  async #renew(refused) {
    this.#look(); // another tab was faster, perhaps
    if (!this.#tokens) throw ClientError.signedOut();
    if (this.#isFresh && this.#tokens.access_token !== refused) return;
    const { refresh_token: spent, refresh_key: client_id } = this.#tokens;
    const tokens = await this.#post("/api/auth/refresh", { refresh_token: spent, client_id }, RENEWED_WITHIN_S);
    if (!this.#tokens) throw ClientError.signedOut(); // any more
    if (this.#tokens.refresh_token !== spent) return; // another tab was faster, or somebody else has signed in
    this.#keep(tokens);
    this.#tabs?.postMessage({ spent, tokens: this.#tokens });
  }

  // Of another tab.
  #hear({ look, spent, tokens }) {
    if (spent && this.#tokens?.refresh_token === spent) this.#keep(tokens);
    if (!look) return;
    this.#look();
    this.#clock.setTimeout(() => this.#look(), LOOK_AGAIN_MS);
  }

  // What is kept is the truth, where several tabs keep it in one place.
  #look() {
    const tokens = this.#kept?.get() ?? null;
    if (tokens || this.#isKept) this.#take(tokens);
  }

  #keep(tokens) {
    if (!tokens?.access_token) throw ClientError.disconnected(); // a proxy has answered
    // Reckoned from our own clock: the two computers' clocks need not agree.
    // The key lets a renewal whose answer was lost be asked for again; without it the spent token would look stolen. All tabs
    // have the same, so that two of them that renew at once are answered the same.
    const kept = { expires_at: this.#clock.now() + tokens.expires_in * 1000, refresh_key: newClientId(), ...tokens };
    this.#kept?.set(kept);
    this.#take(kept);
  }

  #take(tokens) {
    const before = this.user?.id;
    this.#tokens = tokens;
    this.#isKept = tokens !== null && this.#kept?.get()?.refresh_token === tokens.refresh_token; // a full storage keeps nothing
    if (this.user?.id !== before) this.emit("change", this.user);
  }
}

/** Work in one tab at a time, where the tokens are not this one's alone and the browser can tell. */
function oneTab(url, kept) {
  const { locks } = globalThis.navigator ?? {};
  if (!kept || !locks) return (work) => work();
  const name = ["tutorwamp.tokens", new URL(url).host, kept.name].filter(Boolean).join(".");
  return (work) => locks.request(name, work);
}
