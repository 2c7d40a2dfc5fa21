// Words to the person that pass by: notices at the edge of the page, what a screen reader is told, "Copied".

import { find, h } from "./dom.mjs";

/** A short message at the edge of the page; it goes by itself, or when it is closed. */
export function notify(words, { kind = "problem" } = {}) {
  const close = () => note.remove();
  const note = h(
    "div",
    { class: `notice ${kind}` },
    h("p", {}, words),
    h("button", { type: "button", class: "icon", "aria-label": "Dismiss", onclick: close }, "✕"),
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
    button.textContent = "Copied";
  } catch {
    button.textContent = "Select it and copy"; // no clipboard outside https and localhost
  }
  announce(button.textContent);
  setTimeout(() => (button.textContent = "Copy"), 2_000);
}
