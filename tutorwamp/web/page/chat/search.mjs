// Searching what was said in a lesson: the field at the top, and the list of what was found.

import { inPlainWords } from "../error-words.mjs";
import { isForInputMethod, isolated, isVisible, writtenLine } from "../../client/writing.mjs";
import { clockTime, shortDay } from "../dates.mjs";
import { aside, find, h } from "../dom.mjs";
import { notify } from "../notices.mjs";
import { roleBadge } from "../people/role.mjs";
import { t } from "../words.mjs";

const AT_MOST = 20; // as the chat asks for
const PAUSE_MS = 300; // of a person who types

/** `ask(query)` promises messages; `reveal(seq)` shows one of them in its place. */
export function setUpSearch(root, { ask, reveal, signal }) {
  const input = find("#query", root);
  const found = find(".found", root);
  let timer;

  const close = () => {
    found.hidden = true;
    input.value = "";
  };
  const search = async () => {
    const query = writtenLine(input.value);
    if (!isVisible(query)) return (found.hidden = true);
    try {
      const items = await ask(query);
      if (writtenLine(input.value) !== query || signal.aborted) return; // typed on in the meantime
      show(query, items);
    } catch (error) {
      notify(inPlainWords(error));
    }
  };
  const show = (query, items) => {
    const words = wordsFor(query, items.length);
    found.replaceChildren(
      h("p", { class: "muted", role: "status" }, words),
      h("ul", {}, items.map((message) => h("li", {}, row(message)))),
      h("button", { type: "button", class: "small", onclick: close }, t("search.close")),
    );
    found.hidden = false;
  };
  const row = ({ seq, author, created_at, body, files = [] }) => {
    const go = () => {
      close();
      reveal(seq).catch((error) => notify(inPlainWords(error)));
    };
    const when = `${shortDay(created_at)}, ${clockTime(created_at)}`;
    return h("button", { type: "button", onclick: go }, h("span", { class: "whose" }, h("strong", {}, aside(author.name)), " ", roleBadge(author)), h("time", {}, when), h("span", {}, aside(body || files.map(({ name }) => name).join(", "))));
  };

  close();
  input.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(search, PAUSE_MS);
  }, { signal });
  find(".search", root).addEventListener("submit", (event) => {
    event.preventDefault();
    search();
  }, { signal });
  input.addEventListener("keydown", (event) => event.key === "Escape" && !isForInputMethod(event) && close(), { signal });
}

function wordsFor(query, count) {
  if (count === 0) return t("search.nothing", { query: isolated(query) });
  return count === AT_MOST ? t("search.newest", { count }) : t("search.found", { count });
}
