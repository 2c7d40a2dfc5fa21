// Files in words: how large they are, and why one was refused.

import { inPlainWords } from "../error-words.mjs";
import { locale, t } from "../words.mjs";

const UNITS = ["byte", "kilobyte", "megabyte", "gigabyte"];
const STEP = 1000; // as people's own computers count files

/** "1.2 MB" */
export function sizeInWords(bytes) {
  const step = Math.min(UNITS.length - 1, Math.max(0, Math.floor(Math.log(Math.max(bytes, 1)) / Math.log(STEP))));
  const format = new Intl.NumberFormat(locale, { style: "unit", unit: UNITS[step], unitDisplay: "short", maximumFractionDigits: step > 0 ? 1 : 0 });
  return format.format(bytes / STEP ** step);
}

/** What a person is told whose file was refused. */
export function refusalInWords(error) {
  const { uri, details } = error;
  if (uri === "tutorwamp.error.too_large") {
    if (details?.files_at_most !== undefined) return t("files.many");
    if (details?.bytes_left !== undefined) return t("files.no-room", { left: sizeInWords(details.bytes_left) });
    return t("files.too-large");
  }
  const faults = Array.isArray(details) ? details.map(({ loc, msg }) => [[loc].flat().at(-1), msg]) : [];
  if (uri === "tutorwamp.error.invalid" && faults.some(([, msg]) => msg === "must not be infected")) return t("files.infected");
  if (uri === "tutorwamp.error.invalid" && faults.some(([, msg]) => msg === "must be a whole picture")) return t("files.broken-picture");
  if (uri === "tutorwamp.error.invalid" && faults.some(([place]) => place === "content")) return t("files.empty");
  return inPlainWords(error);
}
