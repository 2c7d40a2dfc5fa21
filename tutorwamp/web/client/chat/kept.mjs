// What is not sent yet, in a storage like a browser's localStorage: neither a reload nor a closed tab loses any of it.
// Each piece has a key of its own, so that two tabs of one person do not overwrite one another's.

import { keysOf, orElse } from "../storage.mjs";

/** Then the person, the lesson, the kind and the `client_id`. */
export const STORED_AS = "tutorwamp.unsent";

/** Where there is no storage: it lasts as long as the page. */
export const NOT_KEPT = { all: [], put: () => true, remove: () => {} };

export class Kept {
  #storage;
  #prefix;
  #orders = new Map(); // client_id -> its place among the others
  #lastOrder = 0;

  /** `storage`: getItem, setItem, removeItem, key and length, at once. `kind`: of what; each has its own. */
  constructor(storage, personId, lessonId, kind = "chat") {
    this.#storage = storage;
    this.#prefix = `${STORED_AS}.${personId}.${lessonId}.${kind}.`;
  }

  /** In the order they were first put. */
  get all() {
    const found = keysOf(this.#storage, this.#prefix).map((key) => readable(this.#storage.getItem(key))).filter(Boolean);
    found.sort((a, b) => a.order - b.order);
    for (const { order, piece } of found) this.#orders.set(piece.client_id, order);
    return found.map(({ piece }) => piece);
  }

  /** Another piece, or the same in another state; it is known by its `client_id`. False where the storage is full. */
  put(piece) {
    const order = this.#orders.get(piece.client_id) ?? this.#nextOrder();
    try {
      this.#storage.setItem(this.#prefix + piece.client_id, JSON.stringify({ order, piece }));
    } catch {
      return false; // it is still on the page, and will be sent from there
    }
    this.#orders.set(piece.client_id, order);
    return true;
  }

  remove(clientId) {
    this.#orders.delete(clientId);
    this.#storage.removeItem(this.#prefix + clientId);
  }

  #nextOrder() {
    return (this.#lastOrder = Math.max(this.#lastOrder + 0.001, Date.now()));
  }
}

/** The person signs out, perhaps on a computer that others use. */
export function forgetKept(storage, personId) {
  for (const key of keysOf(storage, `${STORED_AS}.${personId}.`)) storage.removeItem(key);
}

function readable(text) {
  return orElse(() => { // it may be of another version, or somebody else's
    const { order, piece } = JSON.parse(text);
    return piece?.client_id && { order, piece };
  });
}
