// The tools: what a press, a drag and a lift do with each of them.
// Each begins a gesture: {id?, move?(points), end(point), drop?(), settle?(), takeBack?()}.

import { isHit } from "../../client/board/hits.mjs";
import { PenStroke } from "../../client/board/stroke.mjs";
import { newId } from "../../client/ids.mjs";

const SMALLEST = 3; // board units: a shape below this was a slip
const SIZE_OF_TEXT = (width) => 16 + 4 * width; // board units, by the width that is chosen

export class Tools {
  #board;
  #editor;
  #selecting;
  #laser;
  /** Set by the panel: whether one may draw, and with what. */
  enabled = false;
  page = null;
  choice = { tool: "pen", color: "#1f2623", width: 4 };

  /** `editor` is where words are written, `selecting.begin` selects, `laser.begin` points. */
  constructor({ board, editor, selecting, laser }) {
    this.#board = board;
    this.#editor = editor;
    this.#selecting = selecting;
    this.#laser = laser;
  }

  /** Whether a press with this tool does something; otherwise it moves the view. Pointing needs no pen. */
  get mayBegin() {
    return this.page !== null && (this.enabled || this.choice.tool === "laser");
  }

  /** `point`: [x, y, pressure?]; `how`: {reach, adds, px, at, isTouch}. */
  begin(point, how) {
    const { tool, color, width } = this.choice;
    const look = { page: this.page, color };
    const [x, y] = point;
    switch (tool) {
      case "pen":
        return penGesture(this.#board, { ...look, width }, point);
      case "line":
      case "arrow":
      case "rect":
      case "ellipse":
        return this.#shape([x, y]);
      case "eraser":
        return this.#eraser([x, y], how.reach);
      case "select":
        return this.#selecting.begin([x, y], how);
      case "laser":
        return this.#laser.begin([x, y]);
      default:
        return { end: () => this.write([x, y], how.reach) };
    }
  }

  /** The shape that the chosen tool draws from one corner to another, or null: it draws none. */
  shapeBetween([x, y], [toX, toY]) {
    const { tool, color, width } = this.choice;
    const look = { page: this.page, color, kind: tool };
    if (tool === "line" || tool === "arrow")
      return {
        ...look,
        width,
        points: [
          [x, y],
          [toX, toY],
        ],
      };
    if (tool === "rect" || tool === "ellipse") return { ...look, stroke_width: width, ...between([x, y], [toX, toY]) };
    return null;
  }

  /** How words are written now: {color, size}. */
  get looksOfText() {
    return { color: this.choice.color, size: SIZE_OF_TEXT(this.choice.width) };
  }

  /** Write words here, or go on with those that stand here. */
  write([x, y], reach) {
    const hit = this.topmost([x, y], reach);
    this.#editor.open(hit?.kind === "text" ? hit : { page: this.page, kind: "text", x, y, text: "", ...this.looksOfText });
  }

  #shape(from) {
    const id = newId();
    const sketch = (element) => this.#board.sketch(id, element);
    const to = (point, { keepsForm } = {}) => this.shapeBetween(from, keepsForm ? even(from, point) : point.slice(0, 2));
    return {
      move: (points, how) => sketch({ id, ...to(points.at(-1), how) }),
      end: (point, how) => {
        sketch(null);
        if (Math.hypot(point[0] - from[0], point[1] - from[1]) >= SMALLEST) this.#board.put({ id, ...to(point, how) }, {});
      },
      drop: () => sketch(null),
    };
  }

  /** What lies on top here, but for what is locked: that is reached by selecting it. */
  topmost(point, reach) {
    return this.#board.elementsOn(this.page).findLast((element) => !element.locked && isHit(element, point, reach));
  }

  #eraser(from, reach) {
    const gesture = {};
    let last = from;
    const erase = (to) => {
      // Between two places of a quick pointer lies a way, and everything on it was meant.
      const steps = Math.max(1, Math.ceil(Math.hypot(to[0] - last[0], to[1] - last[1]) / reach));
      const way = Array.from({ length: steps }, (_, i) => last.map((at, axis) => at + ((to[axis] - at) * (i + 1)) / steps));
      last = to;
      const hit = this.#board
        .elementsOn(this.page)
        .filter((element) => !element.locked && way.some((point) => isHit(element, point, reach)));
      for (const { id } of hit) this.#board.delete(id, gesture);
    };
    erase(from);
    return { move: (points) => points.forEach(([x, y]) => erase([x, y])), end: ([x, y]) => erase([x, y]) };
  }
}

function penGesture(board, look, point) {
  const stroke = new PenStroke(board, look, point);
  let alive = true;
  return {
    get id() {
      return stroke.id;
    },
    isStroke: true,
    move: (points) => (alive &&= stroke.add(points)),
    end: (last) => alive && stroke.end(last),
    settle: () => alive && stroke.end(),
    takeBack: () => stroke.takeBack(),
  };
}

function between([fromX, fromY], [toX, toY]) {
  return { x: Math.min(fromX, toX), y: Math.min(fromY, toY), width: Math.abs(toX - fromX), height: Math.abs(toY - fromY) };
}

// As wide as high: a square, a circle, a line at 45 degrees.
function even([fromX, fromY], [toX, toY]) {
  const length = Math.max(Math.abs(toX - fromX), Math.abs(toY - fromY));
  return [fromX + Math.sign(toX - fromX) * length, fromY + Math.sign(toY - fromY) * length];
}
