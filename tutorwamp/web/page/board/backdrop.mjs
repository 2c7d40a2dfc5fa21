// The lower part of a crowded page, as pixels: thousands of elements that nobody changes cost nothing then while somebody
// draws over them. What is taken away is wiped out, and what lies there is drawn again, in that place only.

import { boxOf, paintedBox } from "../../client/board/hits.mjs";
import { shapeOf } from "../../client/board/shapes.mjs";

const POINTS_AT_ONCE = 5_000; // that are drawn within one frame: some 8 ms without a graphics card
const POINTS_OF_OTHERS = 30; // what a text, a picture or a shape costs
const MENDED_AT_ONCE = 150; // places; more is drawn all anew
const STANDS_AFTER_MS = 60; // the camera; it is drawn sharp then
const STRETCHED_AT_MOST_MS = 400; // while it goes on moving
const EDGE_PX = 2; // around a place that is wiped out

export class Backdrop {
  #canvas;
  #context;
  #pictures;
  #again;
  #drawn = []; // elements, bottom first
  #at = null; // the camera by which they are: {x, y, scale, width, height, density}
  #job = null; // {canvas, context, at, elements, next}: all of it is being drawn anew, a piece in each frame
  #wanted = null; // the camera as it is now
  #movedAt = 0;
  #finishedAt = 0;
  #paths = new WeakMap(); // element -> Path2D
  #images = new Map(); // address -> Image

  /** `again()`: there is more to draw. */
  constructor(canvas, { pictures, again }) {
    this.#canvas = canvas;
    this.#context = canvas.getContext("2d");
    this.#pictures = pictures;
    this.#again = again;
  }

  /** Another page. */
  clear() {
    this.#job = this.#at = null;
    this.#drawn = [];
    this.#images.clear();
    this.#canvas.width = this.#canvas.height = 0;
  }

  /** Show these elements, bottom first, as the camera sees them. */
  show(elements, camera) {
    if (elements.length === 0 && this.#drawn.length === 0 && !this.#job) return;
    const at = atOf(camera);
    if (!isSame(at, this.#wanted)) this.#movedAt = performance.now();
    this.#wanted = at;
    if (this.#job) this.#work();
    else if (isSame(at, this.#at)) this.#mend(elements);
    else if (this.#isDue()) this.#begin(elements, at);
    if (this.#job || !isSame(at, this.#at)) this.#again();
    this.#stretch(at);
  }

  #isDue() {
    const now = performance.now();
    return this.#at === null || now - this.#movedAt >= STANDS_AFTER_MS || now - this.#finishedAt >= STRETCHED_AT_MOST_MS;
  }

  // What is drawn for another camera is moved and stretched, until it is drawn for this one.
  #stretch({ x, y, scale }) {
    if (!this.#at) return;
    const factor = scale / this.#at.scale;
    const [left, top] = [(this.#at.x - x) * scale, (this.#at.y - y) * scale];
    const transform = factor === 1 && left === 0 && top === 0 ? "" : `translate(${left}px, ${top}px) scale(${factor})`;
    if (this.#canvas.style.transform !== transform) this.#canvas.style.transform = transform;
  }

  #begin(elements, at) {
    const canvas = document.createElement("canvas");
    canvas.width = Math.round(at.width * at.density);
    canvas.height = Math.round(at.height * at.density);
    const context = canvas.getContext("2d");
    this.#job = { canvas, context, at, elements, next: 0 };
    this.#work();
  }

  #work() {
    const { context, at, elements } = this.#job;
    const seen = [at.x, at.y, at.x + at.width / at.scale, at.y + at.height / at.scale];
    look(context, at);
    let points = 0;
    while (this.#job.next < elements.length && points < POINTS_AT_ONCE) {
      const element = elements[this.#job.next++];
      if (!touch(paintedBox(element), seen)) continue;
      points += element.points?.length ?? POINTS_OF_OTHERS;
      this.#draw(context, element);
    }
    if (this.#job.next === elements.length) this.#finish();
  }

  #finish() {
    const { canvas, at, elements } = this.#job;
    this.#job = null;
    Object.assign(this.#canvas, { width: canvas.width, height: canvas.height }); // which wipes it out
    Object.assign(this.#canvas.style, { width: `${at.width}px`, height: `${at.height}px` });
    this.#context.drawImage(canvas, 0, 0);
    this.#at = at;
    this.#drawn = elements;
    this.#finishedAt = performance.now();
  }

  #mend(elements) {
    const before = this.#drawn;
    if (before === elements) return;
    if (before.length === elements.length && elements.every((element, place) => element === before[place])) return;
    const [old, now] = [new Set(before), new Set(elements)];
    const last = elements.findLastIndex((element) => old.has(element));
    const added = elements.slice(last + 1); // on top of all others
    const wrong = [
      ...before.filter((element) => !now.has(element)),
      ...elements.slice(0, last + 1).filter((element) => !old.has(element)),
    ];
    if (wrong.length > MENDED_AT_ONCE) return this.#begin(elements, this.#at);
    this.#drawn = elements;
    for (const element of wrong) this.#redraw(paintedBox(element));
    look(this.#context, this.#at);
    for (const element of added) this.#draw(this.#context, element);
  }

  #redraw(box) {
    if (box === null) return;
    const { x, y, scale, density } = this.#at;
    const px = (place, origin) => (place - origin) * scale * density;
    const [left, top] = [Math.floor(px(box[0], x)) - EDGE_PX, Math.floor(px(box[1], y)) - EDGE_PX];
    const [right, bottom] = [Math.ceil(px(box[2], x)) + EDGE_PX, Math.ceil(px(box[3], y)) + EDGE_PX];
    const context = this.#context;
    context.save();
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.beginPath();
    context.rect(left, top, right - left, bottom - top);
    context.clip();
    context.clearRect(left, top, right - left, bottom - top);
    look(context, this.#at);
    const more = EDGE_PX / scale;
    const place = [box[0] - more, box[1] - more, box[2] + more, box[3] + more];
    for (const element of this.#drawn) if (touch(paintedBox(element), place)) this.#draw(context, element);
    context.restore();
  }

  #draw(context, element) {
    const { tag, attributes, lines } = shapeOf(element, this.#addressOf(element));
    context.globalAlpha = attributes.opacity ?? 1;
    if (tag === "text") return drawText(context, attributes, lines);
    if (tag === "image") return this.#drawImage(context, attributes, element);
    if (tag === "g") return; // of a newer version
    if (!this.#paths.has(element)) this.#paths.set(element, pathOf(tag, attributes));
    const path = this.#paths.get(element);
    if (attributes.fill !== "none") {
      context.fillStyle = attributes.fill;
      context.fill(path);
    }
    if (attributes.stroke === "none" || attributes["stroke-width"] === 0) return;
    context.strokeStyle = attributes.stroke;
    context.lineWidth = attributes["stroke-width"];
    context.lineCap = attributes["stroke-linecap"] ?? "butt";
    context.lineJoin = attributes["stroke-linejoin"] ?? "miter";
    context.stroke(path);
  }

  #addressOf({ kind, asset_id }) {
    return kind === "image" ? this.#pictures.url(asset_id) : null;
  }

  #drawImage(context, { x, y, width, height, href }, element) {
    const image = this.#images.get(href);
    if (image?.complete && image.naturalWidth > 0) return context.drawImage(image, x, y, width, height);
    if (image) return; // on its way
    const made = new Image();
    this.#images.set(href, made);
    made.addEventListener("load", () => {
      if (this.#images.get(href) !== made || this.#at === null) return;
      if (this.#drawn.includes(element)) this.#redraw(boxOf(element));
      this.#again();
    });
    made.src = href;
  }
}

function atOf(camera) {
  const [width, height] = camera.size;
  return { x: camera.x, y: camera.y, scale: camera.scale, width, height, density: globalThis.devicePixelRatio || 1 };
}

function isSame(one, other) {
  return one !== null && other !== null && Object.keys(one).every((name) => one[name] === other[name]);
}

function look(context, { x, y, scale, density }) {
  const factor = scale * density;
  context.setTransform(factor, 0, 0, factor, -x * factor, -y * factor);
}

function touch(box, other) {
  return box !== null && box[0] <= other[2] && box[2] >= other[0] && box[1] <= other[3] && box[3] >= other[1];
}

function pathOf(tag, attributes) {
  if (tag === "path") return new Path2D(attributes.d);
  const path = new Path2D();
  if (tag === "rect") path.rect(attributes.x, attributes.y, attributes.width, attributes.height);
  else path.ellipse(attributes.cx, attributes.cy, attributes.rx, attributes.ry, 0, 0, 2 * Math.PI);
  return path;
}

function drawText(context, { fill, "font-size": size }, lines) {
  context.fillStyle = fill;
  context.font = `${size}px sans-serif`;
  context.direction = "ltr";
  for (const { x, y, text } of lines) context.fillText(text, x, y);
}
