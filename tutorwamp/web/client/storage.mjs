// Where what is not sent yet is kept. Like localStorage and as immediate: a page that goes away has no time for more.

/**
 * One of which as much is asked as it has: `getItem`, `setItem`, `removeItem`, and `keys()` or `length` and `key()`. Where it
 * fails (a browser may forbid it at any time) it has nothing.
 */
export class WebStorage {
  #web;

  constructor(web) {
    this.#web = web;
  }

  getItem(key) {
    return orElse(() => this.#web.getItem(key));
  }

  /** Throws where the storage is full. */
  setItem(key, text) {
    this.#web.setItem(key, text);
  }

  removeItem(key) {
    orElse(() => this.#web.removeItem(key)); // what stays is sent once more, under its `client_id`
  }

  keys() {
    return orElse(() => keysOf(this.#web), []);
  }

  get length() {
    return this.keys().length;
  }

  key(place) {
    return this.keys()[place] ?? null;
  }
}

/** What it answers, or something else where it fails. */
export function orElse(ask, otherwise = null) {
  try {
    return ask();
  } catch {
    return otherwise;
  }
}

/** Gone with the program. */
export class MemoryStorage extends WebStorage {
  constructor() {
    const items = new Map();
    super({
      getItem: (key) => items.get(key) ?? null,
      setItem: (key, text) => items.set(key, String(text)),
      removeItem: (key) => items.delete(key),
      keys: () => items.keys(),
    });
  }
}

/** The keys of a storage that begin like this. */
export function keysOf(storage, prefix = "") {
  const hasKeys = typeof storage.keys === "function"; // of localStorage it may be what somebody has kept under this name
  const keys = hasKeys ? [...storage.keys()] : Array.from({ length: storage.length }, (_, place) => storage.key(place));
  return keys.filter((key) => key?.startsWith(prefix));
}

/** A storage as it was given, or what there is here: a browser's localStorage, where it may be used, or else memory. */
export function asStorage(given) {
  // Node has one too, from version 22 on, and warns when it is touched; a program there says itself what it keeps.
  const web = given ?? orElse(() => !globalThis.process?.versions?.node && globalThis.localStorage);
  return web ? new WebStorage(web) : new MemoryStorage();
}
