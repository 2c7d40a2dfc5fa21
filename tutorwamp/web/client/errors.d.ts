// Types of errors.mjs.

import type { Action, ErrorUri } from "./contract.js";

export declare const DISCONNECTED: "wamp.close.transport_lost";
export declare const TIMED_OUT: "wamp.error.timeout";
export declare const FAULT: "tutorwamp.client.fault";
export declare const CANCELLED: "tutorwamp.client.cancelled";
export declare const OVERTAKEN: "tutorwamp.client.overtaken";
export declare const UNKEPT: "tutorwamp.client.unkept";

/** The contract's names, the client's own, and those of later versions. */
export type AnyErrorUri = ErrorUri | `tutorwamp.client.${string}` | (string & {});

/** What is left of an error where it is kept or handed on. */
export interface ErrorFields {
  uri: AnyErrorUri | null;
  action: Action;
  message: string;
  details: Record<string, unknown> | unknown[];
  requestId: string | null;
}

/** What went wrong; `action` says what to do about it. */
export declare class ClientError extends Error implements ErrorFields {
  constructor(fields: { uri?: AnyErrorUri | null; message?: string; action?: Action; details?: unknown; requestId?: string | null; status?: number; cause?: unknown });
  readonly uri: AnyErrorUri | null;
  readonly action: Action;
  readonly details: Record<string, unknown> | unknown[];
  readonly requestId: string | null;
  /** Seconds to wait before doing the same again. */
  get retryAfter(): number;
  toJSON(): ErrorFields;
  /** From whatever was thrown, or what is left of it, such as a message's `problem`. */
  static from(error: unknown): ClientError;
  static disconnected(cause?: unknown): ClientError;
  static timedOut(seconds: number): ClientError;
  static cancelled(cause?: unknown): ClientError;
  static fromResponse(response: Response): Promise<ClientError>;
}

/** The name until 0.1.0. */
export { ClientError as Refusal };
