// Files of a lesson over REST: sending one, with its progress, and fetching one to keep.

import { renewing } from "../../client/again.mjs";
import { ClientError } from "../../client/errors.mjs";
import { h } from "../dom.mjs";

const SAVE_S = 600; // 25 MiB on a slow line
const KEEP_URL_MS = 60_000; // a browser that asks where to save takes its time

const pathOf = (lessonId) => `/api/lessons/${encodeURIComponent(lessonId)}/files`;

/** `send(item, {onProgress, signal})` for Uploads, and `save(file)`: of one lesson. */
export function transfers(client, lessonId) {
  return {
    send: async ({ name, key, blob }, how) => {
      const url = `${pathOf(lessonId)}?${new URLSearchParams({ name })}`;
      return renewing(client, (token) => post(url, { token, key, blob, ...how }), true);
    },
    save: async ({ id, name }) => {
      const blob = await client.request("GET", `${pathOf(lessonId)}/${encodeURIComponent(id)}`, { as: "blob", timeout: SAVE_S });
      const url = URL.createObjectURL(blob);
      h("a", { href: url, download: name }).click();
      setTimeout(() => URL.revokeObjectURL(url), KEEP_URL_MS);
    },
  };
}

/** Send bytes: fetch() does not tell how many of them are on their way; XMLHttpRequest does. */
export function post(url, { token, key, blob, type = "application/octet-stream", onProgress, signal }) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", url);
    request.setRequestHeader("authorization", `Bearer ${token}`);
    request.setRequestHeader("content-type", type);
    request.setRequestHeader("idempotency-key", key);
    request.upload.onprogress = ({ loaded }) => onProgress(loaded);
    request.onload = async () => {
      const { status, responseText } = request;
      if (status >= 200 && status < 300) return resolve(JSON.parse(responseText));
      const headers = { "x-request-id": request.getResponseHeader("x-request-id") ?? "" };
      reject(await ClientError.fromResponse(new Response(responseText, { status, headers })));
    };
    request.onerror = request.ontimeout = request.onabort = () => reject(ClientError.disconnected());
    signal.addEventListener("abort", () => request.abort(), { once: true });
    request.send(blob);
  });
}
