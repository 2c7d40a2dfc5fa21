// Every way something can fail, as one kind of error that says what to do about it (its `action`).

/** There is no connection, or it ended before the answer came: whether the call was carried out is not known. */
export const DISCONNECTED = "wamp.close.transport_lost";
const UNAUTHENTICATED = "tutorwamp.error.unauthenticated";
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
// By what to do where nobody says it: in the answer of a board (its rejections have no action), in an ABORT, in an answer of the
// router itself, and where a later version says an action that is not known here. What is not named is `stop`, in
// docs/api/errors.md too; a test compares.
const URIS_OF = {
  retry: [
    DISCONNECTED,
    TIMED_OUT,
    "tutorwamp.error.rate_limited",
    "tutorwamp.error.unavailable",
    "wamp.error.canceled", // the component died with our call in its hands
    "wamp.error.no_such_procedure", // it is not back yet; names that nobody knows are not authorized
    "crossbar.error.max_concurrency_reached",
  ],
  reauth: [UNAUTHENTICATED],
  reload: [
    "tutorwamp.error.board.stale",
    "tutorwamp.error.chat.edit_window",
    "tutorwamp.error.conflict",
    "tutorwamp.error.lesson.overlap",
    "tutorwamp.error.lesson.state",
  ],
  fix: [
    "tutorwamp.error.account.email_taken",
    "tutorwamp.error.board.full",
    "tutorwamp.error.invalid",
    "tutorwamp.error.malformed",
    "tutorwamp.error.method_not_allowed",
    "tutorwamp.error.too_large",
    "tutorwamp.error.unsupported_media_type",
    "wamp.error.invalid_argument",
    "wamp.error.invalid_payload",
    "wamp.error.invalid_uri",
    "wamp.error.payload_size_exceeded",
  ],
  stop: [],
};
const ACTIONS = Object.keys(URIS_OF);

// An answer that is not tutorwamp's was written by a proxy before it; then the status is all there is.
const URI_OF_STATUS = {
  400: "tutorwamp.error.malformed",
  401: UNAUTHENTICATED,
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

  /** Nobody is signed in, or not any more. */
  static signedOut() {
    return new ClientError({ uri: UNAUTHENTICATED, message: "You are not signed in." });
  }

  static cancelled(cause) {
    return new ClientError({ uri: CANCELLED, message: "Cancelled.", cause });
  }

  /** From whatever a call has thrown, or what is left of it (a message's `problem`). */
  static from(error) {
    if (error instanceof ClientError) return error;
    if (ACTIONS.includes(error?.action)) return new ClientError(error);
    const uri = textOr(error?.errorUri, null);
    if (uri === null) return fromNowhere(error);
    // Of what one may not have the router tells no more than of what nobody has.
    const no = uri === "wamp.error.not_authorized" ? `No such ${error.about ?? "name"}, or not yours.` : "No.";
    const { message, action, details, request_id: requestId } = error.argsDict ?? {};
    return new ClientError({ uri, message: textOr(message, no), action, details, requestId, cause: error });
  }

  /** From an ABORT, whose text is in its details. What does not say who we are may be said again later. */
  static fromAbort({ errorUri, details }) {
    const action = errorUri === UNAUTHENTICATED ? "reauth" : "retry";
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
  if (ACTIONS.includes(said)) return said;
  const ofUri = ACTIONS.find((action) => URIS_OF[action].includes(uri));
  if (ofUri) return ofUri;
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
