// What lies over the board and is not on it: the frame of what is selected, with its handles; the frame one draws to select;
// the cross of who draws by keyboard; the light of a laser. In pixels of the window, so it is as thick at any zoom.

import { TRAIL_MS } from "../../client/board/cursor.mjs";
import { svg } from "./svg.mjs";

const HANDLE_PX = 10;
const CROSS_PX = 14;
const LASER_PX = 5; // half of its width at the tip

/** The eight handles of a frame, by the share of its width and height. */
export const HANDLES = { nw: [0, 0], n: [0.5, 0], ne: [1, 0], e: [1, 0.5], se: [1, 1], s: [0.5, 1], sw: [0, 1], w: [0, 0.5] };

export class Overlay {
  #node;
  #camera;
  /** {box, handles: [name], locked}: of what is selected, in board units; or null. */
  selected = null;
  /** [left, top, right, bottom] of the frame that is being drawn, or null. */
  band = null;
  /** Where the keyboard's pen is: {at: [x, y], isDown}, or null. */
  cross = null;
  /** Trails of lasers: [[{x, y, at}]]. */
  trails = [];

  constructor(node, camera) {
    this.#node = node;
    this.#camera = camera;
  }

  draw() {
    const parts = [
      ...this.#selection(),
      ...this.#band(),
      ...this.#cross(),
      ...this.trails.flatMap((trail) => this.#trail(trail)),
    ];
    if (parts.length > 0 || this.#node.firstChild) this.#node.replaceChildren(...parts);
  }

  /** Whether it changes by itself, because a light fades. */
  get isFading() {
    return this.trails.some((trail) => trail.length > 0);
  }

  #selection() {
    if (!this.selected) return [];
    const { box, handles, locked } = this.selected;
    const frame = this.#frame(box, locked ? "selected locked" : "selected");
    const [left, top, right, bottom] = this.#screen(box);
    const handle = (name) => {
      const [across, down] = HANDLES[name];
      const [x, y] = [left + (right - left) * across - HANDLE_PX / 2, top + (bottom - top) * down - HANDLE_PX / 2];
      return svg("rect", { class: "handle", x, y, width: HANDLE_PX, height: HANDLE_PX, rx: 2 });
    };
    return [frame, ...handles.map(handle)];
  }

  #band() {
    return this.band ? [this.#frame(this.band, "band")] : [];
  }

  #frame(box, className) {
    const [left, top, right, bottom] = this.#screen(box);
    return svg("rect", { class: className, x: left, y: top, width: right - left, height: bottom - top });
  }

  #screen([left, top, right, bottom]) {
    return [...this.#camera.toScreen([left, top]), ...this.#camera.toScreen([right, bottom])];
  }

  #cross() {
    if (!this.cross) return [];
    const [x, y] = this.#camera.toScreen(this.cross.at);
    const d = `M${x - CROSS_PX} ${y}h${2 * CROSS_PX}M${x} ${y - CROSS_PX}v${2 * CROSS_PX}`;
    const circle = this.cross.isDown ? [svg("circle", { class: "cross down", cx: x, cy: y, r: CROSS_PX / 2 })] : [];
    return [svg("path", { class: "cross under", d }), svg("path", { class: "cross", d }), ...circle];
  }

  #trail(trail) {
    const places = trail.map(({ x, y, at }) => ({ at, place: this.#camera.toScreen([x, y]) }));
    const share = (at) => Math.max(0, 1 - (Date.now() - at) / TRAIL_MS);
    const pieces = places.slice(1).map(({ at, place: [x, y] }, i) => {
      const [fromX, fromY] = places[i].place;
      return svg("path", {
        class: "laser",
        d: `M${fromX} ${fromY}L${x} ${y}`,
        "stroke-width": 2 * LASER_PX * share(at),
        opacity: share(at),
      });
    });
    const tip = places.at(-1);
    return tip ? [...pieces, svg("circle", { class: "laser", cx: tip.place[0], cy: tip.place[1], r: LASER_PX })] : pieces;
  }
}
