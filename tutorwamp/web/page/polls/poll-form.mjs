// Where the tutor writes a question for everybody.

import { writtenLine, written } from "../../client/writing.mjs";
import { find, h } from "../dom.mjs";
import { t } from "../words.mjs";

const KINDS = ["single", "multiple", "text"];
const CHOICES_AT_LEAST = 2;
const CHOICES_AT_MOST = 10; // docs/rules/polls.md, P5, as the lengths
const QUESTION_AT_MOST = 500;
const CHOICE_AT_MOST = 200;

export class PollForm {
  element;
  #ask;
  #draft;
  #choices = h("ol", { class: "poll-choices" });
  #problem = h("p", { class: "problem", role: "alert", hidden: true });

  /** `ask({question, kind, choices, anonymous})` promises whether it was asked. `draft` keeps what stands in it (keeping.mjs). */
  constructor({ ask, draft }) {
    this.#ask = ask;
    this.#draft = draft;
    const kind = (value) =>
      h("label", {}, h("input", { type: "radio", name: "poll-kind", value, checked: value === "single", onchange: () => this.#showKind() }), h("span", {}, t(`poll.kind-${value}`)));
    this.element = h(
      "form",
      { class: "poll-form", onsubmit: (event) => this.#submit(event), oninput: () => this.#draft.write(this.#written) },
      h("label", {}, t("poll.question"), h("textarea", { name: "question", dir: "auto", rows: "2", maxlength: String(QUESTION_AT_MOST), required: true })),
      h("fieldset", { class: "choice" }, h("legend", {}, t("poll.kind")), KINDS.map(kind)),
      h("fieldset", { class: "offered" }, h("legend", {}, t("poll.choices")), this.#choices),
      h("label", { class: "check" }, h("input", { type: "checkbox", name: "anonymous" }), h("span", {}, t("poll.anonymous"), h("span", { class: "hint" }, t("poll.anonymous-hint")))),
      this.#problem,
      h("div", { class: "buttons" }, h("button", { type: "submit", class: "small primary" }, t("poll.ask"))),
    );
    this.#offer(CHOICES_AT_LEAST);
    this.#restore(draft.read());
  }

  get #kind() {
    return find('[name="poll-kind"]:checked', this.element).value;
  }

  get #inputs() {
    return [...this.#choices.querySelectorAll("input")];
  }

  // As it stands there.
  get #written() {
    const { value: question } = find('[name="question"]', this.element);
    return { question, kind: this.#kind, choices: this.#inputs.map(({ value }) => value), anonymous: find('[name="anonymous"]', this.element).checked };
  }

  #restore(written) {
    if (!written) return;
    const { question, kind, choices, anonymous } = written;
    find('[name="question"]', this.element).value = question;
    find(`[name="poll-kind"][value="${kind}"]`, this.element).checked = true;
    find('[name="anonymous"]', this.element).checked = anonymous;
    this.#offer(choices.length);
    this.#inputs.forEach((input, place) => (input.value = choices[place] ?? ""));
    this.#showKind();
  }

  #showKind() {
    find(".offered", this.element).hidden = this.#kind === "text";
  }

  #offer(count) {
    while (this.#choices.children.length < count) {
      const place = this.#choices.children.length + 1;
      const input = h("input", { type: "text", dir: "auto", maxlength: String(CHOICE_AT_MOST), autocomplete: "off", "aria-label": t("poll.choice", { place }), oninput: () => this.#filled() });
      this.#choices.append(h("li", {}, input));
    }
  }

  // One empty field more, once the last one is used.
  #filled() {
    const inputs = this.#inputs;
    if (inputs.at(-1).value && inputs.length < CHOICES_AT_MOST) this.#offer(inputs.length + 1);
  }

  async #submit(event) {
    event.preventDefault();
    const { kind, anonymous, ...typed } = this.#written;
    const question = written(typed.question).trim();
    const choices = kind === "text" ? [] : typed.choices.map(writtenLine).filter(Boolean);
    const problem = problemOf({ kind, question, choices });
    this.#problem.hidden = !problem;
    this.#problem.textContent = problem ?? "";
    if (problem) return;
    const button = find('[type="submit"]', this.element);
    button.disabled = true;
    const asked = await this.#ask({ question, kind, choices, anonymous });
    button.disabled = false;
    if (asked) this.#clear();
  }

  #clear() {
    this.#draft.write(null);
    this.element.reset();
    this.#choices.replaceChildren();
    this.#offer(CHOICES_AT_LEAST);
    this.#showKind();
  }
}

function problemOf({ kind, question, choices }) {
  if (!question) return t("poll.no-question");
  if (kind !== "text" && choices.length < CHOICES_AT_LEAST) return t("poll.few-choices");
  return new Set(choices).size < choices.length ? t("poll.same-choices") : null;
}
