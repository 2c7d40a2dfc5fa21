// The row of tools: which one is chosen, with which colour and width, and which of them one may use now.

import { change, find } from "../dom.mjs";
import { announce } from "../notices.mjs";
import { t } from "../words.mjs";

export class Toolbar {
  #root;
  #onChoice;

  /** `onChoice({tool, color, width})`: now and whenever something else is chosen. */
  constructor(root, { onChoice, signal }) {
    this.#root = root;
    this.#onChoice = onChoice;
    // The policy of the page allows no style in the markup; a script may set one.
    for (const input of root.querySelectorAll('input[name="board-color"]'))
      input.nextElementSibling.style.setProperty("--swatch", input.value);
    const own = find("#board-own-color");
    own.addEventListener(
      "input",
      () => {
        const radio = find("#board-own-color-chosen");
        radio.value = own.value;
        radio.checked = true;
        radio.nextElementSibling.style.setProperty("--swatch", own.value);
        this.#choose();
      },
      { signal },
    );
    find(".drawing-tools", root).addEventListener("change", () => this.#choose(), { signal });
    this.#choose();
  }

  #choose() {
    // Which colour one's own is, matters to who has chosen it: others need not pass by it with the Tab key.
    find("#board-own-color").tabIndex = find("#board-own-color-chosen").checked ? 0 : -1;
    const value = (name) => find(`input[name="board-${name}"]:checked`, this.#root).value;
    find(".space", this.#root).dataset.tool = value("tool");
    this.#onChoice({ tool: value("tool"), color: value("color"), width: Number(value("width")) });
  }

  /** By a key. */
  choose(tool) {
    const radio = find(`input[name="board-tool"][value="${tool}"]`, this.#root);
    if (radio.matches(":disabled")) return;
    radio.checked = true;
    this.#choose();
    announce(t("board.tool-is", { tool: radio.getAttribute("aria-label") }));
  }

  /** What one may do: draw, clear and remove what is locked; and what there is to undo. */
  show({ mayDraw, board, page, maySetLocks }) {
    for (const fieldset of this.#root.querySelectorAll('fieldset[data-needs="pen"]')) change(fieldset, { disabled: !mayDraw });
    const button = (name) => find(`[data-do="${name}"]`, this.#root);
    change(button("undo"), { disabled: !board.canUndo });
    change(button("redo"), { disabled: !board.canRedo });
    // The server refuses it, so it is not offered (docs/rules/board.md, B40).
    const isLocked = !maySetLocks && board.elementsOn(page).some(({ locked }) => locked);
    for (const [name, why] of [
      ["clear", "board.clear-what"],
      ["remove-page", "board.remove-page-what"],
    ]) {
      const words = isLocked ? t("board.locked-stays") : t(why);
      change(button(name), { title: words });
    }
    change(button("clear"), { disabled: isLocked });
    change(button("remove-page"), { disabled: isLocked || board.pages.length < 2 });
  }
}
