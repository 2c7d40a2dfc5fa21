// Raised hands: a student's own one, and the tutor's queue in the order they went up.

import { isolated } from "../../client/writing.mjs";
import { clockTime } from "../dates.mjs";
import { aside, find, h } from "../dom.mjs";
import { announce } from "../notices.mjs";
import { drawIn } from "../pressing.mjs";
import { icon } from "../tools/icons.mjs";
import { Popover } from "../tools/popover.mjs";
import { numeral, t } from "../words.mjs";

export class Hands {
  element = h("div", { class: "tool" });
  #me;
  #act;
  #mine;
  #queue;
  #hands = [];
  #seen = null; // ids of whose hands were up when it was last shown; null: never

  /** `act`: raise(up), lower(personId), lowerAll() and givePen(personId), which lowers the hand too. */
  constructor({ me, act, signal }) {
    this.#me = me;
    this.#act = act;
    const words = h("span", { class: "words" });
    this.#mine = h("button", { type: "button", class: "small hand", onclick: () => this.#act.raise(!this.#isUp) }, icon("hand"), words);
    const button = h("button", { type: "button", class: "small hand" });
    this.#queue = new Popover({ button, label: t("hands.queue"), children: [h("ol"), this.#lowerAll()], signal });
    this.#queue.element.classList.add("queue");
    this.element.append(this.#mine, this.#queue.element);
  }

  get #isUp() {
    return this.#hands.some(({ person }) => person.id === this.#me.id);
  }

  /** `hands` and `pen` of the lesson; `isStudent`: the person is one of this lesson's. */
  show({ hands, pen, runs, isStudent, over }) {
    this.#hands = hands;
    this.element.hidden = over || !(runs || isStudent);
    this.#mine.hidden = !isStudent;
    this.#queue.element.hidden = !runs;
    this.#showMine();
    this.#showQueue(pen);
    if (runs && !over) this.#announceNew();
    this.#seen = new Set(hands.map(({ person }) => person.id));
  }

  #showMine() {
    const place = this.#hands.findIndex(({ person }) => person.id === this.#me.id) + 1;
    find(".words", this.#mine).textContent = this.#isUp ? t("hands.up", { place }) : t("hands.raise");
    this.#mine.setAttribute("aria-pressed", String(this.#isUp));
    this.#mine.title = this.#isUp ? t("hands.lower-mine") : "";
  }

  #showQueue(pen) {
    const count = this.#hands.length;
    this.#queue.button.replaceChildren(icon("hand"), numeral(count));
    this.#queue.button.setAttribute("aria-label", t("hands.count", { count }));
    this.#queue.button.classList.toggle("wants", count > 0);
    const list = find("ol", this.#queue.card);
    drawIn(list, () => {
      const focused = list.contains(document.activeElement) && document.activeElement.dataset.focus;
      list.replaceChildren(...this.#hands.map((hand) => this.#row(hand, pen)));
      if (this.#hands.length === 0) list.append(h("li", { class: "muted" }, t("hands.none")));
      if (focused) (find(`[data-focus="${focused}"]`, list) ?? find("button", list) ?? this.#queue.button).focus();
    });
    find(".lower-all", this.#queue.card).hidden = count < 2;
  }

  #row({ person, at }, pen) {
    const button = (what, words, onclick) =>
      h("button", { type: "button", class: "small", "data-focus": `${what} ${person.id}`, "aria-label": t(`hands.${what}-of`, { name: isolated(person.name) }), onclick }, words);
    return h(
      "li",
      {},
      h("span", { class: "who" }, h("span", { class: "name" }, aside(person.name)), h("span", { class: "muted" }, t("hands.since", { time: clockTime(at) }))),
      !pen.includes(person.id) && button("give-pen", t("hands.give-pen"), () => this.#act.givePen(person.id)),
      button("lower", t("hands.lower"), () => this.#act.lower(person.id)),
    );
  }

  #lowerAll() {
    return h("button", { type: "button", class: "small lower-all", onclick: () => this.#act.lowerAll(), hidden: true }, t("hands.lower-all"));
  }

  #announceNew() {
    if (!this.#seen) return; // one has only just come
    for (const { person } of this.#hands) if (!this.#seen.has(person.id)) announce(t("hands.raised", { name: isolated(person.name) }));
  }
}
