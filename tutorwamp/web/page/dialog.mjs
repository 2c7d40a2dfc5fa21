// A dialog that is made when it is opened and gone when it is closed; the focus goes back to where it was.

import { h } from "./dom.mjs";
import { t } from "./words.mjs";

/**
 * Open one. `parts`: what is in it below its title. `mayClose()`: asked before it is closed by Escape or its cross. Its element;
 * `close()` closes it, whatever is in it.
 */
export function dialog(name, title, parts, { mayClose = () => true } = {}) {
  const close = () => mayClose() && element.close();
  const element = h(
    "dialog",
    {
      id: `${name}-dialog`,
      class: "card",
      "aria-labelledby": `${name}-dialog-title`,
      oncancel: (event) => {
        if (event.target !== element) return;
        event.preventDefault();
        close();
      },
      onclose: ({ target }) => target === element && element.remove(),
    },
    h(
      "div",
      { class: "dialog-head" },
      h("h2", { id: `${name}-dialog-title`, tabindex: "-1" }, title),
      h("button", { type: "button", class: "icon", "aria-label": t("dialog.close"), onclick: close }, "✕"),
    ),
    parts,
  );
  document.getElementById(element.id)?.close(); // twice is once
  document.body.append(element);
  element.showModal();
  return element;
}

/** The person goes, or somebody else comes: nothing of theirs stays open. */
export function closeDialogs() {
  for (const element of document.querySelectorAll("dialog[open]")) element.close();
}
