// Times of day and days in the page's language, as the reader's region writes them; days nearby by name, years where they matter.

import { now } from "./clock.mjs";
import { locale, t } from "./words.mjs";

const DAY_MS = 86_400_000;
const LONG = { weekday: "long", day: "numeric", month: "long" };
const SHORT = { weekday: "short", day: "numeric", month: "short" };
const made = new Map();

function format(options) {
  const key = `${locale} ${JSON.stringify(options)}`; // making one takes a hundred times as long as using it
  if (!made.has(key)) made.set(key, new Intl.DateTimeFormat(locale, options));
  return made.get(key);
}

export const clockTime = (instant) => format({ timeStyle: "short" }).format(new Date(instant));
export const shortDay = (instant) => nearDay(instant) ?? day(instant, SHORT);
export const longDay = (instant) => nearDay(instant) ?? day(instant, LONG);

/** From when to when, the time of day only. Beyond midnight browsers would write out both days, which nobody wants of an hour. */
export function timeSpan(starts, ends) {
  const isOneDay = new Date(starts).toDateString() === new Date(ends).toDateString();
  if (isOneDay) return format({ timeStyle: "short" }).formatRange(new Date(starts), new Date(ends));
  return t("day.span", { from: clockTime(starts), to: clockTime(ends) });
}

/** The whole truth: weekday, day, month, year, and from when to when. */
export function fullSpan(starts, ends) {
  return format({ ...LONG, year: "numeric", hour: "numeric", minute: "2-digit" }).formatRange(new Date(starts), new Date(ends));
}

/** A day and a time of it, for what was or will be at an instant. */
export const dayAndTime = (instant) => t("day.and-time", { day: shortDay(instant), time: clockTime(instant) });

/** "in 5 minutes", by seconds from now. */
export function soon(seconds) {
  const relative = new Intl.RelativeTimeFormat(locale, { numeric: "always" });
  return seconds < 90 ? relative.format(Math.ceil(seconds), "second") : relative.format(Math.ceil(seconds / 60), "minute");
}

/** The person's time zone, such as `Europe/Berlin (GMT+1)`. */
export function timeZone(at = now()) {
  const { timeZone: name } = format({}).resolvedOptions();
  const offset = format({ timeZoneName: "shortOffset" })
    .formatToParts(at)
    .find(({ type }) => type === "timeZoneName")?.value;
  return t("day.zone", { name: name.replaceAll("_", " "), offset });
}

function day(instant, options) {
  const isThisYear = new Date(instant).getFullYear() === new Date(now()).getFullYear();
  return format(isThisYear ? options : { ...options, year: "numeric" }).format(new Date(instant));
}

function nearDay(instant) {
  const midnight = (date) => new Date(date).setHours(0, 0, 0, 0);
  const days = Math.round((midnight(instant) - midnight(now())) / DAY_MS);
  return { "-1": t("day.yesterday"), 0: t("day.today"), 1: t("day.tomorrow") }[days];
}
