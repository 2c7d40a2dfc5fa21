// What a notification says, in the reader's words: the server's own sentence is English.

import { isolated } from "../../client/writing.mjs";
import { knows, t } from "../words.mjs";

/** `data`: a notification's. Of what a later server says there is news, at least. */
export function told({ says, name = "", reason = "" } = {}) {
  const what = reason ? `${says}-why` : says;
  const known = knows(`bell.says-${what}`) ? what : "news";
  return t(`bell.says-${known}`, { name: isolated(name), reason: isolated(reason) });
}
