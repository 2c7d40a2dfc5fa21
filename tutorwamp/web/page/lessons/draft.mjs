// What stands in a form that was not sent, in the storage of this tab: a reload loses none of it. By person and lesson.

const STORED_AS = "tutorwamp.plan";

export class Draft {
  #storage;
  #key;

  constructor(storage, personId, lessonId) {
    this.#storage = storage;
    this.#key = `${STORED_AS}.${personId}.${lessonId}`;
  }

  /** The values, or null. */
  get kept() {
    try {
      return JSON.parse(this.#storage.getItem(this.#key));
    } catch {
      return null;
    }
  }

  keep(values) {
    try {
      this.#storage.setItem(this.#key, JSON.stringify(values));
    } catch {
      // The storage is full. It still stands in the form.
    }
  }

  forget() {
    this.#storage.removeItem(this.#key);
  }
}
