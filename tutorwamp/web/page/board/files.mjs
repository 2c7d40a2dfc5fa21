// Files on the board: pictures are put on the page one looks at, and the board is saved as a file.

import { SHEET } from "../../client/board/camera.mjs";
import { newId } from "../../client/ids.mjs";
import { find, h } from "../dom.mjs";
import { inPlainWords } from "../error-words.mjs";
import { notify } from "../notices.mjs";
import { t } from "../words.mjs";

const PICTURES = "image/png,image/jpeg,image/gif,image/webp";
const KEPT_MS = 60_000; // a file in memory, until the browser has surely begun to save it

export class Files {
  #root;
  #files;
  #board;
  #pages;
  #lesson = null;

  constructor(root, { files, board, pages, signal }) {
    this.#root = root;
    this.#files = files;
    this.#board = board;
    this.#pages = pages;
    const input = find('input[type="file"]', root);
    input.accept = PICTURES;
    find('[data-do="insert"]', root).addEventListener("click", () => input.click(), { signal });
    input.addEventListener(
      "change",
      () => {
        const [file] = input.files;
        input.value = ""; // so that the same one can be chosen again
        if (file) this.insert(file);
      },
      { signal },
    );
    this.#setUpSaving(signal);
  }

  showLesson(lesson) {
    this.#lesson = lesson;
  }

  close() {
    this.#files.close();
  }

  async insert(file) {
    const page = this.#pages.current;
    try {
      const { id, width, height } = await this.#files.upload(file);
      const scale = Math.min(1, SHEET.width / 2 / width, SHEET.height / 2 / height);
      const size = { width: Math.round(width * scale), height: Math.round(height * scale) };
      const place = { x: Math.round((SHEET.width - size.width) / 2), y: Math.round((SHEET.height - size.height) / 2) };
      this.#board.put({ id: newId(), page, kind: "image", color: "#000000", ...place, ...size, asset_id: id }, {});
    } catch (error) {
      notify(inPlainWords(error));
    }
  }

  #setUpSaving(signal) {
    const save = find(".save", this.#root);
    for (const button of save.querySelectorAll("button")) {
      button.addEventListener(
        "click",
        () => {
          save.open = false;
          this.#save(button.value);
        },
        { signal },
      );
    }
    document.addEventListener("click", ({ target }) => save.contains(target) || (save.open = false), { signal });
    save.addEventListener(
      "keydown",
      ({ key }) => {
        if (key !== "Escape") return;
        save.open = false;
        find("summary", save).focus();
      },
      { signal },
    );
  }

  // A picture of the page one looks at; as PDF the whole board.
  async #save(format) {
    const isWhole = format === "pdf";
    try {
      const blob = await this.#files.save(format, isWhole ? undefined : this.#pages.current);
      const title = this.#lesson?.title ?? t("board.board");
      const name = isWhole ? title : t("board.file-of-page", { title, number: this.#pages.number });
      const url = URL.createObjectURL(blob);
      h("a", { href: url, download: `${name}.${format}` }).click();
      setTimeout(() => URL.revokeObjectURL(url), KEPT_MS);
    } catch (error) {
      notify(inPlainWords(error));
    }
  }
}
