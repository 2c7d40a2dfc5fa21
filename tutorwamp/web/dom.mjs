// Making elements. Text from other people only ever becomes a text node: there is no way to markup from here.

import { straight } from "./writing.mjs";

export const find = (selector, within = document) => within.querySelector(selector);

/** `h("button", {type: "button", class: "quiet", onclick: act}, "Edit")`. Null and false children are left out. */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== false && child !== undefined));
  return element;
}

/** What somebody has written, among other words: whatever its direction, they keep theirs. */
export const aside = (text) => h("bdi", {}, straight(text));

export function avatar({ id, name }) {
  const letters = straight(name).split(/\s+/).filter(Boolean).map((word) => [...word][0]);
  const initials = [letters[0], letters.length > 1 ? letters.at(-1) : ""].join("").toUpperCase();
  return h("span", { class: `avatar tint-${tintOf(id)}`, "aria-hidden": "true" }, initials);
}

/** One of eight colours of classroom.css, always the same for the same person. */
export function tintOf(id) {
  let sum = 0;
  for (const character of id) sum = (sum * 31 + character.charCodeAt(0)) % 8;
  return sum;
}

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

const clockFormat = new Intl.DateTimeFormat(undefined, { timeStyle: "short" });
const dayFormat = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });
const shortDayFormat = new Intl.DateTimeFormat(undefined, { weekday: "short", day: "numeric", month: "short" });

export const clockTime = (instant) => clockFormat.format(new Date(instant));
export const shortDay = (instant) => nearDay(instant) ?? shortDayFormat.format(new Date(instant));
export const longDay = (instant) => nearDay(instant) ?? dayFormat.format(new Date(instant));

function nearDay(instant) {
  const midnight = (date) => new Date(date).setHours(0, 0, 0, 0);
  const days = Math.round((midnight(instant) - midnight(Date.now())) / 86_400_000);
  return { "-1": "Yesterday", 0: "Today", 1: "Tomorrow" }[days];
}
