// The elements of a page as SVG, in two layers: what rests, and over it what was changed a moment ago. A change then costs as
// much as what changes, and not as much as what is on the page (3,900 strokes are painted once).

import { drawnAs } from "./svg.mjs";

const RESTS_AFTER_MS = 1_000; // without a change
const NEW_AT_ONCE = 250; // elements that are drawn within one frame: some 10 ms on a slow phone

export class Painting {
  #layers; // {resting, changing}
  #pictures;
  #again;
  #page = null;
  #drawn = new Map(); // id -> {element, node, tag, href, layer, at}
  #dragged = { ids: new Set(), by: null };
  #isFilling = false; // more of a page than one frame paints is still to come
  #settledAt = 0;
  #timer = null;

  /** `pictures.url(assetId)`: where a picture is, or null until it is here. `again()`: there is more to paint. */
  constructor({ resting, changing }, { pictures, again }) {
    this.#layers = { resting, changing };
    for (const layer of [resting, changing]) layer.replaceChildren();
    this.#pictures = pictures;
    this.#again = again;
  }

  close() {
    clearTimeout(this.#timer);
  }

  /** What is on the page, bottom first. `isBusy`: somebody draws here, so what rests stays as it is. */
  show(elements, { page, isBusy }) {
    if (page !== this.#page) this.#turn(page);
    const now = performance.now();
    this.#removeOthers(elements);
    const settles = !isBusy && now - this.#settledAt >= RESTS_AFTER_MS;
    const isFirst = this.#drawn.size === 0; // all of it rests already
    const next = { resting: this.#layers.resting.firstElementChild, changing: this.#layers.changing.firstElementChild };
    let room = NEW_AT_ONCE;
    let waiting = false;
    for (const element of elements) {
      let drawn = this.#drawn.get(element.id);
      if (!drawn && room-- <= 0) {
        waiting = this.#isFilling = true;
        break; // in their order: the others come after it
      }
      const isNew = !drawn;
      if (!this.#isAsBefore(drawn, element)) drawn = this.#draw(element, drawn, next, now);
      const layer = this.#layerOf(drawn, { now, settles, isFirst: isNew && (isFirst || this.#isFilling) });
      this.#place(drawn, layer, next);
    }
    if (!waiting) this.#isFilling = false;
    if (settles) this.#settledAt = now;
    this.#comeBack(waiting);
  }

  #turn(page) {
    this.#page = page;
    for (const layer of Object.values(this.#layers)) layer.replaceChildren();
    this.#drawn.clear();
  }

  #removeOthers(elements) {
    const here = new Set(elements.map(({ id }) => id));
    for (const [id, { node }] of this.#drawn) {
      if (here.has(id)) continue;
      node.remove();
      this.#drawn.delete(id);
    }
  }

  #isAsBefore(drawn, element) {
    return drawn?.element === element && drawn.href === this.#hrefOf(element);
  }

  #hrefOf({ kind, asset_id }) {
    return kind === "image" ? this.#pictures.url(asset_id) : null;
  }

  #draw(element, old, next, now) {
    const shape = drawnAs(element, this.#hrefOf(element), old);
    const { node } = shape;
    if (old && old.node !== node) {
      if (next[old.layer] === old.node) next[old.layer] = old.node.nextElementSibling;
      old.node.remove();
    }
    const drawn = { ...shape, layer: old && old.node === node ? old.layer : null, at: now };
    this.#drawn.set(element.id, drawn);
    this.#offset(element.id, node);
    return drawn;
  }

  #layerOf(drawn, { now, settles, isFirst }) {
    if (this.#dragged.ids.has(drawn.element.id)) return "changing";
    if (isFirst) return "resting";
    if (drawn.at === now) return "changing";
    if (drawn.layer === "changing" && !(settles && now - drawn.at >= RESTS_AFTER_MS)) return "changing";
    return "resting";
  }

  #place(drawn, layer, next) {
    const { node } = drawn;
    if (drawn.layer === layer && next[layer] === node) {
      next[layer] = node.nextElementSibling;
      return;
    }
    if (drawn.layer && next[drawn.layer] === node) next[drawn.layer] = node.nextElementSibling;
    this.#layers[layer].insertBefore(node, next[layer]);
    drawn.layer = layer;
  }

  #comeBack(waiting) {
    if (waiting) this.#again();
    if (this.#timer !== null || this.#layers.changing.childElementCount === 0) return;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.#again();
    }, RESTS_AFTER_MS);
  }

  /** Show these elements elsewhere, by so many units, while they are dragged; null: no longer. */
  drag(ids, by) {
    const before = this.#dragged.ids;
    this.#dragged = { ids: new Set(by ? ids : []), by };
    for (const id of [...before, ...ids]) {
      const drawn = this.#drawn.get(id);
      if (drawn) this.#offset(id, drawn.node);
    }
    this.#again();
  }

  #offset(id, node) {
    if (this.#dragged.ids.has(id)) node.setAttribute("transform", `translate(${this.#dragged.by.join(" ")})`);
    else node.removeAttribute("transform");
  }
}
