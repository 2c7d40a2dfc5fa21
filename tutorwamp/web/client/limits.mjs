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
 * What `ask(leaving)` promises, but for `seconds` at most and until `signal` says no: then the signal `leaving` says so, and it
 * throws ClientError (retry), or the signal's reason. Whatever else goes wrong is a ClientError, too. Where the signal has said
 * no before, nothing is asked.
 */
export async function limited(ask, { seconds, signal, clock }) {
  signal?.throwIfAborted();
  const leaving = new AbortController();
  let timer, leave;
  const late = new Promise((_, reject) => {
    leave = () => reject(signal.reason);
    signal?.addEventListener("abort", leave);
    if (seconds < Infinity) timer = clock.setTimeout(() => reject(ClientError.timedOut(seconds)), seconds * 1000);
  });
  try {
    return await Promise.race([ask(leaving.signal), late]);
  } catch (error) {
    leaving.abort();
    throw signal?.aborted ? error : ClientError.from(error);
  } finally {
    clock.clearTimeout(timer);
    signal?.removeEventListener("abort", leave);
  }
}
