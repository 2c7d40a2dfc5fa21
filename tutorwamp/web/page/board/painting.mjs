// The elements of a page, in three layers: the lower part of a crowded page as pixels (backdrop.mjs), over it what rests, and
// over that what was changed a moment ago, both as SVG. A change then costs as much as what changes, and not as much as what
// is on the page.

import { Backdrop } from "./backdrop.mjs";
import { drawnAs } from "./svg.mjs";

const RESTS_AFTER_MS = 1_000; // without a change
const NODES_AT_MOST = 400; // of SVG, that rest: a browser paints as many within a frame
const NODES_KEPT = 200; // where there were more; the others become pixels
const GROWN_AT_MOST = 20; // strokes that grow at the same time
const SUNK_AT_ONCE = 100; // become pixels within one frame

export class Painting {
  #layers; // {resting, changing}
  #backdrop;
  #pictures;
  #again;
  #page = null;
  #known = new Map(); // id -> {element, href, layer: "below" | "resting" | "changing", node, tag, at}
  #shown = []; // the elements of the frame before
  #pixels = []; // those of them that are pixels
  #below = 0; // so many elements, from the lowest on, are pixels where they rest
  #dragged = { ids: new Set(), by: null };
  #settledAt = 0;
  #timer = null;

  /** `pictures.url(assetId)`: where a picture is, or null until it is here. `again()`: there is more to paint. */
  constructor({ canvas, resting, changing }, { pictures, again }) {
    this.#layers = { resting, changing };
    for (const layer of [resting, changing]) layer.replaceChildren();
    this.#backdrop = new Backdrop(canvas, { pictures, again });
    this.#backdrop.clear();
    this.#pictures = pictures;
    this.#again = again;
  }

  close() {
    clearTimeout(this.#timer);
    this.#backdrop.clear();
  }

  /** What is on the page, bottom first, as the camera sees it. `isBusy`: somebody draws here, so what rests stays as it is. */
  show(elements, { page, camera, isBusy }) {
    if (page !== this.#page) this.#turn(page);
    if (this.#showGrown(elements, { camera, isBusy })) return;
    if (this.#known.size === 0) this.#below = elements.length > NODES_AT_MOST ? elements.length - NODES_KEPT : 0;
    this.#removeOthers(elements);
    const now = performance.now();
    const settles = !isBusy && now - this.#settledAt >= RESTS_AFTER_MS;
    if (settles) this.#settledAt = now;
    if (!isBusy) this.#sink(elements.length);
    const isFirst = this.#known.size === 0; // all of it rests already
    const next = { resting: this.#layers.resting.firstElementChild, changing: this.#layers.changing.firstElementChild };
    const pixels = [];
    const all = elements.map((element) => this.#knownAs(element, { isFirst, now }));
    this.#restAtOnce(
      all.filter(({ at }) => at === now),
      all.length,
    );
    elements.forEach((element, place) => {
      const known = all[place];
      const layer = this.#layerOf(known, { isLow: place < this.#below, now, settles });
      if (layer === "below") {
        this.#toPixels(known, next);
        pixels.push(element);
      } else this.#toNode(known, layer, next);
    });
    this.#pixels = pixels;
    this.#shown = elements;
    this.#backdrop.show(pixels, camera);
    this.#comeBack();
  }

  // While somebody draws, next to nothing is different from the frame before: a stroke has grown, or one is new. Then nothing
  // else is looked at.
  #showGrown(elements, { camera, isBusy }) {
    const before = this.#shown;
    if (!isBusy || this.#dragged.ids.size > 0 || before.length === 0 || elements.length < before.length) return false;
    const grown = elements.filter((element, place) => element !== before[place]);
    const known = grown.map(({ id }) => this.#known.get(id));
    const isPlain = (element, place) => element.kind === "stroke" && (known[place] ? known[place].layer === "changing" : true);
    const areNew = elements.length - before.length === known.filter((one) => !one).length;
    if (grown.length > GROWN_AT_MOST || !areNew || !grown.every(isPlain)) return false;
    if (grown.some(({ id }, place) => known[place] && before[elements.indexOf(grown[place])]?.id !== id)) return false;
    const [now, next] = [performance.now(), { resting: null, changing: null }];
    for (const element of grown) {
      const one = this.#knownAs(element, { isFirst: false, now });
      if (one.layer === "changing") this.#draw(one, next);
      else this.#toNode(one, "changing", next);
    }
    this.#shown = elements;
    this.#backdrop.show(this.#pixels, camera);
    return true;
  }

  #turn(page) {
    this.#page = page;
    for (const layer of Object.values(this.#layers)) layer.replaceChildren();
    this.#backdrop.clear();
    this.#known.clear();
    this.#shown = this.#pixels = [];
  }

  #removeOthers(elements) {
    if (this.#known.size === 0) return;
    const here = new Set(elements.map(({ id }) => id));
    for (const [id, { node, isLow }] of this.#known) {
      if (here.has(id)) continue;
      node?.remove();
      this.#known.delete(id);
      if (isLow) this.#below--;
    }
  }

  // Where there are too many nodes, the lowest become pixels.
  #sink(count) {
    const nodes = count - this.#below;
    if (nodes > NODES_AT_MOST || (this.#below > 0 && nodes > NODES_KEPT + SUNK_AT_ONCE)) {
      this.#below += Math.min(SUNK_AT_ONCE, nodes - NODES_KEPT);
      this.#again();
    }
  }

  // So many that change together, as where a page was cleared and that is undone, are no sight of their own.
  #restAtOnce(changed, count) {
    if (changed.length <= NODES_AT_MOST) return;
    for (const known of changed) known.at = -Infinity;
    this.#below = Math.max(this.#below, count - NODES_KEPT);
  }

  #knownAs(element, { isFirst, now }) {
    const href = element.kind === "image" ? this.#pictures.url(element.asset_id) : null;
    const old = this.#known.get(element.id);
    if (old?.element === element && old.href === href) return old;
    const known = { layer: null, node: null, tag: null, ...old, element, href, at: isFirst ? -Infinity : now, isStale: true };
    this.#known.set(element.id, known);
    return known;
  }

  #layerOf(known, { isLow, now, settles }) {
    known.isLow = isLow;
    const resting = isLow ? "below" : "resting";
    if (this.#dragged.ids.has(known.element.id)) return "changing";
    if (known.layer === null || known.layer === resting) return now - known.at >= RESTS_AFTER_MS ? resting : "changing";
    if (known.layer !== "changing") return resting; // it sinks
    return settles && now - known.at >= RESTS_AFTER_MS ? resting : "changing";
  }

  #toPixels(known, next) {
    if (known.node) {
      if (next[known.layer] === known.node) next[known.layer] = known.node.nextElementSibling;
      known.node.remove();
      known.node = known.tag = null;
    }
    known.layer = "below";
  }

  #toNode(known, layer, next) {
    if (known.isStale || !known.node) this.#draw(known, next);
    const { node } = known;
    if (known.layer === layer && next[layer] === node) {
      next[layer] = node.nextElementSibling;
      return;
    }
    if (next[known.layer] === node) next[known.layer] = node.nextElementSibling;
    this.#layers[layer].insertBefore(node, next[layer]);
    known.layer = layer;
  }

  #draw(known, next) {
    const { node, tag } = drawnAs(known.element, known.href, known.node ? known : null);
    if (known.node && known.node !== node) {
      if (next[known.layer] === known.node) next[known.layer] = known.node.nextElementSibling;
      known.node.remove();
      known.layer = null;
    }
    Object.assign(known, { node, tag, isStale: false });
    this.#offset(known);
  }

  #comeBack() {
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
    for (const id of new Set([...before, ...ids])) {
      const known = this.#known.get(id);
      if (known?.node) this.#offset(known);
      if (known) known.at = performance.now();
    }
    this.#again();
  }

  #offset({ element, node }) {
    if (this.#dragged.ids.has(element.id)) node.setAttribute("transform", `translate(${this.#dragged.by.join(" ")})`);
    else node.removeAttribute("transform");
  }
}
