// The rules of the classroom, for who runs it: who writes, whether it is closed without a tutor, everybody's pen and voice.

import { find, h } from "../dom.mjs";
import { icon } from "../tools/icons.mjs";
import { Popover } from "../tools/popover.mjs";
import { t } from "../words.mjs";

export class Rules {
  element;
  #act;
  #popover;
  #lesson = null;

  /** `act`: rules({chat?, unattended?, muted?}) and pen(ids). */
  constructor({ act, signal }) {
    this.#act = act;
    const button = h("button", { type: "button", class: "small rules-button" }, icon("rules"), h("span", { class: "words" }, t("rules.button")));
    button.setAttribute("aria-label", t("rules.button"));
    this.#popover = new Popover({ button, label: t("rules.button"), children: this.#fields(), signal });
    this.element = this.#popover.element;
  }

  show(lesson, { runs, over }) {
    this.#lesson = lesson;
    this.element.hidden = !runs || over;
    if (this.element.hidden) return this.#popover.close();
    const { chat = "everyone", unattended = "open", muted = [] } = lesson.rules ?? {};
    const { card } = this.#popover;
    find('[name="rule-chat"]', card).checked = chat === "tutors";
    find('[name="rule-unattended"]', card).checked = unattended === "closed";
    find('[value="pen-all"]', card).disabled = lesson.students.every(({ id }) => lesson.pen.includes(id));
    find('[value="pen-none"]', card).disabled = lesson.pen.length === 0;
    find('[value="unmute"]', card).disabled = muted.length === 0;
  }

  #fields() {
    const check = (name, words, hint, wanted) =>
      h("label", { class: "check" },
        h("input", { type: "checkbox", name, onchange: ({ target }) => this.#act.rules(wanted(target.checked)).then((done) => done || this.show(this.#lesson, { runs: true, over: false })) }),
        h("span", {}, words, h("span", { class: "hint" }, hint)));
    const button = (value, words, onclick) => h("button", { type: "button", class: "small", value, onclick }, words);
    return [
      h("fieldset", {},
        h("legend", {}, t("rules.chat")),
        check("rule-chat", t("rules.tutors-only"), t("rules.tutors-only-hint"), (on) => ({ chat: on ? "tutors" : "everyone" })),
        button("unmute", t("rules.unmute-all"), () => this.#act.rules({ muted: [] }))),
      h("fieldset", {},
        h("legend", {}, t("rules.pen")),
        h("div", { class: "choices" },
          button("pen-all", t("rules.pen-all"), () => this.#act.pen(this.#lesson.students.map(({ id }) => id))),
          button("pen-none", t("rules.pen-none"), () => this.#act.pen([])))),
      h("fieldset", {},
        h("legend", {}, t("rules.away")),
        check("rule-unattended", t("rules.closed"), t("rules.closed-hint"), (on) => ({ unattended: on ? "closed" : "open" }))),
    ];
  }
}
