// Making elements. Text from other people only ever becomes a text node: there is no way to markup from here.

import { straight } from "../client/writing.mjs";

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

/** Set properties that are not so yet: whoever watches an element hears of every setting, also of none that changes it. */
export function change(element, properties) {
  for (const [name, value] of Object.entries(properties)) if (element[name] !== value) element[name] = value;
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
