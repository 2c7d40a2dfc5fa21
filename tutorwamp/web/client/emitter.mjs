// Who wants to hear of something, and telling them.

export class Emitter {
  #listeners = new Map(); // event -> Set of functions

  /** Hear of an event from now on. Answers a function that ends it. */
  on(event, listener) {
    if (!this.#listeners.has(event)) this.#listeners.set(event, new Set());
    this.#listeners.get(event).add(listener);
    return () => this.off(event, listener);
  }

  off(event, listener) {
    this.#listeners.get(event)?.delete(listener);
  }

  /** Tell all. What one of them does wrong touches neither the others nor us. */
  emit(event, value) {
    for (const listener of [...(this.#listeners.get(event) ?? [])]) {
      try {
        listener(value);
      } catch (error) {
        complain(error);
      }
    }
  }
}

/** A fault in somebody's listener: said where the place reports its errors, and nothing stops for it. */
export function complain(error) {
  if (globalThis.reportError) globalThis.reportError(error);
  else console.error(error);
}
