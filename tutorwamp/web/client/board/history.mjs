// What a person did last, to be taken back (docs/rules/board.md, B30). A gesture is one press of the pen, however many
// changes it made.

const GESTURES_AT_MOST = 100;

export class History {
  #gestures = []; // {gesture, steps}; steps: id -> {before, from, version}: the element and its version before, and after

  /** `gesture`: any object, the same one for what belongs together. `before`, `after`: {element, version}. */
  note(gesture, id, before, after) {
    let noted = this.#gestures.find((one) => one.gesture === gesture); // a picture may arrive while a stroke grows
    if (!noted) {
      noted = { gesture, steps: new Map() };
      this.#gestures.push(noted);
      if (this.#gestures.length > GESTURES_AT_MOST) this.#gestures.shift();
    }
    const { before: element, from } = noted.steps.get(id) ?? { before: before.element, from: before.version };
    noted.steps.set(id, { before: element, from, version: after.version });
  }

  /** The server did not take what was done to this element. */
  forget(id) {
    for (const { steps } of this.#gestures) steps.delete(id);
    this.#gestures = this.#gestures.filter(({ steps }) => steps.size > 0);
  }

  get isEmpty() {
    return this.#gestures.length === 0;
  }

  /**
   * Take the last gesture back by `make(change)`. `at(id)` is {element, version} now. How many elements had been changed
   * by others since: they are left alone.
   */
  takeBack(at, make) {
    let leftAlone = 0;
    for (const [id, { before, from, version }] of this.#gestures.pop()?.steps ?? []) {
      const now = at(id);
      if (now.version !== version) {
        leftAlone++;
        continue;
      }
      if (before !== null) make({ op: "put", element: { ...before, version } });
      else if (now.element !== null) make({ op: "delete", id, version });
      this.#moved(id, from, at(id).version);
    }
    return leftAlone;
  }

  // The element is as an earlier gesture left it, under another version.
  #moved(id, from, to) {
    for (const { steps } of this.#gestures) {
      const step = steps.get(id);
      if (step?.version === from) step.version = to;
    }
  }
}
