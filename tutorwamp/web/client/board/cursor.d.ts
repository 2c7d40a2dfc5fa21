// Types of cursor.mjs.

import type { Point } from "./alone.js";

/** One's own pointer: said now and then, and the last place always. */
export declare class Pointer {
  constructor(say: (place: { page: string; x: number; y: number; laser?: boolean }) => void);
  move(page: string, point: Point, how?: { laser?: boolean }): void;
  close(): void;
}

/** Where the others point; a pointer that rests fades. */
export declare class Pointers {
  constructor(onChange: () => void);
  heard(id: string, place: { page: string; x: number; y: number; laser?: boolean }): void;
  forget(id: string): void;
  clear(): void;
  on(page: string): { id: string; x: number; y: number }[];
}
