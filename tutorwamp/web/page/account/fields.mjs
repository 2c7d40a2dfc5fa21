// Fields that more than one form about an account has.

import { h } from "../dom.mjs";
import { t } from "../words.mjs";

export const PASSWORD_AT_LEAST = 8; // A4
const PASSWORD_AT_MOST = 128;

let count = 0;

/** A password, new or known, with what is asked of it and a way to see it. */
export function passwordField({ name, label, isNew }) {
  const id = `password-${count++}`;
  const input = h("input", {
    id,
    name,
    type: "password",
    autocomplete: isNew ? "new-password" : "current-password",
    minlength: isNew && String(PASSWORD_AT_LEAST),
    maxlength: String(PASSWORD_AT_MOST),
    required: true,
    dir: "ltr",
    "aria-describedby": isNew && `${id}-hint`,
  });
  const show = h(
    "button",
    {
      type: "button",
      class: "small",
      "aria-pressed": "false",
      onclick: () => {
        const shown = input.type === "password";
        input.type = shown ? "text" : "password";
        show.setAttribute("aria-pressed", String(shown));
      },
    },
    t("sign-in.show-password"),
  );
  return h(
    "div",
    { class: "field" },
    h("label", { for: id }, label),
    h("div", { class: "with-button" }, input, show),
    isNew && h("p", { id: `${id}-hint`, class: "hint" }, t("sign-in.password-hint", { count: PASSWORD_AT_LEAST })),
  );
}
