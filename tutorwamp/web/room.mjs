// Inside a lesson: join, subscribe, show who is there, and start again from the beginning after every loss.

import { persistently } from "./again.mjs";
import { BoardPanel } from "./board-panel.mjs";
import { ChatView } from "./chat-view.mjs";
import { Chat } from "./chat.mjs";
import { Composer, Typing } from "./composer.mjs";
import { announce, aside, avatar, clockTime, find, h, notify, shortDay } from "./dom.mjs";
import { inPlainWords } from "./errors.mjs";
import { Following } from "./following.mjs";
import { Kept } from "./kept.mjs";
import { interruption } from "./lesson-words.mjs";
import { OVER, stateBadge } from "./lessons.mjs";
import { Stream } from "./stream.mjs";
import { isForInputMethod, isolated, isVisible, straight, writtenLine } from "./writing.mjs";

const SEARCH_PAUSE_MS = 300;

export class Room {
  #connection;
  #root = find("#room");
  #lessonId;
  #me;
  #lesson = null;
  #present = new Map(); // person id -> participant
  #subscriptions = [];
  #leaving = new AbortController();
  #typing = new Typing((ids) => this.#showTyping(ids));
  #following;
  #counting = null; // down, to the end of somebody's grace time
  #state;
  #chat;
  #view;
  #board;

  /** `drawn()`: something has been drawn, and `stuckCount` may be another. */
  constructor(connection, session, lessonId, { drawn }) {
    this.#connection = connection;
    const me = (this.#me = session.user);
    this.#lessonId = lessonId;
    const { signal } = this.#leaving;
    this.#following = new Following((procedure, kwargs) => connection.call(procedure, kwargs));
    const resume = (kind) => this.#following.resumer(kind);
    this.#state = new Stream({
      apply: ({ data }) => this.#showLesson(data),
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
    this.#view.nameOf = (id) => this.#nameOf(id);
    const kept = new Kept(sessionStorage, me.id, lessonId);
    this.#chat = new Chat({ connection, lessonId, me, view: this.#view, resume: resume("chat"), kept });
    this.#view.chat = this.#chat;
    const whisperOn = (kind) => (kwargs) => this.#following.topics && connection.whisper(this.#following.topics[kind], kwargs);
    this.composer = new Composer(find(".composer", this.#root), { chat: this.#chat, whisper: whisperOn("typing"), signal });
    const nameOf = (id) => this.#nameOf(id);
    const hands = { whisper: whisperOn("cursor"), nameOf, resume: resume("board"), drawn };
    this.#board = new BoardPanel(find(".board", this.#root), { connection, session, lessonId, ...hands });
    this.#following.follow({ state: this.#state, chat: this.#chat.stream, board: this.#board.board.stream });
    find('[data-do="start"]', this.#root).addEventListener("click", () => this.#act("start"), { signal });
    find('[data-do="end"]', this.#root).addEventListener("click", () => this.#end(), { signal });
    this.#setUpSearch(signal);
    this.#setUpSides(signal);
    this.#showNothing();
  }

  /** On every arrival: a new session has joined nothing and hears nothing. Throws Refusal. */
  async enter() {
    this.#following.hold(); // also where an attempt has failed half way
    const lesson = await this.#call("tutorwamp.lesson.get");
    this.#showLesson(lesson);
    if (OVER.has(lesson.state)) return Promise.all([this.#chat.readOnly(), this.#board.board.readOnly()]);
    const { topics, heads, epoch } = await this.#call("tutorwamp.lesson.join"); // opens the topics, so it comes first
    this.#following.topics = topics;
    this.#following.joined(epoch);
    this.#subscriptions = await Promise.all([
      this.#connection.subscribe(topics.state, (event) => this.#state.hear(event)),
      this.#connection.subscribe(topics.chat, (event) => this.#chat.stream.hear(event)),
      this.#connection.subscribe(topics.presence, (event) => this.#presence(event)),
      this.#connection.subscribe(topics.typing, ({ typing }, who) => this.#typing.heard(who, typing)),
      this.#connection.subscribe(topics.board, (event) => this.#board.board.stream.hear(event)),
      this.#connection.subscribe(topics.cursor, (place, who) => this.#board.heardCursor(place, who)),
    ]);
    // Presence has no numbers: somebody may have come between joining and subscribing. Joining twice is joining once,
    // and its answer says who is here now that we hear of every change.
    const { participants } = await this.#call("tutorwamp.lesson.join");
    this.#present = new Map(participants.map((participant) => [participant.person.id, participant]));
    this.#showPeople();
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
    clearTimeout(this.#counting);
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
    this.#showLesson(await this.#call("tutorwamp.lesson.get"), how);
  }

  #takeBack(message) {
    this.composer.takeBack(message, this.#chat.withId(message.reply_to));
    this.#chat.discard(message);
  }

  async #act(verb, kwargs) {
    try {
      this.#showLesson(await persistently(() => this.#call(`tutorwamp.lesson.${verb}`, kwargs)));
    } catch (error) {
      notify(inPlainWords(error));
      if (error.action === "reload") await this.#readLesson().catch(() => {});
    }
  }

  #end() {
    if (confirm("End this lesson for everybody? It cannot be started again.")) this.#act("end");
  }

  #presence({ type, participant }) {
    if (type === "participant.left") {
      this.#present.delete(participant.person.id);
      this.#board.left(participant.person.id);
    } else this.#present.set(participant.person.id, participant);
    this.#showPeople();
  }

  #nameOf(id) {
    const { tutor, students } = this.#lesson;
    const person = [tutor, ...students].find((member) => member.id === id) ?? this.#present.get(id)?.person;
    return person?.name ?? "somebody";
  }

  #showNothing() {
    find("#room-title").textContent = "…";
    find(".about", this.#root).textContent = "";
    find(".state", this.#root).replaceChildren();
    find(".people ul", this.#root).replaceChildren();
    find(".closed", this.#root).hidden = find(".interruption", this.#root).hidden = true;
    find(".composer", this.#root).hidden = false;
    for (const button of this.#root.querySelectorAll(".room-actions button")) button.hidden = true;
    find("#room .found").hidden = true;
    find(".people details", this.#root).open = matchMedia("(min-width: 56.01rem)").matches; // as in classroom.css
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
      this.#present.clear();
      this.#typing.clear();
    }
    this.#showPeople();
    this.#view.show();
  }

  #showPeople() {
    const { tutor, students } = this.#lesson;
    const members = [tutor, ...students];
    const guests = [...this.#present.values()].map(({ person }) => person).filter(({ id }) => !members.some((member) => member.id === id));
    const rows = [...members, ...guests].map((person) => this.#personRow(person, this.#present.get(person.id)));
    rows.sort((a, b) => b.isHere - a.isHere); // stable: the tutor first, then as the lesson names them
    const list = find(".people ul", this.#root);
    const focused = list.contains(document.activeElement) && document.activeElement.dataset.focus;
    list.replaceChildren(...rows.map(({ element }) => element));
    if (focused) find(`[data-focus="${focused}"]`, list)?.focus();
    clearTimeout(this.#counting);
    const counts = [...this.#present.values()].some(({ state }) => state === "reconnecting");
    if (counts) this.#counting = setTimeout(() => this.#showPeople(), 1_000);
    const over = OVER.has(this.#lesson.state);
    find(".people .count", this.#root).textContent = over ? String(members.length) : `${this.#present.size} here`;
  }

  #personRow(person, participant) {
    const here = participant ? (participant.state === "reconnecting" ? reconnecting(participant) : "here") : "not here";
    const role = { tutor: "Tutor", admin: "Admin" }[person.role];
    const over = OVER.has(this.#lesson.state);
    const isStudent = this.#lesson.students.some(({ id }) => id === person.id);
    const draws = isStudent && this.#lesson.pen.includes(person.id);
    const notes = [role, over ? null : here, draws && !over ? "may draw" : null].filter(Boolean).join(" · ");
    const element = h(
      "li",
      { class: participant ? participant.state : over ? "" : "away" },
      avatar(person),
      h("span", { class: "who" }, h("span", { class: "name" }, aside(person.name), person.id === this.#me.id && " (you)"), h("span", { class: "muted" }, notes)),
      isStudent && !over && this.#runs && this.#penButton(person, draws),
    );
    return { isHere: participant ? 1 : 0, element };
  }

  #penButton({ id, name }, draws) {
    const holders = this.#lesson.pen.filter((holder) => holder !== id);
    const student_ids = draws ? holders : [...holders, id];
    return h("button", {
      type: "button",
      class: "small pen",
      "aria-pressed": String(draws),
      "aria-label": `Pen for ${isolated(name)}`,
      "data-focus": id,
      title: draws ? "Take the pen back" : "Let this student draw",
      onclick: () => this.#act("set_pen", { student_ids }),
    }, draws ? "✎ Has the pen" : "✎ Give pen");
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
    const names = ids.filter((id) => id && id !== this.#me.id).map((id) => isolated(this.#nameOf(id)));
    const who = names.length > 2 ? "Several people are" : `${names.join(" and ")} ${names.length === 1 ? "is" : "are"}`;
    find(".typing", this.#root).textContent = names.length ? `${who} typing …` : "";
  }

  #setUpSearch(signal) {
    const input = find("#query");
    const found = find(".found", this.#root);
    let timer;
    const close = () => {
      found.hidden = true;
      input.value = "";
    };
    input.value = "";
    input.addEventListener("input", () => {
      clearTimeout(timer);
      timer = setTimeout(() => this.#search(input, found, close), SEARCH_PAUSE_MS);
    }, { signal });
    find(".search", this.#root).addEventListener("submit", (event) => {
      event.preventDefault();
      this.#search(input, found, close);
    }, { signal });
    input.addEventListener("keydown", (event) => event.key === "Escape" && !isForInputMethod(event) && close(), { signal });
  }

  async #search(input, found, close) {
    const query = writtenLine(input.value);
    if (!isVisible(query)) return (found.hidden = true);
    try {
      const items = await this.#chat.search(query);
      if (writtenLine(input.value) !== query || this.#leaving.signal.aborted) return; // typed on in the meantime
      const words = items.length ? `${items.length === 20 ? "20 newest" : items.length} found` : `Nothing found for “${isolated(query)}”`;
      const go = (seq) => () => {
        close();
        this.#view.reveal(seq).catch((error) => notify(inPlainWords(error)));
      };
      found.replaceChildren(
        h("p", { class: "muted", role: "status" }, words),
        h("ul", {}, items.map((message) => h("li", {}, h("button", { type: "button", onclick: go(message.seq) },
          h("strong", {}, aside(message.author.name)), h("time", {}, `${shortDay(message.created_at)}, ${clockTime(message.created_at)}`), h("span", {}, aside(message.body)))))),
        h("button", { type: "button", class: "small", onclick: close }, "Close"),
      );
      found.hidden = false;
    } catch (error) {
      notify(inPlainWords(error));
    }
  }
}

function reconnecting({ deadline }) {
  const seconds = Math.ceil((Date.parse(deadline) - Date.now()) / 1000);
  return seconds > 0 ? `reconnecting, ${seconds} s left` : "reconnecting …"; // our clock and the server's need not agree
}
