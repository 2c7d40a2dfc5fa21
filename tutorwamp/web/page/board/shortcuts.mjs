// The keys of the board, and the list of them. Single letters work only while the focus is on the board or its tools, so that
// nobody's reading aid or typing sets them off.

import { find, h } from "../dom.mjs";
import { t } from "../words.mjs";

const TOOLS = { v: "select", p: "pen", l: "line", a: "arrow", r: "rect", o: "ellipse", t: "text", e: "eraser", k: "laser" };
const SINGLE = {
  "+": "zoom-in",
  "=": "zoom-in",
  "-": "zoom-out",
  "−": "zoom-out",
  0: "fit",
  "?": "shortcuts",
  n: "next",
  Delete: "delete",
  Backspace: "delete",
  Escape: "escape",
  PageUp: "page-before",
  PageDown: "page-after",
};
const WITH_CTRL = { z: "undo", y: "redo", a: "select-all", d: "duplicate" };
const WITH_CTRL_AND_SHIFT = { z: "redo", l: "lock" };
/** Also where the focus is elsewhere in the lesson, as long as nobody writes there. */
export const EVERYWHERE = new Set(["undo", "redo"]);

/** What a key means, or null: {do} or {tool}. */
export function meantBy({ key, ctrlKey, metaKey, shiftKey, altKey }) {
  if (altKey) return null;
  const letter = key.length === 1 ? key.toLowerCase() : key;
  if (ctrlKey || metaKey) {
    const action = (shiftKey ? WITH_CTRL_AND_SHIFT : WITH_CTRL)[letter];
    return action ? { do: action } : null;
  }
  if (letter === "n" && shiftKey) return { do: "previous" };
  if (TOOLS[letter] && !shiftKey) return { tool: TOOLS[letter] };
  return SINGLE[letter] ? { do: SINGLE[letter] } : null;
}

// For the list: keys as they are written on the keyboard, and the key of what they do.
const LISTED = [
  ...Object.entries(TOOLS).map(([letter, tool]) => [letter.toUpperCase(), `board.tool-${tool}`]),
  ["Ctrl Z", "board.undo-what"],
  ["Ctrl Shift Z", "board.redo-what"],
  ["Ctrl A", "board.key-all"],
  ["N", "board.key-next"],
  ["Ctrl C, X, V", "board.key-clipboard"],
  ["Ctrl D", "board.duplicate"],
  ["Delete", "board.delete"],
  ["Ctrl Shift L", "board.key-lock"],
  ["← ↑ → ↓", "board.key-arrows"],
  ["Shift ←", "board.key-fine"],
  ["Enter", "board.key-enter"],
  ["Esc", "board.key-escape"],
  ["+ − 0", "board.key-zoom"],
  ["Ctrl ←", "board.key-pan"],
  ["PageUp, PageDown", "board.key-pages"],
];

export function showShortcuts() {
  const dialog = find("#board-shortcuts");
  find("dl", dialog).replaceChildren(
    ...LISTED.flatMap(([keys, what]) => [h("dt", {}, h("kbd", { dir: "ltr" }, keys)), h("dd", {}, t(what))]),
  );
  dialog.showModal();
}
