// The door: sign in, or make an account.

import { writtenLine } from "../client/writing.mjs";
import { find } from "./dom.mjs";
import { inPlainWords } from "./error-words.mjs";
import { t } from "./words.mjs";

export class SignIn {
  #root = find("#sign-in");
  #form = find("form", this.#root);
  #session;
  #entered;
  #registering = false;

  constructor(session, entered) {
    this.#session = session;
    this.#entered = entered;
    this.#form.addEventListener("submit", (event) => this.#submit(event));
    find('[data-do="switch"]', this.#root).addEventListener("click", () => {
      this.#registering = !this.#registering;
      this.#show();
    });
  }

  enter({ email = "", words = "" } = {}) {
    this.#registering = false;
    this.#show(words);
    this.#form.password.value = "";
    if (email) this.#form.email.value = email;
    (this.#form.email.value ? this.#form.password : this.#form.email).focus();
  }

  #show(words = "") {
    const registering = this.#registering;
    find("h1", this.#root).textContent = registering ? "Create an account" : "Welcome back";
    find(".lead", this.#root).textContent = registering ? "It takes less than a minute." : "Sign in to reach your lessons.";
    find('[type="submit"]', this.#form).textContent = registering ? "Create account" : "Sign in";
    find(".other span", this.#root).textContent = registering ? "Been here before?" : "New here?";
    find('[data-do="switch"]', this.#root).textContent = registering ? "Sign in" : "Create an account";
    for (const element of this.#root.querySelectorAll('[data-only="register"]')) {
      element.hidden = !registering;
      for (const input of element.querySelectorAll("input")) input.disabled = !registering; // or `required` would hold
    }
    this.#form.password.autocomplete = registering ? "new-password" : "current-password";
    this.#form.password.minLength = registering ? 8 : 0;
    this.#say(words);
  }

  #say(words) {
    const problem = find(".problem", this.#root);
    problem.textContent = words;
    problem.hidden = !words;
  }

  async #submit(event) {
    event.preventDefault();
    const { name, email, password, role } = Object.fromEntries(new FormData(this.#form));
    const submit = find('[type="submit"]', this.#form);
    submit.disabled = true;
    this.#say("");
    try {
      if (this.#registering) await this.#session.register({ name: writtenLine(name), email, password, role });
      else await this.#session.logIn({ email, password });
      this.#form.password.value = "";
      this.#entered();
    } catch (error) {
      this.#say(error.action === "reauth" ? t("error.sign-in") : inPlainWords(error)); // here it is about the password
    } finally {
      submit.disabled = false;
    }
  }
}
