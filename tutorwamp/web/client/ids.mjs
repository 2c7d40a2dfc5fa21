// Ids that a client chooses itself.

/** A UUID. An element's id is chosen by who draws it. */
export function newId() {
  // crypto.randomUUID exists on https and localhost only; a classroom in a local network may be plain http.
  if (crypto.randomUUID) return crypto.randomUUID();
  const hex = [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4}).(.{3}).(.{3})(.{12})$/, "$1-$2-4$3-8$4-$5");
}

/** A client_id: by it the server knows a repetition, so doing something twice by accident does it once. */
export const newClientId = newId;
