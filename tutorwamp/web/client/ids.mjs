// Ids that a client chooses itself.

/** A UUID. An element's id is chosen by who draws it. */
export function newId() {
  // crypto.randomUUID exists on https and localhost only; a classroom in a local network may be plain http.
  if (crypto.randomUUID) return crypto.randomUUID();
  const digit = () => (crypto.getRandomValues(new Uint8Array(1))[0] % 16).toString(16);
  return "xxxxxxxx-xxxx-4xxx-8xxx-xxxxxxxxxxxx".replace(/x/g, digit);
}

/** A client_id: by it the server knows a repetition, so doing something twice by accident does it once. */
export const newClientId = newId;
