// How the board looks: an SVG as large as the space allows, in which everybody sees the same 1600 x 1000 units.
// What people wrote becomes text nodes and attributes of shapes, never markup.

import { shapeOf } from "../../client/board/shapes.mjs";
import { straight } from "../../client/writing.mjs";
import { find, h, tintOf } from "../dom.mjs";

export const SHEET = { width: 1600, height: 1000 };
const SVG = "http://www.w3.org/2000/svg";

export class BoardView {
  #sheet;
  #drawn = new Map(); // id -> {element, node, tag}
  #cursors;
  #named = new Map(); // person id -> element
  #pictures;

  /** `pictures.url(assetId)`: where a picture is, or null until it is here. */
  constructor(root, { pictures }) {
    this.#sheet = find(".sheet", root);
    this.#sheet.replaceChildren();
    this.#cursors = find(".cursors", root);
    this.#cursors.replaceChildren();
    this.#pictures = pictures;
  }

  /** What is on the page, bottom first. */
  show(elements) {
    const kept = new Map(elements.map(({ id }) => [id, this.#drawn.get(id)]));
    for (const [id, { node }] of this.#drawn) if (!kept.has(id)) node.remove(); // first, so that the others are in their places
    let place = this.#sheet.firstElementChild;
    for (const element of elements) {
      const old = kept.get(element.id);
      const drawn = this.#isAsBefore(old, element) ? old : this.#draw(element, old);
      if (old && old.node !== drawn.node) {
        if (place === old.node) place = drawn.node;
        old.node.replaceWith(drawn.node);
      }
      if (drawn.node === place) place = place.nextElementSibling;
      else this.#sheet.insertBefore(drawn.node, place);
      kept.set(element.id, drawn);
    }
    this.#drawn = kept;
  }

  #isAsBefore(old, element) {
    return old?.element === element && old.href === this.#hrefOf(element);
  }

  #hrefOf({ kind, asset_id }) {
    return kind === "image" ? this.#pictures.url(asset_id) : null;
  }

  #draw(element, old) {
    const href = this.#hrefOf(element);
    const { tag, attributes, lines } = shapeOf(element, href);
    const node = old?.tag === tag ? old.node : document.createElementNS(SVG, tag);
    set(node, attributes);
    if (lines) node.replaceChildren(...lines.map(({ text, ...at }) => set(document.createElementNS(SVG, "tspan"), at, text)));
    return { element, node, tag, href };
  }

  /** A place of the window, as [x, y] on the sheet. What is drawn stays where everybody sees it. */
  placeOf({ clientX, clientY }) {
    const { left, top, width, height } = this.#sheet.getBoundingClientRect();
    const on = (at, length, units) => Math.min(units, Math.max(0, Math.round((at / length) * units * 10) / 10));
    return [on(clientX - left, width, SHEET.width), on(clientY - top, height, SHEET.height)];
  }

  /** CSS pixels of one unit. */
  get scale() {
    return this.#sheet.getBoundingClientRect().width / SHEET.width;
  }

  /** Where the others point: [{id, x, y, name}]. */
  point(people) {
    const gone = new Set(this.#named.keys());
    for (const { id, x, y, name } of people) {
      gone.delete(id);
      const cursor = this.#named.get(id) ?? this.#cursor(id);
      find(".name", cursor).textContent = straight(name);
      cursor.style.left = `${(Math.min(SHEET.width, Math.max(0, x)) / SHEET.width) * 100}%`;
      cursor.style.top = `${(Math.min(SHEET.height, Math.max(0, y)) / SHEET.height) * 100}%`;
    }
    for (const id of gone) {
      this.#named.get(id).remove();
      this.#named.delete(id);
    }
  }

  #cursor(id) {
    const cursor = h("div", { class: "cursor" }, h("span", { class: `point tint-${tintOf(id)}` }), h("span", { class: `name tint-${tintOf(id)}`, dir: "auto" }));
    this.#cursors.append(cursor);
    this.#named.set(id, cursor);
    return cursor;
  }
}

function set(node, attributes, text) {
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  if (text !== undefined) node.textContent = text;
  return node;
}
