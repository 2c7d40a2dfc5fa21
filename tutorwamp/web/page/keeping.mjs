// A value of the page in a storage of the browser, by person and lesson: what was begun and not sent survives a reload. Signing
// out forgets it, like all that is not sent (client/chat/kept.mjs).

import { STORED_AS } from "../client/chat/kept.mjs";

/** `{read(), write(value)}`; null, or an empty list, is none. */
export function keeping(name, personId, lessonId, storage) {
  const key = `${STORED_AS}.${personId}.${lessonId}.${name}`;
  return {
    read() {
      try {
        return JSON.parse(storage.getItem(key) ?? "null");
      } catch {
        return null; // somebody else's, or there is no storage
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
