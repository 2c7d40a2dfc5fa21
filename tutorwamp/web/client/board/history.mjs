// What a person did last, to be taken back and done again (docs/rules/board.md, B30). A gesture is one press of the pen,
// however many changes it made. It outlives a loss of the connection, and as JSON a reload: whether something may be taken
// back is told by versions alone.

const GESTURES_AT_MOST = 100;
const KEPT_CHARACTERS = 400_000; // of the newest gestures as JSON; a browser keeps some 5 million for a whole site

export class History {
  #done = []; // {gesture, steps}; steps: id -> {before, from, version}: the element and its version before, and after
  #undone = []; // the same, for what was taken back: `before` is what undoing took away

  /** `gesture`: any object, the same one for what belongs together. `before`, `after`: {element, version}. */
  note(gesture, id, before, after) {
    this.#undone = [];
    let noted = this.#done.find((one) => one.gesture === gesture); // a picture may arrive while a stroke grows
    if (!noted) noted = this.#push(this.#done, gesture);
    step(noted, id, before, after);
  }

  #push(stack, gesture) {
    const noted = { gesture, steps: new Map() };
    stack.push(noted);
    if (stack.length > GESTURES_AT_MOST) stack.shift();
    return noted;
  }

  /** The server did not take what was done to this element, or it can never come back. */
  forget(id) {
    const without = (stack) => {
      for (const { steps } of stack) steps.delete(id);
      return stack.filter(({ steps }) => steps.size > 0);
    };
    this.#done = without(this.#done);
    this.#undone = without(this.#undone);
  }

  get canUndo() {
    return this.#done.length > 0;
  }

  get canRedo() {
    return this.#undone.length > 0;
  }

  /**
   * Take the last gesture back by `make(change)`. `at(id)` is {element, version} now. How many elements had been changed
   * by others since: they are left alone. `again`: whether it may be done again.
   */
  undo(at, make, { again = true } = {}) {
    return this.#turn(this.#done, again ? this.#undone : [], at, make);
  }

  /** Do again what was taken back last; in the same way. */
  redo(at, make) {
    return this.#turn(this.#undone, this.#done, at, make);
  }

  #turn(from, to, at, make) {
    let leftAlone = 0;
    const { gesture, steps } = from.pop() ?? { steps: [] };
    const turned = { gesture: gesture ?? {}, steps: new Map() };
    for (const [id, { before, from: earlier, version }] of steps) {
      const now = at(id);
      if (now.version !== version) {
        leftAlone++;
        continue;
      }
      if (before !== null) make({ op: "put", element: { ...before, version } });
      else if (now.element !== null) make({ op: "delete", id, version });
      const after = at(id);
      this.#moved(id, earlier, after.version);
      if (after.version !== version) step(turned, id, now, after);
    }
    if (turned.steps.size > 0) to.push(turned);
    return leftAlone;
  }

  // The element is as another gesture left it, under another version.
  #moved(id, from, to) {
    for (const { steps } of [...this.#done, ...this.#undone]) {
      const noted = steps.get(id);
      if (noted?.version === from) noted.version = to;
    }
  }

  /** The newest gestures, as much as may be kept. */
  toJSON() {
    const kept = [];
    let room = KEPT_CHARACTERS;
    for (const { steps } of [...this.#done].reverse()) {
      const written = [...steps];
      room -= JSON.stringify(written).length;
      if (room < 0) break;
      kept.unshift(written);
    }
    return kept;
  }

  /** What `toJSON` gave, in a page that was loaded again. What is no history is none. */
  restore(kept) {
    if (!Array.isArray(kept)) return;
    for (const steps of kept)
      if (Array.isArray(steps) && steps.every(isStep)) this.#done.push({ gesture: {}, steps: new Map(steps) });
  }
}

function step({ steps }, id, before, after) {
  const { before: element, from } = steps.get(id) ?? { before: before.element, from: before.version };
  steps.set(id, { before: element, from, version: after.version });
}

function isStep(one) {
  return (
    Array.isArray(one) &&
    typeof one[0] === "string" &&
    typeof one[1]?.version === "number" &&
    (one[1].before === null || typeof one[1].before?.id === "string")
  );
}
