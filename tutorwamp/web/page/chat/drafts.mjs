// What somebody has typed and not sent: kept by person and lesson, so that neither a reload nor another lesson costs a word.

const STORED_AS = "tutorwamp.draft";
const NOTHING = { words: "", replyTo: null, editing: null, files: [] };

export class Draft {
  #storage;
  #key;

  constructor(storage, personId, lessonId) {
    this.#storage = storage;
    this.#key = `${STORED_AS}.${personId}.${lessonId}`;
  }

  /**
   * `{words, replyTo, editing, files}`: what is to be said, the message it answers or null, `{message, words}` of one that is
   * being corrected or null, and the files that are on the server already.
   */
  get value() {
    try {
      return { ...NOTHING, ...JSON.parse(this.#storage.getItem(this.#key) ?? "{}") };
    } catch {
      return { ...NOTHING }; // somebody else's, or there is no storage
    }
  }

  put(value) {
    try {
      const isEmpty = !value.words && !value.replyTo && !value.editing && value.files.length === 0;
      if (isEmpty) this.#storage.removeItem(this.#key);
      else this.#storage.setItem(this.#key, JSON.stringify(value));
    } catch {
      // The storage is full. The words are still in the field.
    }
  }
}

/** The same for a form: `value` is what was put last, or null. */
export class FormDraft {
  #storage;
  #key;

  constructor(storage, personId, lessonId, name) {
    this.#storage = storage;
    this.#key = `${STORED_AS}.${personId}.${lessonId}.${name}`;
  }

  get value() {
    try {
      return JSON.parse(this.#storage.getItem(this.#key) ?? "null");
    } catch {
      return null;
    }
  }

  put(value) {
    try {
      if (value === null) this.#storage.removeItem(this.#key);
      else this.#storage.setItem(this.#key, JSON.stringify(value));
    } catch {
      // The storage is full. It is still in the form.
    }
  }
}

/** The person signs out, perhaps on a computer that others use. */
export function forgetDrafts(storage, personId) {
  const keys = Array.from({ length: storage.length }, (_, place) => storage.key(place));
  for (const key of keys) if (key.startsWith(`${STORED_AS}.${personId}.`)) storage.removeItem(key);
}
