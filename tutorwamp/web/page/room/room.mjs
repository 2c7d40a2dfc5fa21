// The view of a lesson: its record, who is there, and the chat and the board beside one another.

import { inPlainWords } from "../error-words.mjs";
import { isolated, straight } from "../../client/writing.mjs";
import { BoardPanel } from "../board/board-panel.mjs";
import { Away } from "../chat/away.mjs";
import { ChatView } from "../chat/chat-view.mjs";
import { Composer } from "../chat/composer.mjs";
import { MentionList } from "../chat/mention-list.mjs";
import { calledBy } from "../chat/mentions.mjs";
import { setUpSearch } from "../chat/search.mjs";
import { clockTime, shortDay } from "../dates.mjs";
import { find, h } from "../dom.mjs";
import { Attachments } from "../files/attachments.mjs";
import { transfers } from "../files/transfer.mjs";
import { openInvite } from "../invites/invite.mjs";
import { keeping } from "../keeping.mjs";
import { interruption, OVER, stateBadge } from "../lessons/state.mjs";
import { announce, notify } from "../notices.mjs";
import { report } from "../reports/report.mjs";
import { sure } from "../tools/ask.mjs";
import { Teaching } from "../tools/teaching.mjs";
import { listed, t } from "../words.mjs";
import { setUpStops } from "./stops.mjs";

const NOT_FOUND = "tutorwamp.error.not_found";
const NAMED_AT_MOST = 2; // of those who type

export class Room {
  #root = find("#room");
  #lesson; // the client's
  #me;
  #leaving = new AbortController();
  #hearing;
  #chat;
  #view;
  #board;
  #teaching;
  #away;
  #files;
  #hasJoined = false;

  /** `drawn()`: something has been drawn, and `stuckCount` may be another. */
  constructor(client, lessonId, { drawn }) {
    const lesson = (this.#lesson = client.lesson(lessonId));
    const me = (this.#me = lesson.me);
    const { signal } = this.#leaving;
    this.#chat = lesson.chat;
    this.#away = new Away({ storage: client.storage, signal });
    this.#files = transfers(client, lessonId);
    this.#view = new ChatView(find(".chat", this.#root), {
      canModerate: me.role === "admin",
      act: {
        reply: (message) => this.composer.reply(message),
        edit: (message) => this.composer.edit(message),
        takeBack: (message) => this.#takeBack(message),
        report: (message) => report(message, (procedure, kwargs) => client.call(procedure, kwargs)),
        save: (file) => this.#files.save(file),
        arrived: (message, how) => this.#away.arrived(how),
        drawn,
      },
    });
    const nameOf = (id) => this.#teaching.people.nameOf(id);
    this.#view.nameOf = nameOf;
    this.#view.chat = this.#chat;
    this.#chat.isWatched = () => this.#view.isWatched();
    this.composer = this.#makeComposer(client.storage, signal);
    this.#board = new BoardPanel(find(".board", this.#root), { client, lesson, nameOf, drawn });
    find('[data-do="start"]', this.#root).addEventListener("click", () => this.#act("start"), { signal });
    find('[data-do="end"]', this.#root).addEventListener("click", () => this.#end(), { signal });
    setUpSearch(this.#root, { ask: (query) => this.#chat.search(query), reveal: (seq) => this.#view.reveal(seq), signal });
    this.#teaching = new Teaching(this.#root, { client, lesson, away: this.#away, changed: (may) => this.#showStanding(may), signal });
    const invite = () => openInvite((procedure, kwargs) => client.call(procedure, kwargs), lesson.value);
    const button = h("button", { type: "button", class: "small", "data-do": "invite", hidden: true, onclick: invite }, t("card.invite"));
    find(".lesson-tools", this.#root).append(button);
    this.#setUpSides(signal);
    setUpStops(this.#root, signal);
    this.#showNothing();
    this.#hearing = this.#hear(client, lesson);
  }

  // What the client tells, and who shows it.
  #hear(client, lesson) {
    return [
      lesson.state.on("change", ({ lesson: now, old }) => this.#showLesson(now, old)),
      ...this.#teaching.hear(),
      lesson.on("joined", () => {
        this.#hasJoined = true;
        this.composer.hurry();
      }),
      lesson.on("failed", (error) => this.#hasJoined && this.#thrownOut(error)),
      lesson.typing.on("update", (ids) => this.#showTyping(ids)),
      lesson.chat.on("change", (how) => this.#view.show(how)),
      lesson.chat.on("arrived", (message) => this.#view.arrived(message)),
      lesson.on("told", (error) => notify(inPlainWords(error))),
      client.on("state", ({ new: state }) => state === "reconnecting" && this.#board.lost()),
    ];
  }

  /** Throws ClientError where there is no way in. Afterwards the lesson finds its way back by itself. */
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
    this.#teaching.close();
    this.#view.close();
    this.#board.close();
    for (const off of this.#hearing) off();
    this.#lesson.leave();
  }

  #takeBack(message) {
    this.composer.takeBack(message, this.#chat.withId(message.reply_to));
    this.#chat.discard(message);
  }

  #act(verb) {
    return this.#teaching.act(verb);
  }

  async #end() {
    if (await sure({ title: t("room.end-sure"), words: t("room.end-hint"), yes: t("room.end") })) this.#act("end");
  }

  #makeComposer(storage, signal) {
    const form = find(".composer", this.#root);
    const people = () => this.#teaching.people.all.filter(({ id }) => id !== this.#me.id);
    return new Composer(form, {
      chat: this.#chat,
      whisper: ({ typing }) => this.#lesson.typing.tell(typing),
      draft: keeping("draft", this.#me.id, this.#lesson.id, storage),
      rest: find(".left-over", this.#root),
      mention: (chosen) => new MentionList(find("textarea", form), { people, chosen, signal }),
      attach: (onChange) => new Attachments(form, { zone: find(".chat", this.#root), send: this.#files.send, onChange, signal }),
      signal,
    });
  }

  /** What the person may do now (rules/standing.mjs), which comings and goings change, too. */
  #showStanding(may) {
    const lesson = this.#lesson.value;
    this.#view.writes = may.writes;
    this.#view.called = calledBy(this.#teaching.people.all);
    if (may.over) this.composer.end();
    else this.composer.allow(may.writes ? null : t(`standing.${may.writesNot}`, { tutor: isolated(lesson.tutor.name) }));
    this.#board.showLesson(lesson, may);
    this.#view.show();
  }

  // The tutor has taken the person off the lesson's students; nothing of it is heard any more.
  #removed() {
    notify(t("room.removed"));
    location.hash = "";
  }

  // Back after a loss, and there is no way in any more. Whoever has not been in is told by who wanted to show it.
  #thrownOut(error) {
    if (error.uri === NOT_FOUND) return this.#removed();
    notify(inPlainWords(error));
    location.hash = "";
  }

  #showNothing() {
    find("#room-title").textContent = "…";
    find(".about", this.#root).textContent = "";
    find(".state", this.#root).replaceChildren();
    find(".chat > .closed", this.#root).hidden = find(".interruption", this.#root).hidden = true;
    for (const button of this.#root.querySelectorAll(".room-actions button")) button.hidden = true;
  }

  #showLesson(lesson, old) {
    if (old?.state === "interrupted" && lesson.state === "live") announce(t("room.goes-on"));
    if (!this.#teaching.belongs) return this.#removed();
    const over = OVER.has(lesson.state);
    const runs = this.#lesson.isLed;
    this.#view.canModerate = runs;
    this.#away.title = t("room.title", { title: isolated(lesson.title) });
    find("#room-title").textContent = straight(lesson.title);
    const when = t("replay.when", { day: shortDay(lesson.starts_at), from: clockTime(lesson.starts_at), to: clockTime(lesson.ends_at) });
    find(".about", this.#root).textContent = [lesson.subject && isolated(lesson.subject), isolated(lesson.tutor.name), when].filter(Boolean).join(" · ");
    find(".state", this.#root).replaceChildren(stateBadge(lesson));
    find('[data-do="start"]', this.#root).hidden = !runs || lesson.state !== "scheduled";
    find('[data-do="end"]', this.#root).hidden = !runs || !["live", "interrupted"].includes(lesson.state);
    find('[data-do="invite"]', this.#root).hidden = !runs || over;
    const waits = find(".interruption", this.#root);
    waits.textContent = interruption(lesson, this.#me);
    waits.hidden = lesson.state !== "interrupted";
    const closed = find(".chat > .closed", this.#root);
    closed.hidden = !over;
    const words = lesson.state === "cancelled" ? t("room.called-off") : t("room.ended");
    closed.replaceChildren(words, " ", lesson.state === "ended" ? h("a", { href: `#replay=${lesson.id}` }, t("list.replay")) : "");
    this.#teaching.showLesson();
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
    const names = ids.filter((id) => id && id !== this.#me.id).map((id) => isolated(this.#teaching.people.nameOf(id)));
    const words = names.length > NAMED_AT_MOST ? t("room.typing-several") : t("room.typing", { names: listed(names), count: names.length });
    find(".typing", this.#root).textContent = names.length > 0 ? words : "";
  }
}
