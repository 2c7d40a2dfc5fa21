// Types of cursor.mjs.

/** Where the others point; a pointer that rests fades. */
export declare class Pointers {
  constructor(onChange: () => void);
  heard(id: string, place: { page: string; x: number; y: number; laser?: boolean }): void;
  forget(id: string): void;
  clear(): void;
  on(page: string): { id: string; x: number; y: number }[];
}
