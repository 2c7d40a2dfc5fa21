// The view of a lesson: its record, who is there, and the chat and the board beside one another.

import { inPlainWords } from "../error-words.mjs";
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
  #root = find("#room");
  #lesson; // the client's
  #me;
  #leaving = new AbortController();
  #hearing;
  #chat;
  #view;
  #board;
  #people;

  /** `drawn()`: something has been drawn, and `stuckCount` may be another. */
  constructor(client, lessonId, { drawn }) {
    const lesson = (this.#lesson = client.lesson(lessonId));
    const me = (this.#me = lesson.me);
    const { signal } = this.#leaving;
    this.#chat = lesson.chat;
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
    this.#view.chat = this.#chat;
    this.#chat.isWatched = () => this.#view.isWatched();
    const whisper = ({ typing }) => lesson.typing.tell(typing);
    this.composer = new Composer(find(".composer", this.#root), { chat: this.#chat, whisper, signal });
    this.#board = new BoardPanel(find(".board", this.#root), { client, lesson, nameOf, drawn });
    find('[data-do="start"]', this.#root).addEventListener("click", () => this.#act("start"), { signal });
    find('[data-do="end"]', this.#root).addEventListener("click", () => this.#end(), { signal });
    setUpSearch(this.#root, { ask: (query) => this.#chat.search(query), reveal: (seq) => this.#view.reveal(seq), signal });
    this.#people = new People(find(".people", this.#root), { me, givePen: (student_ids) => this.#act("set_pen", { student_ids }) });
    this.#setUpSides(signal);
    this.#showNothing();
    this.#hearing = this.#hear(client, lesson);
  }

  // What the client tells, and who shows it.
  #hear(client, lesson) {
    return [
      lesson.state.on("change", ({ lesson: now, old }) => this.#showLesson(now, old)),
      lesson.presence.on("sync", (participants) => this.#people.showPresent(participants)),
      lesson.presence.on("update", (event) => this.#people.heard(event)),
      lesson.typing.on("update", (ids) => this.#showTyping(ids)),
      lesson.chat.on("change", (how) => this.#view.show(how)),
      lesson.chat.on("arrived", (message) => this.#view.arrived(message)),
      lesson.on("told", (error) => notify(inPlainWords(error))),
      client.on("state", ({ new: state }) => state === "reconnecting" && this.#board.lost()),
    ];
  }

  /** Throws Refusal where there is no way in. Afterwards the lesson finds its way back by itself. */
  enter() {
    return this.#lesson.join();
  }

  /** How much that was written or drawn waits, because there is nobody to send it to. */
  get stuckCount() {
    return this.#chat.stuckCount + this.#lesson.board.stuckCount;
  }

  /** The person goes somewhere else on the page. */
  leave() {
    this.#leaving.abort();
    this.#people.close();
    this.#view.close();
    this.#board.close();
    for (const off of this.#hearing) off();
    this.#lesson.leave();
  }

  #takeBack(message) {
    this.composer.takeBack(message, this.#chat.withId(message.reply_to));
    this.#chat.discard(message);
  }

  async #act(verb, kwargs) {
    try {
      await this.#lesson.act(verb, kwargs);
    } catch (error) {
      notify(inPlainWords(error));
      if (error.action === "reload") await this.#lesson.state.refresh().catch(() => {});
    }
  }

  #end() {
    if (confirm("End this lesson for everybody? It cannot be started again.")) this.#act("end");
  }

  #showNothing() {
    find("#room-title").textContent = "…";
    find(".about", this.#root).textContent = "";
    find(".state", this.#root).replaceChildren();
    find(".closed", this.#root).hidden = find(".interruption", this.#root).hidden = true;
    find(".composer", this.#root).hidden = false;
    for (const button of this.#root.querySelectorAll(".room-actions button")) button.hidden = true;
  }

  #showLesson(lesson, old) {
    if (old?.state === "interrupted" && lesson.state === "live") announce("The lesson goes on.");
    const over = OVER.has(lesson.state);
    const runs = this.#lesson.isLed;
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
