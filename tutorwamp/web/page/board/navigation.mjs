// Moving and zooming what one sees, by wheel, buttons and keys; fingers do it in pointing.mjs.

import { find } from "../dom.mjs";
import { t } from "../words.mjs";

const STEP = 1.25; // of one press of + or −
const WHEEL_PX = 400; // of a turned wheel, until everything is e times as large
const LINE_PX = 24; // where a browser tells of lines and not of pixels
const KEY_PX = 80; // that an arrow key moves the view
const ARROWS = { ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

export class Navigation {
  #root;
  #view;
  #onView;

  /** `onView()`: the view was moved by hand. */
  constructor(root, { view, onView, signal }) {
    this.#root = root;
    this.#view = view;
    this.#onView = onView;
    find(".space", root).addEventListener("wheel", (event) => this.#wheel(event), { signal, passive: false });
    const on = (name, act) => find(`[data-do="${name}"]`, root).addEventListener("click", act, { signal });
    on("zoom-in", () => this.zoom(1));
    on("zoom-out", () => this.zoom(-1));
    on("fit", () => this.fit());
  }

  // A trackpad's pinch comes as a wheel with ctrl. What is turned without it moves what one sees.
  #wheel(event) {
    event.preventDefault();
    const { camera } = this.#view;
    const px = event.deltaMode === WheelEvent.DOM_DELTA_PIXEL ? 1 : LINE_PX;
    if (event.ctrlKey || event.metaKey) camera.zoom(this.#view.pixelOf(event), Math.exp((-event.deltaY * px) / WHEEL_PX));
    else if (event.shiftKey && event.deltaX === 0) camera.pan(-event.deltaY * px, 0);
    else camera.pan(-event.deltaX * px, -event.deltaY * px);
    this.#onView();
  }

  zoom(steps) {
    this.#view.camera.zoomMiddle(STEP ** steps);
    this.#onView();
  }

  /** The sheet; where it is seen already, all that is drawn, also beyond the sheet. */
  fit() {
    const { camera } = this.#view;
    if (camera.isFitted) camera.fitAll();
    else camera.fit();
    this.#onView();
  }

  /** True where the key was for the view. */
  key(event) {
    const way = (event.ctrlKey || event.metaKey) && ARROWS[event.key];
    if (!way) return false;
    this.#view.camera.pan(way[0] * KEY_PX, way[1] * KEY_PX);
    this.#onView();
    return true;
  }

  show() {
    const percent = t("board.percent", { percent: Math.round(this.#view.scale * 100) });
    const button = find('[data-do="fit"]', this.#root);
    if (button.textContent !== percent) button.textContent = percent;
    const label = t("board.fit-now", { percent });
    if (button.getAttribute("aria-label") !== label) button.setAttribute("aria-label", label);
  }
}
