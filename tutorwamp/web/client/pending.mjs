// How much the server does not have yet: of the lessons that are open, and of those whose words and strokes wait in the storage.

import { STORED_AS } from "./chat/kept.mjs";
import { keysOf, orElse } from "./storage.mjs";

export class Pending {
  #storage;
  #user;
  #changed;
  #open = new Set(); // lessons
  #last; // what was told, or known from the beginning
  #stored = null; // by lesson, of those that are not open

  /** `user()`: whose; `changed()`: it is another number. */
  constructor(storage, user, changed) {
    this.#storage = storage;
    this.#user = user;
    this.#changed = changed;
    this.#last = orElse(() => JSON.stringify(this.now)); // a program may not be able yet to say whose
  }

  add(lesson) {
    this.#open.add(lesson);
    this.lookAfresh();
  }

  remove(lesson) {
    this.#open.delete(lesson);
    this.lookAfresh(); // what it has not sent is in the storage now
  }

  /** The storage may have more, or less. */
  lookAfresh() {
    this.#stored = null;
    this.look();
  }

  /** Something may be another number. */
  look() {
    const text = JSON.stringify(this.now);
    if (this.#last === text) return;
    this.#last = text;
    this.#changed();
  }

  /** `{words, strokes, lessons: {id: {words, strokes}}}`: messages, and elements of boards. Lessons with none are left out. */
  get now() {
    const user = this.#user();
    if (user) this.#stored ??= unsentIn(this.#storage, user.id);
    const lessons = { ...this.#stored };
    for (const lesson of this.#open) {
      const { words, strokes } = lesson.pending;
      delete lessons[lesson.id];
      if (words + strokes > 0) lessons[lesson.id] = { words, strokes };
    }
    const sum = (kind) => Object.values(lessons).reduce((all, one) => all + one[kind], 0);
    return { words: sum("words"), strokes: sum("strokes"), lessons };
  }
}

/** What waits in the storage, by lesson: `{words, strokes}`. Words that were refused do not: they are their author's again. */
export function unsentIn(storage, personId) {
  const prefix = `${STORED_AS}.${personId}.`;
  const found = {}; // by lesson
  for (const key of keysOf(storage, prefix)) {
    const [lesson, kind] = key.slice(prefix.length).split(".");
    // It may be of another version, and mean nothing.
    const { words = 0, ids = [] } = orElse(() => waitingIn(kind, JSON.parse(storage.getItem(key)).piece)) ?? {};
    const so = (found[lesson] ??= { words: 0, ids: new Set() });
    so.words += words;
    for (const id of ids) so.ids.add(id);
  }
  const counted = Object.entries(found).map(([lesson, { words, ids }]) => [lesson, { words, strokes: ids.size }]);
  return Object.fromEntries(counted.filter(([, { words, strokes }]) => words + strokes > 0));
}

function waitingIn(kind, piece) {
  if (kind === "board") return { ids: piece.changes.map(({ id, element }) => id ?? element.id) };
  return { words: kind === "chat" && !piece.problem ? 1 : 0 };
}
