// Somebody comes by an invitation: `#invite=<code>` from a link, or the code typed by hand. Accepted, they are in the lesson.

import { isolated } from "../../client/writing.mjs";
import { find, h } from "../dom.mjs";
import { refusalWords } from "../refusals.mjs";
import { t } from "../words.mjs";
import { codeOf } from "./code.mjs";

/** Accept a code. Gives the lesson; throws ClientError. */
export const accept = (call, code) => call("tutorwamp.lesson.accept", { code });

/** Why a code did not open anything, to whoever typed or followed it. */
export function whyNot(error, me) {
  return refusalWords(error, {
    not_found: t("join.no-good"), // the server says no more: unknown, replaced, over, or taken off the lesson
    invalid: t("join.no-code"),
    forbidden: me.role === "student" ? t("join.no-good") : t("join.students-only"),
    "lesson.full": t("join.full"),
  });
}

export class JoinView {
  #root = find("#join");
  #call;
  #me;
  #typed;
  #hooks;
  #left = false;

  /**
   * `typed`: what stands in the link. `hooks`: `joined(lesson)`, `otherAccount()`, and `isExpected()`: they have come through the
   * sign-in form with this link, and have said so by that.
   */
  constructor(client, me, typed, hooks) {
    this.#call = (procedure, kwargs) => client.call(procedure, kwargs);
    this.#me = me;
    this.#typed = typed;
    this.#hooks = hooks;
  }

  async enter() {
    if (this.#root.dataset.busy) return; // another session, and the first answer is on its way
    this.#show("");
    if (codeOf(this.#typed) && this.#hooks.isExpected()) await this.#accept();
  }

  leave() {
    this.#left = true;
    delete this.#root.dataset.busy;
    this.#root.replaceChildren();
  }

  #show(problem) {
    const button = h("button", { type: "submit", class: "primary wide" }, t("join.do"));
    this.#root.replaceChildren(
      h(
        "form",
        { class: "card door", onsubmit: (event) => (event.preventDefault(), this.#accept(button)) },
        h("h1", { tabindex: "-1" }, t("join.title")),
        h("p", {}, t("join.as", { name: isolated(this.#me.name) })),
        h("p", { class: "problem", role: "alert", hidden: !problem }, problem),
        this.#codeField(),
        button,
        h(
          "p",
          { class: "other" },
          h("button", { type: "button", class: "link", onclick: () => this.#hooks.otherAccount() }, t("join.other-account")),
          " ",
          h("a", { href: "#" }, t("join.to-list")),
        ),
      ),
    );
    (problem ? find("input", this.#root) : button).focus();
  }

  #codeField() {
    const field = codeInput(codeOf(this.#typed) ?? this.#typed);
    field.addEventListener("input", () => (this.#typed = field.value));
    return h(
      "div",
      { class: "field" },
      h("label", { for: field.id }, t("join.code")),
      field,
      h("p", { class: "hint" }, t("join.code-hint")),
    );
  }

  async #accept(button = find("button", this.#root)) {
    const code = codeOf(this.#typed);
    if (!code) return this.#show(t("join.no-code"));
    this.#root.dataset.busy = "";
    button.disabled = true;
    try {
      const lesson = await accept(this.#call, code);
      if (!this.#left) this.#hooks.joined(lesson);
    } catch (error) {
      if (!this.#left) this.#show(whyNot(error, this.#me));
    } finally {
      delete this.#root.dataset.busy;
    }
  }
}

let count = 0;

/** A field for a code, whatever the keyboard makes of it. */
export function codeInput(value = "") {
  return h("input", {
    id: `code-${count++}`,
    class: "code",
    name: "code",
    dir: "ltr",
    autocomplete: "off",
    autocapitalize: "characters",
    spellcheck: "false",
    maxlength: "300", // a whole link may be pasted
    required: true,
    value,
  });
}
