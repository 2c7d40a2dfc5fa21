// The board as a file to keep: a page of it, or all, as one file.

import { straight } from "../../client/writing.mjs";
import { find, h } from "../dom.mjs";
import { inPlainWords } from "../error-words.mjs";
import { notify } from "../notices.mjs";
import { t } from "../words.mjs";
import { zipped } from "./zip.mjs";

const WHOLE = new Set(["pdf"]); // formats that have all pages in one file
const KEPT_MS = 60_000; // a file in memory, until the browser has surely begun to save it
const NOT_IN_NAMES = /[/\\?%*:|"<>\u0000-\u001f]/g; // of files, on some system or other

export class Saving {
  #root;
  #files;
  #board;
  #pages;
  #lesson;

  constructor(root, { files, lesson, pages, signal }) {
    this.#root = root;
    this.#files = files;
    this.#board = lesson.board;
    this.#pages = pages;
    this.#lesson = lesson;
    const menu = find(".save", root);
    for (const button of menu.querySelectorAll("button")) {
      button.addEventListener(
        "click",
        () => {
          menu.open = false;
          find("summary", menu).focus();
          this.#save(button.value, button.dataset.pages);
        },
        { signal },
      );
    }
    document.addEventListener("click", ({ target }) => menu.contains(target) || (menu.open = false), { signal });
    menu.addEventListener(
      "keydown",
      ({ key }) => {
        if (key !== "Escape") return;
        menu.open = false;
        find("summary", menu).focus();
      },
      { signal },
    );
  }

  async #save(format, which) {
    const title = straight(this.#lesson.value?.title ?? t("board.board"));
    try {
      if (WHOLE.has(format)) keep(await this.#files.save(format), `${title}.${format}`);
      else if (which === "all") await this.#saveAll(format, title);
      else keep(await this.#files.save(format, this.#pages.current), `${this.#nameOf(title, this.#pages.number)}.${format}`);
    } catch (error) {
      notify(inPlainWords(error));
    }
  }

  #nameOf(title, number) {
    return t("board.file-of-page", { title, number });
  }

  // One after the other: the server does one such job of a person at a time.
  async #saveAll(format, title) {
    const { pages } = this.#board;
    const [note, saved] = [find(".saving", this.#root), []];
    try {
      for (const [place, page] of pages.entries()) {
        note.hidden = false;
        note.textContent = t("board.saving", { number: place + 1, count: pages.length });
        const blob = await this.#files.save(format, page);
        const name = `${this.#nameOf(title, place + 1)}.${format}`.replace(NOT_IN_NAMES, "_");
        saved.push({ name, bytes: new Uint8Array(await blob.arrayBuffer()) });
      }
    } finally {
      note.hidden = true;
    }
    keep(zipped(saved), `${title}.zip`);
  }
}

function keep(blob, name) {
  const url = URL.createObjectURL(blob);
  h("a", { href: url, download: name.replace(NOT_IN_NAMES, "_") }).click();
  setTimeout(() => URL.revokeObjectURL(url), KEPT_MS);
}
