"""A Klein app with the domains' tables of routes mounted on it; whatever comes is answered.

Nothing but a contract error leaves it, in the form of RFC 9457 (``kernel/edges/problems.py``).
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, cast

from klein import Klein
from klein.resource import KleinResource
from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure
from twisted.web.iweb import IRequest
from werkzeug.exceptions import HTTPException
from werkzeug.exceptions import MethodNotAllowed as NoSuchMethod

from tutorwamp.kernel.contracts import Value
from tutorwamp.kernel.edges import problems
from tutorwamp.kernel.edges.answered import error_of
from tutorwamp.kernel.edges.arguments import bound_recursion
from tutorwamp.kernel.edges.deadline import DEADLINE_S, answer_by_work
from tutorwamp.kernel.edges.downloads import send
from tutorwamp.kernel.edges.portions import as_json, with_rests
from tutorwamp.kernel.edges.problems import PHRASES, begin
from tutorwamp.kernel.edges.resource import (
    READING_METHODS,
    Answer,
    Authenticate,
    Download,
    Request,
    Routed,
    header,
    length,
)
from tutorwamp.kernel.errors import (
    Internal,
    Malformed,
    MethodNotAllowed,
    NotFound,
    TutorwampError,
)
from tutorwamp.kernel.limits import UNCOUNTED, Bill, CallLimits
from tutorwamp.kernel.log import calls
from tutorwamp.kernel.log.calls import Call, Edge, finish
from tutorwamp.kernel.log.lines import get_logger
from tutorwamp.kernel.reactor import running_reactor

log = get_logger(__name__)


def mount(app: Klein, table: Iterable[Routed], authenticate: Authenticate, limits: CallLimits = UNCOUNTED) -> None:
    """Put routes on the app, with and without a trailing slash; ``limits`` count what each person asks."""
    for routed in table:
        path, method = routed.route.path, routed.route.method
        handler = _handler(routed, authenticate, limits)
        for spelling in (path, f"{path}/"):
            app.route(spelling, methods=[method], endpoint=f"{method} {spelling}", strict_slashes=False)(handler)


class _App(Klein):
    def resource(self) -> KleinResource:
        return _Resource(self)


class _Resource(KleinResource):
    """Klein answers an address that is not UTF-8 by itself, in plain text; here it is a problem like any other."""

    def render(self, request: Any) -> Any:
        try:
            b"/".join((request.method, request.getRequestHostname(), *request.postpath)).decode()
        except UnicodeDecodeError:
            return problems.render(request, Malformed("The address is not UTF-8."), begin(request))
        try:
            return super().render(request)
        except HTTPException:  # what werkzeug takes for no host
            return problems.render(request, Malformed("This is no name of a host."), begin(request))


def make_app() -> Klein:
    """An app whose unreadable addresses, unknown routes and methods are problems as well."""
    bound_recursion()
    app = _App()
    app.handle_errors(_unrouted)  # type: ignore[call-overload]  # Klein's type wants its own protocol class
    return app


def _unrouted(http: IRequest, failure: Failure) -> bytes:
    """Klein's own errors: no such route, or not for this method."""
    error: TutorwampError
    fault = failure.value
    if not isinstance(fault, HTTPException):
        log.error("unexpected error in a route", error=repr(fault))
        error = Internal()
    elif isinstance(fault, NoSuchMethod):
        http.setHeader("allow", ", ".join(sorted(fault.valid_methods or [])))
        error = MethodNotAllowed("This address does not answer this method.")
    else:
        error = NotFound("There is nothing at this address.")
    return problems.render(http, error, begin(http))


def _handler(routed: Routed, authenticate: Authenticate, limits: CallLimits) -> Callable[..., Deferred[bytes]]:
    is_long = routed.route.line is not None

    def handler(http: IRequest, **path: str) -> Deferred[bytes]:
        call = Call(routed.route.name, Edge.REST, begin(http), lesson_id=path.get("lesson_id"), bytes_in=length(http))
        call.traceparent = header(http, b"traceparent")
        droppable = is_long and http.method.decode("latin-1") in READING_METHODS
        work = _run(routed, authenticate, Request(http, call, Bill(limits)), path)
        answer = answer_by_work(routed.route.deadline_s or DEADLINE_S, work, running_reactor(), droppable=droppable)
        done, failed = functools.partial(_render, http, call), functools.partial(_render_failure, http, call)
        return cast("Deferred[bytes]", answer.addCallback(done).addErrback(failed))

    return handler


async def _run(
    routed: Routed, authenticate: Authenticate, request: Request, path: Mapping[str, str]
) -> tuple[Answer, bytes]:
    route, service = routed.route, routed.service
    calls.begin(request.call)
    with request.bill:
        if route.public:
            result = await route.answer(service, request, **path)
        else:
            caller = await request.authenticated(authenticate, route.line)
            if route.read is None:
                result = await route.answer(service, caller, request, **path)
            else:
                result = await route.answer(service, caller, route.read(request, route.asks, **path))
        answer = result if isinstance(result, Answer) else route.answered(result)
        body = await _written(answer.body, route.line)
        request.bill.answer(_weight(answer, body))
        return answer, body


DOWNLOADS_ARE_LIGHTER_BY: Final = 16
"""Than the same bytes of an answer that is written: they are only handed on."""


def _weight(answer: Answer, body: bytes) -> int:
    """What an answer's bytes count as."""
    return answer.body.size // DOWNLOADS_ARE_LIGHTER_BY if isinstance(answer.body, Download) else len(body)


async def _written(body: Value | bytes | Download | None, line: str | None) -> bytes:
    if not isinstance(body, Value):
        return body if isinstance(body, bytes) else b""
    if line is None:
        return problems.to_json(body.plain())
    _, written = await with_rests(as_json(body.plain(), problems.to_json), running_reactor())
    return written


def _render(http: IRequest, call: Call, done: tuple[Answer, bytes]) -> bytes | Deferred[bytes]:
    answer = done[0]
    if isinstance(answer.body, Download):
        return Deferred.fromCoroutine(_sent(http, call, answer, answer.body))
    body = _said(http, *done)
    call.bytes_out = 0 if http.method == b"HEAD" else len(body)
    finish(call)
    return body


async def _sent(http: Any, call: Call, answer: Answer, download: Download) -> bytes:
    try:
        call.bytes_out = await send(http, answer, download)
    except Exception as error:
        if not http.startedWriting:
            raise
        # Half a file must not look like a whole one.
        if not isinstance(error, CancelledError):
            log.warning("a file was not sent to its end", request_id=call.request_id, error=repr(error))
        call.given_up = True
        http.loseConnection()
    finish(call)
    return b""


def _said(http: IRequest, answer: Answer, body: bytes) -> bytes:
    for name, value in answer.headers.items():
        http.setHeader(name, value)
    _set_status(http, answer.status)
    if not isinstance(answer.body, Value):
        return body
    http.setHeader("content-type", "application/json")
    return body if answer.status != 200 or http.method not in (b"GET", b"HEAD") else _unless_known(http, body)


def _unless_known(http: IRequest, body: bytes) -> bytes:
    """Nothing but 304 where the client has this very answer (RFC 9110, 13.1.2); its ETag is the door's, or a digest."""
    own = http.responseHeaders.getRawHeaders("etag")
    tag = own[0] if own else f'"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'
    http.setHeader("etag", tag)
    known = {one.strip().removeprefix("W/") for one in header(http, b"if-none-match").split(",")}
    if "*" not in known and tag not in known:
        return body
    _set_status(http, 304)
    http.responseHeaders.removeHeader("content-type")
    return b""


def _render_failure(http: IRequest, call: Call, failure: Failure) -> bytes:
    error = error_of(failure.value, call)
    finish(call, error)
    return problems.render(http, error, call.request_id, noted=True)


def _set_status(http: IRequest, status: int) -> None:
    http.setResponseCode(status, PHRASES[status])
