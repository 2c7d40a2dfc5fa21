// Types of hits.mjs.

import type { BoardElement, Point } from "./alone.js";

type Box = [left: number, top: number, right: number, bottom: number];

/** Whether the point is on the element, or nearer to it than `reach`. */
export declare function isHit(element: BoardElement, point: Point, reach: number): boolean;
/** Null for what cannot be drawn here. */
export declare function boxOf(element: BoardElement): Box | null;
export declare function moved(element: BoardElement, across: number, down: number): BoardElement;
/** Where there are fonts to ask: how wide a line is, in board units. */
export declare function measureTextBy(measure: (line: string, size: number) => number): void;
