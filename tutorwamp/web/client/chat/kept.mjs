// Words that are not sent yet, in the storage of this tab: a reload loses none of them. By person and lesson.

const STORED_AS = "tutorwamp.unsent";

export class Kept {
  #storage;
  #key;

  constructor(storage, personId, lessonId) {
    this.#storage = storage;
    this.#key = `${STORED_AS}.${personId}.${lessonId}`;
  }

  /** In the order they were written. */
  get all() {
    return JSON.parse(this.#storage.getItem(this.#key) ?? "[]");
  }

  /** Another message, or the same in another state. */
  put(message) {
    const { all } = this;
    const place = all.findIndex(({ client_id }) => client_id === message.client_id);
    all.splice(place < 0 ? all.length : place, 1, message);
    this.#write(all);
  }

  remove(clientId) {
    this.#write(this.all.filter(({ client_id }) => client_id !== clientId));
  }

  #write(all) {
    try {
      if (all.length > 0) this.#storage.setItem(this.#key, JSON.stringify(all));
      else this.#storage.removeItem(this.#key);
    } catch {
      // The storage is full. They are still on the page, and will be sent from there.
    }
  }
}

/** The person signs out, perhaps on a computer that others use. */
export function forgetKept(storage, personId) {
  const keys = Array.from({ length: storage.length }, (_, place) => storage.key(place));
  for (const key of keys) if (key.startsWith(`${STORED_AS}.${personId}.`)) storage.removeItem(key);
}
