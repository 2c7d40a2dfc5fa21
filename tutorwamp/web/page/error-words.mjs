// What a person is told when something did not work. The server's sentences are English and for programs; these are ours.

import { ClientError, FAULT } from "../client/errors.mjs";
import { knows, t } from "./words.mjs";

/** In a person's words. `error`: a ClientError, or what is left of one that was kept. What else is thrown is a mistake of ours. */
export function inPlainWords(error) {
  if (!(error instanceof ClientError) && !error?.action) console.error(error);
  const { uri = FAULT, action, details = {}, requestId } = error ?? {};
  // Most names have one sentence; one of them says which rule it was.
  const key = [`${uri}.${details?.rule}`, uri, `action.${action}`].find((one) => knows(`error.${one}`)) ?? FAULT;
  const fields = fieldsOf(details);
  const words = t(`error.${key}`, { reference: requestId ?? "–", count: secondsOf(details) });
  return fields ? `${words} ${t("error.fields", { fields })}` : words;
}

function secondsOf(details) {
  const seconds = Math.ceil(details?.retry_after_s);
  return seconds > 0 ? seconds : 1;
}

// `details` of tutorwamp.error.invalid: [{loc, msg}]. Only fields that a person knows by a name.
function fieldsOf(details) {
  if (!Array.isArray(details)) return "";
  const named = details.map(({ loc }) => `error.field.${[loc].flat()[0]}`).filter(knows);
  return [...new Set(named)].map((key) => t(key)).join(" · ");
}
