// Where what is not sent yet is kept. Like localStorage and as immediate: a page that goes away has no time for more.

/** Gone with the program. As a browser's, with `keys()` besides. */
export class MemoryStorage {
  #items = new Map();

  getItem(key) {
    return this.#items.get(key) ?? null;
  }

  setItem(key, text) {
    this.#items.set(key, String(text));
  }

  removeItem(key) {
    this.#items.delete(key);
  }

  keys() {
    return [...this.#items.keys()];
  }

  get length() {
    return this.#items.size;
  }

  key(place) {
    return this.keys()[place] ?? null;
  }
}

/** Another one, of which as much is asked as it has: `getItem`, `setItem`, `removeItem`, and `keys()` or `length` and `key()`. */
export class WebStorage {
  #web;

  constructor(web) {
    this.#web = web;
  }

  getItem(key) {
    return this.#web.getItem(key);
  }

  /** Throws where the storage is full. */
  setItem(key, text) {
    this.#web.setItem(key, text);
  }

  removeItem(key) {
    this.#web.removeItem(key);
  }

  keys() {
    if (typeof this.#web.keys === "function") return [...this.#web.keys()];
    return Array.from({ length: this.#web.length }, (_, place) => this.#web.key(place));
  }

  get length() {
    return this.keys().length;
  }

  key(place) {
    return this.keys()[place] ?? null;
  }
}

/** What there is here: a browser's localStorage, where it may be used, or else memory. */
export function defaultStorage() {
  try {
    // Node has one too, from version 22 on, and warns when it is touched; a program there says itself what it keeps.
    const isNode = globalThis.process?.versions?.node !== undefined;
    if (!isNode && globalThis.localStorage) return new WebStorage(globalThis.localStorage);
  } catch {
    // Forbidden by the browser's settings.
  }
  return new MemoryStorage();
}

/** A storage as it was given, or the one of the place. */
export function asStorage(given) {
  return given ? new WebStorage(given) : defaultStorage();
}
