// Where people point. Nothing of it is kept: it is said on the topic `cursor` and forgotten (docs/rules/board.md, B32).

export const FADES_AFTER_MS = 5_000;
export const TRAIL_MS = 800; // a laser's trail is as old as this at its end

/** Where the others point. A pointer that does not move fades. */
export class Pointers {
  #people = new Map(); // id -> {page, x, y, timer, trail}; trail: [{x, y, at}] of a laser, null of any other pointer
  #onChange;

  constructor(onChange) {
    this.#onChange = onChange;
  }

  /** The node lets through what it knows, and an older one anything: so it is looked at before it is believed. */
  heard(id, { page, x, y, laser }) {
    if (!id || typeof page !== "string" || !Number.isFinite(x) || !Number.isFinite(y)) return;
    const before = this.#people.get(id);
    clearTimeout(before?.timer);
    const trail = laser === true ? longer(before?.page === page ? before.trail : null, { x, y, at: Date.now() }) : null;
    this.#people.set(id, { page, x, y, trail, timer: setTimeout(() => this.forget(id), FADES_AFTER_MS) });
    this.#onChange();
  }

  forget(id) {
    clearTimeout(this.#people.get(id)?.timer);
    if (this.#people.delete(id)) this.#onChange();
  }

  clear() {
    for (const id of [...this.#people.keys()]) this.forget(id);
  }

  /** [{id, x, y}], and of a laser `trail`, oldest first. */
  on(page) {
    return [...this.#people]
      .filter(([, place]) => place.page === page)
      .map(([id, { x, y, trail }]) => ({ id, x, y, ...(trail && { trail: fresh(trail) }) }));
  }
}

/** A laser's trail with one more place, without what has faded. */
export function longer(trail, place) {
  return [...fresh(trail ?? []), place];
}

export function fresh(trail) {
  return trail.filter(({ at }) => Date.now() - at < TRAIL_MS);
}
