// The field in which words for the board are written, at the place where they will stand. What is written is kept as a draft
// until it is on the board, so that neither a lost pen nor a reload costs it.

import { SHEET } from "../../client/board/camera.mjs";
import { LINE_HEIGHT } from "../../client/board/shapes.mjs";
import { unwrapped, wrapped } from "../../client/board/wrapping.mjs";
import { newId } from "../../client/ids.mjs";
import { isForInputMethod, isVisible, written } from "../../client/writing.mjs";

const NARROWEST = 120; // board units of a line, where somebody writes at the sheet's edge
const REMEMBERED = 20; // texts that the server may still refuse

export class TextEditor {
  #field;
  #board;
  #view;
  #hooks;
  #element = null;
  #sent = new Map(); // id -> element as it was written

  /**
   * Hooks: onDraft(element), it is being written; null: it is on the board, or nothing; onLost(element), it could not be put
   * there; onDone(), by a key.
   */
  constructor(field, { board, view, hooks, signal }) {
    this.#field = field;
    this.#board = board;
    this.#view = view;
    this.#hooks = hooks;
    field.hidden = true;
    field.addEventListener("blur", () => this.finish(), { signal });
    field.addEventListener("input", () => this.#typed(), { signal });
    field.addEventListener("keydown", (event) => this.#key(event), { signal });
  }

  get isOpen() {
    return this.#element !== null;
  }

  /** `element`: a text of the board, or one without an id that is to be. */
  open(element) {
    this.finish();
    this.#element = element;
    this.#field.value = unwrapped(element.text);
    this.#field.hidden = false;
    this.place();
    this.#field.focus();
  }

  /** Where the view has moved to. */
  place() {
    if (!this.#element) return;
    const { x, y, size, color } = this.#element;
    const [left, top] = this.#view.camera.toScreen([x, y]);
    const { scale } = this.#view;
    Object.assign(this.#field.style, {
      left: `${left}px`,
      top: `${top}px`,
      fontSize: `${size * scale}px`,
      lineHeight: String(LINE_HEIGHT),
      color,
    });
    this.#grow();
  }

  #typed() {
    this.#grow();
    this.#hooks.onDraft({ ...this.#element, text: this.#field.value });
  }

  #grow() {
    const { style } = this.#field;
    const { size } = this.#element;
    const longest = Math.max(...this.#field.value.split("\n").map((line) => this.#view.measure(line, size)));
    style.width = `${Math.min(this.#lineWidth, longest + size) * this.#view.scale}px`;
    style.height = "";
    style.height = `${this.#field.scrollHeight}px`;
  }

  get #lineWidth() {
    return Math.max(NARROWEST, SHEET.width - this.#element.x);
  }

  #key(event) {
    event.stopPropagation(); // Ctrl+Z is the field's here
    if (isForInputMethod(event)) return;
    if (event.key === "Escape" || (event.key === "Enter" && !event.shiftKey)) {
      event.preventDefault();
      this.finish();
      this.#hooks.onDone();
    }
  }

  #close() {
    this.#element = null;
    this.#field.hidden = true;
  }

  /** Put what was written on the board. */
  finish() {
    const element = this.#element;
    if (!element) return;
    const [typed, text] = [this.#field.value, this.#written(element)];
    this.#close();
    if (typed !== unwrapped(element.text)) this.#put({ ...element, text });
    this.#hooks.onDraft(null);
  }

  #written({ size }) {
    const typed = written(this.#field.value).trimEnd();
    return wrapped(typed, this.#lineWidth, (piece) => this.#view.measure(piece, size));
  }

  #put(element) {
    const now = { ...element, id: element.id ?? newId() };
    if (isVisible(now.text)) {
      this.#remember(now);
      this.#board.put(now, {});
    } else if (element.id) this.#board.delete(element.id, {});
  }

  #remember(element) {
    this.#sent.delete(element.id);
    this.#sent.set(element.id, element);
    if (this.#sent.size > REMEMBERED) this.#sent.delete(this.#sent.keys().next().value);
  }

  /** One cannot write here any more; what was written is kept. */
  interrupt() {
    const element = this.#element;
    if (!element) return;
    const text = this.#field.value;
    this.#close();
    if (isVisible(text) && text !== unwrapped(element.text)) this.#hooks.onLost({ ...element, text });
    else this.#hooks.onDraft(null);
  }

  /** The server did not take these elements. */
  refused(ids) {
    for (const id of ids) {
      const element = this.#sent.get(id);
      if (element) this.#hooks.onLost({ ...element, text: unwrapped(element.text) });
      this.#sent.delete(id);
    }
  }
}
