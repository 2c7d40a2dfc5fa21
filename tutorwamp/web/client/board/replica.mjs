// The board as the server tells it (docs/rules/board.md, B18), and what one change makes of one element (B1 to B6).
// Elements are never changed in place: another object means another look.

import { listOf } from "../events.mjs";

export class Replica {
  #elements = new Map(); // id -> element, bottom first
  #gone = new Map(); // id -> version of a deleted element, where we heard of it
  /** Ids, in their order. */
  pages = [];
  /** The number of the last event that is in here. Before it is opened nothing is awaited. */
  head = Infinity;

  /** Begin with what board.open says. */
  open({ pages, elements, head }) {
    this.pages = listOf(pages).map((page) => page?.id).filter(Boolean);
    this.#elements = new Map(listOf(elements).filter(isElement).map((element) => [element.id, element]));
    this.head = head;
  }

  /**
   * The next event. All of it that makes sense takes effect; false where something did not, so that the board has to be opened
   * afresh: more of a stroke that is not here, or a kind of change that a later version has. An unknown type of event is skipped.
   */
  apply({ seq, type, at, data }) {
    this.head = seq;
    switch (type) {
      case "board.changed":
        return Array.isArray(data?.changes) && data.changes.map((told) => this.#take(told, at)).every(Boolean);
      case "page.added":
        return this.#turn(data, (page) => (this.pages = [...this.pages.filter((one) => one !== page), page]));
      case "page.removed":
        return this.#turn(data, (page) => {
          this.#empty(page);
          this.pages = this.pages.filter((one) => one !== page);
        });
      case "board.cleared":
        return data?.page === null ? this.#empty(null) : this.#turn(data, (page) => this.#empty(page));
      default:
        return true;
    }
  }

  #turn(data, act) {
    if (typeof data?.page !== "string") return false;
    act(data.page);
    return true;
  }

  #take(told, at) {
    const before = this.#elements.get(told?.id);
    if (told?.op === "put" && isElement(told.element)) {
      this.#elements.set(told.element.id, told.element);
    } else if (told?.op === "delete" && told.id) {
      this.#elements.delete(told.id);
      this.#gone.set(told.id, told.version);
    } else if (told?.op === "append" && canGrow(before) && Array.isArray(told.points)) {
      this.#elements.set(told.id, { ...grown(before, told), version: told.version, updated_at: at });
    } else return false;
    return true;
  }

  #empty(page) {
    for (const { id, page: on, version } of [...this.#elements.values()]) {
      if (page !== null && on !== page) continue;
      this.#elements.delete(id);
      this.#gone.set(id, version + 1);
    }
    return true;
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
  if (!canGrow(before.element)) return before;
  return { element: { ...grown(before.element, change), version }, version };
}

function canGrow(element) {
  return Array.isArray(element?.points);
}

// Whatever its kind, and whatever else it has: what cannot be drawn here keeps its place.
function isElement(element) {
  return typeof element?.id === "string" && element.id !== "";
}

/** A stroke, or an append to one, with more points at its end. */
export function grown(stroke, { points, finished }) {
  return { ...stroke, points: [...stroke.points, ...points], ...(finished && { finished }) };
}

/** The id of what a change changes. */
export function idOf(change) {
  return change.op === "put" ? change.element.id : change.id;
}
