// How long things may take: the client's own numbers, and an answer that is waited for no longer than somebody wants to.

import { ClientError } from "./errors.mjs";

/** In seconds; each may be another by the option `timeouts`. */
export const TIMEOUTS = {
  open: 6, // from asking for a socket until the other end answers: four ways there and back, with TLS, on a very slow line
  join: 10, // from there on until one is let in; the server cuts off whoever takes longer (S21)
  call: 30, // long for anything a lesson does, short enough that a person still waits
  read: 120, // of what may be large: 8 MiB at 70 kB/s
  probe: 3, // a connection on which nothing was heard for so long is asked whether it lives
  idle: 15, // the same, where nobody has done anything for two minutes
  silent: 4.8, // from the last word to being taken for dead: said within 5 s
  shown: 0.8, // the same, for somebody who has just come back to the page
  lost: 5, // a loss that lasts so long is told
  pause: 8, // between two attempts, at most: with `open` and a join it is less than 20 s
};

/** Calls whose answer may be megabytes: while it comes, nothing else does. */
export const HEAVY = new Set([
  "tutorwamp.board.open",
  "tutorwamp.board.at",
  "tutorwamp.board.export",
  "tutorwamp.chat.history",
  "tutorwamp.lesson.replay",
]);
/** Those, and what else may take as long as the line needs. */
export const LARGE = new Set([...HEAVY, "tutorwamp.session.resume"]);

/**
 * What `ask()` promises, but for `seconds` at most and until `signal` says no: then `givenUp()` is called, and it throws
 * ClientError (retry), or the signal's reason. Where the signal has said so before, nothing is asked.
 */
export function limited(ask, { seconds, signal, clock, givenUp = () => {} }) {
  if (signal?.aborted) return Promise.reject(signal.reason);
  const answer = ask();
  return new Promise((resolve, reject) => {
    const stop = (why) => {
      givenUp();
      settle(reject, why);
    };
    const aborted = () => stop(signal.reason);
    const timer = Number.isFinite(seconds) ? clock.setTimeout(() => stop(ClientError.timedOut(seconds)), seconds * 1000) : null;
    const settle = (how, what) => {
      clock.clearTimeout(timer);
      signal?.removeEventListener("abort", aborted);
      how(what);
    };
    signal?.addEventListener("abort", aborted);
    answer.then((value) => settle(resolve, value), (error) => settle(reject, error));
  });
}
