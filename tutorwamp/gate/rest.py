"""The public HTTP side of the router's process: /api passed on to the REST process, and the page (``page.py``).

Crossbar has a reverse proxy and a static service of its own. The one writes Authorization headers into the log,
breaks chunked bodies and answers 501 when REST is away; the other cannot send security headers.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any, BinaryIO, Final, cast
from urllib.parse import unquote_to_bytes

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IPushProducer
from twisted.internet.protocol import Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.client import Agent, FileBodyProducer, HTTPConnectionPool, ResponseDone
from twisted.web.http import NO_BODY_CODES, OK, SERVICE_UNAVAILABLE, PotentialDataLoss
from twisted.web.http_headers import Headers
from twisted.web.iweb import UNKNOWN_LENGTH, IResponse
from twisted.web.resource import IResource, Resource
from twisted.web.server import NOT_DONE_YET, Request

from tutorwamp.gate.contracts import Status
from tutorwamp.gate.health import Standing, without_rest
from tutorwamp.gate.health import standing as of_this_process
from tutorwamp.gate.page import classroom, page_headers
from tutorwamp.gate.rules import address_of
from tutorwamp.gate.settings import GateSettings
from tutorwamp.kernel.contracts import utc_now
from tutorwamp.kernel.edges import problems
from tutorwamp.kernel.edges.admission import Admission
from tutorwamp.kernel.edges.intake import BoundedRequest, Channel
from tutorwamp.kernel.edges.origins import CrossOrigin
from tutorwamp.kernel.errors import Malformed, NotFound, TooLarge, TutorwampError, Unavailable
from tutorwamp.kernel.node_settings import NodeSettings
from tutorwamp.kernel.settings import Network, gather, read
from tutorwamp.kernel.tokens import GATE_HEADER, gate_word

log = Logger()

_CONNECTIONS_KEPT: Final = 32
_CONNECTION_KEPT_FOR_S: Final = 20
"""Less than twisted.web keeps an idle connection (60 s), so that it is we who end it and no request meets its end."""

_HEALTH: Final = b"/api/health"
_HEALTH_WITHIN_S: Final = 2.0
"""A REST process that cannot say by then that it is well is not."""

_OF_ONE_HOP: Final = frozenset(
    {
        b"connection",
        b"content-length",
        b"expect",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)
"""Headers about one connection (RFC 9110, 7.6.1), and those that Twisted writes for each anew."""
_SAID_BY_US: Final = (b"x-forwarded-", b"x-real-ip", b"forwarded", b"x-tutorwamp-")
"""Nobody else may say where a request comes from."""


def make_resource(extra: dict[str, Any]) -> IResource:
    """For Crossbar: ``api: {type: resource, classname: tutorwamp.gate.rest.make_resource}``."""
    values = gather(os.environ)
    node = read(NodeSettings, values)
    proxy = Proxy(
        node.rest_port,
        read(GateSettings, values),
        proxies=node.trusted_proxies,
        word=gate_word(node.signing_key()),
        standing=of_this_process,
    )
    return CrossOrigin(proxy, node.allowed_origins)


def make_page(extra: dict[str, Any]) -> IResource:
    """For Crossbar: the root path, ``type: resource``. Serves the files of the package ``tutorwamp.web``.

    Whatever else the public port serves hangs below this, so from here on its requests come through our intake.
    """
    from crossbar.common.twisted.web import Site  # late: tests need no Crossbar for the rest of this file

    values = gather(os.environ)
    gate = read(GateSettings, values)
    node = read(NodeSettings, values)
    admission = Admission(node.signing_key(), gate.request_body_limit, utc_now, file_limit=gate.file_bytes)
    Site.protocol = Channel
    Site.acceptableProtocols = lambda _: [b"http/1.1"]
    Site.requestFactory = partial(BoundedRequest, admission, origins=node.allowed_origins)
    return classroom(Path(str(files("tutorwamp.web"))), page_headers(gate), node.allowed_origins)


class Proxy(Resource):
    """Passes a request on to the REST process on loopback, whole path and query as they are.

    twisted.web has the whole body (in a temporary file above 100 kB) before it asks us; our intake has let it in.

    ``proxies`` are believed about where requests come from; ``word`` makes REST believe us; ``standing`` knows how the
    node is where REST does not say.
    """

    isLeaf = True  # noqa: N815  # Twisted's name

    def __init__(
        self,
        port: int,
        settings: GateSettings,
        *,
        proxies: Collection[Network] = (),
        word: bytes = b"",
        standing: Standing | None = None,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Twisted's
        from twisted.internet import reactor

        self._upstream = b"http://127.0.0.1:%d" % port
        self._proxies = proxies
        self._word = word
        self._standing = standing or Standing()
        self._limits = Admission(b"", settings.request_body_limit, utc_now, file_limit=settings.file_bytes)
        self._timeout_s = settings.upstream_timeout.total_seconds()
        self._reactor: Any = reactor
        self._pool = HTTPConnectionPool(reactor)
        self._pool.maxPersistentPerHost = _CONNECTIONS_KEPT
        self._pool.cachedConnectionTimeout = _CONNECTION_KEPT_FOR_S
        self._agent = Agent(reactor, connectTimeout=self._timeout_s, pool=self._pool)

    def render(self, request: Request) -> int:
        """Twisted asks this for every method."""
        request.responseHeaders.removeHeader(b"server")
        about_us = self._standing.status if request.path.startswith(_HEALTH) else None
        before = about_us and about_us()
        answer = Deferred.fromCoroutine(self._answer(request))
        request.notifyFinish().addErrback(lambda _: answer.cancel())
        answer.addErrback(self._fail, request, before)
        return NOT_DONE_YET

    async def _answer(self, request: Request) -> None:
        length = self._check(request)
        body = FileBodyProducer(request.content) if length else None
        try:
            asked: Deferred[IResponse] = self._agent.request(
                request.method, self._upstream + request.uri, self._forwarded_headers(request), body
            )
        except ValueError as error:  # a method or an address that HTTP does not know
            raise Malformed("This is not a request.") from error
        asks_for_health = request.path.startswith(_HEALTH)
        timeout_s = min(self._timeout_s, _HEALTH_WITHIN_S) if asks_for_health else self._timeout_s
        response = await asked.addTimeout(timeout_s, self._reactor)
        request.setResponseCode(response.code, response.phrase)
        for name, values in _end_to_end(response.headers):
            request.responseHeaders.setRawHeaders(name, values)
        if request.method == b"HEAD":
            _set_length_of_unsent(response, request)
        elif response.code not in NO_BODY_CODES and response.length is not UNKNOWN_LENGTH:
            request.setHeader(b"content-length", b"%d" % response.length)
        await _pass_body(response, request)

    def _check(self, request: Request) -> int:
        """Refuse what may not reach the REST process; the length of the body."""
        if any(unquote_to_bytes(segment) in (b".", b"..") for segment in request.path.split(b"/")):
            raise NotFound("There is nothing at this address.")  # the way out of /api, to /metrics
        if len(request.requestHeaders.getRawHeaders(b"host", [])) > 1:
            raise Malformed("A request has one Host header.")
        content = cast("BinaryIO", request.content)  # there since the body was read
        length = content.seek(0, os.SEEK_END)
        content.seek(0)
        limit = self._limits.body_limit(request.path)
        if length > limit:
            raise TooLarge("The body is too large.", details={"bytes_at_most": limit})
        return length

    def _forwarded_headers(self, request: Request) -> Headers:
        headers = Headers(dict(_end_to_end(request.requestHeaders)))
        for name, _ in list(headers.getAllRawHeaders()):
            if name.lower().startswith(_SAID_BY_US):
                headers.removeHeader(name)
        headers.setRawHeaders(GATE_HEADER.encode(), [self._word])
        headers.setRawHeaders(b"x-forwarded-for", [self._address(request)])
        headers.setRawHeaders(b"x-forwarded-proto", [b"https" if request.isSecure() else b"http"])
        headers.setRawHeaders(b"x-forwarded-host", [request.getHeader(b"host") or b""])
        return headers

    def _address(self, request: Request) -> bytes:
        """As for a WebSocket: only a proxy that is believed may say where a request comes from."""
        peer = request.getClientAddress()
        said = b",".join(request.requestHeaders.getRawHeaders(b"x-forwarded-for", [])).decode("latin-1")
        address = address_of(f"tcp:{peer.host}:{peer.port}", {"x-forwarded-for": said}, self._proxies)
        return address.encode("latin-1")

    def _fail(self, failure: Failure, request: Request, before: Status | None) -> None:
        if request._disconnected or request.finished:  # noqa: SLF001  # Twisted has no public word for it
            return  # the client has gone; what was asked upstream is cancelled
        error: object = failure.value
        if not (isinstance(error, TutorwampError) or request.startedWriting) and self._say_how(request, before):
            return
        if not isinstance(error, TutorwampError):
            # Every failure of the way upstream. No headers, no query: they are nobody's business but the client's.
            log.warn("REST did not answer {path}: {error}", path=request.path, error=type(error).__name__)  # noqa: G010  # Twisted's logger
            error = Unavailable("This part of the service does not answer just now.")
        if request.startedWriting:
            request.loseConnection()  # half an answer must not look like a whole one
        else:
            problems.write(request, error)

    def _say_how(self, request: Request, before: Status | None) -> bool:
        """Answer a question about health in place of REST, which did not; False where it is none, or nobody knows."""
        if before is None or self._standing.status is None:
            return False
        health = without_rest(request.path.decode("latin-1"), before, self._standing.status())
        if health is None:
            return False
        problems.begin(request)
        body = problems.to_json(health.plain())
        request.setResponseCode(OK if health.status == "ok" else SERVICE_UNAVAILABLE)
        request.setHeader(b"content-type", b"application/json")
        request.setHeader(b"content-length", b"%d" % len(body))
        request.write(body)
        request.finish()
        return True


def _end_to_end(headers: Headers) -> list[tuple[bytes, Sequence[bytes]]]:
    """Without those that speak about one connection only, among them what ``Connection`` names."""
    named = {name.strip().lower() for value in headers.getRawHeaders(b"connection", []) for name in value.split(b",")}
    left_out = _OF_ONE_HOP | named | {b"server"}
    return [(name, values) for name, values in headers.getAllRawHeaders() if name.lower() not in left_out]


def _set_length_of_unsent(response: IResponse, request: Request) -> None:
    """HEAD: how long the body would be; of this alone the header says it, and not the client's library."""
    for length in response.headers.getRawHeaders(b"content-length", []):
        request.setHeader(b"content-length", length)


async def _pass_body(response: IResponse, request: Request) -> None:
    passing = _Passing(request)
    response.deliverBody(passing)
    await passing.done
    request.finish()


class _Passing(Protocol):
    """Writes the answer's body to the client as it comes; a slow client slows the REST process down."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self.done: Deferred[None] = Deferred(lambda _: self._stop())

    def connectionMade(self) -> None:  # noqa: N802  # Twisted's name
        self._request.registerProducer(self.transport, True)  # noqa: FBT003  # Twisted's: a push producer

    def dataReceived(self, data: bytes) -> None:  # noqa: N802  # Twisted's name
        if not self.done.called:
            self._request.write(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: N802  # Twisted's name
        if self.done.called:
            return
        self._request.unregisterProducer()
        if reason.check(ResponseDone, PotentialDataLoss):
            self.done.callback(None)
        else:
            self.done.errback(reason)

    def _stop(self) -> None:
        if IPushProducer.providedBy(self.transport):
            self.transport.stopProducing()
