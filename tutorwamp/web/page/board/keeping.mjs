// A value of the board in a storage of the browser, by person and lesson: it survives a reload. Signing out forgets it, like
// all that is not sent (client/chat/kept.mjs).

const STORED_AS = "tutorwamp.unsent";

/** `{read(), write(value)}`; an empty value is none. */
export function keeping(name, personId, lessonId, storage) {
  const key = `${STORED_AS}.${personId}.${lessonId}.${name}`;
  return {
    read() {
      try {
        return JSON.parse(storage.getItem(key) ?? "null");
      } catch {
        return null;
      }
    },
    write(value) {
      try {
        if (value === null || value.length === 0) storage.removeItem(key);
        else storage.setItem(key, JSON.stringify(value));
      } catch {
        // The storage is full, or there is none: what is on the page is still there.
      }
    },
  };
}
