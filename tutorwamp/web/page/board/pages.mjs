// Which page of the board one looks at, and the row of buttons that turns to another.

import { find, h } from "../dom.mjs";
import { announce } from "../notices.mjs";
import { drawIn } from "../pressing.mjs";
import { numeral, t } from "../words.mjs";

export class Pages {
  #root;
  #board;
  #hooks;
  #place = 0; // the current page's, among all
  #wanted = null; // a page that is still to come
  #news = new Set(); // pages that somebody changed while one looked at another
  #shown = "";
  /** The page one looks at; null before the board is read. */
  current = null;

  /** Hooks: onHand(), the person turns to another page; onLeave(), before it is shown; onTurn(), now it is; onChange(). */
  constructor(root, { board, hooks }) {
    this.#root = root;
    this.#board = board;
    this.#hooks = hooks;
  }

  /** Somebody changed this page. */
  tell(page) {
    this.#news.add(page);
  }

  /** 1, 2, 3 … */
  get number() {
    return this.#board.pages.indexOf(this.current) + 1;
  }

  /** Look at this page, as soon as it is there. */
  turnTo(page) {
    if (page === this.current) return;
    this.#hooks.onHand();
    this.follow(page);
  }

  /** The same, where somebody else leads there. */
  follow(page) {
    this.#hooks.onLeave();
    this.#wanted = page;
    this.#hooks.onChange();
  }

  /** To the next page, or the one before. */
  step(by) {
    const page = this.#board.pages[this.#board.pages.indexOf(this.current) + by];
    if (page) this.turnTo(page);
  }

  choose() {
    const { pages } = this.#board;
    const before = this.current;
    if (pages.includes(this.#wanted)) {
      this.current = this.#wanted;
      this.#wanted = null;
    }
    // The page one looks at was removed: its neighbour's place.
    if (!pages.includes(this.current)) this.current = pages[Math.min(this.#place, pages.length - 1)] ?? null;
    this.#place = Math.max(0, pages.indexOf(this.current)); // there are none before the board is read
    this.#news.delete(this.current);
    if (this.current === before) return;
    if (before !== null) announce(t("board.page-of", { number: this.number, count: pages.length }));
    this.#hooks.onTurn();
  }

  show() {
    drawIn(find(".pages", this.#root), () => this.#draw(this.#board.pages));
  }

  #draw(pages) {
    const described = JSON.stringify([pages, this.current, [...this.#news]]);
    if (described === this.#shown) return; // so that the focus stays where it is
    this.#shown = described;
    const list = find(".pages", this.#root);
    const focused = list.contains(document.activeElement);
    list.replaceChildren(
      ...pages.map((page, place) =>
        h(
          "button",
          {
            type: "button",
            class: this.#news.has(page) ? "page news" : "page",
            "aria-pressed": String(page === this.current),
            "aria-label": this.#news.has(page)
              ? t("board.page-with-news", { number: place + 1 })
              : t("board.page", { number: place + 1 }),
            onclick: () => this.turnTo(page),
          },
          numeral(place + 1),
        ),
      ),
    );
    const current = find('[aria-pressed="true"]', list);
    current?.scrollIntoView({ block: "nearest", inline: "nearest" });
    if (focused) current?.focus();
  }
}
