// Words to the person that pass by: notices at the edge of the page, what a screen reader is told, "Copied".

import { find, h } from "./dom.mjs";
import { t } from "./words.mjs";

/** A short message at the edge of the page; it goes by itself, or when it is closed. */
export function notify(words, { kind = "problem" } = {}) {
  const close = () => note.remove();
  const note = h(
    "div",
    { class: `notice ${kind}` },
    h("p", {}, words),
    h("button", { type: "button", class: "icon", "aria-label": t("notice.dismiss"), onclick: close }, "✕"),
  );
  const shown = [...find("#notices").children];
  if (shown.at(-1)?.firstChild.textContent === words) shown.at(-1).remove(); // said again, not said twice
  find("#notices").append(note);
  setTimeout(close, 4_000 + words.length * 80); // slow readers need about 80 ms a letter
}

/** Tell a screen reader, without showing anything. */
export function announce(words) {
  find("#announcer").textContent = words;
}

export async function copy(text, button) {
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = t("notice.copied");
  } catch {
    button.textContent = t("notice.copy-yourself"); // no clipboard outside https and localhost
  }
  announce(button.textContent);
  setTimeout(() => (button.textContent = t("notice.copy")), 2_000);
}
