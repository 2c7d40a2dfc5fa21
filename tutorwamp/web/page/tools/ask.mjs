// A question that has to be answered before something happens that cannot be taken back, or needs words.

import { h } from "../dom.mjs";
import { t } from "../words.mjs";

/** Ask; promises whether the person said yes. `yes`: what the button says, which is what will happen. */
export function sure({ title, words, yes }) {
  return open({ title, body: [h("p", {}, words)], yes, danger: true, valueOf: () => true }).then((answer) => answer === true);
}

/** Ask for words; promises them, or null. */
export function askForWords({ title, words, label, yes, maxLength }) {
  const field = h("textarea", { dir: "auto", rows: "4", maxlength: String(maxLength), required: true, "aria-label": label });
  return open({ title, body: [h("p", {}, words), field], yes, valueOf: () => field.value });
}

function open({ title, body, yes, danger = false, valueOf }) {
  return new Promise((resolve) => {
    let answer = null;
    const accept = (event) => {
      event.preventDefault();
      answer = valueOf();
      dialog.close();
    };
    const dialog = h(
      "dialog",
      { class: "card asking", "aria-label": title },
      h(
        "form",
        { method: "dialog", onsubmit: accept },
        h("h2", {}, title),
        body,
        h(
          "div",
          { class: "buttons" },
          h("button", { type: "button", onclick: () => dialog.close() }, t("ask.cancel")),
          h("button", { type: "submit", class: danger ? "danger" : "primary" }, yes),
        ),
      ),
    );
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(answer); // null by Escape as well
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}
