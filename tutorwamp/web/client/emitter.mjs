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

  /** Tell all who listen now. Whom one of them has taken off meanwhile is told no more. */
  emit(event, value) {
    const listeners = this.#listeners.get(event) ?? [];
    for (const listener of [...listeners]) if (listeners.has(listener)) tell(listener, value);
  }
}

/** Call what somebody has handed in. What it does wrong, now or in its promise, touches neither the others nor us. */
export function tell(listener, ...said) {
  try {
    listener(...said)?.then?.(undefined, complain);
  } catch (error) {
    complain(error);
  }
}

/** A fault of somebody's: said where the place reports its errors, and nothing stops for it. */
function complain(error) {
  if (globalThis.reportError) globalThis.reportError(error);
  else console.error(error);
}
