// Asking over REST: JSON or bytes there, JSON or bytes back, and every failure as the one kind of error.

import { renewing } from "./again.mjs";
import { ClientError } from "./errors.mjs";
import { limited } from "./limits.mjs";

const UPLOAD_S = 600; // of bytes: 25 MiB on a slow line

/**
 * A function `request(method, path, {query, body, headers, timeout, signal, as})`. `tokens` as for a Connection; without them
 * nobody is named. `fetch` is that of the place unless another is given. A `body` that is a plain object goes as JSON, anything
 * else (Blob, bytes, text) as it is. The answer is its JSON, null where there is none, or with `as` a `"blob"`, `"text"` or the
 * `"response"` itself. Throws ClientError.
 */
export function requester({ url, fetch = ownFetch, tokens, clock, timeouts }) {
  return (method, path, { query, body, headers, timeout, signal, as = "json" } = {}) => {
    const isJson = isPlain(body);
    function ask(leaving, token) {
      const asked = {
        method,
        headers: {
          ...(isJson && { "content-type": "application/json" }),
          ...(token && { authorization: `Bearer ${token}` }),
          ...headers,
        },
        body: isJson ? JSON.stringify(body) : body,
        signal: leaving,
      };
      return answer(fetch, addressOf(url, path, query), asked, as);
    }
    const askAs = (leaving) => renewing(tokens, (token) => ask(leaving, token), true);
    const seconds = timeout ?? (isJson ? timeouts.call : body === undefined ? timeouts.read : UPLOAD_S);
    return limited(tokens ? askAs : ask, { seconds, signal, clock });
  };
}

// Looked up when it is called: a test, or a page that measures, may have put another in its place.
function ownFetch(...given) {
  return globalThis.fetch(...given);
}

async function answer(fetch, address, options, as) {
  let response;
  try {
    response = await fetch(address, options);
    if (response.ok) return await read(response, as);
  } catch {
    throw ClientError.disconnected(); // before the answer, or in the middle of it
  }
  throw await ClientError.fromResponse(response);
}

async function read(response, as) {
  if (as === "response") return response;
  return as === "json" && response.status === 204 ? null : response[as]();
}

function addressOf(url, path, query = {}) {
  const address = new URL(path, url);
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== null) address.searchParams.set(name, value);
  }
  return address.href;
}

function isPlain(body) {
  return Array.isArray(body) || Object.getPrototypeOf(body ?? false) === Object.prototype;
}
