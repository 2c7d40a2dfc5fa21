// What the board keeps as files, over REST: pictures on it, and the board itself to take home.

import { renewing } from "../again.mjs";
import { Refusal } from "../errors.mjs";

const TRIES = 5; // of one picture
const AGAIN_MS = 3_000;

export class BoardFiles {
  #session;
  #path;
  #onPicture;
  #pictures = new Map(); // asset id -> blob URL, or null while there is none
  #closed = new AbortController();

  /** `onPicture()`: one more picture is here. */
  constructor({ session, lessonId, onPicture }) {
    this.#session = session;
    this.#path = `/api/lessons/${encodeURIComponent(lessonId)}/board`;
    this.#onPicture = onPicture;
  }

  close() {
    this.#closed.abort();
    for (const url of this.#pictures.values()) if (url) URL.revokeObjectURL(url);
  }

  /** Where a picture is, or null: then it is fetched. */
  url(assetId) {
    if (!this.#pictures.has(assetId)) this.#load(assetId);
    return this.#pictures.get(assetId);
  }

  async #load(assetId) {
    this.#pictures.set(assetId, null);
    for (let attempt = 1; attempt <= TRIES; attempt++) {
      try {
        // <img src> and <image href> carry no token, so the page fetches the picture itself.
        const response = await this.#fetch(`/pictures/${encodeURIComponent(assetId)}`);
        this.#pictures.set(assetId, URL.createObjectURL(await response.blob()));
        return this.#onPicture();
      } catch (error) {
        if (this.#closed.signal.aborted || error.action !== "retry") return; // stays a frame
        await new Promise((resolve) => setTimeout(resolve, AGAIN_MS * attempt));
      }
    }
  }

  /** Keep a picture: {id, width, height, …}. */
  async upload(file) {
    const response = await this.#fetch("/pictures", { method: "POST", headers: { "content-type": file.type }, body: file });
    return response.json();
  }

  /** The board as a Blob; without `page` all of it. */
  async save(format, page) {
    const response = await this.#fetch(`/export?${new URLSearchParams({ format, ...(page && { page }) })}`);
    return response.blob();
  }

  async #fetch(path, options) {
    return renewing(this.#session, (token) => this.#fetchWith(token, path, options), await this.#session.accessToken());
  }

  async #fetchWith(token, path, { headers = {}, ...options } = {}) {
    const { signal } = this.#closed;
    const response = await fetch(this.#path + path, { ...options, signal, headers: { ...headers, authorization: `Bearer ${token}` } }).catch(() => {
      throw Refusal.disconnected();
    });
    if (!response.ok) throw await Refusal.fromResponse(response);
    return response;
  }
}
