// Inside a lesson: join, subscribe, show who is there, and start again from the beginning after every loss.

import { ChatView } from "./chat-view.mjs";
import { Chat } from "./chat.mjs";
import { Composer, Typing } from "./composer.mjs";
import { avatar, clockTime, find, h, notify, shortDay } from "./dom.mjs";
import { inPlainWords } from "./errors.mjs";
import { OVER, stateBadge } from "./lessons.mjs";
import { Stream } from "./stream.mjs";

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
  #typingTopic = null;
  #state;
  #chat;
  #view;

  constructor(connection, me, lessonId) {
    this.#connection = connection;
    this.#me = me;
    this.#lessonId = lessonId;
    const { signal } = this.#leaving;
    this.#state = new Stream({ apply: ({ data }) => this.#showLesson(data), readAfresh: () => this.#readLesson() });
    this.#view = new ChatView(find(".chat", this.#root), {
      canModerate: me.role === "admin",
      act: { reply: (message) => this.composer.reply(message), edit: (message) => this.composer.edit(message) },
    });
    this.#view.nameOf = (id) => this.#nameOf(id);
    this.#chat = new Chat({ connection, lessonId, me, view: this.#view });
    this.#view.chat = this.#chat;
    const whisper = (kwargs) => this.#typingTopic && connection.whisper(this.#typingTopic, kwargs);
    this.composer = new Composer(find(".composer", this.#root), { chat: this.#chat, whisper, signal });
    find('[data-do="start"]', this.#root).addEventListener("click", () => this.#act("start"), { signal });
    find('[data-do="end"]', this.#root).addEventListener("click", () => this.#end(), { signal });
    this.#setUpSearch(signal);
    this.#showNothing();
  }

  /** On every arrival: a new session has joined nothing and hears nothing. Throws Refusal. */
  async enter() {
    const lesson = await this.#call("tutorwamp.lesson.get");
    this.#showLesson(lesson);
    if (OVER.has(lesson.state)) return this.#chat.readOnly();
    const { topics, heads } = await this.#call("tutorwamp.lesson.join"); // opens the topics, so it comes first
    this.#typingTopic = topics.typing;
    this.#subscriptions = await Promise.all([
      this.#connection.subscribe(topics.state, (event) => this.#state.hear(event)),
      this.#connection.subscribe(topics.chat, (event) => this.#chat.stream.hear(event)),
      this.#connection.subscribe(topics.presence, (event) => this.#presence(event)),
      this.#connection.subscribe(topics.typing, ({ typing }, who) => this.#typing.heard(who, typing)),
    ]);
    // Presence has no numbers: somebody may have come between joining and subscribing. Joining twice is joining once,
    // and its answer says who is here now that we hear of every change.
    const { participants } = await this.#call("tutorwamp.lesson.join");
    this.#present = new Map(participants.map((participant) => [participant.person.id, participant]));
    this.#showPeople();
    await Promise.all([this.#state.begin(heads[topics.state] ?? 0), this.#chat.begin(heads[topics.chat] ?? 0)]);
  }

  /** The person goes somewhere else on the page. */
  leave() {
    this.#leaving.abort();
    this.#typing.clear();
    this.#view.close();
    this.#chat.close();
    for (const unsubscribe of this.#subscriptions) unsubscribe();
    if (this.#connection.isOpen) this.#call("tutorwamp.lesson.leave").catch(() => {});
  }

  /** The connection is gone, and with it the subscriptions. */
  lost() {
    this.#subscriptions = [];
    this.#typing.clear();
  }

  #call(procedure) {
    return this.#connection.call(procedure, { lesson_id: this.#lessonId });
  }

  async #readLesson() {
    this.#showLesson(await this.#call("tutorwamp.lesson.get"));
  }

  async #act(verb) {
    try {
      this.#showLesson(await this.#call(`tutorwamp.lesson.${verb}`));
    } catch (error) {
      notify(inPlainWords(error));
      if (error.action === "reload") await this.#readLesson().catch(() => {});
    }
  }

  #end() {
    if (confirm("End this lesson for everybody? It cannot be started again.")) this.#act("end");
  }

  #presence({ type, participant }) {
    if (type === "participant.left") this.#present.delete(participant.person.id);
    else this.#present.set(participant.person.id, participant);
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
    find(".closed", this.#root).hidden = true;
    find(".composer", this.#root).hidden = false;
    for (const button of this.#root.querySelectorAll(".room-actions button")) button.hidden = true;
    find("#room .found").hidden = true;
    find(".people details", this.#root).open = matchMedia("(min-width: 56.01rem)").matches; // as in classroom.css
  }

  #showLesson(lesson) {
    if (this.#leaving.signal.aborted || (this.#lesson && lesson.version < this.#lesson.version)) return;
    this.#lesson = lesson;
    const over = OVER.has(lesson.state);
    const runs = this.#me.role === "admin" || lesson.tutor.id === this.#me.id;
    this.#view.canModerate = runs;
    document.title = `${lesson.title} · Classroom`;
    find("#room-title").textContent = lesson.title;
    const when = `${shortDay(lesson.starts_at)}, ${clockTime(lesson.starts_at)} – ${clockTime(lesson.ends_at)}`;
    find(".about", this.#root).textContent = [lesson.subject, lesson.tutor.name, when].filter(Boolean).join(" · ");
    find(".state", this.#root).replaceChildren(stateBadge(lesson));
    find('[data-do="start"]', this.#root).hidden = !runs || lesson.state !== "scheduled";
    find('[data-do="end"]', this.#root).hidden = !runs || !["live", "interrupted"].includes(lesson.state);
    find(".composer", this.#root).hidden = over;
    const closed = find(".closed", this.#root);
    closed.hidden = !over;
    closed.textContent = lesson.state === "cancelled" ? "This lesson was called off." : "This lesson has ended. You can still read what was said.";
    if (over) {
      this.#chat.close();
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
    find(".people ul", this.#root).replaceChildren(...rows.map(({ element }) => element));
    const over = OVER.has(this.#lesson.state);
    find(".people .count", this.#root).textContent = over ? String(members.length) : `${this.#present.size} here`;
  }

  #personRow(person, participant) {
    const here = participant ? (participant.state === "reconnecting" ? "reconnecting …" : "here") : "not here";
    const role = { tutor: "Tutor", admin: "Admin" }[person.role];
    const over = OVER.has(this.#lesson.state);
    const notes = [role, over ? null : here].filter(Boolean).join(" · ");
    const element = h(
      "li",
      { class: participant ? participant.state : over ? "" : "away" },
      avatar(person),
      h("span", { class: "who" }, h("span", { class: "name" }, person.name, person.id === this.#me.id && " (you)"), h("span", { class: "muted" }, notes)),
    );
    return { isHere: participant ? 1 : 0, element };
  }

  #showTyping(ids) {
    const names = ids.filter((id) => id && id !== this.#me.id).map((id) => this.#nameOf(id));
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
    input.addEventListener("keydown", (event) => event.key === "Escape" && close(), { signal });
  }

  async #search(input, found, close) {
    const query = input.value.trim();
    if (!query) return (found.hidden = true);
    try {
      const items = await this.#chat.search(query);
      if (input.value.trim() !== query || this.#leaving.signal.aborted) return; // typed on in the meantime
      const words = items.length ? `${items.length === 20 ? "20 newest" : items.length} found` : `Nothing found for “${query}”`;
      const go = (seq) => () => {
        close();
        this.#view.reveal(seq).catch((error) => notify(inPlainWords(error)));
      };
      found.replaceChildren(
        h("p", { class: "muted", role: "status" }, words),
        h("ul", {}, items.map((message) => h("li", {}, h("button", { type: "button", onclick: go(message.seq) },
          h("strong", {}, message.author.name), h("time", {}, `${shortDay(message.created_at)}, ${clockTime(message.created_at)}`), h("span", {}, message.body))))),
        h("button", { type: "button", class: "small", onclick: close }, "Close"),
      );
      found.hidden = false;
    } catch (error) {
      notify(inPlainWords(error));
    }
  }
}
