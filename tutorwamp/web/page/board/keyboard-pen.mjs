// Drawing by keyboard: a cross that the arrow keys move, and Enter, which is the press and the lift of whatever tool is chosen.

import { SHEET } from "../../client/board/camera.mjs";
import { announce } from "../notices.mjs";
import { t } from "../words.mjs";

const STEP = 10; // board units; 1 with shift
const REACH = 8; // board units around the cross that an eraser or a selection means
const SAID_AFTER_MS = 600; // where the cross is, once it rests
const BY_KEY = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const DRAWS = new Set(["pen", "line", "arrow", "rect", "ellipse", "laser"]); // from one Enter to the next; others act at once

export class KeyboardPen {
  #view;
  #tools;
  #selection;
  #hooks;
  #at = [SHEET.width / 2, SHEET.height / 2];
  #gesture = null;
  #timer = null;

  /** Hooks: onMove(point), onSelect(element), what was selected here or null. */
  constructor({ view, tools, selection, hooks }) {
    this.#view = view;
    this.#tools = tools;
    this.#selection = selection;
    this.#hooks = hooks;
  }

  get isBusy() {
    return this.#gesture !== null;
  }

  /** True where the key was for the cross, or for what is selected. */
  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return false;
    const way = BY_KEY[event.key];
    if (way) return this.#move(way.map((by) => by * (event.shiftKey ? 1 : STEP)));
    if (event.key === "Enter") return this.#press();
    if (event.key !== "Escape" || !(this.#gesture || this.#view.overlay.cross)) return false;
    this.hide();
    return true;
  }

  #move(by) {
    if (!this.#selection.isEmpty && !this.#gesture) {
      this.#selection.move(by);
      return true;
    }
    const limit = (at, length) => Math.min(length, Math.max(0, at));
    this.#at = [limit(this.#at[0] + by[0], SHEET.width), limit(this.#at[1] + by[1], SHEET.height)];
    this.#gesture?.move?.([this.#at], {});
    this.#view.camera.reveal(this.#at);
    this.#hooks.onMove(this.#at);
    this.#show();
    this.#saySoon();
    return true;
  }

  #show() {
    this.#view.overlay.cross = { at: this.#at, isDown: this.#gesture !== null };
    this.#view.look();
  }

  #saySoon() {
    clearTimeout(this.#timer);
    const share = (at, length) => Math.round((100 * at) / length);
    this.#timer = setTimeout(
      () => announce(t("board.cross-at", { across: share(this.#at[0], SHEET.width), down: share(this.#at[1], SHEET.height) })),
      SAID_AFTER_MS,
    );
  }

  #press() {
    if (this.#gesture) {
      this.#gesture.end(this.#at, {});
      this.#gesture = null;
      announce(t("board.pen-up"));
    } else if (this.#tools.mayBegin) {
      const how = { reach: REACH, adds: false, px: [-1e9, -1e9], at: this.#at, isTouch: false }; // the cross presses no handle
      const gesture = this.#tools.begin(this.#at, how);
      if (DRAWS.has(this.#tools.choice.tool)) {
        this.#gesture = gesture;
        announce(t("board.pen-down"));
      } else {
        gesture?.end(this.#at, {});
        if (this.#tools.choice.tool === "select") this.#hooks.onSelect(this.#selection.elements[0] ?? null);
      }
    }
    this.#show();
    return true;
  }

  /** What was begun is not wanted, or somebody draws in another way now. */
  hide({ keeps = false } = {}) {
    const gesture = this.#gesture;
    this.#gesture = null;
    if (keeps) (gesture?.settle ?? gesture?.drop)?.();
    else (gesture?.drop ?? gesture?.takeBack ?? gesture?.settle)?.();
    if (!this.#view.overlay.cross) return;
    this.#view.overlay.cross = null;
    this.#view.look();
  }
}
