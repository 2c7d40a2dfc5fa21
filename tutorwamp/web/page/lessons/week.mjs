// Weeks of the calendar as this device's time zone has them: the days of a week, and which lessons are in each. Pure.

const DAYS = 7;

/** The day on which weeks begin where the person lives: 1 is Monday, 7 Sunday. Where the browser does not know: Monday. */
export function firstDayOf(locale) {
  const known = new Intl.Locale(locale);
  return (known.getWeekInfo?.() ?? known.weekInfo)?.firstDay ?? 1;
}

/** The eight midnights around the days of the week in which an instant is, as Dates; the last one ends it. */
export function weekOf(instant, firstDay) {
  const start = new Date(instant);
  start.setHours(0, 0, 0, 0);
  const since = (start.getDay() + DAYS - (firstDay % DAYS)) % DAYS;
  // By the calendar, not by 24 hours: days on which clocks are changed are longer or shorter.
  return Array.from(
    { length: DAYS + 1 },
    (_, day) => new Date(start.getFullYear(), start.getMonth(), start.getDate() - since + day),
  );
}

/** An instant in the week that is so many weeks after that of another. */
export function weeksLater(instant, weeks) {
  const date = new Date(instant);
  return new Date(date.getFullYear(), date.getMonth(), date.getDate() + weeks * DAYS, 12).getTime();
}

/** The lessons of each day of a week, soonest first. */
export function byDay(lessons, midnights) {
  const sorted = [...lessons].sort(soonestFirst);
  return midnights.slice(0, -1).map((midnight, day) =>
    sorted.filter(({ starts_at }) => {
      const at = Date.parse(starts_at);
      return at >= midnight.getTime() && at < midnights[day + 1].getTime();
    }),
  );
}

/** Of the same time by id, so that the order never changes by itself. */
export function soonestFirst(a, b) {
  return a.starts_at.localeCompare(b.starts_at) || a.id.localeCompare(b.id);
}

/**
 * Where the focus goes in a calendar whose columns have so many places (`counts`), from a place `[column, row]` with a key: another
 * place; or `{weeks}`, to another week; or null where the key means nothing. `isRtl`: the first day is on the right.
 */
export function moved([column, row], key, counts, isRtl = false) {
  const across = { ArrowLeft: isRtl ? 1 : -1, ArrowRight: isRtl ? -1 : 1 }[key];
  if (across) {
    const to = column + across;
    if (to < 0 || to >= counts.length) return { weeks: across };
    return [to, Math.min(row, counts[to] - 1)];
  }
  const down = { ArrowUp: -1, ArrowDown: 1 }[key];
  if (down) return [column, Math.max(0, Math.min(counts[column] - 1, row + down))];
  if (key === "Home") return [0, 0];
  if (key === "End") return [counts.length - 1, 0];
  const weeks = { PageUp: -1, PageDown: 1 }[key];
  return weeks ? { weeks } : null;
}
