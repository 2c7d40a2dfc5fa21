// The tools: what a press, a drag and a lift of pen, mouse or finger do.
// Each begins a gesture: {id?, move?(points), end(point), drop?(), settle?(), takeBack?()}.

import { isHit, moved } from "../../client/board/hits.mjs";
import { PenStroke } from "../../client/board/stroke.mjs";
import { newId } from "../../client/ids.mjs";

const REACH_PX = { mouse: 5, pen: 5, touch: 14 }; // how far beside something still means it
const SMALLEST = 3; // board units: a shape below this was a slip
const SLIP_MS = 250; // a second finger this soon after the first: they want to move the page

export class Tools {
  #sheet;
  #board;
  #view;
  #editor;
  #gesture = null;
  #pointer = null;
  #since = 0;
  #touched = false; // the gesture is a finger's
  #hasStylus = false;
  /** Set by the panel: whether one may draw, and with what. */
  enabled = false;
  page = null;
  choice = { tool: "pen", color: "#1f2623", width: 4 };

  /** `editor` is where words are written; `onPoint(point)` hears where the pointer is. */
  constructor(sheet, { board, view, editor, onPoint, signal }) {
    this.#sheet = sheet;
    this.#board = board;
    this.#view = view;
    this.#editor = editor;
    const on = (type, heard) => sheet.addEventListener(type, heard, { signal });
    on("pointerdown", (event) => this.#down(event));
    on("pointermove", (event) => {
      onPoint(view.placeOf(event));
      this.#move(event);
    });
    on("pointerup", (event) => this.#up(event));
    on("pointercancel", (event) => event.pointerId === this.#pointer && this.#interrupted(event));
  }

  get isBusy() {
    return this.#gesture !== null;
  }

  /** The pen is gone, or the server takes no more of this. With `ids`: only where the gesture is about one of these. */
  drop(ids = null) {
    if (ids && !ids.includes(this.#gesture?.id)) return;
    this.#take()?.drop?.();
  }

  /** The person goes; what is drawn so far counts. */
  settle() {
    const gesture = this.#take();
    (gesture?.settle ?? gesture?.drop)?.();
  }

  #take() {
    const gesture = this.#gesture;
    this.#gesture = null;
    return gesture;
  }

  #down(event) {
    const isTouch = event.pointerType === "touch";
    if (!event.isPrimary) return this.#touched && this.#interrupted(event);
    this.#hasStylus ||= event.pointerType === "pen";
    if (isTouch && this.#hasStylus) return; // the palm; two fingers still move the page
    if (!this.enabled || this.#gesture || event.button !== 0) return;
    if (this.#editor.isOpen) {
      this.#editor.finish();
      if (this.choice.tool === "text") return; // pressing beside the words means that they are done
    }
    this.#sheet.setPointerCapture(event.pointerId);
    this.#pointer = event.pointerId;
    this.#since = event.timeStamp;
    this.#touched = isTouch;
    const reach = (REACH_PX[event.pointerType] ?? REACH_PX.mouse) / this.#view.scale;
    this.#gesture = this.#begin(this.#point(event), reach);
  }

  #move(event) {
    if (!this.#gesture || event.pointerId !== this.#pointer) return;
    const between = event.getCoalescedEvents?.() ?? []; // not on plain http
    const events = between.length ? between : [event];
    this.#gesture.move?.(events.map((one) => this.#point(one)));
  }

  #up(event) {
    if (event.pointerId === this.#pointer) this.#take()?.end(this.#point(event));
  }

  #interrupted(event) {
    if (event.timeStamp - this.#since > SLIP_MS || !this.#gesture?.takeBack) this.settle();
    else this.#take().takeBack();
  }

  // A stylus tells how hard it is pressed.
  #point(event) {
    const place = this.#view.placeOf(event);
    return event.pointerType === "pen" ? [...place, Math.round(event.pressure * 100) / 100] : place;
  }

  #begin(point, reach) {
    const { tool, color, width } = this.choice;
    const look = { page: this.page, color };
    const [x, y] = point;
    switch (tool) {
      case "pen":
        return penGesture(this.#board, { ...look, width }, point);
      case "line":
      case "arrow":
        return this.#shape((to) => ({ ...look, kind: tool, width, points: [[x, y], to] }), point);
      case "rect":
      case "ellipse":
        return this.#shape(([toX, toY]) => ({ ...look, kind: tool, stroke_width: width, ...between([x, y], [toX, toY]) }), point);
      case "eraser":
        return this.#eraser([x, y], reach);
      case "move":
        return this.#mover([x, y], reach);
      default: {
        const hit = this.#topmost([x, y], reach);
        return { end: () => this.#editor.open(hit?.kind === "text" ? hit : { ...look, kind: "text", x, y, text: "", size: 16 + 4 * width }) };
      }
    }
  }

  #shape(elementTo, [fromX, fromY]) {
    const id = newId();
    const sketch = (element) => this.#board.sketch(id, element);
    return {
      move: (points) => sketch({ id, ...elementTo(points.at(-1).slice(0, 2)) }),
      end: ([x, y]) => {
        sketch(null);
        if (Math.hypot(x - fromX, y - fromY) >= SMALLEST) this.#board.put({ id, ...elementTo([x, y]) }, {});
      },
      drop: () => sketch(null),
    };
  }

  #topmost(point, reach) {
    return this.#board.elementsOn(this.page).findLast((element) => isHit(element, point, reach));
  }

  #eraser(from, reach) {
    const gesture = {};
    let last = from;
    const erase = (to) => {
      // Between two places of a quick pointer lies a way, and everything on it was meant.
      const steps = Math.max(1, Math.ceil(Math.hypot(to[0] - last[0], to[1] - last[1]) / reach));
      const way = Array.from({ length: steps }, (_, i) => last.map((at, axis) => at + ((to[axis] - at) * (i + 1)) / steps));
      last = to;
      const hit = this.#board.elementsOn(this.page).filter((element) => way.some((point) => isHit(element, point, reach)));
      for (const { id } of hit) this.#board.delete(id, gesture);
    };
    erase(from);
    return { move: (points) => points.forEach(([x, y]) => erase([x, y])), end: ([x, y]) => erase([x, y]) };
  }

  #mover(from, reach) {
    const hit = this.#topmost(from, reach);
    if (!hit) return null;
    const to = ([x, y]) => moved(this.#board.at(hit.id).element ?? hit, x - from[0], y - from[1]);
    return {
      id: hit.id,
      move: (points) => this.#board.sketch(hit.id, to(points.at(-1))),
      end: (point) => {
        this.#board.sketch(hit.id, null);
        if (this.#board.at(hit.id).element && (point[0] !== from[0] || point[1] !== from[1])) this.#board.put(to(point), {});
      },
      drop: () => this.#board.sketch(hit.id, null),
    };
  }
}

function penGesture(board, look, point) {
  const stroke = new PenStroke(board, look, point);
  let alive = true;
  return {
    get id() {
      return stroke.id;
    },
    move: (points) => (alive &&= stroke.add(points)),
    end: (last) => alive && stroke.end(last),
    settle: () => alive && stroke.end(),
    takeBack: () => stroke.takeBack(),
  };
}

function between([fromX, fromY], [toX, toY]) {
  return { x: Math.min(fromX, toX), y: Math.min(fromY, toY), width: Math.abs(toX - fromX), height: Math.abs(toY - fromY) };
}
