// Names to choose from while "@" and a beginning is being typed.

import { announce } from "../notices.mjs";
import { aside, avatar, find, h } from "../dom.mjs";
import { roleBadge } from "../people/role.mjs";
import { t } from "../words.mjs";
import { straight } from "../../client/writing.mjs";
import { beingTyped, candidates } from "./mentions.mjs";

const AT_MOST = 6;
const ID = "mention-list";

export class MentionList {
  #input;
  #people;
  #chosen;
  #list = h("ul", { id: ID, class: "card mention-list", role: "listbox", "aria-label": t("mention.list"), hidden: true });
  #found = []; // persons
  #place = 0;
  #typed = null; // {from, query}

  /** `people()`: who can be named; `chosen()`: a name has been put in. */
  constructor(input, { people, chosen, signal }) {
    this.#input = input;
    this.#people = people;
    this.#chosen = chosen;
    find(`#${ID}`)?.remove();
    input.parentElement.before(this.#list);
    input.setAttribute("aria-autocomplete", "list");
    input.addEventListener("blur", () => this.close(), { signal });
    this.#list.addEventListener("pointerdown", (event) => event.preventDefault()); // the focus stays in the field
  }

  /** Something has been typed. */
  look() {
    const { selectionStart, selectionEnd, value } = this.#input;
    this.#typed = selectionStart === selectionEnd ? beingTyped(value, selectionStart) : null;
    this.#found = this.#typed ? candidates(this.#people(), this.#typed.query).slice(0, AT_MOST) : [];
    // A name that is written out needs no list.
    if (this.#found.length === 1 && straight(this.#found[0].name).toLowerCase() === this.#typed.query) this.#found = [];
    this.#place = 0;
    if (this.#found.length > 0 && this.#list.hidden) announce(t("mention.found", { count: this.#found.length }));
    this.#draw();
  }

  close() {
    this.#found = [];
    this.#draw();
  }

  /** Whether a key is the list's. */
  takes(event) {
    if (this.#list.hidden) return false;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) this.#place = (this.#place + step + this.#found.length) % this.#found.length;
    else if (event.key === "Escape") this.#found = [];
    else if (event.key === "Tab" || (event.key === "Enter" && !event.shiftKey)) this.#choose(this.#found[this.#place]);
    else return false;
    event.preventDefault();
    event.stopPropagation();
    this.#draw();
    return true;
  }

  #choose({ name }) {
    const { from } = this.#typed;
    this.#input.setRangeText(`${straight(name)} `, from, this.#input.selectionStart, "end");
    this.#found = [];
    this.#draw();
    this.#chosen();
  }

  #draw() {
    this.#list.hidden = this.#found.length === 0;
    this.#list.replaceChildren(...this.#found.map((person, place) =>
      h("li", { id: `${ID}-${place}`, role: "option", "aria-selected": String(place === this.#place), onclick: () => this.#choose(person) }, avatar(person), h("span", { class: "name" }, aside(person.name)), roleBadge(person))));
    if (this.#list.hidden) {
      this.#input.removeAttribute("aria-activedescendant");
      this.#input.removeAttribute("aria-controls");
    } else {
      this.#input.setAttribute("aria-controls", ID);
      this.#input.setAttribute("aria-activedescendant", `${ID}-${this.#place}`);
    }
  }
}
