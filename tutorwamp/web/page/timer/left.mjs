// How much of a timer is left, for people: "4:59", "1:00:00".

/** Whole seconds, rounded up: it says 0:00 when the time is over and not before. */
export function secondsLeft(endsAt, now) {
  return Math.max(0, Math.ceil((Date.parse(endsAt) - now) / 1000));
}

export function asClock(seconds) {
  const two = (number) => String(number).padStart(2, "0");
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor((seconds % 3600) / 60)];
  return hours > 0 ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`;
}
