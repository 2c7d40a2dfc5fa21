// Who is signed in in this tab: tokens from REST, kept in sessionStorage, renewed before they run out.

import { Refusal } from "./errors.mjs";
import { newClientId } from "./ids.mjs";

const STORED_AS = "tutorwamp.session";
const RENEW_BEFORE_MS = 60_000; // of 15 minutes: far more than a slow network needs to hand a ticket over

export class Session {
  #tokens = null;
  #renewal = null;
  // A refresh token works once, and a second use ends the whole family of logins. "Duplicate tab" copies
  // sessionStorage, so two tabs may hold the same one: whoever renews first hands the new tokens to the other.
  #tabs = new BroadcastChannel(STORED_AS);

  constructor() {
    this.#tokens = JSON.parse(sessionStorage.getItem(STORED_AS) ?? "null");
    this.#tabs.onmessage = ({ data: { spent, tokens } }) => {
      if (this.#tokens?.refresh_token === spent) this.#keep(tokens);
    };
  }

  get user() {
    return this.#tokens?.user ?? null;
  }

  async register(person) {
    await post("/api/auth/register", person);
    await this.logIn(person);
  }

  async logIn({ email, password }) {
    this.#keep(await post("/api/auth/login", { email, password }));
  }

  /** Forget the tokens here, and have the server forget them too. Never fails: there is nothing a person could do. */
  async logOut() {
    const refresh_token = this.#tokens?.refresh_token;
    this.forget();
    if (refresh_token) await post("/api/auth/logout", { refresh_token }).catch(() => {});
  }

  forget() {
    this.#tokens = null;
    sessionStorage.removeItem(STORED_AS);
  }

  /** A token that is still good for a while; it is also the WAMP ticket. Throws Refusal (action reauth) when there is none. */
  async accessToken({ renew = false } = {}) {
    if (!renew && this.#tokens && this.#tokens.expires_at - RENEW_BEFORE_MS > Date.now()) return this.#tokens.access_token;
    // One renewal at a time in this tab, and (where the browser has locks) over all tabs.
    this.#renewal ??= alone(() => this.#renew(renew)).finally(() => (this.#renewal = null));
    await this.#renewal;
    return this.#tokens.access_token;
  }

  async #renew(evenIfGood) {
    if (!this.#tokens) throw new Refusal({ uri: null, action: "reauth", message: "You are not signed in." });
    const fresh = this.#tokens.expires_at - RENEW_BEFORE_MS > Date.now();
    if (fresh && !evenIfGood) return; // the other tab was faster
    const { refresh_token: spent, refresh_key: client_id } = this.#tokens;
    const tokens = await post("/api/auth/refresh", { refresh_token: spent, client_id });
    this.#keep(tokens);
    this.#tabs.postMessage({ spent, tokens });
  }

  #keep(tokens) {
    // Reckoned from our own clock: the two computers' clocks need not agree.
    // The key lets a renewal whose answer was lost be asked for again; without it the spent token would look stolen.
    this.#tokens = { expires_at: Date.now() + tokens.expires_in * 1000, refresh_key: newClientId(), ...tokens };
    sessionStorage.setItem(STORED_AS, JSON.stringify(this.#tokens));
  }
}

function alone(work) {
  return navigator.locks ? navigator.locks.request(STORED_AS, work) : work();
}

async function post(path, body) {
  let response;
  try {
    response = await fetch(path, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
  } catch {
    throw Refusal.disconnected();
  }
  if (!response.ok) throw await Refusal.fromResponse(response);
  return response.status === 204 ? null : response.json();
}
