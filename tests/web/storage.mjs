// What a browser's localStorage does, for tests in Node.

export class Storage {
  #entries = new Map();
  isFull = false;

  getItem(key) {
    return this.#entries.get(key) ?? null;
  }

  setItem(key, value) {
    if (this.isFull) throw new Error("QuotaExceededError");
    this.#entries.set(key, value);
  }

  removeItem(key) {
    this.#entries.delete(key);
  }

  get length() {
    return this.#entries.size;
  }

  key(place) {
    return [...this.#entries.keys()][place];
  }
}
