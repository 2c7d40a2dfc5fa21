// The field in which words for the board are written, at the place where they will stand.

import { LINE_HEIGHT } from "../../client/board/shapes.mjs";
import { newId } from "../../client/ids.mjs";
import { isForInputMethod, isVisible, written } from "../../client/writing.mjs";

export class TextEditor {
  #field;
  #board;
  #view;
  #element = null;

  constructor(field, { board, view, signal }) {
    this.#field = field;
    this.#board = board;
    this.#view = view;
    field.hidden = true;
    field.addEventListener("blur", () => this.finish(), { signal });
    field.addEventListener("input", () => this.#grow(), { signal });
    field.addEventListener("keydown", (event) => this.#key(event), { signal });
    addEventListener("resize", () => this.#place(), { signal });
  }

  get isOpen() {
    return this.#element !== null;
  }

  /** `element`: a text of the board, or one without an id that is to be. */
  open(element) {
    this.finish();
    this.#element = element;
    this.#field.value = element.text;
    this.#field.hidden = false;
    this.#place();
    this.#field.focus();
  }

  /** Forget what was being written. */
  close() {
    this.#element = null;
    this.#field.hidden = true;
  }

  #place() {
    if (!this.#element) return;
    const { x, y, size, color } = this.#element;
    const { scale } = this.#view;
    Object.assign(this.#field.style, {
      left: `${x * scale}px`,
      top: `${y * scale}px`,
      fontSize: `${size * scale}px`,
      lineHeight: String(LINE_HEIGHT),
      color,
    });
    this.#grow();
  }

  #grow() {
    const { style } = this.#field;
    style.width = style.height = "";
    style.width = `${this.#field.scrollWidth + 8}px`;
    style.height = `${this.#field.scrollHeight}px`;
  }

  #key(event) {
    event.stopPropagation(); // Ctrl+Z is the field's here
    if (isForInputMethod(event)) return;
    if (event.key === "Escape") this.close();
    if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      this.finish();
    }
  }

  /** Put what was written on the board. */
  finish() {
    const element = this.#element;
    if (!element) return;
    this.close();
    const text = written(this.#field.value).trimEnd();
    if (text === element.text) return;
    if (isVisible(text)) this.#board.put({ ...element, id: element.id ?? newId(), text }, {});
    else if (element.id) this.#board.delete(element.id, {});
  }
}
