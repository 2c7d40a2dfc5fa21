// The connection's state in words.

/** How the connection is, and how much waits for it. */
export function connectionWords(state, waiting) {
  const words = { open: "Connected", connecting: "Connecting …", waiting: "Offline" }[state];
  if (waiting > 0) return `${words.replace(" …", "")}, ${waiting} to send`;
  return state === "waiting" ? "Offline, trying again soon" : words;
}
