// Types of board/alone.mjs.

import type { Person } from "../contract.js";
import type { ClientError } from "../errors.js";

/** As the server gives it: of a known kind, or of one that a later version has. */
export interface BoardElement {
  id: string;
  page: string;
  kind: "stroke" | "line" | "arrow" | "rect" | "ellipse" | "text" | "image" | (string & {});
  version: number;
  author?: Person;
  color: string;
  locked?: boolean;
  [field: string]: unknown;
}

/** One to be drawn; with a `version` it replaces that one. */
export type NewElement = { id: string; page: string; kind: string; color: string; version?: number } & Record<string, unknown>;

/** `[x, y]`, or with the pressure from 0 to 1. */
export type Point = [number, number] | [number, number, number];

export type Change =
  | { op: "put"; element: NewElement }
  | { op: "append"; id: string; version: number; points: Point[]; finished?: boolean }
  | { op: "delete"; id: string; version: number };

/** Keeps what is not sent yet; see `Kept`. */
export interface Keeper {
  readonly all: { client_id: string }[];
  put(piece: { client_id: string }): boolean;
  remove(clientId: string): void;
}

/** What localStorage does. */
export interface StorageLike {
  getItem(key: string): string | null;
  setItem(key: string, text: string): void;
  removeItem(key: string): void;
  key(place: number): string | null;
  readonly length: number;
}

export declare const NOT_KEPT: Keeper;
export declare class Kept implements Keeper {
  constructor(storage: StorageLike, personId: string, lessonId: string, kind?: string);
  readonly all: { client_id: string }[];
  put(piece: { client_id: string }): boolean;
  remove(clientId: string): void;
}

export interface BoardHooks {
  /** Something looks different. */
  onChange(): void;
  /** Somebody else has changed this page. */
  onNews(page: string): void;
  /** The server took no more of these elements. */
  onStopped(ids: string[]): void;
  /** Something went wrong that a person should know of. */
  tell(error: ClientError): void;
}

/** The events of a stream, in order; hand it whatever is heard on the board's topic. */
export interface EventStream {
  hear(event: unknown): void;
  /** The number of the last event that is shown; null before the board was read. */
  readonly position: number | null;
}

export declare class Board {
  constructor(options: {
    /** Calls `tutorwamp.board.<name>` of the lesson. */
    call(name: string, kwargs: Record<string, unknown>): Promise<any>;
    /** What came after a position: this stream's part of the answer of `tutorwamp.session.resume`. */
    resume?(position: number): Promise<unknown>;
    me: Person;
    hooks: BoardHooks;
    kept?: Keeper;
    everyMs?: number;
  });
  readonly stream: EventStream;
  /** After joining and subscribing, each time; `head` is what joining said. */
  begin(head: number, resumed?: unknown): Promise<void>;
  /** Of a lesson that is over. */
  readOnly(): Promise<void>;
  /** The connection is gone. */
  lost(): void;
  /** The page may be gone the next moment. */
  keep(): void;
  close(): void;
  readonly isLoaded: boolean;
  /** Something drawn here waits for the connection, or for the server. */
  readonly isStuck: boolean;
  readonly unsentCount: number;
  readonly stuckCount: number;
  /** Their ids, in order. */
  readonly pages: string[];
  /** What is to be seen of a page, bottom first. Unchanged elements are the same objects as before. */
  elementsOn(page: string): BoardElement[];
  at(id: string): { element: BoardElement | null; version: number | null };
  /** Show an element as it would be, without drawing it; null: no longer. */
  sketch(id: string, element: NewElement | null): void;
  /** What is done under one `gesture`, any object, is undone together. */
  put(element: NewElement, gesture?: object): void;
  append(id: string, points: Point[], how: { finished?: boolean; gesture?: object }): boolean;
  delete(id: string, gesture?: object): void;
  readonly canUndo: boolean;
  readonly canRedo: boolean;
  /** `again: false`: nobody will want it back. */
  undo(how?: { again?: boolean }): void;
  redo(): void;
  /** The id of the new page. */
  addPage(): string;
  removePage(page: string): Promise<void>;
  clear(page: string | null): Promise<void>;
}

/** One press of the pen: a stroke that is sent as it grows. */
export declare class PenStroke {
  constructor(board: Board, look: { page: string; color: string; width: number; opacity?: number }, point: Point);
  readonly id: string;
  /** False when the stroke is no longer there to be continued. */
  add(points: Point[]): boolean;
  end(point?: Point): void;
}

export declare class Replica {
  pages: string[];
  head: number;
  open(state: unknown): void;
  /** False where something in it made no sense: open the board afresh. */
  apply(event: unknown): boolean;
  readonly elements: IterableIterator<BoardElement>;
}

/** What is there after one of one's own changes, as the server will judge it. */
export declare function changed(
  before: { element: BoardElement | null; version: number | null },
  change: Change,
  me: Person,
): { element: BoardElement | null; version: number | null };
