// The page's own words in the reader's language. A new language is one file in `words/` and one line in LANGUAGES.

import english from "./words/en.mjs";

const LANGUAGES = {
  en: { name: "English", load: async () => english },
};
const STORED_AS = "tutorwamp.language";

let words = english;
let plural = new Intl.PluralRules("en");
let number = new Intl.NumberFormat("en");
/** The language in use, for Intl. */
export let language = "en";

/** The languages there are: `[code, own name]`. */
export const languages = Object.entries(LANGUAGES).map(([code, { name }]) => [code, name]);

/** Learn the chosen language, or the first of the browser's that is known. Before anything is shown. */
export async function learnWords() {
  const wanted = [kept(), ...(globalThis.navigator?.languages ?? [])].filter(Boolean).map((one) => one.split("-")[0]);
  language = wanted.find((code) => code in LANGUAGES) ?? "en";
  words = await LANGUAGES[language].load();
  plural = new Intl.PluralRules(language);
  number = new Intl.NumberFormat(language);
}

/** Remember another choice; it holds from the next load on. */
export function chooseLanguage(code) {
  try {
    localStorage.setItem(STORED_AS, code);
  } catch {
    // Private windows may keep nothing: the browser's language holds then.
  }
}

function kept() {
  try {
    return localStorage.getItem(STORED_AS);
  } catch {
    return null;
  }
}

/**
 * A sentence by its key. `{name}` stands for `values.name`. A sentence with forms (`{one, other, ...}`, as Intl.PluralRules
 * names them) takes that of `values.count`. What a language lacks is said in English.
 */
export function t(key, values = {}) {
  let sentence = words[key] ?? english[key] ?? key;
  if (typeof sentence === "object") sentence = sentence[plural.select(values.count)] ?? sentence.other;
  return sentence.replace(/\{(\w+)\}/g, (_, name) => (typeof values[name] === "number" ? number.format(values[name]) : (values[name] ?? "")));
}

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
