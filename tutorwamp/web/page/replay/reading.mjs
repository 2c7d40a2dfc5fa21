// Reading a lesson from one end to the other, however often the connection is lost meanwhile.

import { jittered, pause } from "../../client/again.mjs";

/**
 * `read(name, kwargs)` calls `tutorwamp.<name>` about the lesson, again and again while the answer is to try again later. Throws
 * ClientError for any other answer, and when `signal` says that nobody waits any more.
 */
export function readerOf(client, lessonId, signal) {
  return async (name, kwargs = {}) => {
    for (;;) {
      try {
        return await client.call(`tutorwamp.${name}`, { lesson_id: lessonId, ...kwargs }, { signal });
      } catch (error) {
        if (error.action !== "retry" || signal.aborted) throw error;
        if (client.hasArrived) await pause(jittered(error.retryAfter));
        else await arrival(client, signal);
      }
    }
  };
}

function arrival(client, signal) {
  return new Promise((resolve) => {
    const off = client.on("arrived", done);
    signal.addEventListener("abort", done);
    function done() {
      off();
      signal.removeEventListener("abort", done);
      resolve();
    }
  });
}
