// The chat of one lesson: reads, sends, corrects, marks as read.

import { persistently } from "../again.mjs";
import { systemClock } from "../clock.mjs";
import { ClientError } from "../errors.mjs";
import { isKnown, legible, readMessage, readPerson } from "../events.mjs";
import { Followed } from "../stream.mjs";
import { written } from "../writing.mjs";
import { Delivery } from "./delivery.mjs";
import { Messages, sendable } from "./messages.mjs";

const PAGE = 50;
const PAGES_AFRESH = 6; // after a gap, read back as far as was shown, but not for ever
const MARK_EVERY_MS = 1_000;

export class Chat extends Followed {
  #connection;
  #lessonId;
  #view;
  #messages;
  #delivery;
  #tell;
  #clock;
  #cursor = null; // where earlier messages begin; null: there are none
  #readBy = new Map(); // person id -> {person, seq}
  #passed = new Map(); // seq -> a message before what is shown, as an event said while somebody went there
  #readSeq = 0; // what the server knows we have read
  #seenSeq = 0; // the newest that was in front of the person
  #newFrom = null; // the first message that was new when it came
  #marking = null;
  #loaded = false;
  #closed = false;

  /**
   * `view`: show(), whenever something looks different; isWatched(), whether the person sees the newest message;
   * arrived(message), when somebody else has said something; refused(error), of ours. `kept` keeps what is not sent over a
   * reload (kept.mjs); `tell(error)` says what went wrong.
   */
  constructor({ connection, lessonId, me, view, resume, kept, tell, clock = systemClock }) {
    super({ apply: (event) => this.#apply(event), readAfresh: () => this.#readAfresh(), resume, clock });
    this.#clock = clock;
    this.#connection = connection;
    this.#lessonId = lessonId;
    this.me = me;
    this.#messages = new Messages(me, kept);
    this.#view = view;
    this.#tell = tell;
    this.#delivery = new Delivery({
      next: () => this.#messages.toSend[0],
      send: (message) => this.#deliver(message),
      onRefused: (message, error) => {
        this.#messages.refuse(message, error);
        view.refused?.(error);
      },
      onTurn: () => view.show(),
      clock,
    });
  }

  /** What the view shows. */
  get picture() {
    return {
      messages: this.#messages.numbered,
      onTheirWay: this.#messages.onTheirWay,
      earlier: this.#cursor !== null,
      loaded: this.#loaded,
      newFrom: this.#newFrom,
      seenBy: [...this.#readBy.values()],
      closed: this.#closed,
      stuck: this.#delivery.isStuck,
    };
  }

  /** How many messages the server does not have yet, as far as we know. */
  get unsentCount() {
    return this.#messages.toSend.length;
  }

  /** How many messages wait, because there is no connection or the server wants to be asked later. */
  get stuckCount() {
    return this.#delivery.isStuck ? this.unsentCount : 0;
  }

  /** The person goes. What cannot be sent right now is kept, and sent when they come again. */
  close() {
    this.#delivery.finish();
    this.#clock.clearTimeout(this.#marking);
  }

  /** The lesson is over: nothing can be said any more. What is said all the same is refused by the server. */
  end() {
    this.#closed = true;
    this.#clock.clearTimeout(this.#marking);
    const over = new ClientError({ uri: "tutorwamp.error.lesson.state" });
    for (const message of this.#messages.toSend) this.#messages.refuse(message, over);
    this.#view.show();
  }

  /** The connection is gone; what is said now waits. */
  lost() {
    this.stream.hold();
    this.#delivery.halt();
    this.#view.show();
  }

  /** After joining and subscribing, each time. */
  async begin(head, resumed) {
    await Promise.all([this.#loaded || this.#learnReadMark(), this.stream.begin(head, resumed)]); // asked in this order
    this.deliver();
  }

  /** A lesson that is over has no topics, only its history. */
  async readOnly() {
    await this.#readAfresh();
    this.deliver();
  }

  /** Send what waits. */
  deliver() {
    this.#delivery.resume();
    this.#view.show();
  }

  async #learnReadMark() {
    // The mark never moves back, so asking for 0 only tells where it is.
    const { read_seq, unread_count } = await this.#call("mark_read", { lesson_id: this.#lessonId, seq: 0 }).catch(() => ({}));
    this.#readUpTo(read_seq ?? 0);
    if (unread_count > 0) this.#newFrom = this.#readSeq + 1;
  }

  #call(name, kwargs) {
    return this.#connection.call(`tutorwamp.chat.${name}`, kwargs);
  }

  async #readAfresh() {
    const upTo = this.#loaded ? this.#messages.oldestSeq : Infinity;
    let cursor = null;
    const found = [];
    for (let page = 0; page < PAGES_AFRESH; page++) {
      const { messages, next } = await this.#history(cursor);
      found.push(...messages);
      cursor = next;
      if (cursor === null || found.at(-1)?.seq <= upTo) break;
    }
    this.#messages.open(found);
    this.#cursor = cursor;
    this.#loaded = true;
    this.#view.show();
  }

  async #history(cursor) {
    const { items, next_cursor } = await this.#call("history", {
      lesson_id: this.#lessonId,
      limit: PAGE,
      ...(cursor && { cursor }),
    });
    return { messages: legible(items, readMessage), next: next_cursor ?? null };
  }

  /** One page further back. */
  async showEarlier() {
    this.#passed.clear();
    const { messages, next } = await this.#history(this.#cursor);
    for (const message of messages) this.#messages.put(this.#passed.get(message.seq) ?? message);
    this.#cursor = next;
    this.#view.show();
  }

  /** Go back until a message is there. */
  async reach(seq) {
    while (this.#cursor !== null && this.#messages.oldestSeq > seq) await this.showEarlier();
  }

  #apply(event) {
    if (!isKnown("chat", event)) return; // of a later version
    if (event.type === "read.advanced") this.#advanced(event.data);
    else this.#changed(event.type, readMessage(event.data));
    this.#view.show();
  }

  #advanced({ person, read_seq }) {
    const reader = readPerson(person);
    this.#readBy.set(reader.id, { person: reader, seq: read_seq });
    if (reader.id === this.me.id) this.#readUpTo(read_seq); // in another tab
  }

  #readUpTo(seq) {
    this.#readSeq = Math.max(this.#readSeq, seq);
    this.#seenSeq = Math.max(this.#seenSeq, this.#readSeq);
  }

  #changed(type, message) {
    if (message.seq < this.#messages.oldestSeq && this.#cursor !== null) return this.#passed.set(message.seq, message);
    this.#messages.put(message);
    if (type === "message.created" && message.author.id !== this.me.id) this.#arrived(message);
  }

  #arrived(message) {
    this.#view.arrived(message);
    // The separator stays where it is until everything below it has been seen.
    const allSeen = this.#newFrom === null || this.#newFrom <= this.#seenSeq;
    if (allSeen && !this.#view.isWatched()) this.#newFrom = message.seq;
  }

  /** How many messages of others have not been in front of the person. */
  get newCount() {
    return this.#messages.numbered.filter(({ seq, author }) => seq > this.#seenSeq && author.id !== this.me.id).length;
  }

  /** The person looks at the newest message. */
  seen() {
    const newest = this.#messages.newestSeq;
    this.#seenSeq = newest;
    if (newest <= this.#readSeq || this.#marking || this.#closed) return;
    this.#marking = this.#clock.setTimeout(async () => {
      this.#marking = null;
      const seq = this.#messages.newestSeq;
      // Not worth a word when it fails: the next look tries again.
      await this.#call("mark_read", { lesson_id: this.#lessonId, seq }).then(
        ({ read_seq }) => this.#readUpTo(read_seq),
        () => {},
      );
    }, MARK_EVERY_MS);
  }

  /** The separator has done its work once the person says something. */
  nothingIsNew() {
    this.#newFrom = null;
  }

  /** `files`: of this lesson, as the server keeps them; with some of them the words may be none. */
  send(body, replyTo, files = []) {
    this.nothingIsNew();
    this.#messages.echo(written(body), replyTo?.id ?? null, files);
    this.#view.show({ toEnd: true });
    this.#delivery.hurry();
  }

  /** Give up a message that could not be sent. */
  discard(message) {
    this.#messages.discard(message.client_id);
    this.#view.show();
  }

  async #deliver(message) {
    const sent = await this.#call("send", { lesson_id: this.#lessonId, ...sendable(message) });
    this.#messages.confirm(message.client_id, ...legible([sent], readMessage));
  }

  withId(id) {
    return this.#messages.withId(id) ?? null;
  }

  // The answers of these three are not shown: the event that follows is, in its place in the order.

  edit(message, body) {
    return this.#change("edit", { message_id: message.id, body: written(body) });
  }

  delete(message) {
    return this.#change("delete", { message_id: message.id });
  }

  react(message, emoji) {
    const on = !message.reactions[emoji]?.includes(this.me.id);
    return this.#change("react", { message_id: message.id, emoji, on });
  }

  /** True when it worked; otherwise the person has been told. Each of them may be asked twice: it says what shall be. */
  async #change(name, kwargs) {
    try {
      await persistently(() => this.#call(name, kwargs), this.#clock);
      return true;
    } catch (error) {
      this.#tell(error);
      if (error.action === "reload") this.stream.compareAfresh();
      return false;
    }
  }

  async search(query) {
    const { items } = await this.#call("search", { query, lesson_id: this.#lessonId, limit: 20 });
    return legible(items, readMessage);
  }
}
