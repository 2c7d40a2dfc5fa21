// Words and strokes of lessons that are not open any more: somebody wrote or drew without a connection and went elsewhere, or
// closed the page. They are sent by the way, without entering the lesson.

import { Lesson } from "./lesson.mjs";
import { unsentIn } from "./pending.mjs";

const AFTER_LEAVING_MS = 3_000; // what was on its way then is answered by now
const AGAIN_MS = 30_000; // what another tab has sent, or has left there

export class Leftovers {
  #client;
  #open;
  #changed;
  #sending = new Map(); // lesson id -> Lesson, which is not entered
  #isConnected = false;
  #timer = null;

  /** `open(lessonId)`: that lesson, where it is open and sends what it has; `changed()`: there may be less now. */
  constructor(client, { open, changed }) {
    this.#client = client;
    this.#open = open;
    this.#changed = changed;
  }

  /** A new session. */
  arrived() {
    this.#isConnected = true;
    this.#look();
  }

  /** The connection is gone, or the person. */
  lost() {
    this.#isConnected = false;
    this.#client.clock.clearTimeout(this.#timer);
    for (const lesson of this.#sending.values()) lesson.lost();
    this.#sending.clear();
  }

  /** A lesson is open now, and sends what it has. */
  opened(lessonId) {
    this.#sending.get(lessonId)?.lost();
    this.#sending.delete(lessonId);
  }

  /** A lesson was left. */
  left() {
    if (this.#isConnected) this.#lookIn(AFTER_LEAVING_MS);
  }

  #lookIn(ms) {
    const { clock } = this.#client;
    clock.clearTimeout(this.#timer);
    this.#timer = clock.setTimeout(() => this.#look(), ms);
  }

  #look() {
    this.#lookIn(AGAIN_MS);
    this.#changed(); // what was on its way when its lesson was left
    for (const lessonId of Object.keys(unsentIn(this.#client.storage, this.#client.user.id))) {
      const { words, strokes } = (this.#open(lessonId) ?? this.#sending.get(lessonId))?.pending ?? {};
      if (!words && !strokes) this.#send(lessonId); // nobody here does
    }
  }

  // What the server refuses: words are given back when the lesson is opened, of strokes it is told (`refused`).
  #send(lessonId) {
    const lesson = new Lesson(this.#client, lessonId, { changed: this.#changed });
    const refused = (error) => this.#client.emit("refused", { lessonId, error });
    lesson.on("told", refused);
    lesson.chat.on("refused", refused);
    this.#sending.set(lessonId, lesson);
    lesson.deliver();
  }
}
