// A lesson as it went: the board and the chat on one clock, with a slider to go to any moment of it.

import { BoardFiles } from "../../client/board/files.mjs";
import { isolated, straight } from "../../client/writing.mjs";
import { BoardView } from "../board/board-view.mjs";
import { clockTime, longDay } from "../dates.mjs";
import { find, h } from "../dom.mjs";
import { stopwatch } from "../lengths.mjs";
import { announce } from "../notices.mjs";
import { numeral, t } from "../words.mjs";
import { replayMarkup } from "./markup.mjs";
import { Player } from "./player.mjs";
import { readerOf } from "./reading.mjs";
import { messageItem, noteItem } from "./said.mjs";
import { Timeline } from "./timeline.mjs";

const EVENTS_A_PAGE = 100; // as many as the server gives
const LEAP_S = 10; // by an arrow key
const LOOKS_MS = 100; // while it plays: often enough for a stroke to be seen growing

export class Replay {
  #root = find("#replay");
  #me;
  #read;
  #leaving = new AbortController();
  #timeline = null;
  #player = null;
  #files;
  #view;
  #shown = new Map(); // of the chat: item -> element
  #chosen = null; // a page, in place of the one that is drawn on
  #pagesShown = "";
  #timer = null;

  constructor(client, session, lessonId) {
    this.#me = session.user;
    this.#read = readerOf(client, lessonId, this.#leaving.signal);
    this.#root.replaceChildren(...replayMarkup(lessonId));
    this.#files = new BoardFiles({ request: client.request, lessonId, onPicture: () => this.#show() });
    this.#view = new BoardView(this.#root, { pictures: this.#files });
  }

  /** Read the lesson and all that happened; it can be looked at while that goes on. Throws ClientError. */
  async enter() {
    const lesson = await this.#read("lesson.get");
    const { compacted } = await this.#read("lesson.replay", { limit: 1 });
    const first = Object.entries(compacted).find(([stream]) => stream.endsWith(".board"))?.[1] ?? 0;
    const board = await this.#read("board.at", { seq: first });
    if (this.#leaving.signal.aborted) return;
    this.#timeline = new Timeline(lesson, board);
    this.#player = new Player(this.#timeline);
    this.#showLesson(lesson, Object.keys(compacted).length > 0);
    this.#setUp();
    for (let after; after !== null; ) {
      const { items, next_cursor } = await this.#read("lesson.replay", { limit: EVENTS_A_PAGE, ...(after && { after }) });
      if (this.#leaving.signal.aborted) return;
      this.#timeline.add(items);
      this.#show();
      after = next_cursor;
    }
    find(".reading", this.#root).hidden = true;
  }

  leave() {
    this.#leaving.abort();
    clearTimeout(this.#timer);
    this.#files.close();
    this.#root.replaceChildren();
  }

  #showLesson(lesson, isCut) {
    document.title = t("replay.window", { title: isolated(lesson.title) });
    find("h1", this.#root).textContent = straight(lesson.title);
    const from = lesson.started_at ?? lesson.starts_at;
    const when = t("replay.when", { day: longDay(from), from: clockTime(from), to: clockTime(lesson.ended_at ?? lesson.ends_at) });
    find(".about", this.#root).textContent = [lesson.subject && isolated(lesson.subject), isolated(lesson.tutor.name), when].filter(Boolean).join(" · ");
    find(".cut", this.#root).hidden = !isCut;
    find(".to-attendance", this.#root).hidden = this.#me.role !== "admin" && lesson.tutor.id !== this.#me.id;
  }

  #setUp() {
    const { signal } = this.#leaving;
    const slider = find(".position", this.#root);
    find(".play", this.#root).addEventListener("click", () => this.#toggle(), { signal });
    slider.addEventListener("input", () => this.#seek(slider.valueAsNumber), { signal });
    find(".speed", this.#root).addEventListener("change", ({ target }) => (this.#player.speed = Number(target.value)), { signal });
    find(".skips", this.#root).addEventListener("change", ({ target }) => (this.#player.skips = target.checked), { signal });
    this.#root.addEventListener("keydown", (event) => this.#key(event), { signal });
  }

  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("select, .scroll")) return;
    if (event.key === " " && event.target.closest("button, a, [type=checkbox]")) return;
    const forwards = document.documentElement.dir === "rtl" ? "ArrowLeft" : "ArrowRight";
    const backwards = forwards === "ArrowLeft" ? "ArrowRight" : "ArrowLeft";
    const { position } = this.#player;
    if (event.key === " ") this.#toggle();
    else if (event.key === forwards || event.key === "ArrowUp") this.#seek(position + LEAP_S);
    else if (event.key === backwards || event.key === "ArrowDown") this.#seek(position - LEAP_S);
    else if (event.key === "Home") this.#seek(0);
    else if (event.key === "End") this.#seek(Infinity);
    else return;
    event.preventDefault();
  }

  #toggle() {
    if (this.#player.isPlaying) this.#player.pause();
    else this.#player.play();
    announce(this.#player.isPlaying ? t("replay.plays") : t("replay.paused"));
    this.#goOn();
  }

  #seek(seconds) {
    this.#player.seek(seconds);
    this.#show();
  }

  #goOn() {
    clearTimeout(this.#timer);
    this.#player.tick();
    this.#show();
    if (this.#player.isPlaying) this.#timer = setTimeout(() => this.#goOn(), LOOKS_MS);
  }

  #show() {
    if (!this.#player) return;
    const { position, isPlaying } = this.#player;
    const now = this.#timeline.at(position);
    const slider = find(".position", this.#root);
    slider.max = this.#timeline.length;
    slider.value = position;
    const at = t("replay.of", { at: stopwatch(position), length: stopwatch(this.#timeline.length) });
    slider.setAttribute("aria-valuetext", at);
    find(".time", this.#root).textContent = at;
    const play = find(".play", this.#root);
    const does = isPlaying ? t("replay.pause") : t("replay.play");
    if (play.title !== does) play.title = does;
    play.setAttribute("aria-label", does);
    play.dataset.does = isPlaying ? "pause" : "play";
    this.#showBoard(now);
    this.#showChat(now.items);
  }

  #showBoard({ pages, page, elementsOn }) {
    if (!pages.includes(this.#chosen)) this.#chosen = null;
    const shown = this.#chosen ?? page;
    this.#view.show(elementsOn(shown));
    const number = pages.indexOf(shown) + 1;
    find(".sheet", this.#root).setAttribute("aria-label", t("replay.page", { number }));
    const described = JSON.stringify([pages, this.#chosen, shown]);
    if (described === this.#pagesShown) return; // so that the focus stays where it is
    this.#pagesShown = described;
    const list = find(".pages", this.#root);
    const focused = list.contains(document.activeElement) ? document.activeElement.value : null;
    const button = (value, words, pressed, label) =>
      h("button", { type: "button", class: "page", value, "aria-pressed": String(pressed), "aria-label": label, onclick: () => this.#choose(value) }, words);
    list.replaceChildren(
      button("", t("replay.follow"), this.#chosen === null, t("replay.follow-label")),
      ...pages.map((one, place) => button(one, numeral(place + 1), one === shown, t("replay.page", { number: place + 1 }))),
    );
    if (focused !== null) [...list.children].find(({ value }) => value === focused)?.focus();
  }

  #choose(page) {
    this.#chosen = page || null;
    this.#show();
  }

  // What was said by now; the newest is in sight.
  #showChat(items) {
    const list = find(".messages", this.#root);
    const messages = new Map(items.filter(({ kind }) => kind === "message").map(({ message }) => [message.id, message]));
    const kept = new Map();
    const elements = items.map((item) => {
      const key = item.message ?? item.data; // another state of a message is another object
      const element = this.#shown.get(key) ?? (item.kind === "note" ? noteItem(item) : messageItem(item.message, { answered: messages.get(item.message.reply_to) }));
      kept.set(key, element);
      return element;
    });
    const isAsBefore = list.children.length === elements.length && elements.every((element, place) => list.children[place] === element);
    this.#shown = kept;
    find(".nothing", this.#root).hidden = elements.length > 0;
    if (isAsBefore) return;
    list.replaceChildren(...elements);
    const scroll = find(".scroll", this.#root);
    scroll.scrollTop = scroll.scrollHeight;
  }
}
