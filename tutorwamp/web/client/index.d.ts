// Types of index.mjs. What the server says is in contract.d.ts, which is made from its code.

import type {
  ChatEvent,
  Lesson as LessonValue,
  Message,
  MessageFile,
  Notification,
  NotificationsEvent,
  Participant,
  Person,
  Poll,
  PollsEvent,
  PresenceMessage,
  Procedures,
  StateEvent,
  BoardEvent,
  View,
  ViewMessage,
} from "./contract.js";
import type { Board, StorageLike } from "./board/alone.js";
import type { ClientError, ErrorFields } from "./errors.js";

export * from "./contract.js";
export { Board, PenStroke } from "./board/alone.js";
export type { BoardElement, NewElement, Point, StorageLike } from "./board/alone.js";
export { ClientError, Refusal } from "./errors.js";
export type { AnyErrorUri, ErrorFields } from "./errors.js";
export { written } from "./writing.js";
export type { LessonValue };

/** What is heard, by its name. */
export interface Listening<Events> {
  /** Answers a function that ends it. */
  on<Name extends keyof Events>(event: Name, listener: (value: Events[Name]) => void): () => void;
  off<Name extends keyof Events>(event: Name, listener: (value: Events[Name]) => void): void;
}

export type ConnectionState = "initial" | "connecting" | "connected" | "reconnecting" | "disconnected";

/**
 * Why the connection is as it is. A loss: `silent` (nothing comes any more; with `connected`: it came after all), `offline` (the
 * browser says so), `lost` (the socket has closed), or what the server said, such as `draining`, `slow` and `ping_timeout`. An end:
 * `closed` (by us), `revoked` (signed out elsewhere), `unauthenticated` (the tokens are no good any more).
 */
export type StateReason =
  | "silent" | "offline" | "lost" | "draining" | "slow" | "ping_timeout"
  | "closed" | "revoked" | "unauthenticated"
  | (string & {});

export interface Clock {
  /** In milliseconds, as the pauses. */
  now(): number;
  setTimeout(act: () => void, ms: number): unknown;
  clearTimeout(timer: any): void;
}

/** In seconds. */
export interface Timeouts {
  open: number;
  join: number;
  call: number;
  read: number;
  probe: number;
  idle: number;
  silent: number;
  shown: number;
  lost: number;
  pause: number;
}

export interface Options {
  /** Of the server: `https://school.example`. */
  url: string;
  /** An access token; with `renew` another than before. */
  getToken?: (how: { renew?: boolean }) => string | Promise<string>;
  /** The client gets and renews the tokens itself. */
  login?: { email: string; password: string } | (() => { email: string; password: string } | Promise<{ email: string; password: string }>);
  user?: () => Person | null;
  /** In place of both: who signs out there, in any tab, is `disconnected` with the reason `revoked`. */
  session?: Session;
  /** What is not sent yet outlives a reload there: localStorage, where there is one. */
  storage?: StorageLike;
  WebSocket?: unknown;
  fetch?: typeof globalThis.fetch;
  clock?: Clock;
  timeouts?: Partial<Timeouts>;
  /** In milliseconds. */
  throttle?: Partial<Record<"cursor" | "typing" | "board", number>>;
  debug?: boolean | ((direction: "in" | "out", message: unknown) => void);
}

export interface CallOptions {
  /** Seconds. */
  timeout?: number;
  signal?: AbortSignal;
}

/** How much the server does not have yet: messages, and elements of boards (a stroke of more than 500 points is several). */
export interface Pending {
  words: number;
  strokes: number;
  lessons: Record<string, { words: number; strokes: number }>;
}

/** What the router says of a new session. */
export interface Welcome {
  session: number;
  authid: string;
  authrole: string;
}

export interface ClientEvents {
  state: { old: ConnectionState; new: ConnectionState; reason?: StateReason };
  /** `seconds` until the next attempt; null where there is none to come. */
  retry: { seconds: number | null };
  lost: undefined;
  restored: undefined;
  /** A new WAMP session, from WELCOME. */
  arrived: Welcome;
  pendingchange: Pending;
  /** What was written or drawn in a lesson that is not open any more, and the server does not take. */
  refused: { lessonId: string; error: ClientError };
}

/** What comes behind a procedure's name: arguments may be left away where none has to be given. */
type Asked<Arguments> = {} extends Arguments ? [kwargs?: Arguments, how?: CallOptions] : [kwargs: Arguments, how?: CallOptions];

/** Without `tutorwamp.`: what is asked of one lesson, by its id. */
export type LessonProcedure = {
  [Name in keyof Procedures]: "lesson_id" extends keyof Procedures[Name]["arguments"] ? (Name extends `tutorwamp.${infer Short}` ? Short : never) : never;
}[keyof Procedures];

/** What changes a lesson and answers it: `start`, `end`, `set_pen` … */
export type LessonVerb = {
  [Short in LessonProcedure]: Short extends `lesson.${infer Verb}` ? (Procedures[`tutorwamp.${Short}`]["result"] extends LessonValue ? Verb : never) : never;
}[LessonProcedure];

type OfLesson<Short extends LessonProcedure> = Omit<Procedures[`tutorwamp.${Short}`]["arguments"], "lesson_id">;

export declare function createClient(options: Options): Client;

export declare class Client implements Listening<ClientEvents> {
  constructor(options: Options);
  on<Name extends keyof ClientEvents>(event: Name, listener: (value: ClientEvents[Name]) => void): () => void;
  off<Name extends keyof ClientEvents>(event: Name, listener: (value: ClientEvents[Name]) => void): void;
  readonly state: ConnectionState;
  readonly retryAt: number | null;
  readonly isOpen: boolean;
  /** There is a session, and it is known who we are: lessons may be joined. */
  readonly hasArrived: boolean;
  readonly user: Person | null;
  readonly pending: Pending;
  readonly notifications: Notifications;
  readonly storage: StorageLike;
  /** Whether somebody looks at what is shown; said again while they do something there. */
  set attentive(attentive: boolean);
  connect(): Promise<void>;
  close(): void;
  wake(): void;
  keep(): void;
  /** A procedure of the contract. */
  call<Name extends keyof Procedures>(procedure: Name, ...asked: Asked<Procedures[Name]["arguments"]>): Promise<Procedures[Name]["result"]>;
  /** The same for a name that these types do not know, such as one of a later version. */
  callAny(procedure: string, kwargs?: Record<string, unknown>, how?: CallOptions): Promise<any>;
  subscribe(topic: string, heard: (kwargs: Record<string, unknown>, publisher?: string) => void): Promise<() => void>;
  whisper(topic: string, kwargs: Record<string, unknown>): void;
  request(
    method: string,
    path: string,
    how?: CallOptions & { query?: Record<string, unknown>; body?: unknown; headers?: Record<string, string>; as?: "json" | "blob" | "text" | "response" },
  ): Promise<any>;
  /** A token for what is asked past `request`, such as an upload that shows how far it is. */
  accessToken(how?: { renew?: boolean }): Promise<string>;
  lesson(id: string): Lesson;
}

export interface Followed<Whole, Change> extends Listening<{ sync: Whole; update: Change; change: unknown }> {
  /** Whether the last return resumed what was missed, and nothing had to be read afresh. */
  readonly recovered: boolean;
}

/** A message that the server does not have yet. */
export interface OwnMessage extends Omit<Message, "id" | "seq" | "lesson_id" | "files"> {
  id: null;
  seq: null;
  files: MessageFile[];
  /** Why it cannot be sent; null while it is on its way. */
  problem: ErrorFields | null;
}

export interface ChatPicture {
  messages: Message[];
  onTheirWay: OwnMessage[];
  /** Whether there are messages before these. */
  earlier: boolean;
  loaded: boolean;
  newFrom: number | null;
  seenBy: { person: Person; seq: number }[];
  closed: boolean;
  stuck: boolean;
}

export interface ChatPart extends Listening<{ sync: ChatPicture; update: ChatEvent; change: unknown; arrived: Message; refused: ClientError }> {
  readonly picture: ChatPicture;
  readonly recovered: boolean;
  readonly newCount: number;
  readonly unsentCount: number;
  isWatched: () => boolean;
  /** `files`: of this lesson, as `POST /api/lessons/{id}/files` has answered them; with some the words may be none. */
  send(body: string, replyTo?: Pick<Message, "id"> | null, files?: MessageFile[]): void;
  edit(message: Message, body: string): Promise<boolean>;
  delete(message: Message): Promise<boolean>;
  react(message: Message, emoji: string): Promise<boolean>;
  discard(message: OwnMessage): void;
  showEarlier(): Promise<void>;
  reach(seq: number): Promise<void>;
  seen(): void;
  nothingIsNew(): void;
  search(query: string): Promise<Message[]>;
  withId(id: string): Message | null;
}

export type BoardPart = Board &
  Listening<{ sync: Board; update: BoardEvent; change: unknown; news: string; stopped: string[] }> & { readonly recovered: boolean };

export interface LessonPart extends Followed<LessonValue, StateEvent & { old: LessonValue | null; lesson: LessonValue }> {
  readonly value: LessonValue | null;
  refresh(): Promise<void>;
}

export interface PollsPart extends Followed<Poll[], PollsEvent> {
  readonly items: Poll[];
}

export interface PresencePart extends Followed<Participant[], PresenceMessage> {
  readonly participants: Participant[];
}

export interface ViewPart extends Followed<View | null, ViewMessage> {
  readonly value: View | null;
}

export interface TypingPart extends Listening<{ update: string[] }> {
  readonly ids: string[];
  tell(typing: boolean): void;
}

export interface CursorPart extends Listening<{ update: { who: string; page: string; x: number; y: number; laser?: boolean } }> {
  tell(place: { page: string; x: number; y: number; laser?: boolean }): void;
}

export interface LessonEvents {
  joined: { recovered: boolean };
  failed: ClientError;
  told: ClientError;
}

export declare class Lesson implements Listening<LessonEvents> {
  private constructor();
  on<Name extends keyof LessonEvents>(event: Name, listener: (value: LessonEvents[Name]) => void): () => void;
  off<Name extends keyof LessonEvents>(event: Name, listener: (value: LessonEvents[Name]) => void): void;
  readonly id: string;
  readonly me: Person;
  readonly value: LessonValue | null;
  readonly isLed: boolean;
  readonly isOver: boolean;
  readonly recovered: boolean;
  readonly pending: { words: number; strokes: number };
  readonly chat: ChatPart;
  readonly board: BoardPart;
  readonly state: LessonPart;
  readonly polls: PollsPart;
  readonly presence: PresencePart;
  readonly view: ViewPart;
  readonly typing: TypingPart;
  readonly cursor: CursorPart;
  join(): Promise<{ recovered: boolean }>;
  leave(): void;
  /** `name` as in `chat.history`; the lesson's id is added. */
  call<Short extends LessonProcedure>(name: Short, ...asked: Asked<OfLesson<Short>>): Promise<Procedures[`tutorwamp.${Short}`]["result"]>;
  /** `start`, `end`, `set_pen` …: the lesson as it is then. */
  act<Verb extends LessonVerb>(verb: Verb, ...asked: Asked<OfLesson<`lesson.${Verb}` & LessonProcedure>>): Promise<LessonValue>;
}

export declare class Notifications implements Listening<{ sync: Notifications; update: NotificationsEvent; change: undefined; news: Notification }> {
  private constructor();
  on(event: "sync" | "update" | "change" | "news", listener: (value: any) => void): () => void;
  off(event: "sync" | "update" | "change" | "news", listener: (value: any) => void): void;
  readonly isServed: boolean;
  readonly recovered: boolean;
  readonly items: Notification[];
  readonly unreadCount: number;
  markRead(notification: Pick<Notification, "id">): Promise<unknown>;
  markAllRead(): Promise<unknown>;
}

export declare const TIMEOUTS: Timeouts;
export declare const systemClock: Clock;

export interface SessionEvents {
  /** Another person than before, or nobody: they have signed in or out, here or in another tab. */
  change: Person | null;
}

/** Who is signed in, with tokens that are kept and renewed: `createClient({ url, session })`. */
export declare class Session implements Listening<SessionEvents> {
  constructor(options: {
    url: string;
    fetch?: typeof globalThis.fetch;
    clock?: Clock;
    /** Where the tokens outlive a reload; `name` it where a page has several. */
    kept?: { get(): any; set(tokens: any): void; name?: string };
    /** A BroadcastChannel: the other tabs that may keep the same tokens. */
    tabs?: { postMessage(message: unknown): void; onmessage: any };
    /** Does the work in one tab at a time; by itself `navigator.locks`, where there are any. */
    alone?: (work: () => Promise<void>) => Promise<unknown>;
  });
  on<Name extends keyof SessionEvents>(event: Name, listener: (value: SessionEvents[Name]) => void): () => void;
  off<Name extends keyof SessionEvents>(event: Name, listener: (value: SessionEvents[Name]) => void): void;
  readonly user: Person | null;
  register(person: { name: string; email: string; password: string; role: "student" | "tutor" }): Promise<void>;
  logIn(login: { email: string; password: string }): Promise<void>;
  /** Here, in the tabs that keep the same tokens, and at the server. */
  logOut(): Promise<void>;
  /** The same without the server. */
  forget(): void;
  /** Go on with the tokens of a new login, as after a new password. */
  adopt(tokens: unknown): void;
  accessToken(how?: { renew?: boolean }): Promise<string>;
}

export declare class WebStorage implements StorageLike {
  constructor(web: Omit<StorageLike, "key" | "length"> & ({ keys(): Iterable<string> } | { key(place: number): string | null; length: number }));
  getItem(key: string): string | null;
  setItem(key: string, text: string): void;
  removeItem(key: string): void;
  key(place: number): string | null;
  keys(): string[];
  readonly length: number;
}

export declare class MemoryStorage implements StorageLike {
  getItem(key: string): string | null;
  setItem(key: string, text: string): void;
  removeItem(key: string): void;
  key(place: number): string | null;
  keys(): string[];
  readonly length: number;
}
