// Copying, cutting and pasting on the board: its elements (also to other pages and lessons), pictures and words.

import { isScene, packed, unpacked } from "../../client/board/carrying.mjs";
import { SHEET } from "../../client/board/camera.mjs";
import { boxOfAll, keptOn } from "../../client/board/hits.mjs";
import { wrapped } from "../../client/board/wrapping.mjs";
import { isVisible, written } from "../../client/writing.mjs";
import { find } from "../dom.mjs";
import { announce, notify } from "../notices.mjs";
import { t } from "../words.mjs";
import { isWriting } from "./keyboard.mjs";

const TEXT_AT_MOST = 4_000; // characters of one text on the board
const LINE = 800; // board units of a line of pasted text: half of the sheet

export class Clipboard {
  #root;
  #parts; // {lesson, drawing, pages, view, files}

  constructor(root, { signal, ...parts }) {
    this.#root = root;
    this.#parts = parts;
    const on = (type, act) => document.addEventListener(type, (event) => this.#isHere() && act(event), { signal });
    on("copy", (event) => this.#copy(event));
    on("cut", (event) => this.#copy(event) && this.#parts.drawing.mayDraw && this.#parts.drawing.selectionTools.delete());
    on("paste", (event) => this.#paste(event));
    find('[data-do="copy-elements"]', root).addEventListener("click", () => this.#copyByButton(), { signal });
  }

  // On the board, or nowhere in particular while it is shown.
  #isHere() {
    const focused = document.activeElement;
    if (isWriting(focused) || document.querySelector("dialog[open]") || !this.#root.checkVisibility()) return false;
    return this.#root.contains(focused) || focused === document.body || focused === null;
  }

  get #packed() {
    const { elements } = this.#parts.drawing.selection;
    return elements.length > 0 ? packed(elements, this.#parts.lesson.id) : null;
  }

  #copy(event) {
    const text = this.#packed;
    if (text === null || !getSelection().isCollapsed) return false;
    event.preventDefault();
    event.clipboardData.setData("text/plain", text);
    announce(t("board.copied", { count: this.#parts.drawing.selection.count }));
    return true;
  }

  async #copyByButton() {
    const text = this.#packed;
    if (text === null) return;
    try {
      await navigator.clipboard.writeText(text);
      notify(t("board.copied", { count: this.#parts.drawing.selection.count }), { kind: "hint" });
    } catch {
      notify(t("board.copy-by-keys")); // no clipboard outside https and localhost
    }
  }

  #paste(event) {
    const { drawing, files } = this.#parts;
    const [texts, given] = [event.clipboardData.getData("text/plain"), [...event.clipboardData.files]];
    if (!drawing.mayDraw) return;
    event.preventDefault();
    if (given.length > 0) for (const file of given) files.insert(file);
    else this.#pasteText(texts);
  }

  #pasteText(text) {
    const ours = unpacked(text);
    if (ours) return this.#pasteElements(ours);
    if (isScene(text)) return this.#parts.files.insert(new File([text], "clipboard.excalidraw", { type: "application/json" }));
    const words = written(text).trim();
    if (!isVisible(words)) return announce(t("board.nothing-to-paste"));
    const { tools } = this.#parts.drawing;
    const { color, size } = tools.looksOfText;
    const lines = wrapped(words.slice(0, TEXT_AT_MOST), LINE, (line) => this.#parts.view.measure(line, size));
    this.#place([{ kind: "text", x: 0, y: 0, color, size, text: lines }]);
  }

  async #pasteElements({ lesson, elements }) {
    const { lesson: here, pages, files } = this.#parts;
    const page = pages.current;
    const looks = lesson === here.id ? elements : await files.bring(elements, lesson);
    if (looks.length < elements.length) notify(t("board.pictures-left-out", { count: elements.length - looks.length }));
    if (looks.length > 0 && page === pages.current) this.#place(looks);
  }

  // In the middle of what one sees, and on the sheet.
  #place(looks) {
    const { view, pages, drawing } = this.#parts;
    const seen = view.camera.view;
    const box = boxOfAll(looks);
    if (!box) return;
    const [across, down] = [seen.x + seen.width / 2 - (box[0] + box[2]) / 2, seen.y + seen.height / 2 - (box[1] + box[3]) / 2];
    drawing.toolbar.choose("select");
    drawing.selectionTools.place(looks, { page: pages.current, by: keptOn(SHEET, box, Math.round(across), Math.round(down)) });
  }
}
