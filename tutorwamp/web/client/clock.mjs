// Time as a value: whoever waits is given a clock, so that a test need not.

/** The time of the machine. `now()` and all pauses are in milliseconds. */
export const systemClock = {
  now: () => Date.now(),
  setTimeout: (act, ms) => globalThis.setTimeout(act, ms),
  clearTimeout: (timer) => globalThis.clearTimeout(timer),
};

/** That many seconds later. */
export function pause(seconds, clock = systemClock) {
  return new Promise((resolve) => clock.setTimeout(resolve, seconds * 1000));
}
