// The window on the board: a sheet of white paper, the part of it that the camera shows, and what lies over it.

import { Camera, SHEET } from "../../client/board/camera.mjs";
import { measureTextBy } from "../../client/board/hits.mjs";
import { straight } from "../../client/writing.mjs";
import { find, h, tintOf } from "../dom.mjs";
import { Overlay } from "./overlay.mjs";
import { Painting } from "./painting.mjs";

const STANDS_AFTER_MS = 250; // the camera; then letters and lines are painted sharp for this scale

export class BoardWindow {
  #space;
  #stage;
  #paper;
  #cursors;
  #named = new Map(); // person id -> element
  #painting;
  #onChange;
  #drawnAt = "";
  #standing = null;
  #ruler = document.createElement("canvas").getContext("2d");
  camera = new Camera();

  /** `pictures.url(assetId)`: where a picture is. `onChange()`: it has to be drawn again. */
  constructor(root, { pictures, onChange, signal }) {
    this.#space = find(".space", root);
    this.#stage = find(".stage", root);
    this.#cursors = find(".cursors", root);
    this.#cursors.replaceChildren();
    this.#onChange = onChange;
    this.#paper = find(".paper", root);
    const [resting, changing] = this.#stage.querySelectorAll(".sheet");
    this.#painting = new Painting({ canvas: find(".backdrop", root), resting, changing }, { pictures, again: onChange });
    this.overlay = new Overlay(find(".overlay", root), this.camera);
    const size = new ResizeObserver(() => this.#measure());
    size.observe(this.#space);
    signal.addEventListener("abort", () => {
      size.disconnect();
      this.#painting.close();
    });
    measureTextBy((line, fontSize) => this.measure(line, fontSize));
    this.#measure();
  }

  #measure() {
    const { clientWidth, clientHeight } = this.#space;
    this.camera.resize(clientWidth, clientHeight);
    this.#onChange();
  }

  /** The camera was moved. */
  look() {
    this.#onChange();
  }

  /** What is on the page, bottom first. */
  show(elements, how) {
    const { x, y, scale } = this.camera;
    const transform = `translate(${-x * scale}px, ${-y * scale}px) scale(${scale})`;
    if (transform !== this.#drawnAt) this.#move(transform);
    this.#painting.show(elements, { ...how, camera: this.camera });
    this.overlay.draw();
    if (this.overlay.isFading) this.#onChange();
  }

  // While it moves, what is painted is moved and stretched as a picture.
  #move(transform) {
    this.#stage.style.transform = this.#paper.style.transform = this.#drawnAt = transform;
    this.#stage.style.willChange = "transform";
    clearTimeout(this.#standing);
    this.#standing = setTimeout(() => (this.#stage.style.willChange = ""), STANDS_AFTER_MS);
  }

  drag(ids, by) {
    this.#painting.drag(ids, by);
  }

  /** A place of the window, as pixels of the board's window. */
  pixelOf({ clientX, clientY }) {
    const { left, top } = this.#space.getBoundingClientRect();
    return [clientX - left, clientY - top];
  }

  /** As [x, y] on the board, to a tenth. */
  at(event) {
    return this.camera.toBoard(this.pixelOf(event)).map((place) => Math.round(place * 10) / 10);
  }

  /** The same, or the nearest place on the sheet: what is drawn stays where everybody sees it. */
  placeOf(event) {
    const [x, y] = this.at(event);
    return [Math.min(SHEET.width, Math.max(0, x)), Math.min(SHEET.height, Math.max(0, y))];
  }

  /** How wide a line of text is, in board units. */
  measure(text, size) {
    this.#ruler.font = `${size}px sans-serif`;
    return this.#ruler.measureText(text).width;
  }

  /** CSS pixels of one unit. */
  get scale() {
    return this.camera.scale;
  }

  /** Where the others point: [{id, x, y, name}]. */
  point(people) {
    const gone = new Set(this.#named.keys());
    for (const { id, x, y, name } of people) {
      gone.delete(id);
      const cursor = this.#named.get(id) ?? this.#cursor(id);
      const words = find(".name", cursor);
      if (words.textContent !== straight(name)) words.textContent = straight(name);
      const [left, top] = this.camera.toScreen([x, y]);
      cursor.style.transform = `translate(${left}px, ${top}px)`;
    }
    for (const id of gone) {
      this.#named.get(id).remove();
      this.#named.delete(id);
    }
  }

  #cursor(id) {
    const cursor = h(
      "div",
      { class: "cursor" },
      h("span", { class: `point tint-${tintOf(id)}` }),
      h("span", { class: `name tint-${tintOf(id)}`, dir: "auto" }),
    );
    this.#cursors.append(cursor);
    this.#named.set(id, cursor);
    return cursor;
  }
}
