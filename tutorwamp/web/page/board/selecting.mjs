// Selecting by pointer: one by a press, more with shift, many by a frame; what is selected is dragged, and made larger or
// smaller by its handles.

import { frameOf } from "../../client/board/hits.mjs";
import { HANDLES } from "./overlay.mjs";

const HANDLE_REACH_PX = { mouse: 8, touch: 20 };
const HELD_PX = 3; // a press that wanders less than this has not dragged
const DRAGGED_AT_MOST = 300; // elements that are seen to go along; of more only the frame does
const SMALLEST = 4; // board units, of a frame that is made smaller

export class Selecting {
  #board;
  #view;
  #selection;
  #onEmpty;

  /** `onEmpty()`: there was nothing to be selected. */
  constructor({ board, view, selection }) {
    this.#board = board;
    this.#view = view;
    this.#selection = selection;
  }

  /** The handles there are to be seen: none of what cannot be changed. */
  handlesOf(box) {
    if (!box || this.#selection.free.length === 0) return [];
    const [left, top, right, bottom] = box;
    return Object.entries(HANDLES)
      .filter(([, [across, down]]) => (right > left || across === 0.5) && (bottom > top || down === 0.5))
      .map(([name]) => name);
  }

  /** Which handle is pressed at these pixels, if any. */
  handleAt(px, isTouch) {
    const { box } = this.#selection;
    const reach = HANDLE_REACH_PX[isTouch ? "touch" : "mouse"];
    const near = (name) => {
      const [x, y] = this.#view.camera.toScreen(placeOf(name, box));
      return Math.hypot(x - px[0], y - px[1]);
    };
    const [nearest] = this.handlesOf(box).sort((one, other) => near(one) - near(other));
    return nearest && near(nearest) <= reach ? nearest : null;
  }

  begin(point, { reach, adds, px, isTouch, at }) {
    const handle = this.handleAt(px, isTouch);
    if (handle && !adds) return this.#resize(handle);
    const hit = this.#selection.at(at, reach);
    if (hit && adds) return { end: () => this.#selection.toggle(hit.id) };
    if (hit && !hit.locked) {
      if (!this.#selection.has(hit.id)) this.#selection.set([hit.id]);
      return this.#drag(point, () => {});
    }
    if (!adds && isWithin(this.#selection.box, at) && this.#selection.free.length > 0)
      return this.#drag(point, () => this.#selection.set(hit ? [hit.id] : []));
    return this.#frame(point, { adds, hit });
  }

  // `pressed()`: it was a press and no drag.
  #drag(from, pressed) {
    let by = null;
    const to = ([x, y]) => [x - from[0], y - from[1]];
    const ids = this.#selection.free.map(({ id }) => id);
    const isMany = ids.length > DRAGGED_AT_MOST;
    const drawn = () => (isMany ? this.#view.look() : this.#view.drag(ids, by));
    return {
      move: (points) => {
        const wanted = to(points.at(-1));
        if (!by && Math.hypot(...wanted) * this.#view.scale < HELD_PX) return;
        by = this.#selection.kept(wanted);
        drawn();
      },
      end: () => {
        const done = by;
        by = null;
        drawn();
        if (done) this.#selection.move(done);
        else pressed();
      },
      drop: () => {
        by = null;
        drawn();
      },
      get by() {
        return by;
      },
    };
  }

  #resize(name) {
    const from = this.#selection.box;
    let sketched = [];
    const sketch = (elements) => {
      const after = new Set(elements.map(({ id }) => id));
      for (const { id } of sketched) if (!after.has(id)) this.#board.sketch(id, null);
      for (const element of elements) this.#board.sketch(element.id, element);
      sketched = elements;
    };
    const to = (point, { keepsForm = false } = {}) => {
      // Letters and pictures keep their form where a corner is dragged; so does anything with shift.
      const kinds = this.#selection.free.map(({ kind }) => kind);
      const form = keepsForm || kinds.some((kind) => kind === "text" || kind === "image");
      return this.#selection.resized(from, stretched(from, name, point, form));
    };
    return {
      move: (points, how) => {
        sketch([]); // what is resized is resized from what is on the board
        sketch(to(points.at(-1), how));
      },
      end: (point, how) => {
        sketch([]);
        const [x, y] = placeOf(name, from);
        if (Math.hypot(point[0] - x, point[1] - y) * this.#view.scale >= HELD_PX) this.#selection.put(to(point, how));
      },
      drop: () => sketch([]),
    };
  }

  #frame(from, { adds, hit }) {
    const before = adds ? this.#selection.elements.map(({ id }) => id) : [];
    const { overlay } = this.#view;
    const done = () => {
      overlay.band = null;
      this.#view.look();
    };
    if (!adds) this.#selection.clear();
    return {
      move: (points) => {
        overlay.band = frameOf(from, points.at(-1));
        this.#selection.set([...before, ...this.#selection.idsInside(overlay.band)]);
      },
      end: () => {
        if (overlay.band === null && hit) this.#selection.set([hit.id]);
        done();
      },
      drop: done,
    };
  }
}

function placeOf(name, [left, top, right, bottom]) {
  const [across, down] = HANDLES[name];
  return [left + (right - left) * across, top + (bottom - top) * down];
}

function isWithin(box, [x, y]) {
  return box !== null && x >= box[0] && x <= box[2] && y >= box[1] && y <= box[3];
}

/** The frame after its handle was dragged to a point. The side or corner that lies opposite stays. */
export function stretched([left, top, right, bottom], name, [x, y], keepsForm) {
  let [toLeft, toTop, toRight, toBottom] = [left, top, right, bottom];
  if (name.includes("w")) toLeft = Math.min(x, right - SMALLEST);
  if (name.includes("e")) toRight = Math.max(x, left + SMALLEST);
  if (name.includes("n")) toTop = Math.min(y, bottom - SMALLEST);
  if (name.includes("s")) toBottom = Math.max(y, top + SMALLEST);
  if (!keepsForm || right <= left || bottom <= top) return [toLeft, toTop, toRight, toBottom];
  const [across, down] = [(toRight - toLeft) / (right - left), (toBottom - toTop) / (bottom - top)];
  const factor = name.length === 2 ? Math.max(across, down) : name === "n" || name === "s" ? down : across;
  const [width, height] = [(right - left) * factor, (bottom - top) * factor];
  if (name.includes("w")) toLeft = right - width;
  else toRight = left + width;
  if (name.includes("n")) toTop = bottom - height;
  else toBottom = top + height;
  return [toLeft, toTop, toRight, toBottom];
}
