// The field in which words for the board are written, at the place where they will stand.

import { newId } from "./ids.mjs";
import { LINE_HEIGHT } from "./shapes.mjs";

const UNWANTED = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]|\p{Cs}/gu; // the server refuses them; pasted text brings them along

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
    if (event.key === "Escape") this.close();
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      this.finish();
    }
  }

  /** Put what was written on the board. */
  finish() {
    const element = this.#element;
    if (!element) return;
    this.close();
    const text = this.#field.value.replace(/\r\n?/g, "\n").replace(UNWANTED, "").normalize("NFC").trimEnd();
    if (text === element.text) return;
    if (text) this.#board.put({ ...element, id: element.id ?? newId(), text }, {});
    else if (element.id) this.#board.delete(element.id, {});
  }
}
