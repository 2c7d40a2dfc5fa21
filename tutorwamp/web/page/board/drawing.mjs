// All that a person draws with: the tools, by pointer and by keyboard, the words, what is selected.

import { find } from "../dom.mjs";
import { keeping } from "../keeping.mjs";
import { notify } from "../notices.mjs";
import { t } from "../words.mjs";
import { Drafts } from "./drafts.mjs";
import { KeyboardPen } from "./keyboard-pen.mjs";
import { Laser } from "./laser.mjs";
import { Pointing } from "./pointing.mjs";
import { Selecting } from "./selecting.mjs";
import { Selection } from "./selection.mjs";
import { SelectionTools } from "./selection-tools.mjs";
import { TextEditor } from "./text-editor.mjs";
import { Toolbar } from "./toolbar.mjs";
import { Tools } from "./tools.mjs";

export class Drawing {
  #space;
  #view;
  #board;
  #hooks;
  #selecting;
  #drafts;
  #editor;
  mayDraw = false;

  /** `point(page, place, {laser})` tells the others where one points. Hooks: onChange(); onView(), the view was moved by hand. */
  constructor(root, { lesson, view, pages, point, nameOf, hooks, signal }) {
    const { board } = lesson;
    this.#space = find(".space", root);
    this.#view = view;
    this.#board = board;
    this.#hooks = hooks;
    this.pages = pages;
    this.laser = new Laser({ point, onChange: hooks.onChange });
    this.selection = new Selection({ board, onChange: hooks.onChange });
    this.#selecting = new Selecting({ board, view, selection: this.selection });
    this.selectionTools = new SelectionTools(root, { board, selection: this.selection, nameOf, signal });
    this.#setUpWords(root, lesson, signal);
    this.tools = new Tools({ board, editor: this.#editor, selecting: this.#selecting, laser: this.laser });
    this.#setUpPointing(point, signal);
    this.toolbar = new Toolbar(root, { onChoice: (choice) => this.#choose(choice), signal });
    this.#space.addEventListener("dblclick", (event) => this.#pressedTwice(event), { signal });
  }

  #setUpWords(root, { me, id }, signal) {
    this.#drafts = new Drafts(root, {
      kept: keeping("board-draft", me.id, id, localStorage),
      hooks: {
        mayPlace: () => this.mayDraw,
        onPlace: (element) => this.#board.put({ ...element, page: this.pages.current }, {}),
      },
    });
    const hooks = {
      onDraft: (element) => this.#drafts.writing(element),
      onLost: (element) => this.#drafts.lost(element),
      onDone: () => this.#space.focus(),
    };
    this.#editor = new TextEditor(find(".words-field", root), { board: this.#board, view: this.#view, hooks, signal });
  }

  #setUpPointing(point, signal) {
    const onPoint = (place) => this.pages.current && !this.laser.isOn && point(this.pages.current, place);
    this.pen = new KeyboardPen({
      view: this.#view,
      tools: this.tools,
      selection: this.selection,
      hooks: { onMove: onPoint, onSelect: (element) => this.selectionTools.say(element) },
    });
    this.pointing = new Pointing(this.#space, {
      view: this.#view,
      tools: this.tools,
      hooks: {
        onPoint,
        onView: this.#hooks.onView,
        onPress: () => this.#pressed(),
        onStylus: () => notify(t("board.stylus"), { kind: "hint" }),
      },
      signal,
    });
  }

  get isBusy() {
    return this.pointing.isBusy || this.pen.isBusy;
  }

  /** Whether one may draw, and whether locks are one's own to set. */
  allow(mayDraw, { maySetLocks }) {
    this.mayDraw = mayDraw;
    this.selection.maySetLocks = maySetLocks;
    if (!mayDraw) {
      this.pointing.drop();
      this.pen.hide();
      this.#editor.interrupt();
      this.selection.clear();
    }
  }

  /** What can be drawn with now, and what of it lies over the board. */
  show(page, others) {
    this.tools.enabled = this.mayDraw;
    this.tools.page = this.laser.page = page;
    this.selection.lookAt(page);
    const { overlay } = this.#view;
    overlay.selected = this.#selected;
    overlay.trails = [this.laser.trail, ...others.map(({ trail }) => trail ?? [])];
    this.toolbar.show({ mayDraw: this.mayDraw, board: this.#board, page, maySetLocks: this.selection.maySetLocks });
    this.selectionTools.show();
    this.#drafts.show();
    this.#editor.place();
  }

  // The frame of what is selected; while it is dragged, where it would be put.
  get #selected() {
    const { box } = this.selection;
    const by = this.pointing.draggedBy;
    if (box && by) return { box: [box[0] + by[0], box[1] + by[1], box[2] + by[0], box[3] + by[1]], handles: [], locked: false };
    return box && { box, handles: this.#selecting.handlesOf(box), locked: this.selection.free.length === 0 };
  }

  /** What is being drawn or written is finished. */
  settle() {
    this.#editor.finish();
    this.pointing.settle();
    this.pen.hide({ keeps: true });
  }

  /** The page may be gone the next moment: what is drawn so far counts, what is written is kept already. */
  keep() {
    this.pointing.settle();
    this.pen.hide({ keeps: true });
  }

  /** The server did not take these elements. */
  stopped(ids) {
    this.pointing.drop(ids);
    this.#editor.refused(ids);
  }

  #choose(choice) {
    this.#editor.finish();
    this.pen.hide({ keeps: true });
    if (choice.tool !== "select") this.selection.clear();
    this.tools.choice = choice;
  }

  // Whoever presses beside the words means that they are done.
  #pressed() {
    this.pen.hide({ keeps: true });
    if (!this.#editor.isOpen) return false;
    this.#editor.finish();
    return this.tools.choice.tool === "text";
  }

  #pressedTwice(event) {
    if (!this.mayDraw || this.tools.choice.tool !== "select" || this.selection.count !== 1) return;
    const [element] = this.selection.elements;
    if (element.kind !== "text" || element.locked) return;
    event.preventDefault();
    this.selection.clear();
    this.#editor.open(element);
  }
}
