// The door: sign in, make an account, or have a mail sent where the password is forgotten.

import { isolated, isVisible, writtenLine } from "../client/writing.mjs";
import { avatar, find, h } from "./dom.mjs";
import { isAbout, refusalWords } from "./refusals.mjs";
import { request } from "./rest.mjs";
import { t } from "./words.mjs";

export class SignIn {
  #root = find("#sign-in");
  #form = find("form", this.#root);
  #session;
  #tabs;
  #entered;
  #mode = "in"; // "in", "up" or "forgot"
  #isInvited = false;

  /** `entered({isNew})`: somebody has signed in; `isNew`, where they have just made their account. */
  constructor(session, tabs, entered) {
    this.#session = session;
    this.#tabs = tabs;
    this.#entered = entered;
    this.#form.addEventListener("submit", (event) => this.#submit(event));
    for (const mode of ["in", "up", "forgot"]) {
      find(`[data-mode="${mode}"]`, this.#root).addEventListener("click", () => {
        this.#mode = mode;
        this.#show();
        this.#focus();
      });
    }
  }

  /** `words`: why one is here, if there is a reason. `isInvited`: by a link to a lesson, so they come to learn. */
  enter({ email = "", words = "", isInvited = false } = {}) {
    this.#mode = "in";
    this.#isInvited = isInvited;
    this.#show(words);
    this.#form.password.value = "";
    if (email) this.#form.email.value = email;
    this.#focus();
    const others = find(".others", this.#root);
    others.replaceChildren();
    this.#tabs.whoElse((person) => others.append(this.#goOnAs(person)));
  }

  // Somebody who is signed in in another tab of this browser.
  #goOnAs(person) {
    const goOn = async () => {
      const tokens = await this.#tabs.tokensOf(person.id);
      if (!tokens) return button.remove(); // they have signed out there meanwhile
      this.#session.adopt(tokens);
      this.#entered({ isNew: false });
    };
    const words = t("sign-in.go-on-as", { name: isolated(person.name) });
    const button = h("button", { type: "button", class: "wide", onclick: goOn }, avatar(person), words);
    return button;
  }

  #focus() {
    const { name, email, password } = this.#form;
    [name, email, password].find((field) => field.checkVisibility() && !field.value)?.focus();
  }

  #show(words = "") {
    const mode = this.#mode;
    this.#root.dataset.mode = mode;
    find("h1", this.#root).textContent = t(`sign-in.title-${mode}`);
    const lead = this.#isInvited && mode !== "forgot" ? `invited-${mode}` : `lead-${mode}`;
    find(".lead", this.#root).textContent = t(`sign-in.${lead}`);
    find('[type="submit"]', this.#form).textContent = t(`sign-in.do-${mode}`);
    for (const element of this.#root.querySelectorAll("[data-only]")) {
      element.hidden = !element.dataset.only.split(" ").includes(mode) || (element.matches(".role-choice") && this.#isInvited);
      for (const input of element.querySelectorAll("input")) input.disabled = element.hidden; // or `required` would hold
    }
    this.#form.password.autocomplete = mode === "up" ? "new-password" : "current-password";
    this.#form.password.minLength = mode === "up" ? 8 : 0;
    find(".mailed", this.#root).hidden = true;
    this.#say(words, { isNews: true });
  }

  // What is wrong; or, as news, why one is here.
  #say(words, { isNews = false } = {}) {
    const problem = find(".problem", this.#root);
    problem.textContent = words;
    problem.hidden = !words;
    problem.classList.toggle("news", isNews);
  }

  async #submit(event) {
    event.preventDefault();
    const values = Object.fromEntries(new FormData(this.#form));
    const submit = find('[type="submit"]', this.#form);
    submit.disabled = true;
    this.#say("");
    try {
      await this.#do(values);
    } catch (error) {
      this.#say(this.#whyNot(error));
    } finally {
      submit.disabled = false;
    }
  }

  async #do({ name, email, password, role = "student" }) {
    const mode = this.#mode;
    if (mode === "forgot") {
      await request("POST", "/api/auth/password/forgot", { body: { email }, as: "text" });
      find(".mailed", this.#root).hidden = false; // the same whoever's address it is
      return;
    }
    if (mode === "up") {
      if (!isVisible(writtenLine(name))) return this.#say(t("sign-in.name-wrong"));
      await this.#session.register({ name: writtenLine(name), email, password, role });
    } else {
      await this.#session.logIn({ email, password });
    }
    this.#form.password.value = "";
    this.#entered({ isNew: mode === "up" });
  }

  #whyNot(error) {
    const wrong = ["password", "name", "email"].find((argument) => isAbout(error, argument));
    const own = {
      unauthenticated: t("sign-in.wrong"), // here it is about the password
      "account.email_taken": t("sign-in.taken"),
      forbidden: t("sign-in.not-yourself"),
      ...(wrong && {
        invalid: { password: t("sign-in.weak"), name: t("sign-in.name-wrong"), email: t("sign-in.email-wrong") }[wrong],
      }),
    };
    return refusalWords(error, own);
  }
}
