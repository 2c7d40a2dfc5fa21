// The board's part of the page: the tools, the pages, saving; and it brings the board, its drawing and the cursors together.

import { Pointer, Pointers } from "../../client/board/cursor.mjs";
import { BoardFiles } from "../../client/board/files.mjs";
import { inPlainWords } from "../error-words.mjs";
import { newId } from "../../client/ids.mjs";
import { isolated } from "../../client/writing.mjs";
import { find, h } from "../dom.mjs";
import { notify } from "../notices.mjs";
import { t } from "../words.mjs";
import { BoardView, SHEET } from "./board-view.mjs";
import { TextEditor } from "./text-editor.mjs";
import { Tools } from "./tools.mjs";

const STUCK_AFTER_MS = 2_000; // shorter waits are not worth a word

export class BoardPanel {
  #root;
  #lesson = null;
  #mayDraw = false;
  #page = null;
  #place = 0; // the page's, among the pages
  #wanted = null; // a page that is still to come
  #news = new Set(); // pages that somebody changed while one looked at another
  #pagesShown = "";
  #drawing = false;
  #drawn;
  #stuckSince = null;
  #hearing;
  #leaving = new AbortController();
  #files;
  #view;
  #tools;
  #editor;
  #pointer;
  #pointers;

  /** `lesson`: the client's; `nameOf(id)` knows the lesson's people; `drawn()`: after each drawing. */
  constructor(root, { client, lesson, nameOf, drawn }) {
    this.#drawn = drawn;
    this.#root = root;
    this.me = lesson.me;
    this.nameOf = nameOf;
    const { signal } = this.#leaving;
    const changed = () => this.#show();
    this.board = lesson.board;
    this.#hearing = [
      this.board.on("change", changed),
      this.board.on("news", (page) => this.#news.add(page)),
      this.board.on("stopped", (ids) => this.#tools.drop(ids)),
      lesson.cursor.on("update", (place) => this.#heardCursor(place)),
      lesson.presence.on("update", ({ type, participant }) => type === "participant.left" && this.#pointers.forget(participant.person.id)),
    ];
    this.#files = new BoardFiles({ request: client.request, lessonId: lesson.id, onPicture: changed });
    this.#view = new BoardView(root, { pictures: this.#files });
    this.#pointer = new Pointer((place) => lesson.cursor.tell(place));
    this.#pointers = new Pointers(changed);
    this.#editor = new TextEditor(find(".words-field", root), { board: this.board, view: this.#view, signal });
    const onPoint = (point) => this.#page && this.#pointer.move(this.#page, point);
    this.#tools = new Tools(find(".sheet", root), { board: this.board, view: this.#view, editor: this.#editor, onPoint, signal });
    this.#setUpTools(signal);
    this.#setUpActions(signal);
    addEventListener("pagehide", () => this.board.keep(), { signal });
    this.#show();
  }

  lost() {
    this.#pointers.clear();
  }

  close() {
    this.#editor.finish();
    this.#tools.settle();
    this.#leaving.abort();
    this.#pointer.close();
    this.#pointers.clear();
    for (const off of this.#hearing) off();
    this.#files.close();
  }

  #heardCursor({ who, ...place }) {
    if (who !== this.me.id) this.#pointers.heard(who, place);
  }

  /** The lesson has changed: perhaps who may draw. */
  showLesson(lesson, { over, draws, drawsNot }) {
    this.#lesson = lesson;
    this.#mayDraw = draws;
    if (!this.#mayDraw) {
      this.#tools.drop();
      this.#editor.close();
    }
    find(".drawing-tools", this.#root).hidden = over;
    const why = find(".no-pen", this.#root);
    why.hidden = this.#mayDraw;
    why.textContent = this.#mayDraw ? "" : t(`board.not-${drawsNot}`, { tutor: isolated(lesson.tutor.name) });
    this.#show();
  }

  // At the next frame; many events then cost one drawing. A hidden page has no frames, so it gets a timer.
  #show() {
    if (this.#drawing) return;
    this.#drawing = true;
    const draw = () => {
      this.#drawing = false;
      if (!this.#leaving.signal.aborted) this.#draw();
    };
    if (document.hidden) setTimeout(draw, 0);
    else requestAnimationFrame(draw);
  }

  #draw() {
    this.#choosePage();
    const mayDraw = this.#mayDraw && this.board.isLoaded;
    find(".sheet", this.#root).classList.toggle("drawable", mayDraw);
    find(".sheet", this.#root).setAttribute("aria-label", `Board, page ${this.board.pages.indexOf(this.#page) + 1}`);
    for (const fieldset of this.#root.querySelectorAll("fieldset")) fieldset.disabled = !mayDraw;
    find('[data-do="undo"]', this.#root).disabled = !this.board.canUndo;
    find('[data-do="remove-page"]', this.#root).disabled = this.board.pages.length < 2;
    this.#tools.enabled = mayDraw;
    this.#tools.page = this.#page;
    this.#view.show(this.board.elementsOn(this.#page));
    this.#view.point(this.#pointers.on(this.#page).map((place) => ({ ...place, name: this.nameOf(place.id) })));
    this.#showPages();
    this.#showStuck();
    this.#drawn();
  }

  #choosePage() {
    const { pages } = this.board;
    if (pages.includes(this.#wanted)) {
      this.#page = this.#wanted;
      this.#wanted = null;
    }
    // The page one looks at was removed: its neighbour's place.
    if (!pages.includes(this.#page)) this.#page = pages[Math.min(this.#place, pages.length - 1)] ?? null;
    this.#place = Math.max(0, pages.indexOf(this.#page)); // there are none before the board is read
    this.#news.delete(this.#page);
  }

  #showPages() {
    const { pages } = this.board;
    const described = JSON.stringify([pages, this.#page, [...this.#news]]);
    if (described === this.#pagesShown) return; // so that the focus stays where it is
    this.#pagesShown = described;
    const list = find(".pages", this.#root);
    const focused = list.contains(document.activeElement);
    list.replaceChildren(...pages.map((page, place) => h("button", {
      type: "button",
      class: this.#news.has(page) ? "page news" : "page",
      "aria-pressed": String(page === this.#page),
      "aria-label": `Page ${place + 1}${this.#news.has(page) ? ", something new" : ""}`,
      onclick: () => this.#turnTo(page),
    }, String(place + 1))));
    const current = find('[aria-pressed="true"]', list);
    current?.scrollIntoView({ block: "nearest", inline: "nearest" });
    if (focused) current?.focus();
  }

  #turnTo(page) {
    this.#editor.finish();
    this.#tools.settle();
    this.#wanted = page;
    this.#show();
  }

  #showStuck() {
    const note = find(".not-saved", this.#root);
    if (!this.board.isStuck) {
      this.#stuckSince = null;
      note.hidden = true;
      return;
    }
    this.#stuckSince ??= Date.now();
    const left = this.#stuckSince + STUCK_AFTER_MS - Date.now();
    note.hidden = left > 0;
    if (left > 0) setTimeout(() => this.#show(), left);
  }

  #setUpTools(signal) {
    const choose = () => {
      const value = (name) => find(`input[name="board-${name}"]:checked`, this.#root).value;
      this.#editor.finish();
      this.#tools.choice = { tool: value("tool"), color: value("color"), width: Number(value("width")) };
      find(".sheet", this.#root).dataset.tool = value("tool");
    };
    // The policy of the page allows no style in the markup; a script may set one.
    for (const input of this.#root.querySelectorAll('input[name="board-color"]')) input.nextElementSibling.style.setProperty("--swatch", input.value);
    const own = find("#board-own-color");
    own.addEventListener("input", () => {
      const radio = find("#board-own-color-chosen");
      radio.value = own.value;
      radio.checked = true;
      radio.nextElementSibling.style.setProperty("--swatch", own.value);
      choose();
    }, { signal });
    find(".drawing-tools", this.#root).addEventListener("change", choose, { signal });
    choose();
  }

  #setUpActions(signal) {
    const on = (name, act) => find(`[data-do="${name}"]`, this.#root).addEventListener("click", act, { signal });
    on("undo", () => this.#undo());
    on("add-page", () => this.#turnTo(this.board.addPage()));
    on("remove-page", () => confirm("Remove this page and all that is on it, for everybody?") && this.board.removePage(this.#page));
    on("clear", () => confirm("Clear this page for everybody? This cannot be undone.") && this.board.clear(this.#page));
    const picture = find('input[type="file"]', this.#root);
    on("picture", () => picture.click());
    picture.addEventListener("change", () => this.#addPicture(picture), { signal });
    document.addEventListener("keydown", (event) => {
      const isUndo = event.key.toLowerCase() === "z" && (event.ctrlKey || event.metaKey) && !event.shiftKey && !event.altKey;
      if (!isUndo || !this.#tools.enabled || event.target.matches("input:not([type=radio]), textarea")) return;
      event.preventDefault();
      this.#undo();
    }, { signal });
    const save = find(".save", this.#root);
    for (const button of save.querySelectorAll("button")) {
      button.addEventListener("click", () => {
        save.open = false;
        this.#save(button.value);
      }, { signal });
    }
    document.addEventListener("click", ({ target }) => save.contains(target) || (save.open = false), { signal });
    save.addEventListener("keydown", ({ key }) => {
      if (key !== "Escape") return;
      save.open = false;
      find("summary", save).focus();
    }, { signal });
  }

  #undo() {
    if (!this.#tools.isBusy) this.board.undo();
  }

  async #addPicture(input) {
    const [file] = input.files;
    input.value = ""; // so that the same one can be chosen again
    if (!file) return;
    const page = this.#page;
    try {
      const { id, width, height } = await this.#files.upload(file);
      const scale = Math.min(1, SHEET.width / 2 / width, SHEET.height / 2 / height);
      const size = { width: Math.round(width * scale), height: Math.round(height * scale) };
      const place = { x: Math.round((SHEET.width - size.width) / 2), y: Math.round((SHEET.height - size.height) / 2) };
      this.board.put({ id: newId(), page, kind: "image", color: "#000000", ...place, ...size, asset_id: id }, {});
    } catch (error) {
      notify(inPlainWords(error));
    }
  }

  // A picture of the page one looks at; as PDF the whole board.
  async #save(format) {
    try {
      const blob = await this.#files.save(format, format === "pdf" ? undefined : this.#page);
      const url = URL.createObjectURL(blob);
      const page = format === "pdf" ? "" : `, page ${this.board.pages.indexOf(this.#page) + 1}`;
      h("a", { href: url, download: `${this.#lesson?.title ?? "Board"}${page}.${format}` }).click();
      setTimeout(() => URL.revokeObjectURL(url), 60_000);
    } catch (error) {
      notify(inPlainWords(error));
    }
  }
}
