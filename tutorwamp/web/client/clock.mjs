// Time as a value: whoever waits is given a clock, so that a test need not.

let latest = 0; // that was told
let putBack = 0; // by how much the machine's clock was, all in all

/**
 * The time of the machine, in milliseconds like all pauses. It never goes back: who puts the machine's clock back an hour does
 * not make us wait for that hour.
 */
export const systemClock = {
  now: () => (latest = Date.now() + (putBack = Math.max(putBack, latest - Date.now()))),
  setTimeout: (act, ms) => globalThis.setTimeout(act, ms),
  clearTimeout: (timer) => globalThis.clearTimeout(timer),
};

/** That many seconds later; where nothing else is left to do, Node does not wait for it. */
export function pause(seconds, clock = systemClock) {
  return new Promise((resolve) => clock.setTimeout(resolve, seconds * 1000)?.unref?.());
}
