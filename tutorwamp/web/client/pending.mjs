// How much the server does not have yet: of the lessons that are open, and of those whose words and strokes wait in the storage.

const STORED_AS = "tutorwamp.unsent."; // then the person, the lesson, the kind and the client_id (chat/kept.mjs)

export class Pending {
  #storage;
  #user;
  #changed;
  #open = new Set(); // lessons
  #last = null;
  #stored = null; // by lesson, of those that are not open

  /** `user()`: whose; `changed()`: it is another number. */
  constructor(storage, user, changed) {
    this.#storage = storage;
    this.#user = user;
    this.#changed = changed;
  }

  add(lesson) {
    this.#open.add(lesson);
    this.#stored = null;
    this.look();
  }

  remove(lesson) {
    this.#open.delete(lesson);
    this.#stored = null; // what it has not sent is there now
    this.look();
  }

  /** Something may be another number. */
  look() {
    const text = JSON.stringify(this.now);
    if (this.#last !== null && this.#last !== text) this.#changed();
    this.#last = text;
  }

  /** `{words, strokes, lessons: {id: {words, strokes}}}`: messages, and elements of boards. Lessons with none are left out. */
  get now() {
    this.#stored ??= this.#count();
    const lessons = { ...this.#stored };
    for (const lesson of this.#open) {
      const { words, strokes } = lesson.pending;
      delete lessons[lesson.id];
      if (words + strokes > 0) lessons[lesson.id] = { words, strokes };
    }
    const sum = (kind) => Object.values(lessons).reduce((all, one) => all + one[kind], 0);
    return { words: sum("words"), strokes: sum("strokes"), lessons };
  }

  #count() {
    const prefix = `${STORED_AS}${this.#user()?.id}.`;
    const found = {}; // by lesson
    for (const key of this.#storage.keys()) {
      if (!key.startsWith(prefix)) continue;
      const [lesson, kind] = key.slice(prefix.length).split(".");
      const strokes = kind === "board" ? elementsIn(this.#storage.getItem(key)) : [];
      const so = (found[lesson] ??= { words: 0, ids: new Set() });
      if (kind !== "board") so.words++;
      for (const id of strokes) so.ids.add(id);
    }
    return Object.fromEntries(Object.entries(found).map(([lesson, { words, ids }]) => [lesson, { words, strokes: ids.size }]));
  }
}

function elementsIn(text) {
  try {
    return JSON.parse(text).piece.changes.map(({ id, element }) => id ?? element.id);
  } catch {
    return []; // of another version
  }
}
