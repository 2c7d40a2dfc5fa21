// The connection's state in words.

import { t } from "./words.mjs";

/** How the connection is, and how much waits for it. */
export function connectionWords(state, waiting) {
  if (waiting === 0) return t(`connection.${state}`);
  const short = state === "waiting" ? t("connection.offline") : t(`connection.${state}`).replace(" …", "");
  return t("connection.to-send", { state: short, count: waiting });
}
