"""What every ``rest.py`` stands on: JSON in, JSON out, errors as problem+json (RFC 9457).

A door for REST is a class whose methods are marked with ``route``; ``mount`` puts them on a Klein app. The methods get
a Request and return a Value (or an Answer with another status); everything they raise becomes a problem.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar, cast

from klein import Klein
from twisted.internet import defer
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from twisted.web.http import RESPONSES
from twisted.web.iweb import IRequest
from werkzeug.exceptions import HTTPException
from werkzeug.exceptions import MethodNotAllowed as NoSuchMethod

from tutorwamp.kernel.arguments import bound_recursion, check
from tutorwamp.kernel.contracts import Arguments, Value, new_id
from tutorwamp.kernel.deadline import answer_within
from tutorwamp.kernel.errors import (
    Internal,
    Invalid,
    Malformed,
    MethodNotAllowed,
    NotFound,
    Retryable,
    TooLarge,
    TutorwampError,
    Unauthenticated,
    Unavailable,
    UnsupportedMediaType,
)
from tutorwamp.kernel.observability import get_logger

log = get_logger(__name__)

DEADLINE_S: Final = 10.0
"""As in component.py: people do not wait longer."""
BODY_BYTES_AT_MOST: Final = 1_048_576
REQUEST_ID_FORM: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}")
"""Of an ``X-Request-ID`` we take over from a caller; any other is replaced."""
_PHRASES: Final = {**RESPONSES, 422: b"Unprocessable Content", 429: b"Too Many Requests"}
"""Twisted does not know these two and would write "Unknown Status"."""


@dataclass
class Answer:
    """A result with a status of its own. ``body`` null: no content; bytes: a file, its type among the headers."""

    body: Value | bytes | None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Request:
    """What a door's method sees of an HTTP request."""

    http: IRequest
    id: str

    def body(self, model: type[Arguments], **more: Any) -> Arguments:
        """The JSON body as a model; ``more`` are arguments from elsewhere, such as the path.

        Raises UnsupportedMediaType, TooLarge, Malformed or Invalid.
        """
        return check(model, {**self._json_object(BODY_BYTES_AT_MOST), **more})

    def file(self, media_types: Collection[str], at_most: int) -> bytes:
        """The body as it is. Raises UnsupportedMediaType where it says to be something else, or TooLarge (bytes)."""
        if self._media_type() not in media_types:
            raise UnsupportedMediaType(f"The body must be one of: {', '.join(sorted(media_types))}.")
        raw = self.http.content.read(at_most + 1)
        if len(raw) > at_most:
            raise TooLarge("The body is too large.", details={"bytes_at_most": at_most})
        return cast("bytes", raw)

    def json_file(self, at_most: int) -> dict[str, Any]:
        """A JSON object of any content, larger than arguments may be. Raises as ``body`` does."""
        return self._json_object(at_most)

    def query(self, model: type[Arguments], **more: Any) -> Arguments:
        """The query's values as a model, all of them text; ``more`` as in ``body``. Raises Invalid."""
        given: dict[str, Any] = {}
        for name, values in (self.http.args or {}).items():
            key = name.decode("utf-8", "replace")
            if len(values) != 1 or key in more:
                raise Invalid("Bad query.", details=[{"loc": [key[:64]], "msg": "must not be given here, or once"}])
            given[key] = values[0].decode("utf-8", "replace")
        return check(model, {**given, **more})

    def client_id(self) -> str | None:
        """``Idempotency-Key``; null where there is none."""
        return _header(self.http, b"idempotency-key") or None

    def _json_object(self, at_most: int) -> dict[str, Any]:
        raw = self.file(("application/json",), at_most)
        try:
            value = json.loads(raw.decode("utf-8"), parse_constant=_refuse_constant)
        except (ValueError, RecursionError) as error:
            raise Malformed("The body is not JSON in UTF-8.") from error
        if not isinstance(value, dict):
            raise Invalid("The body must be a JSON object.", details=[{"loc": [], "msg": "expected an object"}])
        return value

    def _media_type(self) -> str:
        return _header(self.http, b"content-type").partition(";")[0].strip().lower()

    def bearer_token(self) -> str:
        """The access token. Raises Unauthenticated where there is none."""
        scheme, _, token = _header(self.http, b"authorization").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise Unauthenticated("This needs an access token: Authorization: Bearer <token>.")
        return token.strip()


def _header(http: IRequest, name: bytes) -> str:
    """A header's text, empty where there is none. Every byte is a character: Twisted's own way fails for some."""
    return (http.getHeader(name) or b"").decode("latin-1")


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


Method = Callable[..., Awaitable[Value | Answer | None]]
MethodType = TypeVar("MethodType", bound=Method)


def route(path: str, *methods: str) -> Callable[[MethodType], MethodType]:
    """Mark a method of a door as the answer to an HTTP route, with and without a trailing slash."""

    def mark(method: MethodType) -> MethodType:
        method.__route__ = (path, methods)  # type: ignore[attr-defined]  # a mark on a function object
        return method

    return mark


def mount(app: Klein, door: object) -> None:
    """Put a door's routes on the app."""
    for name, function in vars(type(door)).items():
        if hasattr(function, "__route__"):
            path, methods = function.__route__
            answer = functools.partial(_answer, getattr(door, name))
            for spelling in (path, f"{path}/"):
                endpoint = f"{type(door).__name__}.{name}.{spelling}"
                app.route(spelling, methods=list(methods), endpoint=endpoint, strict_slashes=False)(_as_handler(answer))


def _as_handler(answer: Callable[..., Deferred[bytes]]) -> Callable[..., Deferred[bytes]]:
    def handler(request: IRequest, **path: str) -> Deferred[bytes]:
        return answer(request, **path)

    return handler


def make_app() -> Klein:
    """An app whose unknown routes and methods are problems as well."""
    bound_recursion()
    app = Klein()
    app.handle_errors(_unrouted)  # type: ignore[call-overload]  # Klein's type wants its own protocol class
    return app


def _unrouted(http: IRequest, failure: Failure) -> bytes:
    """Klein's own errors: no such route, or not for this method."""
    error: TutorwampError
    fault = failure.value
    if not isinstance(fault, HTTPException):
        log.error("unexpected error in a route", error=repr(fault))
        error = Internal("Something went wrong on our side.")
    elif isinstance(fault, NoSuchMethod):
        http.setHeader("allow", ", ".join(sorted(fault.valid_methods or [])))
        error = MethodNotAllowed("This address does not answer this method.")
    else:
        error = NotFound("There is nothing at this address.")
    return _problem(http, error, _begin(http))


def _answer(method: Method, http: IRequest, **path: str) -> Deferred[bytes]:
    request = Request(http, _begin(http))
    work: Deferred[Value | Answer | None] = Deferred.fromCoroutine(_run(method, request, path))
    answer = answer_within(DEADLINE_S, work, _reactor())
    return answer.addCallbacks(functools.partial(_render, http), functools.partial(_render_failure, http, request.id))


async def _run(method: Method, request: Request, path: Mapping[str, str]) -> Value | Answer | None:
    return await method(request, **path)


def _reactor() -> Any:
    from twisted.internet import reactor  # late: importing it chooses it

    return reactor


def _begin(http: IRequest) -> str:
    """Give the request an id and the headers every answer has."""
    given = _header(http, b"x-request-id")
    request_id = given if REQUEST_ID_FORM.fullmatch(given) else new_id()
    http.setHeader("x-request-id", request_id)
    http.setHeader("cache-control", "no-store")
    http.setHeader("x-content-type-options", "nosniff")
    return request_id


def _render(http: IRequest, result: Value | Answer | None) -> bytes:
    answer = result if isinstance(result, Answer) else Answer(result, 200 if result is not None else 204)
    for name, value in answer.headers.items():
        http.setHeader(name, value)
    _set_status(http, answer.status)
    if answer.body is None:
        return b""
    if isinstance(answer.body, bytes):
        return answer.body
    http.setHeader("content-type", "application/json")
    return _json(answer.body.plain())


def _render_failure(http: IRequest, request_id: str, failure: Failure) -> bytes:
    error = failure.value
    if isinstance(error, defer.CancelledError):
        error = Unavailable("Nobody waits for this answer any more.")  # the client has gone; nothing is sent
    elif isinstance(error, defer.TimeoutError):
        error = Unavailable("This took too long. It may still happen; ask again.")
    elif not isinstance(error, TutorwampError):
        log.error("unexpected error", request_id=request_id, traceback=failure.getTraceback())
        error = Internal("Something went wrong on our side.")
    return _problem(http, error, request_id)


def _problem(http: IRequest, error: TutorwampError, request_id: str) -> bytes:
    _set_status(http, error.status)
    http.setHeader("content-type", "application/problem+json")
    if isinstance(error, Unauthenticated):
        http.setHeader("www-authenticate", "Bearer")
    if isinstance(error, Retryable):
        http.setHeader("retry-after", str(max(1, round(error.retry_after_s))))
    return _json(
        {
            "type": error.uri,
            "status": error.status,
            "title": _PHRASES[error.status].decode(),
            "detail": error.message,
            "action": str(error.action),
            "details": error.details,
            "request_id": request_id,
        }
    )


def _set_status(http: IRequest, status: int) -> None:
    http.setResponseCode(status, _PHRASES[status])


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
