// What one has answered oneself: the server does not tell it back (docs/rules/polls.md). By person and lesson, in the tab's storage.

const STORED_AS = "tutorwamp.answers";

export class Given {
  #storage;
  #key;

  constructor(storage, personId, lessonId) {
    this.#storage = storage;
    this.#key = `${STORED_AS}.${personId}.${lessonId}`;
  }

  /** `{choice_ids?, text?}`, or null. */
  of(pollId) {
    return this.#all[pollId] ?? null;
  }

  put(pollId, answer) {
    try {
      this.#storage.setItem(this.#key, JSON.stringify({ ...this.#all, [pollId]: answer }));
    } catch {
      // The storage is full, or there is none: the answer counts all the same, only the page forgets it with the next load.
    }
  }

  get #all() {
    try {
      return JSON.parse(this.#storage.getItem(this.#key) ?? "{}");
    } catch {
      return {};
    }
  }
}

/** The person signs out, perhaps on a computer that others use. */
export function forgetGiven(storage, personId) {
  const keys = Array.from({ length: storage.length }, (_, place) => storage.key(place));
  for (const key of keys) if (key.startsWith(`${STORED_AS}.${personId}.`)) storage.removeItem(key);
}
