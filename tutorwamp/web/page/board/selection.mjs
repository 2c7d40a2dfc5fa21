// What is selected on the page, and what is done with all of it at once. What is locked can be selected by the tutor, to be
// unlocked, and nothing else is done to it before that (docs/rules/board.md, B40: others may not at all).

import { SHEET } from "../../client/board/camera.mjs";
import { boxOf, boxOfAll, isHit, isInside, keptOn, moved, resized } from "../../client/board/hits.mjs";

export class Selection {
  #board;
  #onChange;
  #ids = new Set();
  #page = null;
  /** Whether locks are the person's to set and to take back. */
  maySetLocks = false;

  constructor({ board, onChange }) {
    this.#board = board;
    this.#onChange = onChange;
  }

  /** Another page has nothing selected; what was deleted or locked meanwhile is selected no more. */
  lookAt(page) {
    if (page !== this.#page) this.#ids.clear();
    this.#page = page;
    if (this.#ids.size === 0) return;
    const here = new Set(this.#selectable().map(({ id }) => id));
    for (const id of this.#ids) if (!here.has(id)) this.#ids.delete(id);
  }

  #selectable() {
    return this.#board
      .elementsOn(this.#page)
      .filter((element) => (this.maySetLocks || !element.locked) && boxOf(element) !== null);
  }

  get isEmpty() {
    return this.#ids.size === 0;
  }

  get count() {
    return this.#ids.size;
  }

  has(id) {
    return this.#ids.has(id);
  }

  /** Bottom first. */
  get elements() {
    return this.#ids.size === 0 ? [] : this.#board.elementsOn(this.#page).filter(({ id }) => this.#ids.has(id));
  }

  /** Those that may be changed. */
  get free() {
    return this.elements.filter(({ locked }) => !locked);
  }

  /** Left, top, right, bottom of what is selected; null where nothing is. */
  get box() {
    return boxOfAll(this.elements);
  }

  set(ids) {
    this.#ids = new Set(ids);
    this.#onChange();
  }

  clear() {
    if (this.#ids.size > 0) this.set([]);
  }

  toggle(id) {
    const ids = new Set(this.#ids);
    if (!ids.delete(id)) ids.add(id);
    this.set(ids);
  }

  all() {
    this.set(
      this.#selectable()
        .filter(({ locked }) => !locked)
        .map(({ id }) => id),
    );
  }

  /** Those that a frame holds. */
  idsInside(frame) {
    return this.#selectable()
      .filter((element) => !element.locked && isInside(element, frame))
      .map(({ id }) => id);
  }

  /** What lies on top at a place; what is locked only where nothing else is. */
  at(point, reach) {
    const hit = this.#selectable().filter((element) => isHit(element, point, reach));
    return hit.findLast(({ locked }) => !locked) ?? hit.at(-1) ?? null;
  }

  /** The next element, or the one before, in the order of drawing. */
  step(by) {
    const all = this.#selectable();
    if (all.length === 0) return null;
    const place = all.findIndex(({ id }) => this.#ids.has(id));
    const next = place < 0 ? (by > 0 ? 0 : all.length - 1) : (place + by + all.length) % all.length;
    this.set([all[next].id]);
    return all[next];
  }

  /** How far it may be moved, of what is wished. */
  kept([across, down]) {
    const box = boxOfAll(this.free);
    return box ? keptOn(SHEET, box, across, down).map((by) => Math.round(by * 10) / 10) : [0, 0];
  }

  /** Move what is free. */
  move(by, gesture = {}) {
    const [across, down] = this.kept(by);
    if (across === 0 && down === 0) return;
    for (const element of this.free) this.#board.put(moved(element, across, down), gesture);
  }

  /** What is free as it is when the frame `from` becomes `to`. */
  resized(from, to) {
    return this.free.map((element) => resized(element, from, to));
  }

  put(elements) {
    const gesture = {};
    for (const element of elements) if (this.#board.at(element.id).element) this.#board.put(element, gesture);
  }

  /** How many were deleted. */
  delete() {
    const [gesture, free] = [{}, this.free];
    for (const { id } of free) this.#board.delete(id, gesture);
    return free.length;
  }

  get isLocked() {
    return !this.isEmpty && this.elements.every(({ locked }) => locked);
  }

  /** Lock all of it, or unlock it where all of it is locked. */
  turnLocks() {
    const [gesture, locked] = [{}, !this.isLocked];
    for (const element of this.elements) if (Boolean(element.locked) !== locked) this.#board.put({ ...element, locked }, gesture);
    return locked;
  }
}
