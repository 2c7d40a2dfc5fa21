// What the board keeps as files, over REST: pictures on it, and the board itself to take home.

const TRIES = 5; // of one picture
const AGAIN_MS = 3_000;

export class BoardFiles {
  #request;
  #path;
  #onPicture;
  #pictures = new Map(); // asset id -> blob URL, or null while there is none
  #closed = new AbortController();

  /** `request`: a client's; `onPicture()`: one more picture is here. */
  constructor({ request, lessonId, onPicture }) {
    this.#request = request;
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
        const picture = await this.#ask("GET", `/pictures/${encodeURIComponent(assetId)}`, { as: "blob" });
        this.#pictures.set(assetId, URL.createObjectURL(picture));
        return this.#onPicture();
      } catch (error) {
        if (this.#closed.signal.aborted || error.action !== "retry") return; // stays a frame
        await new Promise((resolve) => setTimeout(resolve, AGAIN_MS * attempt));
      }
    }
  }

  /** Keep a picture: {id, width, height, …}. */
  upload(file) {
    return this.#ask("POST", "/pictures", { headers: { "content-type": file.type }, body: file });
  }

  /** The board as a Blob; without `page` all of it. */
  save(format, page) {
    return this.#ask("GET", "/export", { query: { format, page }, as: "blob" });
  }

  #ask(method, path, how) {
    return this.#request(method, this.#path + path, { ...how, signal: this.#closed.signal });
  }
}
