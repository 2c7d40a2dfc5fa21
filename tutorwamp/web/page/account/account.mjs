// One's own account: name, address, password, what one is told of and how, the language, and leaving everywhere.

import { straight, writtenLine } from "../../client/writing.mjs";
import { find, h } from "../dom.mjs";
import { announce } from "../notices.mjs";
import { isAbout, refusalWords } from "../refusals.mjs";
import { chooseLanguage, language, languages, t } from "../words.mjs";
import { passwordField } from "./fields.mjs";
import { preferencesTable } from "./preferences.mjs";
import { Push } from "./push.mjs";

const NAME_AT_MOST = 100;

export class AccountView {
  #root = find("#account-page");
  #session;
  #client;
  #hooks;
  #ask;
  #left = false;

  /** `hooks`: `renamed()`, `signOutEverywhere(done)`, and `withNewLogin(work)`, which does what ends all sessions, and comes back. */
  constructor(session, client, hooks) {
    this.#session = session;
    this.#client = client;
    this.#hooks = hooks;
    this.#ask = client.request;
  }

  /** Once: what was typed stays where the connection comes and goes. */
  enter() {
    if (!find("form", this.#root)) this.#build();
    this.#showTelling();
    this.#showAddress();
  }

  /** Another session: what can be said now may not have been before. */
  arrived() {
    this.enter();
  }

  leave() {
    this.#left = true;
    find(".parts", this.#root).replaceChildren();
  }

  #build() {
    const address = h("div", { class: "own-address" });
    find(".parts", this.#root).replaceChildren(
      part("account.name", this.#nameForm()),
      part("account.email", h("p", { dir: "ltr" }, h("strong", {}, this.#session.user.email)), address),
      part("account.password", this.#passwordForm()),
      part("account.telling", h("div", { class: "device" }), h("div", { class: "table" })),
      part("account.language", this.#languageField()),
      part(
        "account.leaving",
        h("p", { class: "muted" }, t("account.everywhere-lead")),
        h("button", { type: "button", class: "danger", onclick: () => this.#signOutEverywhere() }, t("account.everywhere")),
        h("p", { class: "problem", role: "alert", hidden: true }),
      ),
    );
  }

  #nameForm() {
    const input = h("input", {
      id: "own-name",
      name: "name",
      dir: "auto",
      autocomplete: "name",
      maxlength: String(NAME_AT_MOST),
      required: true,
      value: straight(this.#session.user.name),
    });
    return form(
      "account.save-name",
      [field(input, t("account.shown-name"))],
      async () => {
        await this.#ask("PATCH", "/api/auth/me", { body: { name: writtenLine(input.value) } });
        await this.#session.accessToken({ renew: true }); // its answer has the new name
        this.#hooks.renamed();
        return t("account.name-kept");
      },
      (error) => refusalWords(error, { invalid: t("account.name-wrong") }),
    );
  }

  #passwordForm() {
    const fields = [
      // Password managers want to know whose it is.
      h("input", { type: "email", autocomplete: "username", value: this.#session.user.email, hidden: true, readonly: true }),
      passwordField({ name: "current_password", label: t("account.current-password"), isNew: false }),
      passwordField({ name: "password", label: t("account.new-password"), isNew: true }),
      h("p", { class: "hint" }, t("account.password-ends")),
    ];
    return form(
      "account.save-password",
      fields,
      async (values, element) => {
        await this.#hooks.withNewLogin(async () => {
          this.#session.adopt(await this.#ask("POST", "/api/auth/password", { body: values }));
        });
        element.reset();
        return t("account.password-kept");
      },
      (error) =>
        refusalWords(error, { invalid: t(isAbout(error, "current_password") ? "account.password-wrong" : "sign-in.weak") }),
    );
  }

  #languageField() {
    const options = languages.map(([code, name]) => h("option", { value: code, selected: code === language, lang: code }, name));
    const select = h(
      "select",
      {
        id: "own-language",
        onchange: () => {
          chooseLanguage(select.value);
          location.reload();
        },
      },
      options,
    );
    return field(select, t("account.language-of-page"));
  }

  async #showAddress() {
    const shown = find(".own-address", this.#root);
    try {
      const { email_confirmed: isConfirmed } = await this.#ask("GET", "/api/auth/me");
      if (this.#left) return;
      const send = h("button", { type: "button", onclick: () => this.#sendConfirmation(send) }, t("account.confirm-again"));
      shown.replaceChildren(
        h("p", { class: "muted" }, t(isConfirmed ? "account.confirmed" : "account.not-confirmed")),
        ...(isConfirmed ? [] : [send]),
      );
    } catch (error) {
      shown.replaceChildren(h("p", { class: "muted" }, refusalWords(error)));
    }
  }

  async #sendConfirmation(button) {
    button.disabled = true;
    try {
      await this.#ask("POST", "/api/auth/email/confirmation", { as: "text" });
      button.replaceWith(h("p", { role: "status" }, t("account.confirmation-sent")));
    } catch (error) {
      button.disabled = false;
      button.after(h("p", { class: "problem", role: "alert" }, refusalWords(error)));
    }
  }

  async #showTelling() {
    const call = (procedure, kwargs) => this.#client.call(procedure, kwargs);
    const table = find(".table", this.#root);
    try {
      const { preferences } = await call("tutorwamp.notification.preferences", {});
      if (this.#left || table.contains(document.activeElement)) return; // not taken from under somebody's hands
      table.replaceChildren(preferencesTable(preferences, call));
    } catch (error) {
      if (!this.#left && !table.firstChild)
        table.replaceChildren(h("p", { class: "muted" }, refusalWords(error, { not_found: "" })));
    }
    await this.#showDevice();
  }

  async #showDevice(done = null) {
    if (this.#left) return;
    const push = new Push({ ask: this.#ask, user: this.#session.user.id });
    const shown = find(".device", this.#root);
    let state;
    try {
      state = await (done ? push[done]() : push.state());
    } catch (error) {
      state = null;
      if (done) announce(refusalWords(error));
    }
    if (this.#left) return;
    const deed = { on: "turnOff", off: "turnOn" }[state];
    const button = deed && h("button", { type: "button", onclick: () => this.#showDevice(deed) }, t(`account.push-${deed}`));
    const had = shown.contains(document.activeElement);
    shown.replaceChildren(...[h("p", { role: "status" }, t(`account.push.${state ?? "unknown"}`)), button].filter(Boolean));
    if (had) button?.focus();
  }

  async #signOutEverywhere() {
    if (!confirm(t("account.everywhere-sure"))) return;
    const problem = find(".parts > section:last-child .problem", this.#root);
    problem.hidden = true;
    try {
      await this.#hooks.signOutEverywhere(() => this.#ask("POST", "/api/auth/logout-everywhere", { as: "text" }));
    } catch (error) {
      problem.textContent = refusalWords(error);
      problem.hidden = false;
    }
  }
}

/** A part of the page under its heading. */
function part(key, ...children) {
  return h("section", { class: "card", "aria-labelledby": key }, h("h2", { id: key }, t(key)), ...children);
}

function field(input, label) {
  return h("div", { class: "field" }, h("label", { for: input.id }, label), input);
}

/** `save(values, form)` gives what is told when it worked; `wrong(error)` what is told when it did not. */
function form(submitKey, fields, save, wrong) {
  const submit = h("button", { type: "submit", class: "primary" }, t(submitKey));
  const problem = h("p", { class: "problem", role: "alert", hidden: true });
  const done = h("p", { class: "muted", role: "status" });
  const onsubmit = async (event) => {
    event.preventDefault();
    submit.disabled = true;
    problem.hidden = true;
    done.textContent = "";
    try {
      done.textContent = await save(Object.fromEntries(new FormData(event.target)), event.target);
    } catch (error) {
      problem.textContent = wrong(error);
      problem.hidden = false;
    } finally {
      submit.disabled = false;
    }
  };
  return h("form", { onsubmit }, fields, problem, submit, done);
}
