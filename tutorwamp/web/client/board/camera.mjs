// Which part of the board one sees, and how large: a rectangle of the board in a window of so many pixels. Pure geometry.

/** What everybody sees at first, in board units (docs/rules/board.md, B38). */
export const SHEET = { width: 1600, height: 1000 };
/** CSS pixels of one unit: beyond these nothing is to be seen any more. */
export const SCALE_AT_MOST = 16;
export const SCALE_AT_LEAST = 1 / 32;
const EDGE_PX = 6; // so that the paper's edge and its shadow are seen
const NEAR_EDGE = 0.1; // of the window: what should be seen keeps so far from its edge

export class Camera {
  /** CSS pixels of one unit. */
  scale = 1;
  /** The board's place at the window's top left corner. */
  x = 0;
  y = 0;
  #width = 1; // of the window, in CSS pixels
  #height = 1;
  #bounds = [0, 0, SHEET.width, SHEET.height];
  #held = "all"; // what stays in the window when it changes its size: "all", a rectangle {x, y, width, height}, or null

  /** The window's size, in CSS pixels. */
  resize(width, height) {
    if (!(width > 0 && height > 0) || (width === this.#width && height === this.#height)) return;
    const [middleX, middleY] = this.toBoard([this.#width / 2, this.#height / 2]);
    this.#width = width;
    this.#height = height;
    if (this.#held === "all") return this.fit();
    if (this.#held) return this.show(this.#held);
    this.#centre(middleX, middleY);
  }

  /** What there is to see: left, top, right, bottom. Never less than the sheet. */
  set bounds([left, top, right, bottom]) {
    this.#bounds = [Math.min(0, left), Math.min(0, top), Math.max(SHEET.width, right), Math.max(SHEET.height, bottom)];
  }

  /** The whole sheet; with more around it than that where something is drawn there and one asks a second time. */
  fit() {
    this.show({ x: 0, y: 0, ...SHEET });
    this.#held = "all";
  }

  fitAll() {
    const [left, top, right, bottom] = this.#bounds;
    this.show({ x: left, y: top, width: right - left, height: bottom - top });
  }

  get isFitted() {
    return this.#held === "all";
  }

  /** So that this rectangle is seen, as large as it can be. */
  show(box) {
    const room = (length) => Math.max(1, length - 2 * EDGE_PX);
    this.scale = limited(Math.min(room(this.#width) / box.width, room(this.#height) / box.height));
    this.#centre(box.x + box.width / 2, box.y + box.height / 2);
    this.#held = box;
  }

  /** Larger or smaller, around a place of the window. */
  zoom([px, py], factor) {
    const [x, y] = this.toBoard([px, py]);
    this.scale = limited(this.scale * factor);
    this.#held = null;
    this.x = x - px / this.scale;
    this.y = y - py / this.scale;
    this.#keepInBounds();
  }

  /** Around its middle. */
  zoomMiddle(factor) {
    this.zoom([this.#width / 2, this.#height / 2], factor);
  }

  /** By so many pixels; what is under a finger goes with it. */
  pan(across, down) {
    this.#held = null;
    this.x -= across / this.scale;
    this.y -= down / this.scale;
    this.#keepInBounds();
  }

  /** Two fingers, each where it was and where it is. */
  pinch([[oldAX, oldAY], [oldBX, oldBY]], [[newAX, newAY], [newBX, newBY]]) {
    const before = Math.hypot(oldAX - oldBX, oldAY - oldBY);
    const after = Math.hypot(newAX - newBX, newAY - newBY);
    const middle = [(oldAX + oldBX) / 2, (oldAY + oldBY) / 2];
    if (before > 0 && after > 0) this.zoom(middle, after / before);
    this.pan((newAX + newBX) / 2 - middle[0], (newAY + newBY) / 2 - middle[1]);
  }

  /** Move only as far as needed to see this place. True where it moved. */
  reveal(point) {
    const [px, py] = this.toScreen(point);
    const beyond = (at, length) =>
      at < length * NEAR_EDGE ? length * NEAR_EDGE - at : at > length * (1 - NEAR_EDGE) ? length * (1 - NEAR_EDGE) - at : 0;
    const before = [this.x, this.y];
    const [across, down] = [beyond(px, this.#width), beyond(py, this.#height)];
    const held = this.#held;
    if (across || down) this.pan(across, down);
    const moved = this.x !== before[0] || this.y !== before[1];
    if (!moved) this.#held = held;
    return moved;
  }

  /** What is seen: {x, y, width, height}. */
  get view() {
    return { x: this.x, y: this.y, width: this.#width / this.scale, height: this.#height / this.scale };
  }

  /** The window's size in CSS pixels. */
  get size() {
    return [this.#width, this.#height];
  }

  toBoard([px, py]) {
    return [this.x + px / this.scale, this.y + py / this.scale];
  }

  toScreen([x, y]) {
    return [(x - this.x) * this.scale, (y - this.y) * this.scale];
  }

  #centre(x, y) {
    this.x = x - this.#width / this.scale / 2;
    this.y = y - this.#height / this.scale / 2;
    this.#keepInBounds();
  }

  // What is smaller than the window stands in its middle; what is larger covers it but for a margin, so that a corner can be
  // brought to a comfortable place.
  #keepInBounds() {
    const [left, top, right, bottom] = this.#bounds;
    this.x = kept(this.x, this.#width / this.scale, left, right);
    this.y = kept(this.y, this.#height / this.scale, top, bottom);
  }
}

function kept(from, length, least, most) {
  if (most - least <= length) return (least + most - length) / 2;
  const margin = length * 0.4;
  return Math.min(most + margin - length, Math.max(least - margin, from));
}

function limited(scale) {
  return Math.min(SCALE_AT_MOST, Math.max(SCALE_AT_LEAST, scale));
}
