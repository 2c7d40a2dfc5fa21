// Inside a lesson: join, subscribe, show who is there, and start again from the beginning after every loss.

import { persistently } from "../../client/again.mjs";
import { Chat } from "../../client/chat/chat.mjs";
import { Kept } from "../../client/chat/kept.mjs";
import { Typing } from "../../client/chat/typing.mjs";
import { inPlainWords } from "../error-words.mjs";
import { isKnown, readLesson } from "../../client/events.mjs";
import { Following } from "../../client/following.mjs";
import { Stream } from "../../client/stream.mjs";
import { isolated, straight } from "../../client/writing.mjs";
import { BoardPanel } from "../board/board-panel.mjs";
import { ChatView } from "../chat/chat-view.mjs";
import { Composer } from "../chat/composer.mjs";
import { setUpSearch } from "../chat/search.mjs";
import { clockTime, shortDay } from "../dates.mjs";
import { find } from "../dom.mjs";
import { interruption, OVER, stateBadge } from "../lessons/state.mjs";
import { announce, notify } from "../notices.mjs";
import { People } from "../people/people.mjs";

export class Room {
  #connection;
  #root = find("#room");
  #lessonId;
  #me;
  #lesson = null;
  #subscriptions = [];
  #leaving = new AbortController();
  #typing = new Typing((ids) => this.#showTyping(ids));
  #following;
  #state;
  #chat;
  #view;
  #board;
  #people;

  /** `drawn()`: something has been drawn, and `stuckCount` may be another. */
  constructor(connection, session, lessonId, { drawn }) {
    this.#connection = connection;
    const me = (this.#me = session.user);
    this.#lessonId = lessonId;
    const { signal } = this.#leaving;
    this.#following = new Following((procedure, kwargs) => connection.call(procedure, kwargs));
    const resume = (kind) => this.#following.resumer(kind);
    this.#state = new Stream({
      apply: (event) => isKnown("state", event) && this.#showLesson(readLesson(event.data)),
      readAfresh: () => this.#readLesson({ afresh: true }),
      resume: resume("state"),
    });
    this.#view = new ChatView(find(".chat", this.#root), {
      canModerate: me.role === "admin",
      act: {
        reply: (message) => this.composer.reply(message),
        edit: (message) => this.composer.edit(message),
        takeBack: (message) => this.#takeBack(message),
        drawn,
      },
    });
    const nameOf = (id) => this.#people.nameOf(id);
    this.#view.nameOf = nameOf;
    const kept = new Kept(localStorage, me.id, lessonId);
    const tell = (error) => notify(inPlainWords(error));
    this.#chat = new Chat({ connection, lessonId, me, view: this.#view, resume: resume("chat"), kept, tell });
    this.#view.chat = this.#chat;
    const whisperOn = (kind) => (kwargs) => this.#following.topics && connection.whisper(this.#following.topics[kind], kwargs);
    this.composer = new Composer(find(".composer", this.#root), { chat: this.#chat, whisper: whisperOn("typing"), signal });
    const hands = { whisper: whisperOn("cursor"), nameOf, resume: resume("board"), drawn };
    this.#board = new BoardPanel(find(".board", this.#root), { connection, session, lessonId, ...hands });
    this.#following.follow({ state: this.#state, chat: this.#chat.stream, board: this.#board.board.stream });
    find('[data-do="start"]', this.#root).addEventListener("click", () => this.#act("start"), { signal });
    find('[data-do="end"]', this.#root).addEventListener("click", () => this.#end(), { signal });
    setUpSearch(this.#root, { ask: (query) => this.#chat.search(query), reveal: (seq) => this.#view.reveal(seq), signal });
    this.#people = new People(find(".people", this.#root), { me, givePen: (student_ids) => this.#act("set_pen", { student_ids }) });
    this.#setUpSides(signal);
    this.#showNothing();
  }

  /** On every arrival: a new session has joined nothing and hears nothing. Throws Refusal. */
  async enter() {
    this.#following.hold(); // also where an attempt has failed half way
    const lesson = readLesson(await this.#call("tutorwamp.lesson.get"));
    this.#showLesson(lesson);
    if (OVER.has(lesson.state)) return Promise.all([this.#chat.readOnly(), this.#board.board.readOnly()]);
    const { topics, heads, epoch } = await this.#call("tutorwamp.lesson.join"); // opens the topics, so it comes first
    this.#following.topics = topics;
    this.#following.joined(epoch);
    // A server may not have all of these topics.
    const hear = (kind, heard) => (topics[kind] ? this.#connection.subscribe(topics[kind], heard) : () => {});
    this.#subscriptions = await Promise.all([
      hear("state", (event) => this.#state.hear(event)),
      hear("chat", (event) => this.#chat.stream.hear(event)),
      hear("presence", (event) => isKnown("presence", event) && this.#presence(event)),
      hear("typing", ({ typing }, who) => this.#typing.heard(who, typing)),
      hear("board", (event) => this.#board.board.stream.hear(event)),
      hear("cursor", (place, who) => this.#board.heardCursor(place, who)),
    ]);
    // Presence has no numbers: somebody may have come between joining and subscribing. Joining twice is joining once,
    // and its answer says who is here now that we hear of every change.
    const { participants } = await this.#call("tutorwamp.lesson.join");
    this.#people.showPresent(participants);
    const resumed = await this.#following.resume();
    const begin = (kind) => [heads[topics[kind]] ?? 0, resumed[kind]];
    await Promise.all([
      this.#state.begin(...begin("state")),
      this.#chat.begin(...begin("chat")),
      this.#board.board.begin(...begin("board")),
    ]);
  }

  /** For the heartbeat: by stream, the last event shown. */
  positions() {
    return this.#following.positions();
  }

  /** Also for the heartbeat: of which past they are. */
  get epoch() {
    return this.#following.epoch;
  }

  /** A heartbeat with the positions `sent` said that these streams have other heads. */
  behind(heads, sent, epoch) {
    this.#following.behind(heads, sent, epoch);
  }

  /** How much that was written or drawn waits, because there is nobody to send it to. */
  get stuckCount() {
    return this.#chat.stuckCount + this.#board.board.stuckCount;
  }

  /** The person goes somewhere else on the page. */
  leave() {
    this.#leaving.abort();
    this.#people.close();
    this.#typing.clear();
    this.#view.close();
    this.#chat.close();
    this.#board.close();
    for (const unsubscribe of this.#subscriptions) unsubscribe();
    if (this.#connection.isOpen) this.#call("tutorwamp.lesson.leave").catch(() => {});
  }

  /** The connection is gone, and with it the subscriptions. */
  lost() {
    this.#subscriptions = [];
    this.#state.hold();
    this.#typing.clear();
    this.#chat.lost();
    this.#board.lost();
  }

  #call(procedure, kwargs = {}) {
    return this.#connection.call(procedure, { lesson_id: this.#lessonId, ...kwargs });
  }

  /** Whether the person leads the lesson. */
  get #runs() {
    return this.#me.role === "admin" || this.#lesson.tutor.id === this.#me.id;
  }

  async #readLesson(how) {
    this.#showLesson(readLesson(await this.#call("tutorwamp.lesson.get")), how);
  }

  #takeBack(message) {
    this.composer.takeBack(message, this.#chat.withId(message.reply_to));
    this.#chat.discard(message);
  }

  async #act(verb, kwargs) {
    try {
      this.#showLesson(readLesson(await persistently(() => this.#call(`tutorwamp.lesson.${verb}`, kwargs))));
    } catch (error) {
      notify(inPlainWords(error));
      if (error.action === "reload") await this.#readLesson().catch(() => {});
    }
  }

  #end() {
    if (confirm("End this lesson for everybody? It cannot be started again.")) this.#act("end");
  }

  #presence(event) {
    this.#people.heard(event);
    if (event.type === "participant.left") this.#board.left(event.participant.person.id);
  }

  #showNothing() {
    find("#room-title").textContent = "…";
    find(".about", this.#root).textContent = "";
    find(".state", this.#root).replaceChildren();
    find(".closed", this.#root).hidden = find(".interruption", this.#root).hidden = true;
    find(".composer", this.#root).hidden = false;
    for (const button of this.#root.querySelectorAll(".room-actions button")) button.hidden = true;
  }

  // `afresh`: it is as the server says now, even where it was later before (a backup was brought back).
  #showLesson(lesson, { afresh = false } = {}) {
    if (this.#leaving.signal.aborted || (!afresh && this.#lesson && lesson.version < this.#lesson.version)) return;
    if (this.#lesson?.state === "interrupted" && lesson.state === "live") announce("The lesson goes on.");
    this.#lesson = lesson;
    const over = OVER.has(lesson.state);
    const runs = this.#runs;
    this.#view.canModerate = runs;
    document.title = `${isolated(lesson.title)} · Classroom`;
    find("#room-title").textContent = straight(lesson.title);
    const when = `${shortDay(lesson.starts_at)}, ${clockTime(lesson.starts_at)} – ${clockTime(lesson.ends_at)}`;
    find(".about", this.#root).textContent = [lesson.subject && isolated(lesson.subject), isolated(lesson.tutor.name), when].filter(Boolean).join(" · ");
    find(".state", this.#root).replaceChildren(stateBadge(lesson));
    find('[data-do="start"]', this.#root).hidden = !runs || lesson.state !== "scheduled";
    find('[data-do="end"]', this.#root).hidden = !runs || !["live", "interrupted"].includes(lesson.state);
    find(".composer", this.#root).hidden = over;
    this.#board.showLesson(lesson, { runs, over });
    const waits = find(".interruption", this.#root);
    waits.textContent = interruption(lesson, this.#me);
    waits.hidden = lesson.state !== "interrupted";
    const closed = find(".closed", this.#root);
    closed.hidden = !over;
    closed.textContent = lesson.state === "cancelled" ? "This lesson was called off." : "This lesson has ended. You can still read what was said.";
    if (over) {
      this.#chat.end();
      this.#typing.clear();
    }
    this.#people.showLesson(lesson, { runs });
    this.#view.show();
  }

  // In a small window one side is shown at a time.
  #setUpSides(signal) {
    for (const button of this.#root.querySelectorAll(".sides button")) {
      button.addEventListener("click", () => {
        this.#root.dataset.side = button.value;
        for (const other of button.parentElement.children) other.setAttribute("aria-pressed", String(other === button));
      }, { signal });
    }
  }

  #showTyping(ids) {
    const names = ids.filter((id) => id && id !== this.#me.id).map((id) => isolated(this.#people.nameOf(id)));
    const who = names.length > 2 ? "Several people are" : `${names.join(" and ")} ${names.length === 1 ? "is" : "are"}`;
    find(".typing", this.#root).textContent = names.length ? `${who} typing …` : "";
  }
}
