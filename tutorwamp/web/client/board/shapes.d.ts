// Types of shapes.mjs.

import type { BoardElement } from "./alone.js";

export declare const LINE_HEIGHT: number;

/** Whether it can be drawn here; others keep their places, unseen. */
export declare function isDrawable(element: BoardElement): boolean;

/** As SVG says it. `lines` of a text; `href` is a picture's, without it a crossed-out frame. */
export declare function shapeOf(
  element: BoardElement,
  href?: string | null,
): { tag: string; attributes: Record<string, string | number>; lines?: { x: number; y: number; text: string }[] };
