// A page of the board that nobody draws on, as in a replay or on paper: all of it, at once.

import { find } from "../dom.mjs";
import { drawnAs } from "./svg.mjs";

export class BoardView {
  #sheet;
  #drawn = new Map(); // id -> {element, node, tag, href}
  #pictures;

  /** `pictures.url(assetId)`: where a picture is, or null until it is here. */
  constructor(root, { pictures }) {
    this.#sheet = find(".sheet", root);
    this.#sheet.replaceChildren();
    this.#pictures = pictures;
  }

  /** What is on the page, bottom first. */
  show(elements) {
    const drawn = elements.map((element) => {
      const old = this.#drawn.get(element.id);
      const href = element.kind === "image" ? this.#pictures.url(element.asset_id) : null;
      return old?.element === element && old.href === href ? old : drawnAs(element, href, old);
    });
    this.#drawn = new Map(drawn.map((one) => [one.element.id, one]));
    const kept = new Set(drawn.map(({ node }) => node));
    for (const node of [...this.#sheet.children]) if (!kept.has(node)) node.remove();
    let place = this.#sheet.firstElementChild;
    for (const { node } of drawn) {
      if (node === place) place = place.nextElementSibling;
      else this.#sheet.insertBefore(node, place);
    }
  }
}
