// What a person is told where something was refused.

import { DISCONNECTED } from "../client/errors.mjs";
import { soon } from "./dates.mjs";
import { inPlainWords } from "./error-words.mjs";
import { t } from "./words.mjs";

/** `own`: sentences of the place where it was asked, by the error's name after `tutorwamp.error.`. */
export function refusalWords(error, own = {}) {
  const name = error?.uri?.replace("tutorwamp.error.", "");
  if (name in own) return own[name];
  if (error.uri === DISCONNECTED) return t("refused.offline");
  if (name === "rate_limited") return t("refused.too-many", { when: soon(error.retryAfter) });
  return inPlainWords(error);
}

/** Whether a refusal is about this argument. */
export function isAbout(error, argument) {
  return Array.isArray(error.details) && error.details.some(({ loc }) => [loc].flat().includes(argument));
}
