// The page's own words in the reader's language. A new language is one file in `words/` and one line in LANGUAGES.

import english from "./words/en.mjs";

const LANGUAGES = {
  en: async () => english,
  de: async () => (await import("./words/de.mjs")).default,
  ar: async () => (await import("./words/ar.mjs")).default,
};
const FROM_THE_RIGHT = new Set(["ar", "fa", "he", "ur"]);
const STORED_AS = "tutorwamp.language";
const GAP_OR_NUMBER = /\{(\w+)\}|\b\d+\b/g;

let words = english;
let plural = new Intl.PluralRules("en");
let number = new Intl.NumberFormat("en");
/** The language in use. */
export let language = "en";
/** The same for Intl: with the country that the browser names, so that days and times look as they do elsewhere on this device. */
export let locale = "en";

/** The languages there are: `[code, own name]`. */
export const languages = Object.keys(LANGUAGES).map((code) => [code, new Intl.DisplayNames(code, { type: "language" }).of(code)]);

/** Learn the chosen language, or the first of the browser's that is known, and say so in the document. Before anything is shown. */
export async function learnWords() {
  const spoken = globalThis.navigator?.languages ?? [];
  const wanted = [kept(), ...spoken].filter(Boolean).map(languageOf);
  await speak(wanted.find((code) => code in LANGUAGES) ?? "en", spoken);
  if (!globalThis.document) return;
  document.documentElement.lang = language;
  document.documentElement.dir = directionOf(language);
}

/** Use this language from now on; `spoken`: locales of the browser. */
export async function speak(code, spoken = []) {
  try {
    words = await LANGUAGES[code]();
  } catch {
    [words, code] = [english, "en"]; // it does not come just now; a page without words would be worse
  }
  language = code;
  locale = spoken.find((one) => languageOf(one) === code) ?? code;
  plural = new Intl.PluralRules(locale);
  number = new Intl.NumberFormat(locale);
}

/** Remember another choice; it holds from the next load on. */
export function chooseLanguage(code) {
  try {
    localStorage.setItem(STORED_AS, code);
  } catch {
    // Private windows may keep nothing: the browser's language holds then.
  }
}

/** Which side lines of this language begin on. */
export function directionOf(code) {
  return FROM_THE_RIGHT.has(code) ? "rtl" : "ltr";
}

const languageOf = (one) => one.split("-")[0].toLowerCase();

function kept() {
  try {
    return localStorage.getItem(STORED_AS);
  } catch {
    return null;
  }
}

/**
 * A sentence by its key. `{name}` stands for `values.name`. A sentence with forms (`{one, other, ...}`, as Intl.PluralRules
 * names them) takes that of `values.count`. What a language lacks is said in English. Every number has the reader's digits.
 */
export function t(key, values = {}) {
  let sentence = words[key] ?? english[key] ?? key;
  if (typeof sentence === "object") sentence = sentence[plural.select(values.count)] ?? sentence.other;
  return sentence.replace(GAP_OR_NUMBER, (found, name) => said(name ? (values[name] ?? "") : Number(found)));
}

// Among words from the right, what is put in keeps its own direction: a name, or two of them with a comma.
function said(value) {
  if (typeof value === "number") return number.format(value);
  return FROM_THE_RIGHT.has(language) && value !== "" ? `\u2068${value}\u2069` : String(value);
}

/** A number that stands alone, in the reader's digits. */
export const numeral = (value) => number.format(value);

/** All sentences whose keys begin so, as they are in the catalogue: for the service worker, which has none of its own. */
export function sentences(prefix) {
  return Object.fromEntries(Object.entries({ ...english, ...words }).filter(([key]) => key.startsWith(prefix)));
}

/** Whether there is such a sentence. */
export function knows(key) {
  return Object.hasOwn(words, key) || Object.hasOwn(english, key);
}

/** Several names in one sentence: "Ann, Ben and Cem". */
export const listed = (names) => new Intl.ListFormat(locale).format(names);

/**
 * Put the words into the page's own markup: `data-t="key"` is the text of an element, `data-t-placeholder`, `data-t-title` and
 * `data-t-aria-label` are attributes.
 */
export function sayIn(root) {
  for (const element of root.querySelectorAll("[data-t]")) element.textContent = t(element.dataset.t);
  for (const attribute of ["placeholder", "title", "aria-label"]) {
    for (const element of root.querySelectorAll(`[data-t-${attribute}]`)) {
      element.setAttribute(attribute, t(element.getAttribute(`data-t-${attribute}`)));
    }
  }
}
