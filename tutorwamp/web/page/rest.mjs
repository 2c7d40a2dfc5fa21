// What is asked over HTTP before anybody is signed in. As somebody, one asks by the client's `request`.

import { systemClock } from "../client/clock.mjs";
import { TIMEOUTS } from "../client/limits.mjs";
import { requester } from "../client/rest.mjs";

/** `request(method, path, {body, as})`, as nobody. Throws ClientError. */
export const request = requester({
  url: globalThis.location?.origin,
  fetch: (...given) => fetch(...given),
  clock: systemClock,
  timeouts: TIMEOUTS,
});
