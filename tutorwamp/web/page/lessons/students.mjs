// Who takes part: the people one has taught before, by name, to be ticked. Others come by a link.

import { isolated, straight } from "../../client/writing.mjs";
import { shortDay } from "../dates.mjs";
import { aside, find, h } from "../dom.mjs";
import { locale, t } from "../words.mjs";

const STUDENTS_AT_MOST = 30; // L8
const FILTER_FROM = 8; // fewer are seen at a glance

/** `known`: by id `{person, lesson?}`, as `readStudents` gives them. `chosen`: ids, in the lesson's order. */
export class StudentChooser {
  element = h("fieldset", { class: "field students" });
  #known = new Map();
  #chosen = [];
  #changed;

  /** `changed()`: somebody was ticked or not. */
  constructor(changed) {
    this.#changed = changed;
  }

  get chosen() {
    return [...this.#chosen];
  }

  nameOf(id) {
    return this.#known.get(id)?.person.name ?? "";
  }

  show(known, chosen) {
    for (const [id, one] of known) this.#known.set(id, { ...this.#known.get(id), ...one });
    this.#chosen = [...chosen];
    const people = [...this.#known.values()].sort(
      (a, b) =>
        straight(a.person.name).localeCompare(straight(b.person.name), locale) || a.person.id.localeCompare(b.person.id),
    );
    const list = h(
      "ul",
      {},
      people.map((one) => this.#choice(one)),
    );
    const filter = h("input", {
      type: "search",
      dir: "auto",
      "aria-label": t("plan.find-student"),
      placeholder: t("plan.find-student"),
      autocomplete: "off",
      oninput: () => this.#filter(filter.value),
      onkeydown: (event) => event.key === "Enter" && event.preventDefault(), // which would send the form
    });
    this.element.replaceChildren(
      h("legend", {}, t("plan.students")),
      people.length >= FILTER_FROM ? filter : "",
      list,
      h("p", { class: "hint counted" }),
    );
    this.#count();
  }

  #choice({ person, lesson }) {
    const box = h("input", {
      type: "checkbox",
      name: "student",
      value: person.id,
      checked: this.#chosen.includes(person.id),
      onchange: () => {
        this.#chosen = this.#chosen.filter((id) => id !== person.id);
        if (box.checked) this.#chosen.push(person.id);
        this.#count();
        this.#changed();
      },
    });
    // Two may have the same name: the lesson they were in says who is who.
    const last = lesson && t("plan.last", { title: isolated(lesson.title), day: shortDay(lesson.starts_at) });
    const words = h("span", {}, aside(person.name), last && h("span", { class: "muted" }, last));
    return h("li", {}, h("label", {}, box, words));
  }

  #count() {
    const isFull = this.#chosen.length >= STUDENTS_AT_MOST;
    for (const box of this.element.querySelectorAll("input[type=checkbox]")) box.disabled = isFull && !box.checked;
    const hint = this.#known.size === 0 ? t("plan.nobody-known") : t("plan.chosen", { count: this.#chosen.length });
    find(".counted", this.element).textContent = isFull ? t("plan.is-full", { count: STUDENTS_AT_MOST }) : hint;
  }

  #filter(typed) {
    const fold = (text) => straight(text).normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
    for (const item of this.element.querySelectorAll("li")) {
      const { value, checked } = find("input", item);
      item.hidden = !checked && !fold(this.nameOf(value)).includes(fold(typed.trim()));
    }
  }
}
