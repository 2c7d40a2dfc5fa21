// The board's part of the page: it brings the board, what is seen of it, the tools, the pages and the others' cursors together.

import { Pointers } from "../../client/board/cursor.mjs";
import { BoardFiles } from "../../client/board/files.mjs";
import { boxOfAll } from "../../client/board/hits.mjs";
import { isolated } from "../../client/writing.mjs";
import { find } from "../dom.mjs";
import { keeping } from "../keeping.mjs";
import { announce } from "../notices.mjs";
import { sure } from "../tools/ask.mjs";
import { t } from "../words.mjs";
import { BoardWindow } from "./board-window.mjs";
import { Clipboard } from "./clipboard.mjs";
import { Drawing } from "./drawing.mjs";
import { Files } from "./files.mjs";
import { Follow } from "./follow.mjs";
import { Keyboard } from "./keyboard.mjs";
import { Navigation } from "./navigation.mjs";
import { Pages } from "./pages.mjs";
import { Saving } from "./saving.mjs";

const STUCK_AFTER_MS = 2_000; // shorter waits are not worth a word

export class BoardPanel {
  #root;
  #mayDraw = false;
  #isWaiting = false; // for the next frame
  #drawn;
  #stuckSince = null;
  #measured = null; // how many elements there were when the camera's bounds were set
  #leaving = new AbortController();
  #keptHistory;
  #hearing;
  #files;
  #follow;
  #view;
  #pages;
  #drawing;
  #navigation;
  #pointers;

  /** `lesson`: the client's; `nameOf(id)` knows the lesson's people; `drawn()`: after each drawing. */
  constructor(root, { client, lesson, nameOf, drawn }) {
    this.#drawn = drawn;
    this.#root = root;
    this.me = lesson.me;
    this.nameOf = nameOf;
    const board = (this.board = lesson.board);
    const { signal } = this.#leaving;
    const changed = () => this.#show();
    this.#keptHistory = keeping("board-history", this.me.id, lesson.id, sessionStorage); // of this tab's own gestures
    if (!board.history.canUndo) board.history.restore(this.#keptHistory.read());
    const pictures = new BoardFiles({ request: client.request, lessonId: lesson.id, onPicture: changed });
    const pages = (this.#pages = new Pages(root, {
      board,
      hooks: {
        onHand: () => this.#follow.left(),
        onLeave: () => this.#drawing.settle(),
        onTurn: () => this.#turned(),
        onChange: changed,
      },
    }));
    const view = (this.#view = new BoardWindow(root, { pictures, onChange: changed, signal }));
    const moved = () => {
      this.#follow.left();
      changed();
    };
    this.#navigation = new Navigation(root, { view, onView: moved, signal });
    this.#pointers = new Pointers(changed);
    const point = (page, [x, y], { laser = false } = {}) => lesson.cursor.tell({ page, x, y, ...(laser && { laser }) });
    const hooks = { onChange: changed, onView: moved };
    this.#drawing = new Drawing(root, { lesson, view, pages, point, nameOf, hooks, signal });
    this.#files = new Files(root, { client, lesson, files: pictures, pages, signal });
    new Saving(root, { files: pictures, lesson, pages, signal });
    new Clipboard(root, { lesson, drawing: this.#drawing, pages, view, files: this.#files, signal });
    this.#follow = new Follow(root, { lesson, view, pages, onChange: changed, signal });
    new Keyboard(root, { panel: this, view, pages, drawing: this.#drawing, navigation: this.#navigation, signal });
    this.#hearing = this.#hear(lesson, changed);
    this.#setUpActions(signal);
    this.#setUpLeaving(signal);
    this.#show();
  }

  #hear({ board, cursor, presence }, changed) {
    return [
      board.on("change", changed),
      board.on("news", (page) => this.#pages.tell(page)),
      board.on("stopped", (ids) => this.#drawing.stopped(ids)),
      cursor.on("update", ({ who, ...place }) => who !== this.me.id && this.#pointers.heard(who, place)),
      presence.on(
        "update",
        ({ type, participant }) => type === "participant.left" && this.#pointers.forget(participant.person.id),
      ),
    ];
  }

  lost() {
    this.#pointers.clear();
  }

  close() {
    this.#drawing.settle();
    this.#keepHistory();
    this.#leaving.abort();
    this.#pointers.clear();
    for (const off of this.#hearing) off();
    this.#files.close();
    this.#follow.close();
  }

  get mayDraw() {
    return this.#mayDraw && this.board.isLoaded;
  }

  /** The lesson has changed: perhaps who may draw. */
  showLesson(lesson, { runs, over, draws, drawsNot }) {
    this.#mayDraw = draws;
    this.#drawing.allow(this.mayDraw, { maySetLocks: runs });
    this.#files.showLesson({ runs });
    find(".drawing-tools", this.#root).hidden = over;
    const why = find(".no-pen", this.#root);
    why.hidden = draws;
    why.textContent = draws ? "" : t(`board.not-${drawsNot}`, { tutor: isolated(lesson.tutor.name) });
    this.#show();
  }

  // At the next frame; many events then cost one drawing. A hidden page has no frames, so it gets a timer.
  #show() {
    if (this.#isWaiting) return;
    this.#isWaiting = true;
    const draw = () => {
      this.#isWaiting = false;
      if (!this.#leaving.signal.aborted) this.#draw();
    };
    if (document.hidden) setTimeout(draw, 0);
    else requestAnimationFrame(draw);
  }

  #draw() {
    this.#follow.choosePage();
    this.#pages.choose();
    this.#follow.look();
    const page = this.#pages.current;
    const elements = this.board.elementsOn(page);
    const others = this.#pointers.on(page);
    this.#drawing.mayDraw = this.mayDraw;
    this.#drawing.show(page, others);
    this.#showSpace();
    if (elements.length !== this.#measured) {
      this.#measured = elements.length;
      find(".space", this.#root).dataset.elements = elements.length; // not all of them are nodes
      this.#view.camera.bounds = boxOfAll(elements) ?? [0, 0, 0, 0];
    }
    this.#view.show(elements, { page, isBusy: this.#drawing.isBusy });
    this.#view.point(others.map((place) => ({ ...place, name: this.nameOf(place.id) })));
    this.#navigation.show();
    this.#pages.show();
    this.#showStuck();
    this.#drawn();
  }

  #showSpace() {
    const space = find(".space", this.#root);
    space.classList.toggle("drawable", this.mayDraw);
    const label = t("board.board-page", { number: this.#pages.number });
    if (space.getAttribute("aria-label") !== label) space.setAttribute("aria-label", label);
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

  #turned() {
    this.#measured = null;
    this.#view.camera.fit();
    this.#drawing.selection.clear();
  }

  #setUpActions(signal) {
    const on = (name, act) => find(`[data-do="${name}"]`, this.#root).addEventListener("click", act, { signal });
    on("undo", () => this.undo());
    on("redo", () => this.redo());
    on("add-page", () => this.#pages.turnTo(this.board.addPage()));
    on("remove-page", () => this.#removePage());
    on("clear", () => this.#clear());
  }

  // Of the page that was looked at when it was asked: meanwhile somebody may have led elsewhere.
  async #removePage() {
    const page = this.#pages.current;
    const asked = { title: t("board.sure-remove-page"), words: t("board.ask-remove-page"), yes: t("board.remove-page") };
    if (await sure(asked)) this.board.removePage(page);
  }

  async #clear() {
    const page = this.#pages.current;
    if (await sure({ title: t("board.sure-clear"), words: t("board.ask-clear"), yes: t("board.clear") })) this.board.clear(page);
  }

  undo() {
    if (this.#drawing.isBusy || !this.board.canUndo) return;
    this.board.undo();
    announce(t("board.undone"));
  }

  redo() {
    if (this.#drawing.isBusy || !this.board.canRedo) return;
    this.board.redo();
    announce(t("board.redone"));
  }

  // A page that goes away, perhaps for good, has its last points sent or kept, and its history kept.
  #setUpLeaving(signal) {
    const leave = () => {
      this.#drawing.keep();
      this.board.keep();
      this.#keepHistory();
    };
    addEventListener("pagehide", leave, { signal });
    document.addEventListener("visibilitychange", () => document.hidden && leave(), { signal });
  }

  #keepHistory() {
    this.#keptHistory.write(this.board.history.toJSON());
  }
}
