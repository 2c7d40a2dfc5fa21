// Lengths of time, places in a recording and what is left of a timer, in the reader's language.

import { locale, t } from "./words.mjs";

/** "1 h 5 min", "12 min", "40 s": a length of time in seconds. */
export function lengthOf(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return t("length.seconds", { count: whole });
  const minutes = Math.round(whole / 60);
  if (minutes < 60) return t("length.minutes", { count: minutes });
  return t("length.hours", { hours: Math.floor(minutes / 60), minutes: minutes % 60 });
}

/** Whole seconds, rounded up: a timer says 0:00 when its time is over and not before. */
export function secondsLeft(endsAt, now) {
  return Math.max(0, Math.ceil((Date.parse(endsAt) - now) / 1000));
}

/** "5:07", "1:05:07": a place in a recording, or what is left of a timer, in seconds. */
export function stopwatch(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60)];
  const digits = (part, isFirst) => part.toLocaleString(locale, { minimumIntegerDigits: isFirst ? 1 : 2 });
  return [...(hours ? [hours] : []), minutes, whole % 60].map((part, place) => digits(part, place === 0)).join(":");
}

/** "4 December 2026": for what is read much later, as a print is. */
export const wholeDay = (instant) => new Intl.DateTimeFormat(locale, { dateStyle: "long" }).format(new Date(instant));
