// What the links in mails about an account open: set a new password (`#reset=`), and an address is confirmed (`#confirm=`).

import { find, h } from "../dom.mjs";
import { isAbout, refusalWords } from "../refusals.mjs";
import { request } from "../rest.mjs";
import { t } from "../words.mjs";
import { passwordField } from "./fields.mjs";

/** Both are shown in the same section. */
const section = () => find("#mail-link");

export class ConfirmAddress {
  #token;

  constructor(token) {
    this.#token = token;
  }

  async enter() {
    this.#show(h("p", { class: "muted", role: "status" }, t("mail-link.confirming")));
    try {
      await request("POST", "/api/auth/email/confirm", { body: { token: this.#token }, as: "text" });
      this.#show(h("p", { role: "status" }, t("mail-link.confirmed")), onward());
    } catch (error) {
      const own = { not_found: t("mail-link.confirm-used-up"), invalid: t("mail-link.confirm-used-up") };
      const again =
        error.action === "retry" && h("button", { type: "button", onclick: () => this.enter() }, t("mail-link.again"));
      this.#show(h("p", { class: "problem", role: "alert" }, refusalWords(error, own)), again, onward());
    }
  }

  leave() {
    section().replaceChildren();
  }

  #show(...parts) {
    section().replaceChildren(
      h("div", { class: "card door" }, h("h1", { tabindex: "-1" }, t("mail-link.confirm")), ...parts.filter(Boolean)),
    );
  }
}

export class ResetPassword {
  #token;
  #done;

  /** `done(words)`: it is set, and whoever was signed in is signed out everywhere. */
  constructor(token, done) {
    this.#token = token;
    this.#done = done;
  }

  enter() {
    if (section().firstChild) return; // another connection is no reason to type it once more
    const problem = h("p", { class: "problem", role: "alert", hidden: true });
    const submit = h("button", { type: "submit", class: "primary wide" }, t("mail-link.set"));
    const form = h(
      "form",
      { class: "card door", onsubmit: (event) => this.#submit(event, submit, problem) },
      h("h1", { tabindex: "-1" }, t("mail-link.reset")),
      h("p", { class: "muted" }, t("mail-link.reset-lead")),
      problem,
      passwordField({ name: "password", label: t("mail-link.new-password"), isNew: true }),
      submit,
      onward(),
    );
    section().replaceChildren(form);
    find("input", form).focus();
  }

  leave() {
    section().replaceChildren();
  }

  async #submit(event, submit, problem) {
    event.preventDefault();
    const { password } = Object.fromEntries(new FormData(event.target));
    submit.disabled = true;
    problem.hidden = true;
    try {
      await request("POST", "/api/auth/password/reset", { body: { token: this.#token, password }, as: "text" });
      this.#done(t("mail-link.is-set"));
    } catch (error) {
      const weak = isAbout(error, "password") ? t("sign-in.weak") : t("mail-link.used-up");
      problem.textContent = refusalWords(error, { not_found: t("mail-link.used-up"), invalid: weak });
      problem.hidden = false;
    } finally {
      submit.disabled = false;
    }
  }
}

const onward = () => h("p", { class: "other" }, h("a", { href: "#" }, t("mail-link.onward")));
