// What time it is by the school's clock: a person's own may be hours off, and lessons begin by the server's.

const CLOCK_OFF_MS = 120_000; // more than that is worth telling; less, nobody is late by
const SLOW_MS = 10_000; // an answer that took longer (asleep meanwhile) says little about the time

let ahead = 0;

/** Milliseconds since 1970, as the server counts them. */
export const now = () => Date.now() + ahead;

/** The server said that it was `instant` between the two times of our own clock. */
export function learnTime(instant, askedAt, answeredAt = Date.now()) {
  const answer = Date.parse(instant);
  if (!Number.isFinite(answer) || answeredAt < askedAt || answeredAt - askedAt > SLOW_MS) return;
  ahead = answer - (askedAt + answeredAt) / 2;
}

/** Whether this device's clock is so wrong that its person should know. */
export const clockIsOff = () => Math.abs(ahead) > CLOCK_OFF_MS;
