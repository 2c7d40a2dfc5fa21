// What a person is told wherever they are: the newest notifications and how many are unread. A stream of their own, followed
// like the others. A server without notifications refuses it, and then there are none.

import { jittered, persistently } from "./again.mjs";
import { systemClock } from "./clock.mjs";
import { isKnown, legible, readNotification } from "./events.mjs";
import { Following } from "./following.mjs";
import { Followed } from "./stream.mjs";

const SHOWN = 20;
const AGAIN_S = 30; // where the notifications are restarting while we arrive

export class Notifications extends Followed {
  #call;
  #subscribe;
  #me;
  #clock;
  #losses = 0;
  #timer = null;
  /** Whether this server has notifications, as far as we know. */
  isServed = false;
  /** The newest, newest first. */
  items = [];
  unreadCount = 0;

  /**
   * `call(procedure, kwargs)`, `subscribe(topic, heard)`: a connection's; `me()`: whose they are. Events: `sync`, the whole was
   * read; `update`, with an event of the stream; `change`, something looks different; `news`, with another notification.
   */
  constructor({ call, subscribe, me, clock = systemClock }) {
    super({
      apply: (event) => this.#apply(event),
      readAfresh: () => this.#readAfresh(),
      resume: (position) => this.following.resumer("own")(position),
      clock,
    });
    this.#call = call;
    this.#subscribe = subscribe;
    this.#me = me;
    this.#clock = clock;
    /** Its stream, for the heartbeat. */
    this.following = new Following(call);
    this.following.follow({ own: this.telling().stream });
  }

  get #topic() {
    return this.following.topics.own;
  }

  /** On every arrival. Never fails: a server may have no notifications. */
  async enter() {
    this.lost();
    const losses = this.#losses;
    this.following.topics = { own: `tutorwamp.user.${this.#me().id}.notifications` };
    try {
      await this.#subscribe(this.#topic, (event) => this.stream.hear(event));
      const { own } = await this.following.resume();
      await this.stream.begin(own ? own.head : await this.#head(), own);
      this.isServed = true;
    } catch (error) {
      if (losses !== this.#losses) return; // the next arrival enters again
      const isAway = error.action === "retry";
      this.isServed &&= isAway;
      if (isAway) this.#timer = this.#clock.setTimeout(() => this.enter(), jittered(Math.max(AGAIN_S, error.retryAfter)) * 1000);
    }
    this.emit("change");
  }

  /** The connection is gone, or the person. */
  lost() {
    this.#losses++;
    this.following.hold();
    this.#clock.clearTimeout(this.#timer);
  }

  // No lesson.join tells it. A heartbeat does, in few words: from the beginning everything is behind.
  async #head() {
    const { behind, epoch } = await this.#call("tutorwamp.session.heartbeat", { positions: { [this.#topic]: 0 } });
    this.following.joined(epoch);
    return behind[this.#topic] ?? 0;
  }

  async #readAfresh() {
    const [{ items }, { unread_count }] = await Promise.all([this.#ask("list", { limit: SHOWN }), this.#ask("unread_count")]);
    this.items = legible(items, readNotification);
    this.unreadCount = unread_count;
    this.emit("change");
  }

  #ask(name, kwargs = {}) {
    return this.#call(`tutorwamp.notification.${name}`, kwargs);
  }

  #apply(event) {
    const { type, data } = event;
    // Each event says it, those of a later version too.
    if (Number.isSafeInteger(data?.unread_count)) this.unreadCount = data.unread_count;
    if (type === "notification.created") this.#created(readNotification(data.notification));
    else if (isKnown("notifications", event)) this.#read(data);
    this.emit("change");
  }

  #created(notification) {
    this.items = [notification, ...this.items.filter(({ id }) => id !== notification.id)].slice(0, SHOWN);
    this.emit("news", notification);
  }

  // `notification_ids` null: all of them.
  #read({ notification_ids: ids, read_at }) {
    this.items = this.items.map((one) => (one.read_at === null && (ids?.includes(one.id) ?? true) ? { ...one, read_at } : one));
  }

  // What follows of it comes as an event. Both may be asked twice: read is read.

  markRead({ id }) {
    return persistently(() => this.#ask("mark_read", { notification_ids: [id] }), this.#clock);
  }

  markAllRead() {
    return persistently(() => this.#ask("mark_all_read"), this.#clock);
  }
}
