// Inside a lesson: join, subscribe, know who is there, and start again from the beginning after every loss.

import { jittered, pause, persistently } from "./again.mjs";
import { Board } from "./board/board.mjs";
import { Chat } from "./chat/chat.mjs";
import { Kept } from "./chat/kept.mjs";
import { TypingNow } from "./chat/typing.mjs";
import { Emitter } from "./emitter.mjs";
import { Following } from "./following.mjs";
import { Cursor, LeadView, LessonState, Polls, Presence, STREAMS, UNNUMBERED } from "./lesson-parts.mjs";

/** States of a lesson in which nothing can be said or drawn any more. */
export const OVER = new Set(["ended", "cancelled"]);
const WRONG_STATE = "tutorwamp.error.lesson.state";

/**
 * Made by `client.lesson(id)`. The parts `chat board state presence polls view` tell `sync` with the whole and `update` with
 * what changed; `chat` and `board` also `change`, when something looks different. Events of the lesson itself: `joined`, on each
 * arrival; `failed` with an error, it cannot be entered (any more); `told`, with what went wrong in the chat or on the board.
 */
export class Lesson extends Emitter {
  #client;
  #hooks;
  #subscriptions = [];
  #isWanted = false;
  #arrivals = 0; // also losses: whatever was begun before is not ours any more
  #whenJoined = null;

  /** `hooks`: gone(), it was left; changed(), there may be another number of words or strokes that are not sent. */
  constructor(client, id, hooks) {
    super();
    this.#client = client;
    this.#hooks = hooks;
    this.id = id;
    if (!client.user) throw new TypeError("Who this is, is not known before connect().");
    const { clock, throttle, user } = client;
    this.me = { id: user.id, name: user.name, role: user.role }; // as the others see them
    /** Its streams, for the heartbeat. */
    this.following = new Following((procedure, kwargs) => client.call(procedure, kwargs));
    const part = (kind) => ({ clock, resume: this.following.resumer(kind) });
    const written = (kind) => ({ ...part(kind), me: this.me, kept: new Kept(client.storage, user.id, id, kind) });
    const whisper = (kind) => (kwargs) => this.following.topics?.[kind] && client.whisper(this.following.topics[kind], kwargs);
    this.state = new LessonState({ ...part("state"), read: () => this.call("lesson.get") });
    this.polls = new Polls({ ...part("polls"), read: () => this.call("poll.list"), moderates: () => this.isLed });
    this.presence = new Presence();
    this.view = new LeadView();
    this.typing = new TypingNow({ clock, whisper: whisper("typing"), everyMs: throttle.typing });
    this.cursor = new Cursor({ clock, whisper: whisper("cursor"), everyMs: throttle.cursor });
    this.chat = this.#makeChat(written("chat"));
    this.board = this.#makeBoard(written("board"));
    this.following.follow(Object.fromEntries(STREAMS.map((kind) => [kind, this[kind].stream])));
    this.state.on("change", ({ lesson }) => OVER.has(lesson.state) && this.#end());
  }

  #makeChat(part) {
    const view = {
      show: (how) => this.#changed(this.chat, how),
      isWatched: () => this.chat.isWatched(),
      arrived: (message) => this.chat.emit("arrived", message),
      refused: (error) => this.chat.emit("refused", error),
    };
    const tell = (what) => this.emit("told", what);
    const chat = new Chat({ ...part, connection: this.#client, lessonId: this.id, view, tell });
    chat.isWatched = () => false; // whoever shows it says whether somebody sees the newest message
    return chat.telling(() => chat.picture);
  }

  #makeBoard(part) {
    const hooks = {
      onChange: () => this.#changed(this.board),
      onNews: (page) => this.board.emit("news", page),
      onStopped: (ids) => this.board.emit("stopped", ids),
      tell: (what) => this.emit("told", what),
    };
    const call = (name, kwargs) => this.call(`board.${name}`, kwargs);
    return new Board({ ...part, call, hooks, everyMs: this.#client.throttle.board }).telling();
  }

  // The parts begin to tell while they are made, before they are ours.
  #changed(part, how) {
    part?.emit("change", how);
    if (this.chat && this.board) this.#hooks.changed();
  }

  /** The lesson's record; null before it is known. */
  get value() {
    return this.state.value;
  }

  /** Whether the person leads the lesson: its tutor, or an admin. */
  get isLed() {
    return this.me.role === "admin" || this.value?.tutor?.id === this.me.id;
  }

  get isOver() {
    return OVER.has(this.value?.state);
  }

  /** Whether the last return resumed all that was missed, and nothing had to be read afresh. */
  get recovered() {
    return STREAMS.every((kind) => this[kind].recovered);
  }

  /** `{words, strokes}` that the server does not have yet. */
  get pending() {
    return { words: this.chat.unsentCount, strokes: this.board.unsentCount };
  }

  /** Call a procedure of this lesson; `name` as in `chat.send`. */
  call(name, kwargs = {}, how) {
    return this.#client.call(`tutorwamp.${name}`, { lesson_id: this.id, ...kwargs }, how);
  }

  /** Change the lesson: `start`, `end`, `set_pen` …, and know what it is then. A few times, where the server is busy. */
  async act(verb, kwargs) {
    const { value } = this;
    const lesson = await persistently(() => this.call(`lesson.${verb}`, kwargs), this.#client.clock);
    // Answers come by another way than events, and hands and the timer change without a version: what was told meanwhile may be
    // newer, and what the answer knows is told as well.
    if (lesson.id === this.id && value === this.value) this.state.take(lesson);
    return lesson;
  }

  /** Enter, and enter again after every loss. Kept when everything is there; throws ClientError where there is no way in. */
  join() {
    this.#isWanted = true;
    if (this.#whenJoined === null) {
      this.#whenJoined = new Promise((resolve, reject) => {
        const hearing = [this.on("joined", (how) => done(resolve, how)), this.on("failed", (error) => done(reject, error))];
        const done = (settle, what) => {
          for (const off of hearing) off();
          settle(what);
        };
      });
      this.#whenJoined.catch(() => {}); // `failed` tells it, too
      if (this.#client.hasArrived) this.arrived();
    }
    return this.#whenJoined;
  }

  /** Go out. What is not sent yet stays in the storage. */
  leave() {
    const isIn = this.#isWanted && this.#subscriptions.length > 0;
    this.#isWanted = false;
    this.#arrivals++;
    this.#whenJoined = null;
    this.typing.clear();
    this.chat.close();
    this.board.close();
    this.polls.lost();
    this.following.hold();
    for (const unsubscribe of this.#subscriptions.splice(0)) unsubscribe();
    if (isIn && this.#client.isOpen) this.call("lesson.leave").catch(() => {});
    this.#hooks.gone();
  }

  // What the client tells.

  /** A new session: it has joined nothing and hears nothing. */
  async arrived() {
    if (!this.#isWanted) return;
    const arrival = ++this.#arrivals;
    const isOurs = () => arrival === this.#arrivals;
    let hasEnded = false; // while we were entering
    while (isOurs()) {
      try {
        await this.#enter();
        return isOurs() && this.emit("joined", { recovered: this.recovered });
      } catch (error) {
        if (!isOurs()) return;
        if (error.uri === WRONG_STATE && !hasEnded) hasEnded = true; // once more, to see it as it is now
        else if (error.action !== "retry") return this.#fail(error);
        else await pause(jittered(error.retryAfter), this.#client.clock);
      }
    }
  }

  /** The connection is gone, and with it the subscriptions. */
  lost() {
    this.#arrivals++;
    this.#subscriptions = [];
    this.state.stream.hold();
    this.polls.lost();
    this.typing.clear();
    this.chat.lost();
    this.board.lost();
  }

  // Entering

  async #enter() {
    this.following.hold(); // also where an attempt has failed half way
    const joined = await this.#join();
    if (!joined) return;
    const { topics, heads, epoch, lesson } = joined;
    this.state.take(lesson);
    this.following.topics = topics;
    this.following.joined(epoch);
    // All at once, and not one after the other: the router takes what a session says in its order, so what is asked behind the
    // subscriptions is answered as of after them.
    const hearing = Promise.all(this.#hearing(topics, () => again)).then((ends) => (this.#subscriptions = ends));
    // Presence and view have no numbers: something may have happened between joining and subscribing. Joining twice is joining
    // once, and its answer says how it is now that we hear of every change. What we hear before that answer comes after it.
    const again = this.call("lesson.join").then((now) => this.#know(now));
    const resuming = this.following.resume();
    const beginning = resuming.then((resumed) => this.#begin(again, (kind) => [heads[topics[kind]] ?? 0, resumed[kind]]));
    await Promise.all([hearing, again, beginning]);
  }

  #know({ participants, view, lesson, heads }) {
    this.presence.sync(participants);
    this.view.sync(view);
    this.state.handed = { lesson, head: heads[this.following.topics.state] ?? 0 };
  }

  async #begin(again, told) {
    if (this.following.topics.polls) this.polls.begin(...told("polls"));
    const state = again.then(() => this.state.stream.begin(...told("state"))).finally(() => (this.state.handed = null));
    await Promise.all([state, this.chat.begin(...told("chat")), this.board.begin(...told("board"))]);
  }

  // It opens the topics, so it comes first. Answers nothing where the lesson is over, and there is only to read.
  async #join() {
    try {
      return await this.call("lesson.join");
    } catch (error) {
      if (error.uri !== WRONG_STATE) throw error;
    }
    this.state.sync(await this.call("lesson.get"));
    await Promise.all([this.chat.readOnly(), this.board.readOnly(), this.polls.readOnly().catch(() => {})]);
    this.chat.emit("sync", this.chat.picture);
    this.board.emit("sync", this.board);
  }

  #hearing(topics, whenKnown) {
    const known = [...STREAMS, ...UNNUMBERED].filter((kind) => topics[kind]); // an older server has fewer
    return known.map((kind) => {
      const { stream } = this[kind];
      const after = (said, who) => whenKnown().then(() => this[kind].hear(said, who), () => {});
      return this.#client.subscribe(topics[kind], stream ? (said) => stream.hear(said) : after);
    });
  }

  #end() {
    this.chat.end();
    this.typing.clear();
  }

  #fail(error) {
    this.#isWanted = false;
    this.#whenJoined = null;
    this.deliver();
    this.emit("failed", error);
  }

  /** Send what waits, although we are not in there: the server takes it, or says no to each. */
  deliver() {
    this.chat.deliver();
    this.board.deliver();
  }
}
