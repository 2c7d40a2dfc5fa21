// Every way something can fail, as one kind of error that says what to do about it (its `action`).

export class Refusal extends Error {
  constructor({ uri, message, action, details = {}, requestId = null }) {
    super(message);
    this.name = "Refusal";
    this.uri = uri;
    this.action = action; // "retry" | "reauth" | "reload" | "fix" | "stop"
    this.details = details;
    this.requestId = requestId;
  }

  /** Seconds to wait before doing the same again. */
  get retryAfter() {
    return this.details.retry_after_s ?? 1;
  }

  /** The connection went away, or there is none. Whether the call was carried out is not known. */
  static disconnected() {
    return new Refusal({ uri: null, action: "retry", message: "There is no connection right now." });
  }

  /** From whatever wampy throws. */
  static fromWamp(error) {
    if (error instanceof Refusal) return error;
    const { errorUri, argsDict } = error;
    if (errorUri === undefined) return Refusal.disconnected();
    if (argsDict?.action) return new Refusal({ uri: errorUri, requestId: argsDict.request_id, ...argsDict });
    // An answer of the router itself, such as wamp.error.not_authorized: it carries no action of ours. The router answers
    // wamp.error.canceled where the component went away under the call; it will be back.
    const gone = ["wamp.error.canceled", "wamp.error.no_such_procedure"].includes(errorUri);
    return gone
      ? new Refusal({ uri: errorUri, action: "retry", message: "This part of the classroom is restarting." })
      : new Refusal({ uri: errorUri, action: "stop", message: "The classroom does not allow this." });
  }

  /** From an ABORT, whose text is in its details. */
  static fromAbort({ errorUri, details }) {
    const action = errorUri === "tutorwamp.error.unauthenticated" ? "reauth" : "retry";
    return new Refusal({ uri: errorUri, action, message: details?.message ?? "The classroom did not let us in.", details });
  }

  /** From an HTTP answer that is not 2xx. */
  static async fromResponse(response) {
    const problem = await response.json().catch(() => ({}));
    return new Refusal({
      uri: problem.type ?? null,
      message: problem.detail ?? problem.title ?? `The server answered ${response.status}.`,
      action: problem.action ?? (response.status >= 500 ? "retry" : "stop"),
      details: problem.details,
      requestId: problem.request_id ?? response.headers.get("x-request-id"),
    });
  }
}

/** What a person is told. The server's sentence says what happened; the action says what comes next. */
export function inPlainWords(error) {
  if (!(error instanceof Refusal)) {
    console.error(error);
    return "Something went wrong on this page. Reloading it may help.";
  }
  switch (error.action) {
    case "retry":
      return `${error.message} Please try again in a moment.`;
    case "reauth":
      return "Your sign-in has run out. Please sign in again.";
    case "reload":
      return error.message; // whoever calls also shows the newest state
    case "fix":
      return [error.message, ...fieldsOf(error)].join(" ");
    default:
      // A fault of ours is in the log under this number; a plain "no" needs none.
      return error.uri === "tutorwamp.error.internal" ? `${error.message} Reference for support: ${error.requestId}` : error.message;
  }
}

function fieldsOf({ details }) {
  if (!Array.isArray(details)) return [];
  return details.map(({ loc, msg }) => (loc?.length ? `${[loc].flat().join(" ").replaceAll("_", " ")}: ${msg}.` : `${msg}.`));
}
