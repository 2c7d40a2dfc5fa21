// Words for the board that are not on it: the pen was taken while they were written, or the page went away. They are shown
// until they are placed, copied or not wanted any more.

import { newId } from "../../client/ids.mjs";
import { isVisible, straight } from "../../client/writing.mjs";
import { find, h } from "../dom.mjs";
import { copy } from "../notices.mjs";
import { t } from "../words.mjs";

const SHOWN_AT_MOST = 80; // characters

export class Drafts {
  #root;
  #kept;
  #hooks;
  #shown = "";
  #draft = null; // an element without a place on the board yet

  /** `kept` has `read()` and `write(elements)`: it survives a reload. Hooks: onPlace(element); mayPlace(). */
  constructor(root, { kept, hooks }) {
    this.#root = find(".draft", root);
    this.#kept = kept;
    this.#hooks = hooks;
    for (const element of [kept.read()].flat())
      if (typeof element?.text === "string" && isVisible(element.text)) this.#add(element);
    this.show();
  }

  /** It is being written: kept, and not shown. */
  writing(element) {
    this.#kept.write([this.#draft, element].filter((one) => one !== null));
  }

  /** It is not on the board. */
  lost(element) {
    this.#add(element);
    this.writing(null);
    this.show();
  }

  // Two that are lost one after the other become one, so that neither is gone.
  #add(element) {
    this.#draft = this.#draft ? { ...element, text: `${this.#draft.text}\n${element.text}` } : element;
  }

  #done() {
    this.#draft = null;
    this.writing(null);
    this.show();
  }

  show() {
    const shown = this.#draft && JSON.stringify([this.#draft.text, this.#hooks.mayPlace()]);
    if (shown === this.#shown) return; // so that the focus stays where it is
    this.#shown = shown;
    this.#root.hidden = this.#draft === null;
    if (this.#draft === null) return this.#root.replaceChildren();
    const { text } = this.#draft;
    const words = straight(text.length > SHOWN_AT_MOST ? `${text.slice(0, SHOWN_AT_MOST)} …` : text);
    const button = (what, onclick, more = {}) => h("button", { type: "button", class: "small", onclick, ...more }, t(what));
    this.#root.replaceChildren(
      h("p", {}, t("board.draft")),
      h("p", { class: "words", dir: "auto" }, words),
      h(
        "div",
        { class: "buttons" },
        button("board.draft-place", () => this.#place(), { disabled: !this.#hooks.mayPlace() }),
        button("board.draft-copy", ({ currentTarget }) => copy(text, currentTarget)),
        button("board.draft-discard", () => this.#done()),
      ),
    );
  }

  // On the page one looks at now, as a new text: the one it was to change may be another by now.
  #place() {
    const { x, y, size, color, text } = this.#draft;
    this.#hooks.onPlace({ id: newId(), kind: "text", x, y, size, color, text });
    this.#done();
  }
}
