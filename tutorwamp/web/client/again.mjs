// Asking once more, where an error says that this helps. docs/rules/sessions.md, S11.

import { pause } from "./clock.mjs";
import { ClientError } from "./errors.mjs";

export { pause };

const TRIES = 3; // of what somebody waits for: told after that
const PATIENCE_S = 5; // whoever is to wait longer is told at once

/** Ask, and a few times again while the answer is `retry`. For what may be asked twice without being done twice. */
export async function persistently(ask, clock) {
  for (let attempt = 1; ; attempt++) {
    try {
      return await ask();
    } catch (error) {
      if (error.action !== "retry" || attempt === TRIES || error.retryAfter > PATIENCE_S) throw error;
      await pause(jittered(error.retryAfter), clock);
    }
  }
}

/** `ask(token)`, which `needs` one or not; where the answer is that it is no good any more, once again with a new one. */
export async function renewing(tokens, ask, needs) {
  const token = needs && (await tokenOf(tokens));
  try {
    return await ask(token);
  } catch (error) {
    if (error.action !== "reauth") throw error;
  }
  return ask(await tokenOf(tokens, { renew: true }));
}

// But for "nobody is signed in any more", whatever keeps a token from us is no answer to what was to be asked with it, and
// passes: it may be a proxy's.
async function tokenOf(tokens, how) {
  try {
    return await tokens.accessToken(how);
  } catch (thrown) {
    const error = ClientError.from(thrown);
    if (error.action !== "reauth") error.action = "retry";
    throw error;
  }
}

/** That long and a random bit more, so that not everybody comes at once. */
export function jittered(time) {
  return time * (1 + Math.random() / 2);
}
