// Times of day and days, as the reader's browser writes them; days nearby by name.

const clockFormat = new Intl.DateTimeFormat(undefined, { timeStyle: "short" });
const dayFormat = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });
const shortDayFormat = new Intl.DateTimeFormat(undefined, { weekday: "short", day: "numeric", month: "short" });

export const clockTime = (instant) => clockFormat.format(new Date(instant));
export const shortDay = (instant) => nearDay(instant) ?? shortDayFormat.format(new Date(instant));
export const longDay = (instant) => nearDay(instant) ?? dayFormat.format(new Date(instant));

function nearDay(instant) {
  const midnight = (date) => new Date(date).setHours(0, 0, 0, 0);
  const days = Math.round((midnight(instant) - midnight(Date.now())) / 86_400_000);
  return { "-1": "Yesterday", 0: "Today", 1: "Tomorrow" }[days];
}
