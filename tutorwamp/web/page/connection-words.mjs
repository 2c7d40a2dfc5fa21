// The connection's state in words.

import { t } from "./words.mjs";

const SAID = new Set(["silent", "offline", "draining", "ping_timeout"]); // reasons that have words of their own

/** How the connection is (`state` and `reason` of the client), and how much waits for it. */
export function connectionWords(state, waiting, reason) {
  if (state === "connected") return waiting > 0 ? t("connection.to-send", { state: t("connection.connected"), count: waiting }) : t("connection.connected");
  if (waiting > 0) return t("connection.to-send", { state: t(`connection.${state}.short`), count: waiting });
  return t(state === "reconnecting" && SAID.has(reason) ? `connection.reconnecting.${reason}` : `connection.${state}`);
}
