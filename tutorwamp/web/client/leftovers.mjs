// Words and strokes of lessons that are not open any more: somebody wrote or drew without a connection and went elsewhere, or
// closed the page. They are sent by the way, without entering the lesson.

import { Outbox } from "./board/outbox.mjs";
import { Delivery } from "./chat/delivery.mjs";
import { Kept } from "./chat/kept.mjs";
import { Messages, sendable } from "./chat/messages.mjs";
import { ClientError } from "./errors.mjs";
import { legible, readMessage } from "./events.mjs";
import { unsentIn } from "./pending.mjs";

const AFTER_LEAVING_MS = 3_000; // what was on its way then is answered by now

export class Leftovers {
  #client;
  #isOpen;
  #changed;
  #sending = new Map(); // lesson id -> Leftover
  #isConnected = false;
  #timer = null;

  /** `isOpen(lessonId)`: that lesson sends what it has; `changed()`: there may be less now. */
  constructor(client, { isOpen, changed }) {
    this.#client = client;
    this.#isOpen = isOpen;
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
    for (const leftover of this.#sending.values()) leftover.stop();
    this.#sending.clear();
  }

  /** A lesson is open now, and sends what it has. */
  opened(lessonId) {
    this.#sending.get(lessonId)?.stop();
    this.#sending.delete(lessonId);
  }

  /** A lesson was left. */
  left() {
    const { clock } = this.#client;
    clock.clearTimeout(this.#timer);
    if (this.#isConnected) this.#timer = clock.setTimeout(() => this.#look(), AFTER_LEAVING_MS);
  }

  #look() {
    this.#changed(); // what was on its way when its lesson was left
    for (const lessonId of Object.keys(unsentIn(this.#client.storage, this.#client.user.id))) {
      if (this.#isOpen(lessonId) || this.#sending.has(lessonId)) continue;
      this.#sending.set(lessonId, new Leftover(this.#client, lessonId, this.#changed));
    }
  }
}

/** Of one lesson. What the server refuses: words are given back when the lesson is opened, of strokes it is told (`refused`). */
class Leftover {
  #client;
  #lessonId;
  #changed;
  #messages;
  #delivery;
  #outbox;

  constructor(client, lessonId, changed) {
    const { clock, storage, user } = client;
    const keptAs = (kind) => new Kept(storage, user.id, lessonId, kind);
    this.#client = client;
    this.#lessonId = lessonId;
    this.#changed = changed;
    this.#messages = new Messages(user, keptAs("chat"));
    this.#delivery = new Delivery({
      next: () => this.#messages.toSend[0],
      send: (message) => this.#say(message),
      onRefused: (message, error) => {
        this.#messages.refuse(message, error);
        this.#refused(error);
      },
      clock,
    });
    this.#outbox = new Outbox({
      send: (client_id, changes) => this.#draw({ client_id, changes }),
      onRejected: ([first]) => this.#refused(ClientError.fromRejection(first)),
      onRefused: (error) => this.#refused(error),
      kept: keptAs("board"),
      clock,
    });
    this.#delivery.resume();
    this.#outbox.resume();
  }

  stop() {
    this.#delivery.halt();
    this.#outbox.halt();
  }

  async #say(message) {
    const sent = await this.#call("chat.send", sendable(message));
    this.#messages.confirm(message.client_id, ...legible([sent], readMessage));
    this.#changed();
  }

  async #draw(submission) {
    const answer = await this.#call("board.submit", submission);
    this.#client.clock.setTimeout(this.#changed, 0); // once it is out of the storage
    return answer;
  }

  #call(name, kwargs) {
    return this.#client.call(`tutorwamp.${name}`, { lesson_id: this.#lessonId, ...kwargs });
  }

  #refused(error) {
    this.#changed();
    this.#client.emit("refused", { lessonId: this.#lessonId, error });
  }
}
