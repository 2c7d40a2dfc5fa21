// Keys of the board: they go to the pen's cross, to the view, or are shortcuts. Nothing happens while somebody writes.

import { find } from "../dom.mjs";
import { announce } from "../notices.mjs";
import { t } from "../words.mjs";
import { EVERYWHERE, meantBy, showShortcuts } from "./shortcuts.mjs";

export class Keyboard {
  #board; // the part of the page
  #space;
  #parts;
  #acts;

  constructor(root, { signal, ...parts }) {
    this.#board = root;
    this.#space = find(".space", root);
    this.#parts = parts;
    this.#acts = this.#actions();
    document.addEventListener("keydown", (event) => this.#down(event), { signal });
    document.addEventListener("keyup", ({ key }) => key === " " && this.#hold(false), { signal });
    addEventListener("blur", () => this.#hold(false), { signal });
    find('[data-do="shortcuts"]', root).addEventListener("click", showShortcuts, { signal });
  }

  #actions() {
    const {
      panel,
      pages,
      navigation,
      drawing: { selection, selectionTools },
    } = this.#parts;
    const drawing = (act) => () => panel.mayDraw && act();
    return {
      undo: drawing(() => panel.undo()),
      redo: drawing(() => panel.redo()),
      delete: drawing(() => selectionTools.delete()),
      duplicate: drawing(() => selectionTools.duplicate()),
      lock: drawing(() => selectionTools.lock()),
      "select-all": drawing(() => this.#selectAll()),
      next: drawing(() => this.#step(1)),
      previous: drawing(() => this.#step(-1)),
      "zoom-in": () => navigation.zoom(1),
      "zoom-out": () => navigation.zoom(-1),
      fit: () => navigation.fit(),
      "page-before": () => pages.step(-1),
      "page-after": () => pages.step(1),
      shortcuts: showShortcuts,
      escape: () => selection.clear(),
    };
  }

  #selectAll() {
    const { toolbar, selection } = this.#parts.drawing;
    toolbar.choose("select");
    selection.all();
    announce(t("board.selected-count", { count: selection.count }));
  }

  #step(by) {
    const { toolbar, selection, selectionTools } = this.#parts.drawing;
    toolbar.choose("select");
    selectionTools.say(selection.step(by));
  }

  #down(event) {
    if (isWriting(event.target) || document.querySelector("dialog[open]") || event.isComposing) return;
    const isHere = this.#board.contains(event.target);
    const onSpace = event.target === this.#space;
    if (onSpace && event.key === " ") {
      event.preventDefault();
      return this.#hold(true);
    }
    if (onSpace && this.#forCross(event)) return event.preventDefault();
    const meant = meantBy(event);
    if (!meant || !(isHere || (EVERYWHERE.has(meant.do) && this.#board.checkVisibility()))) return;
    event.preventDefault();
    if (meant.tool) this.#parts.drawing.toolbar.choose(meant.tool);
    else this.#acts[meant.do]();
  }

  #forCross(event) {
    const { navigation, drawing } = this.#parts;
    return navigation.key(event) || drawing.pen.key(event);
  }

  #hold(isHeld) {
    this.#parts.drawing.pointing.holdsView = isHeld;
    this.#space.classList.toggle("moves", isHeld);
  }
}

/** Whether letters belong to the field that has the focus. */
export function isWriting(target) {
  return (
    target instanceof Element &&
    target.matches("input:not([type=radio], [type=checkbox], [type=color], [type=range]), textarea, select, [contenteditable]")
  );
}
