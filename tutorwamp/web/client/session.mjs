// Who is signed in: tokens from REST, renewed before they run out. Where they are kept, and who else has them (other tabs of
// a page), is handed in.

import { systemClock } from "./clock.mjs";
import { ClientError } from "./errors.mjs";
import { newClientId } from "./ids.mjs";
import { TIMEOUTS } from "./limits.mjs";
import { requester } from "./rest.mjs";

const RENEWED_WITHIN_S = 8; // a renewal that a silent network swallows must not hold up the connection that comes after it
const RENEW_BEFORE_MS = 60_000; // of 15 minutes: far more than a slow network needs to hand a ticket over

export class Session {
  #post;
  #kept;
  #tabs;
  #alone;
  #clock;
  #tokens = null;
  #renewal = null;

  /**
   * `url` of the server. `kept`: get() and set(tokens or null), where the tokens outlive a reload. A refresh token works once,
   * and a second use ends the whole family of logins; "Duplicate tab" copies what a tab keeps. So `tabs`: postMessage() and
   * onmessage, as a BroadcastChannel has them, over which whoever renews first hands the new tokens to the others; and
   * `alone(work)` does it in one tab at a time.
   */
  constructor({ url, fetch = (...asked) => globalThis.fetch(...asked), clock = systemClock, kept, tabs, alone = (work) => work() }) {
    const request = requester({ url, fetch, clock, timeouts: TIMEOUTS });
    this.#post = (path, body, timeout) => request("POST", path, { body, timeout });
    this.#kept = kept;
    this.#tabs = tabs;
    this.#alone = alone;
    this.#clock = clock;
    this.#tokens = kept?.get() ?? null;
    if (!tabs) return;
    tabs.onmessage = ({ data: { spent, tokens } }) => {
      if (this.#tokens?.refresh_token === spent) this.#keep(tokens);
    };
  }

  get user() {
    return this.#tokens?.user ?? null;
  }

  async register(person) {
    await this.#post("/api/auth/register", person);
    await this.logIn(person);
  }

  async logIn({ email, password }) {
    this.#keep(await this.#post("/api/auth/login", { email, password }));
  }

  /** Go on with the tokens of a new login, as after a new password. */
  adopt(tokens) {
    this.#keep(tokens);
  }

  /** Forget the tokens here, and have the server forget them too. Never fails: there is nothing a person could do. */
  async logOut() {
    const refresh_token = this.#tokens?.refresh_token;
    this.forget();
    if (refresh_token) await this.#post("/api/auth/logout", { refresh_token }).catch(() => {});
  }

  forget() {
    this.#tokens = null;
    this.#kept?.set(null);
  }

  /** A token that is still good for a while; it is also the WAMP ticket. Throws ClientError (action reauth) when there is none. */
  async accessToken({ renew = false } = {}) {
    if (!renew && this.#isFresh) return this.#tokens.access_token;
    // One renewal at a time here, and over all tabs.
    this.#renewal ??= Promise.resolve(this.#alone(() => this.#renew(renew))).finally(() => (this.#renewal = null));
    await this.#renewal;
    return this.#tokens.access_token;
  }

  get #isFresh() {
    return this.#tokens !== null && this.#tokens.expires_at - RENEW_BEFORE_MS > this.#clock.now();
  }

  async #renew(evenIfGood) {
    if (!this.#tokens) throw new ClientError({ uri: null, action: "reauth", message: "You are not signed in." });
    if (this.#isFresh && !evenIfGood) return; // the other tab was faster
    const { refresh_token: spent, refresh_key: client_id } = this.#tokens;
    const tokens = await this.#post("/api/auth/refresh", { refresh_token: spent, client_id }, RENEWED_WITHIN_S);
    this.#keep(tokens);
    this.#tabs?.postMessage({ spent, tokens });
  }

  #keep(tokens) {
    // Reckoned from our own clock: the two computers' clocks need not agree.
    // The key lets a renewal whose answer was lost be asked for again; without it the spent token would look stolen.
    this.#tokens = { expires_at: this.#clock.now() + tokens.expires_in * 1000, refresh_key: newClientId(), ...tokens };
    this.#kept?.set(this.#tokens);
  }
}
