// The way through a lesson by the Tab key: each row of buttons is one stop, along which arrow keys go (ARIA's toolbar), and a
// button that is seen when it is reached leads to the field for a message.

import { find } from "../dom.mjs";

const STOPS = "button, summary";
const ELSEWHERE = ".popover, .menu, dialog"; // what opens from a row is no part of it
const ROWS = [".lesson-tools", ".drawing-tools .actions", ".view-tools", ".selection-tools", ".board-foot"];

/** In the lesson's view; until `signal`. */
export function setUpStops(root, signal) {
  for (const row of ROWS) new Row(find(row, root), signal);
  find(".to-message", root).addEventListener("click", () => {
    find('.sides [value="chat"]', root).click(); // where one side is shown at a time
    const field = find("#body", root);
    (field.checkVisibility() && !field.disabled ? field : find(".messages [tabindex='0']", root))?.focus();
  }, { signal });
}

class Row {
  #row;
  #current = null;
  #wasUsed = false; // until then the first is the one to come to, also where it comes later

  constructor(row, signal) {
    this.#row = row;
    const observer = new MutationObserver(() => this.#tidy());
    observer.observe(row, { subtree: true, childList: true, attributeFilter: ["disabled", "hidden", "class"] });
    signal.addEventListener("abort", () => observer.disconnect());
    row.addEventListener("focusin", ({ target }) => {
      if (!this.#items.includes(target)) return;
      this.#wasUsed = true;
      this.#choose(target);
    }, { signal });
    row.addEventListener("keydown", (event) => this.#key(event), { signal });
    this.#tidy();
  }

  get #items() {
    return [...this.#row.querySelectorAll(STOPS)].filter((one) => !one.closest(ELSEWHERE) && !one.closest("[hidden]") && !one.matches(":disabled"));
  }

  #tidy() {
    const items = this.#items;
    this.#choose(this.#wasUsed && items.includes(this.#current) ? this.#current : (items[0] ?? null), items);
  }

  #choose(item, items = this.#items) {
    this.#current = item;
    for (const one of items) {
      const stop = one === item ? 0 : -1;
      if (one.tabIndex !== stop) one.tabIndex = stop;
    }
  }

  #key(event) {
    if (event.ctrlKey || event.altKey || event.metaKey || event.shiftKey) return;
    const items = this.#items;
    const place = items.indexOf(event.target);
    if (place === -1) return;
    const isBackwards = document.documentElement.dir === "rtl";
    const steps = { ArrowRight: isBackwards ? -1 : 1, ArrowLeft: isBackwards ? 1 : -1 };
    const to = { Home: 0, End: items.length - 1 }[event.key] ?? (event.key in steps ? place + steps[event.key] : undefined);
    if (to === undefined) return;
    event.preventDefault();
    items.at(to % items.length).focus(); // round, at its ends
  }
}
