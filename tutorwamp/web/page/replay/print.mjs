// A whole lesson on paper, or as a PDF file of the browser's: the board's pages, then the chat. Decision 40 says why here.

import { BoardFiles } from "../../client/board/files.mjs";
import { isolated, straight } from "../../client/writing.mjs";
import { BoardView } from "../board/board-view.mjs";
import { clockTime } from "../dates.mjs";
import { find, h } from "../dom.mjs";
import { wholeDay } from "../lengths.mjs";
import { t } from "../words.mjs";
import { sheet } from "./markup.mjs";
import { readerOf } from "./reading.mjs";
import { messageItem } from "./said.mjs";

const MESSAGES_A_PAGE = 100; // as many as the server gives
const PICTURES_AT_MOST_MS = 30_000; // that somebody waits for: what is not here by then stays a frame

export class Print {
  #root = find("#print");
  #read;
  #files;
  #leaving = new AbortController();
  #arrived = () => {};

  constructor(client, session, lessonId) {
    this.#read = readerOf(client, lessonId, this.#leaving.signal);
    this.#files = new BoardFiles({ request: client.request, lessonId, onPicture: () => this.#arrived() });
    this.#root.replaceChildren(
      h(
        "div",
        { class: "room-bar print-actions" },
        h("a", { class: "back", href: `#replay=${lessonId}`, "aria-label": t("print.back") }, "‹"),
        h("p", { class: "muted wait", role: "status" }, t("print.reading")),
        h("button", { type: "button", class: "primary do-print", hidden: true, onclick: () => print() }, t("print.print")),
      ),
      h("h1", { id: "print-title", dir: "auto", tabindex: "-1" }, "…"),
    );
  }

  /** Read everything and show it as it will be printed. Throws ClientError. */
  async enter() {
    const lesson = await this.#read("lesson.get");
    const { pages } = await this.#read("board.open", { pages: [] });
    const boards = [];
    for (const { id } of pages) boards.push((await this.#read("board.open", { pages: [id] })).elements); // large boards are read page by page
    const messages = await this.#messages();
    if (this.#leaving.signal.aborted) return;
    this.#show(lesson, boards, messages);
    await this.#pictures(boards.flat());
    if (this.#leaving.signal.aborted) return;
    find(".wait", this.#root).textContent = t("print.ready");
    const button = find(".do-print", this.#root);
    button.hidden = false;
    button.focus({ preventScroll: true });
  }

  leave() {
    this.#leaving.abort();
    this.#arrived();
    this.#files.close();
    this.#root.replaceChildren();
  }

  async #messages() {
    const read = [];
    for (let cursor; cursor !== null && !this.#leaving.signal.aborted; ) {
      const { items, next_cursor } = await this.#read("chat.history", { limit: MESSAGES_A_PAGE, ...(cursor && { cursor }) });
      read.push(...items);
      cursor = next_cursor;
    }
    return read.reverse();
  }

  #show(lesson, boards, messages) {
    const from = lesson.started_at ?? lesson.starts_at;
    // The browser proposes it as the name of the file.
    document.title = t("print.window", { title: isolated(lesson.title), day: wholeDay(from) });
    const known = new Map(messages.map((message) => [message.id, message]));
    const names = (people) => people.map(({ name }) => isolated(name)).join(", ");
    this.#root.replaceChildren(
      find(".print-actions", this.#root),
      h("h1", { id: "print-title", dir: "auto", tabindex: "-1" }, straight(lesson.title)),
      h(
        "div",
        { class: "facts" },
        lesson.subject && h("p", { dir: "auto" }, straight(lesson.subject)),
        h("p", {}, t("print.when", { day: wholeDay(from), from: clockTime(from), to: clockTime(lesson.ended_at ?? lesson.ends_at) })),
        h("p", {}, t("print.tutor", { name: isolated(lesson.tutor.name) })),
        lesson.students.length > 0 && h("p", {}, t("print.students", { names: names(lesson.students), count: lesson.students.length })),
      ),
      h("h2", { class: "of-board" }, t("print.board")),
      ...boards.map((elements, place) => this.#sheet(elements, place + 1)),
      h("h2", {}, t("print.chat")),
      messages.length === 0 ? h("p", { class: "muted" }, t("print.silence")) : h("ol", { class: "said" }, messages.map((one) => messageItem(one, { answered: known.get(one.reply_to) }))),
    );
  }

  #sheet(elements, number) {
    const stage = h("div", { class: "stage" }, sheet(), h("div", { class: "cursors", "aria-hidden": "true" }));
    find(".sheet", stage).setAttribute("aria-label", t("replay.page", { number }));
    const view = new BoardView(stage, { pictures: this.#files });
    view.show(elements);
    stage.again = () => view.show(elements);
    return stage;
  }

  // Each is fetched once it is asked for; printed before that it would be a frame.
  async #pictures(elements) {
    const wanted = new Set(elements.filter(({ kind }) => kind === "image").map(({ asset_id }) => asset_id));
    const waiting = () => [...wanted].some((id) => this.#files.url(id) === null);
    const until = Date.now() + PICTURES_AT_MOST_MS;
    while (!this.#leaving.signal.aborted && waiting() && Date.now() < until) {
      await new Promise((resolve) => {
        this.#arrived = resolve;
        setTimeout(resolve, PICTURES_AT_MOST_MS);
      });
      for (const stage of this.#root.querySelectorAll(".stage")) stage.again();
    }
  }
}
