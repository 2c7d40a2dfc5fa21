// A button and the card that it opens beside it. Escape closes it, and so does a click elsewhere, unless it is to stay.

import { h } from "../dom.mjs";

const FROM_THE_EDGE_PX = 8;

let made = 0;

export class Popover {
  element;
  button;
  card;
  #onOpen;

  /** `card`: its children. `stays`: others may be pressed meanwhile. `onOpen()`: before it is shown. */
  constructor({ button, label, children, signal, stays = false, onOpen = () => {} }) {
    this.button = button;
    this.#onOpen = onOpen;
    const id = `popover-${++made}`;
    this.card = h("div", { id, class: "card popover", role: "group", "aria-label": label, hidden: true }, children);
    this.element = h("div", { class: "tool" }, button, this.card);
    button.setAttribute("aria-expanded", "false");
    button.setAttribute("aria-controls", id);
    button.addEventListener("click", () => (this.isOpen ? this.close() : this.open()));
    this.element.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || !this.isOpen) return;
      event.stopPropagation();
      this.close();
      button.focus();
    });
    globalThis.addEventListener("resize", () => this.isOpen && this.#place(), { signal });
    if (stays) return;
    // On the way down: what was pressed may be gone from the page by the time the click has bubbled up.
    document.addEventListener("click", ({ target }) => this.element.contains(target) || this.close(), { signal, capture: true });
  }

  get isOpen() {
    return !this.card.hidden;
  }

  open() {
    if (this.isOpen) return;
    this.#onOpen();
    this.#set(true);
  }

  close() {
    this.#set(false);
  }

  #set(open) {
    this.card.hidden = !open;
    this.button.setAttribute("aria-expanded", String(open));
    if (open) this.#place();
  }

  // Wherever the button stands (rows of buttons break), the card is all in the window.
  #place() {
    this.card.style.translate = "";
    const { left, right } = this.card.getBoundingClientRect();
    const missing = Math.max(0, FROM_THE_EDGE_PX - left) - Math.max(0, right + FROM_THE_EDGE_PX - document.documentElement.clientWidth);
    if (missing) this.card.style.translate = `${missing}px`;
  }
}
