// A lesson on the router of `router.mjs`: as much of the server as somebody needs who joins, listens, writes and draws.

import { Server } from "./server.mjs";

export const LESSON = "lesson-1";
const TUTOR = { id: "tess", name: "Tess", role: "tutor" };
const ADA = { id: "ada", name: "Ada", role: "student" };
const KINDS = ["state", "chat", "board", "polls"];
const topicOf = (kind) => `tutorwamp.lesson.${LESSON}.${kind}`;

export class School {
  streams = { state: [], chat: [], board: [], polls: [] };
  messages = [];
  polls = [];
  board = new Server();
  epoch = "first";
  view = null;
  isOver = false;
  forgotten = false; // whatever was missed is too much to be resumed
  lesson = { id: LESSON, title: "Fractions", state: "live", tutor: TUTOR, students: [ADA], pen: [], version: 1, hands: [], timer: null };
  participants = [{ person: TUTOR, state: "here" }, { person: ADA, state: "here" }];

  constructor(router) {
    this.router = router;
    const answers = {
      "session.whoami": () => ({ session: 1, user: ADA, now: "now" }),
      "session.heartbeat": () => ({ interval_s: 30, timeout_s: 120, behind: {}, epoch: this.epoch }),
      "session.resume": ({ positions }) => ({ streams: this.#resume(positions), epoch: this.epoch }),
      "lesson.join": () => (this.isOver ? { error: "tutorwamp.error.lesson.state", action: "reload" } : this.#joined()),
      "lesson.get": () => this.lesson,
      "lesson.set_pen": ({ student_ids }) => this.change("pen.changed", { pen: student_ids }),
      "chat.mark_read": () => ({ read_seq: 0, unread_count: 0 }),
      "chat.history": () => ({ items: structuredClone(this.messages).reverse(), next_cursor: null }),
      "chat.send": (kwargs) => this.say(ADA, kwargs.body, kwargs.client_id),
      "board.open": () => this.board.open(),
      "board.submit": (kwargs) => this.#draw(kwargs),
      "poll.list": () => ({ items: structuredClone(this.polls).reverse() }),
    };
    for (const [name, answer] of Object.entries(answers)) router.answers[`tutorwamp.${name}`] = answer;
  }

  asked(name) {
    return this.router.calls.filter(({ procedure }) => procedure === `tutorwamp.${name}`).map(({ kwargs }) => kwargs);
  }

  tell(kind, type, data) {
    const event = { stream: topicOf(kind), seq: this.streams[kind].length + 1, type, at: "now", actor: TUTOR, data };
    this.streams[kind].push(event);
    this.router.tell(topicOf(kind), structuredClone(event));
  }

  whisper(kind, kwargs, who) {
    this.router.tell(topicOf(kind), kwargs, who ? { publisher_authid: who } : {});
  }

  change(type, more) {
    this.lesson = { ...this.lesson, ...more, version: this.lesson.version + 1 };
    this.tell("state", type, this.lesson);
    return this.lesson;
  }

  say(author, body, client_id = null) {
    const said = this.messages.find((one) => client_id !== null && one.client_id === client_id);
    if (said) return said;
    const message = { id: `m${this.messages.length}`, lesson_id: LESSON, seq: this.streams.chat.length + 1, author, body, client_id, reactions: {} };
    Object.assign(message, { reply_to: null, edited_at: null, deleted_at: null, created_at: "2026-12-01T08:00:00.000Z", files: [] });
    this.messages.push(message);
    this.tell("chat", "message.created", message);
    return message;
  }

  ask(poll) {
    this.polls = [...this.polls.filter(({ id }) => id !== poll.id), poll];
    this.tell("polls", "poll.opened", poll);
  }

  #draw(kwargs) {
    const { answer, event } = this.board.submit("ada", kwargs);
    if (event) {
      this.streams.board.push({ ...event, stream: topicOf("board") });
      this.router.tell(topicOf("board"), event);
    }
    return answer;
  }

  #joined() {
    const topics = Object.fromEntries([...KINDS, "presence", "typing", "cursor", "view"].map((kind) => [kind, topicOf(kind)]));
    const heads = Object.fromEntries(KINDS.map((kind) => [topicOf(kind), this.streams[kind].length]));
    return { lesson: this.lesson, participants: this.participants, topics, heads, epoch: this.epoch, view: this.view, polls: this.polls };
  }

  #resume(positions) {
    return Object.fromEntries(Object.entries(positions).map(([topic, position]) => {
      const events = this.streams[topic.split(".").at(-1)];
      const isPast = this.forgotten || position > events.length;
      return [topic, isPast ? { complete: false, head: events.length } : { complete: true, events: events.slice(position), head: events.length }];
    }));
  }
}

export { ADA, TUTOR };
