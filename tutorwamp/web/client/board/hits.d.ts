// Types of hits.mjs.

import type { Element, Point } from "./alone.js";

type Box = [left: number, top: number, right: number, bottom: number];

/** Whether the point is on the element, or nearer to it than `reach`. */
export declare function isHit(element: Element, point: Point, reach: number): boolean;
/** Null for what cannot be drawn here. */
export declare function boxOf(element: Element): Box | null;
export declare function moved(element: Element, across: number, down: number): Element;
/** Where there are fonts to ask: how wide a line is, in board units. */
export declare function measureTextBy(measure: (line: string, size: number) => number): void;
