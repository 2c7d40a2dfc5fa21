// Where people point. Nothing of it is kept: it is said on the topic `cursor` and forgotten (docs/rules/board.md, B32).

export const EVERY_MS = 50; // 20 a second
export const FADES_AFTER_MS = 5_000;

/** Our own pointer: told at most every EVERY_MS, and the last place always. */
export class Pointer {
  #say;
  #timer = null;
  #latest = null;

  constructor(say) {
    this.#say = say;
  }

  move(page, [x, y]) {
    this.#latest = { page, x, y };
    if (this.#timer === null) this.#tell();
  }

  #tell() {
    this.#timer = null;
    if (this.#latest === null) return;
    this.#say(this.#latest);
    this.#latest = null;
    this.#timer = setTimeout(() => this.#tell(), EVERY_MS);
  }

  close() {
    clearTimeout(this.#timer);
    this.#latest = null;
  }
}

/** Where the others point. A pointer that does not move fades. */
export class Pointers {
  #people = new Map(); // id -> {page, x, y, timer}
  #onChange;

  constructor(onChange) {
    this.#onChange = onChange;
  }

  /** The node lets through what it knows, and an older one anything: so it is looked at before it is believed. */
  heard(id, { page, x, y }) {
    if (!id || typeof page !== "string" || !Number.isFinite(x) || !Number.isFinite(y)) return;
    clearTimeout(this.#people.get(id)?.timer);
    this.#people.set(id, { page, x, y, timer: setTimeout(() => this.forget(id), FADES_AFTER_MS) });
    this.#onChange();
  }

  forget(id) {
    clearTimeout(this.#people.get(id)?.timer);
    if (this.#people.delete(id)) this.#onChange();
  }

  clear() {
    for (const id of [...this.#people.keys()]) this.forget(id);
  }

  /** [{id, x, y}] */
  on(page) {
    return [...this.#people].filter(([, place]) => place.page === page).map(([id, { x, y }]) => ({ id, x, y }));
  }
}
