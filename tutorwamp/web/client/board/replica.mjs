// The board as the server tells it (docs/rules/board.md, B18), and what one change makes of one element (B1 to B6).
// Elements are never changed in place: another object means another look.

export class Replica {
  #elements = new Map(); // id -> element, bottom first
  #gone = new Map(); // id -> version of a deleted element, where we heard of it
  /** Ids, in their order. */
  pages = [];
  /** The number of the last event that is in here. */
  head = 0;

  /** Begin with what board.open says. */
  open({ pages, elements, head }) {
    this.pages = pages.map(({ id }) => id);
    this.#elements = new Map(elements.map((element) => [element.id, element]));
    this.head = head;
  }

  /** The next event. */
  apply({ seq, type, at, data }) {
    this.head = seq;
    if (type === "board.changed") for (const told of data.changes) this.#take(told, at);
    else if (type === "page.added") this.pages = [...this.pages, data.page];
    else if (type === "page.removed" || type === "board.cleared") this.#empty(data.page);
    if (type === "page.removed") this.pages = this.pages.filter((page) => page !== data.page);
  }

  #take(told, at) {
    if (told.op === "put") {
      this.#elements.set(told.element.id, told.element);
    } else if (told.op === "delete") {
      this.#elements.delete(told.id);
      this.#gone.set(told.id, told.version);
    } else {
      const before = this.#elements.get(told.id);
      this.#elements.set(told.id, { ...grown(before, told), version: told.version, updated_at: at });
    }
  }

  #empty(page) {
    for (const { id, page: on, version } of [...this.#elements.values()]) {
      if (page !== null && on !== page) continue;
      this.#elements.delete(id);
      this.#gone.set(id, version + 1);
    }
  }

  /** Bottom first. */
  get elements() {
    return this.#elements.values();
  }

  has(id) {
    return this.#elements.has(id);
  }

  /** `{element, version}`: without an element it was deleted, or (version null) never heard of. */
  at(id) {
    const element = this.#elements.get(id) ?? null;
    return { element, version: element?.version ?? this.#gone.get(id) ?? null };
  }
}

/**
 * What is there after one of our own changes, as the server will judge it: a change for another version changes nothing.
 * So a change that has arrived already is not made twice.
 */
export function changed(before, change, me) {
  const wanted = change.op === "put" ? change.element.version : change.version;
  if ((wanted ?? null) !== before.version) return before;
  const version = (wanted ?? 0) + 1;
  if (change.op === "put") return { element: { author: before.element?.author ?? me, ...change.element, version }, version };
  if (before.element === null) return before;
  if (change.op === "delete") return { element: null, version };
  return { element: { ...grown(before.element, change), version }, version };
}

/** A stroke, or an append to one, with more points at its end. */
export function grown(stroke, { points, finished }) {
  return { ...stroke, points: [...stroke.points, ...points], ...(finished && { finished }) };
}

/** The id of what a change changes. */
export function idOf(change) {
  return change.op === "put" ? change.element.id : change.id;
}
