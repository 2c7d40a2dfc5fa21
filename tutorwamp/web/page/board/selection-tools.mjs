// What can be done with all that is selected: a row of buttons over the board, and the words for what is selected.

import { asNew, lookOf } from "../../client/board/carrying.mjs";
import { boxOfAll, moved } from "../../client/board/hits.mjs";
import { newId } from "../../client/ids.mjs";
import { isolated } from "../../client/writing.mjs";
import { change, find } from "../dom.mjs";
import { announce, notify } from "../notices.mjs";
import { t } from "../words.mjs";

const BESIDE = 20; // board units, so that a copy is seen beside what it is of
const SAID_AT_MOST = 60; // characters of a text

export class SelectionTools {
  #root;
  #board;
  #selection;
  #nameOf;

  constructor(root, { board, selection, nameOf, signal }) {
    this.#root = root;
    this.#board = board;
    this.#selection = selection;
    this.#nameOf = nameOf;
    const on = (name, act) => find(`[data-do="${name}"]`, root).addEventListener("click", act, { signal });
    on("duplicate", () => this.duplicate());
    on("lock", () => this.lock());
    on("delete", () => {
      this.delete();
      find(".space", root).focus(); // the buttons are gone
    });
  }

  show() {
    const bar = find(".selection-tools", this.#root);
    change(bar, { hidden: this.#selection.isEmpty });
    if (bar.hidden) return;
    const lock = find('[data-do="lock"]', bar);
    const locked = this.#selection.isLocked;
    const textContent = locked ? t("board.unlock") : t("board.lock");
    change(lock, { hidden: !this.#selection.maySetLocks, ariaPressed: String(locked), textContent });
    const disabled = this.#selection.free.length === 0;
    for (const name of ["duplicate", "delete"]) change(find(`[data-do="${name}"]`, bar), { disabled });
  }

  delete() {
    if (this.#selection.isEmpty) return;
    const count = this.#selection.delete();
    if (count > 0) announce(t("board.deleted", { count }));
    else notify(t("board.unlock-first"));
  }

  lock() {
    if (this.#selection.isEmpty || !this.#selection.maySetLocks) return;
    announce(this.#selection.turnLocks() ? t("board.now-locked") : t("board.now-unlocked"));
  }

  duplicate() {
    const { free } = this.#selection;
    if (free.length > 0) this.place(free.map(lookOf), { page: free[0].page, by: [BESIDE, BESIDE] });
  }

  /** Put looks on a page as new elements, and select them. */
  place(looks, { page, by = [0, 0] }) {
    const gesture = {};
    const elements = asNew(
      looks.map((look) => moved(look, ...by)),
      page,
      newId,
    );
    for (const element of elements) this.#board.put(element, gesture);
    this.#selection.lookAt(page);
    this.#selection.set(elements.map(({ id }) => id));
    announce(t("board.placed", { count: elements.length }));
  }

  /** How far looks are moved so that their middle is there. */
  static toMiddle(looks, [x, y]) {
    const box = boxOfAll(looks);
    return box ? [x - (box[0] + box[2]) / 2, y - (box[1] + box[3]) / 2].map(Math.round) : [0, 0];
  }

  /** Tell a screen reader what was selected; null: nothing is here. */
  say(element) {
    if (element === null) return announce(t("board.nothing-here"));
    const by = isolated(this.#nameOf(element.author?.id ?? element.author ?? "") ?? "");
    const what =
      element.kind === "text"
        ? t("board.kind-words", { text: isolated(element.text.slice(0, SAID_AT_MOST)) })
        : t(`board.kind-${element.kind}`);
    announce(element.locked ? t("board.selected-locked", { what, by }) : t("board.selected-one", { what, by }));
  }
}
