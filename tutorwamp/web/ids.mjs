/** A client_id: by it the server knows a repetition, so doing something twice by accident does it once. */
export function newClientId() {
  // crypto.randomUUID exists on https and localhost only; a classroom in a local network may be plain http.
  if (crypto.randomUUID) return crypto.randomUUID();
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
