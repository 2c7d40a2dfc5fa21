// Every way something can fail, as one kind of error that says what to do about it (its `action`).

/** There is no connection, or it ended before the answer came: whether the call was carried out is not known. */
export const DISCONNECTED = "wamp.close.transport_lost";
export const TIMED_OUT = "wamp.error.timeout";
/** A mistake of a program on this side, such as arguments that cannot be written. */
export const FAULT = "tutorwamp.client.fault";
/** Whoever asked does not want to know any more. */
export const CANCELLED = "tutorwamp.client.cancelled";
/** An undo of what somebody else has changed since. */
export const OVERTAKEN = "tutorwamp.client.overtaken";
/** There is no room to keep what is not sent yet: it lasts as long as the page. */
export const UNKEPT = "tutorwamp.client.unkept";

const RETRY_AFTER_AT_MOST_S = 3_600; // whoever says more has not counted in seconds; and timers overflow after 24 days
const ACTIONS = new Set(["retry", "reauth", "reload", "fix", "stop"]);

// What to do where nobody says it: in the answer of a board (its rejections have no action), in an ABORT, in an answer of the
// router itself, and where a later version says an action that is not known here. What is not named is `stop`, in
// docs/api/errors.md too; a test compares.
const ACTION_OF = {
  "tutorwamp.error.account.email_taken": "fix",
  "tutorwamp.error.board.full": "fix",
  "tutorwamp.error.board.stale": "reload",
  "tutorwamp.error.chat.edit_window": "reload",
  "tutorwamp.error.conflict": "reload",
  "tutorwamp.error.invalid": "fix",
  "tutorwamp.error.lesson.overlap": "reload",
  "tutorwamp.error.lesson.state": "reload",
  "tutorwamp.error.malformed": "fix",
  "tutorwamp.error.method_not_allowed": "fix",
  "tutorwamp.error.rate_limited": "retry",
  "tutorwamp.error.too_large": "fix",
  "tutorwamp.error.unauthenticated": "reauth",
  "tutorwamp.error.unavailable": "retry",
  "tutorwamp.error.unsupported_media_type": "fix",
  "wamp.error.canceled": "retry", // the component died with our call in its hands
  "wamp.error.no_such_procedure": "retry", // it is not back yet; names that nobody knows are not authorized
  "crossbar.error.max_concurrency_reached": "retry",
  "wamp.error.invalid_argument": "fix",
  "wamp.error.invalid_payload": "fix",
  "wamp.error.invalid_uri": "fix",
  "wamp.error.payload_size_exceeded": "fix",
  [DISCONNECTED]: "retry",
  [TIMED_OUT]: "retry",
};

// An answer that is not tutorwamp's was written by a proxy before it; then the status is all there is.
const URI_OF_STATUS = {
  400: "tutorwamp.error.malformed",
  401: "tutorwamp.error.unauthenticated",
  403: "tutorwamp.error.forbidden",
  404: "tutorwamp.error.not_found",
  413: "tutorwamp.error.too_large",
  429: "tutorwamp.error.rate_limited",
};

/** What went wrong. `uri` names it, `action` says what to do, `details` are for a program, `requestId` is for support. */
export class ClientError extends Error {
  constructor({ uri = null, message = "", action, details = {}, requestId = null, status, cause }) {
    super(message, { cause });
    this.name = "ClientError";
    this.uri = uri;
    this.action = actionFor(uri, action, status); // "retry" | "reauth" | "reload" | "fix" | "stop"
    this.details = details && typeof details === "object" ? details : {};
    this.requestId = requestId;
  }

  /** Seconds to wait before doing the same again. */
  get retryAfter() {
    const wished = this.details.retry_after_s;
    return Number.isFinite(wished) && wished >= 0 ? Math.min(wished, RETRY_AFTER_AT_MOST_S) : 1;
  }

  /** For who stores it, or hands it to another window. */
  toJSON() {
    const { uri, action, message, details, requestId } = this;
    return { uri, action, message, details, requestId };
  }

  /** The connection went away, or there is none. Whether the call was carried out is not known. */
  static disconnected(cause) {
    return new ClientError({ uri: DISCONNECTED, message: "No connection.", cause });
  }

  static timedOut(seconds) {
    return new ClientError({ uri: TIMED_OUT, message: `No answer within ${seconds} s.` });
  }

  static cancelled(cause) {
    return new ClientError({ uri: CANCELLED, message: "Cancelled.", cause });
  }

  /** From whatever a call has thrown, or what is left of it (a message's `problem`). */
  static from(error) {
    if (error instanceof ClientError) return error;
    if (ACTIONS.has(error?.action)) return new ClientError(error);
    const uri = textOr(error?.errorUri, null);
    if (uri === null) return fromNowhere(error);
    const said = error.argsDict ?? {};
    // Of what one may not have the router tells no more than of what nobody has.
    const no = uri === "wamp.error.not_authorized" ? `No such ${error.about ?? "name"}, or not yours.` : "No.";
    const message = textOr(said.message, no);
    return new ClientError({ uri, message, action: said.action, details: said.details, requestId: said.request_id ?? null, cause: error });
  }

  static fromWamp(error) {
    return ClientError.from(error);
  }

  /** From an ABORT, whose text is in its details. What does not say who we are may be said again later. */
  static fromAbort({ errorUri, details }) {
    const action = errorUri === "tutorwamp.error.unauthenticated" ? "reauth" : "retry";
    return new ClientError({ uri: errorUri, action, message: textOr(details?.message, "Not let in."), details });
  }

  /** From a change that a board did not take, which is a part of an answer and has no action. */
  static fromRejection({ error, message, details }) {
    return new ClientError({ uri: error, message: textOr(message, ""), details });
  }

  /** From an HTTP answer that is not 2xx. */
  static async fromResponse(response) {
    const { status } = response;
    const problem = (await response.json().catch(() => null)) ?? {};
    // "about:blank" and addresses are other people's problems.
    const uri = typeof problem.type === "string" && !problem.type.includes(":") ? problem.type : null;
    return new ClientError({
      uri: uri ?? URI_OF_STATUS[status] ?? (status > 500 ? "tutorwamp.error.unavailable" : "tutorwamp.error.internal"),
      message: textOr(problem.detail ?? problem.title, `The server answered ${status}.`),
      action: uri && problem.action,
      details: problem.details ?? waitIn(response.headers),
      requestId: problem.request_id ?? response.headers.get("x-request-id"),
      status,
    });
  }
}

/** The name until 0.1.0. */
export { ClientError as Refusal };

function actionFor(uri, said, status) {
  if (ACTIONS.has(said)) return said;
  if (Object.hasOwn(ACTION_OF, uri)) return ACTION_OF[uri];
  if (status === 401) return "reauth";
  return status === 429 || status > 500 ? "retry" : "stop"; // 500 is a fault, which does not pass by itself
}

// Nothing that WAMP says: the socket, the clock, or a mistake.
function fromNowhere(error) {
  if (["WebsocketError", "InvalidStateError", "NetworkError"].includes(error?.name)) return ClientError.disconnected(error);
  if (error?.name === "TimeoutError") return new ClientError({ uri: TIMED_OUT, message: "No answer in time.", cause: error });
  if (error?.name === "AbortError") return ClientError.cancelled(error);
  return new ClientError({ uri: FAULT, message: "A fault of this program.", cause: error });
}

function waitIn(headers) {
  const seconds = Number.parseInt(headers.get("retry-after"), 10);
  return Number.isFinite(seconds) ? { retry_after_s: seconds } : {};
}

function textOr(value, otherwise) {
  return typeof value === "string" ? value : otherwise;
}
