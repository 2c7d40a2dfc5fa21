// What has been said, in order: the messages the server has numbered, then our own that are still on their way.

import { newClientId } from "../ids.mjs";

export class Messages {
  #bySeq = new Map();
  #onTheirWay = new Map(); // by client_id
  #me;
  #kept;

  /** `kept` keeps what is on its way over a reload (kept.mjs). */
  constructor(me, kept) {
    this.#me = me;
    this.#kept = kept;
    for (const message of kept.all) this.#onTheirWay.set(message.client_id, message);
  }

  /** A message as a reader would read it now. It takes the place of its own echo, however it got here. */
  put(message) {
    this.#bySeq.set(message.seq, message);
    if (message.author.id === this.#me.id) this.discard(message.client_id);
  }

  /**
   * The answer to a send. An event may have come first and may know more (a reaction, an edit), so it never replaces one.
   * Without a message: it cannot be read, but it was sent.
   */
  confirm(clientId, message = null) {
    if (message && !this.#bySeq.has(message.seq)) this.put(message);
    this.discard(clientId);
  }

  /** Our own words, before the server has them. The client_id makes sending them twice harmless. */
  echo(body, replyTo, files = []) {
    const message = {
      id: null,
      seq: null,
      client_id: newClientId(),
      author: this.#me,
      body,
      reply_to: replyTo,
      reactions: {},
      files,
      created_at: new Date().toISOString(),
      edited_at: null,
      deleted_at: null,
      problem: null,
    };
    this.#onTheirWay.set(message.client_id, message);
    this.#kept.put(message);
    return message;
  }

  /** It cannot be sent, and why: a ClientError. Of it stays what can be kept. */
  refuse(message, error) {
    message.problem = error.toJSON();
    if (this.#onTheirWay.has(message.client_id)) this.#kept.put(message);
  }

  discard(clientId) {
    if (this.#onTheirWay.delete(clientId)) this.#kept.remove(clientId);
  }

  get onTheirWay() {
    return [...this.#onTheirWay.values()];
  }

  /** Without those that cannot be sent, in the order they were written. */
  get toSend() {
    return this.onTheirWay.filter(({ problem }) => problem === null);
  }

  /** Everything from the server, oldest first. */
  get numbered() {
    return [...this.#bySeq.values()].sort((a, b) => a.seq - b.seq);
  }

  get oldestSeq() {
    return Math.min(...this.#bySeq.keys());
  }

  get newestSeq() {
    return Math.max(0, ...this.#bySeq.keys());
  }

  withId(id) {
    return this.numbered.find((message) => message.id === id);
  }

  /** After reading afresh: what else there was may be out of date (or, after a backup was brought back, nowhere any more). */
  open(messages) {
    this.#bySeq.clear();
    for (const message of messages) this.put(message);
  }
}

/** A message of our own as the arguments of `chat.send`, but for the lesson. */
export function sendable({ client_id, body, reply_to, files }) {
  const file_ids = (files ?? []).map(({ id }) => id);
  return { client_id, body, ...(reply_to && { reply_to }), ...(file_ids.length > 0 && { file_ids }) };
}
