"""/api on its way to the REST process, byte for byte; then with the page on a real node."""

from __future__ import annotations

import json
import warnings
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import Any, BinaryIO, cast

import pytest
import pytest_twisted
from twisted.internet import reactor as installed_reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request, Site

from tests.gate.people import soon
from tests.support.node import Node, free_port
from tutorwamp.gate.health import Standing
from tutorwamp.gate.settings import GateSettings
from tutorwamp.kernel.edges.intake import Channel
from tutorwamp.kernel.edges.origins import CrossOrigin

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # twisted.web.static deprecates something of its own while it is imported
    from tutorwamp.gate.rest import Proxy, make_page

reactor: Any = installed_reactor
LIMIT = 200_000


class Rest(Resource):
    """Stands where the REST process stands: remembers what came, answers by the last word of the path."""

    isLeaf = True  # noqa: N815  # Twisted's name

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Twisted's
        self.requests: list[tuple[bytes, bytes, dict[bytes, list[bytes]], bytes]] = []
        self.peers: set[int] = set()
        self.waiting: Deferred[Request] = Deferred()
        """A request to .../wait has come; ``given_up`` fails when its connection is lost."""
        self.silent = False
        """It answers nobody."""
        self.given_up: Deferred[None] = Deferred()

    def render(self, request: Request) -> bytes | int:
        headers = {name.lower(): list(values) for name, values in request.requestHeaders.getAllRawHeaders()}
        self.requests.append((request.method, request.uri, headers, cast("BinaryIO", request.content).read()))
        self.peers.add(request.getClientAddress().port)
        if self.silent:
            return NOT_DONE_YET
        match request.path.rpartition(b"/")[2]:
            case b"nothing":
                request.setResponseCode(204)
                return b""
            case b"same":
                request.setResponseCode(304)
                request.setHeader(b"etag", b'"v1"')
                return b""
            case b"odd":
                request.setResponseCode(422, b"Unprocessable Content")
                request.responseHeaders.setRawHeaders(b"set-cookie", [b"a=1", b"b=2"])
                return b"odd"
            case b"wait":
                self.given_up = request.notifyFinish()
                self.waiting.callback(request)
                return NOT_DONE_YET
        return b"fine"


class Exchange(Protocol):
    """Sends bytes, and collects what comes until the other side closes."""

    transport: Any

    def __init__(self, request: bytes) -> None:
        self._request = request
        self.received = b""
        self.some: Deferred[None] = Deferred()
        self.all: Deferred[bytes] = Deferred()

    def connectionMade(self) -> None:
        self.transport.write(self._request)

    def dataReceived(self, data: bytes) -> None:
        self.received += data
        if not self.some.called:
            self.some.callback(None)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.all.callback(self.received)


class Front:
    """The proxy as Crossbar mounts it, in this process, and the REST stand-in behind it."""

    def __init__(
        self,
        *,
        timeout: timedelta = timedelta(seconds=30),
        upstream: bool = True,
        standing: Standing | None = None,
        origins: Sequence[str] = (),
    ) -> None:
        self.rest = Rest()
        self._ports: list[Any] = []
        rest_port = self._listen(self.rest) if upstream else free_port()
        root = Resource()
        settings = GateSettings(request_body_limit=LIMIT, upstream_timeout=timeout)
        proxy = Proxy(rest_port, settings, standing=standing)
        root.putChild(b"api", CrossOrigin(proxy, origins))
        self._pool = proxy._pool
        self.port = self._listen(root)

    def _listen(self, resource: Resource) -> int:
        listening = reactor.listenTCP(0, Site(resource), interface="127.0.0.1")
        self._ports.append(listening)
        number: int = listening.getHost().port
        return number

    async def begin(self, request: bytes) -> Exchange:
        exchange = Exchange(request)
        await connectProtocol(TCP4ClientEndpoint(reactor, "127.0.0.1", self.port), exchange)
        return exchange

    async def ask(
        self, line: bytes, *headers: bytes, body: bytes = b"", source: str = "127.0.0.1"
    ) -> tuple[int, dict[bytes, list[bytes]], bytes]:
        return await ask(self.port, line, *headers, body=body, source=source)

    async def close(self) -> None:
        for listening in self._ports:
            await listening.stopListening()
        await self._pool.closeCachedConnections()


async def ask(
    port: int, line: bytes, *headers: bytes, body: bytes = b"", source: str = "127.0.0.1"
) -> tuple[int, dict[bytes, list[bytes]], bytes]:
    """One request on a connection of its own, from an address: status, headers, body as it was on the wire."""
    head = [line + b" HTTP/1.1", b"Host: tutor.test", b"Connection: close", *headers]
    exchange = Exchange(b"\r\n".join(head) + b"\r\n\r\n" + body)
    await connectProtocol(TCP4ClientEndpoint(reactor, "127.0.0.1", port, bindAddress=(source, 0)), exchange)
    answer_head, _, answer_body = (await soon(exchange.all)).partition(b"\r\n\r\n")
    status, *lines = answer_head.split(b"\r\n")
    answer_headers: dict[bytes, list[bytes]] = {}
    for name, _, value in (part.partition(b": ") for part in lines):
        answer_headers.setdefault(name.lower(), []).append(value)
    return int(status.split()[1]), answer_headers, answer_body


def problem(status: int, headers: dict[bytes, list[bytes]], body: bytes) -> tuple[int, str, str]:
    assert headers[b"content-type"] == [b"application/problem+json"]
    value = json.loads(body)
    assert set(value) == {"type", "status", "title", "detail", "action", "details", "request_id"}
    assert (value["status"], headers[b"x-request-id"]) == (status, [value["request_id"].encode()])
    assert (headers[b"x-content-type-options"], headers[b"referrer-policy"]) == ([b"nosniff"], [b"no-referrer"])
    assert headers[b"content-security-policy"][0].startswith(b"default-src 'none'")
    return status, value["type"], value["action"]


@pytest_twisted.async_yield_fixture
async def front() -> AsyncIterator[Front]:
    front = Front()
    yield front
    await front.close()


async def test_path_query_and_headers_arrive_as_they_were_sent(front: Front) -> None:
    status, headers, body = await front.ask(
        b"GET /api/lessons/%C3%A9//x?a=1&a=%2F&b&c=+",
        b"X-Twice: one",
        b"X-Twice: two",
        b"Authorization: Bearer secret",
        b"Cookie: a=1",
    )
    assert (status, body) == (200, b"fine")
    (method, uri, seen, content), *_ = front.rest.requests
    assert (method, uri, content) == (b"GET", b"/api/lessons/%C3%A9//x?a=1&a=%2F&b&c=+", b"")
    assert seen[b"x-twice"] == [b"one", b"two"]
    assert seen[b"authorization"] == [b"Bearer secret"]
    assert seen[b"host"] == [b"tutor.test"]
    assert headers[b"content-length"] == [b"4"]
    assert b"server" not in headers


async def test_nobody_else_says_where_a_request_comes_from(front: Front) -> None:
    await front.ask(
        b"GET /api/x",
        b"X-Forwarded-For: 1.2.3.4",
        b"X-Forwarded-Proto: https",
        b"X-Forwarded-Host: evil.test",
        b"X-Forwarded-User: admin",
        b"X-Real-IP: 1.2.3.4",
        b"Forwarded: for=1.2.3.4",
        b"Connection: x-secret",
        b"X-Secret: 1",
        b"Proxy-Authorization: Basic x",
        b"TE: trailers",
        source="127.0.0.2",
    )
    seen = front.rest.requests[0][2]
    assert seen[b"x-forwarded-for"] == [b"127.0.0.2"]
    assert seen[b"x-forwarded-proto"] == [b"http"]
    assert seen[b"x-forwarded-host"] == [b"tutor.test"]
    for name in (b"x-forwarded-user", b"x-real-ip", b"forwarded", b"x-secret", b"proxy-authorization", b"te"):
        assert name not in seen


async def test_a_proxy_on_this_machine_is_believed_in_its_own_last_word(front: Front) -> None:
    for said, expected in (
        ([], b"127.0.0.1"),
        ([b"X-Forwarded-For: 192.0.2.7"], b"192.0.2.7"),
        ([b"X-Forwarded-For: 1.2.3.4, 192.0.2.7"], b"192.0.2.7"),
        ([b"X-Forwarded-For: 1.2.3.4", b"X-Forwarded-For: 192.0.2.7"], b"192.0.2.7"),
    ):
        await front.ask(b"GET /api/x", *said)
        assert front.rest.requests[-1][2][b"x-forwarded-for"] == [expected]


async def test_chunked_bodies_arrive_whole(front: Front) -> None:
    for size in (3, 150_000):
        data = b"x" * size
        status, _, _ = await front.ask(
            b"POST /api/x", b"Transfer-Encoding: chunked", body=b"%x\r\n%s\r\n0\r\n\r\n" % (size, data)
        )
        assert status == 200
        _, _, seen, content = front.rest.requests[-1]
        assert content == data
        assert seen[b"content-length"] == [b"%d" % size]
        assert b"transfer-encoding" not in seen


async def test_a_body_above_the_limit_is_too_large(front: Front) -> None:
    exactly = b"x" * LIMIT
    assert (await front.ask(b"PUT /api/x", b"Content-Length: %d" % LIMIT, body=exactly))[0] == 200
    answer = await front.ask(b"PUT /api/x", b"Content-Length: %d" % (LIMIT + 1), body=exactly + b"x")
    assert problem(*answer) == (413, "tutorwamp.error.too_large", "fix")
    chunked = b"%x\r\n%s\r\n0\r\n\r\n" % (LIMIT + 1, exactly + b"x")
    answer = await front.ask(b"PUT /api/x", b"Transfer-Encoding: chunked", body=chunked)
    assert problem(*answer) == (413, "tutorwamp.error.too_large", "fix")
    assert len(front.rest.requests) == 1


async def test_answers_pass_with_status_phrase_and_all_their_headers(front: Front) -> None:
    status, headers, body = await front.ask(b"PATCH /api/odd", b"Content-Length: 0")
    assert (status, body) == (422, b"odd")
    assert headers[b"set-cookie"] == [b"a=1", b"b=2"]


async def test_answers_without_a_body(front: Front) -> None:
    for line, expected in ((b"GET /api/nothing", 204), (b"GET /api/same", 304), (b"HEAD /api/x", 200)):
        status, headers, body = await front.ask(line)
        assert (status, body) == (expected, b"")
        assert b"transfer-encoding" not in headers, line
        assert headers.get(b"content-length") in (None, [b"4"]), line
    assert (await front.ask(b"GET /api/same"))[1][b"etag"] == [b'"v1"']


async def test_connections_to_rest_are_kept(front: Front) -> None:
    for _ in range(5):
        await front.ask(b"GET /api/x")
        await front.ask(b"POST /api/x", b"Content-Length: 2", body=b"{}")
    assert len(front.rest.requests) == 10
    assert len(front.rest.peers) == 1


async def test_there_is_no_way_out_of_api(front: Front) -> None:
    for line in (b"GET /api/../metrics", b"GET /api/%2e%2e/metrics", b"GET /api/x/./../../metrics"):
        assert problem(*await front.ask(line)) == (404, "tutorwamp.error.not_found", "stop")
    assert front.rest.requests == []


async def test_what_is_no_request_is_malformed(front: Front) -> None:
    answer = await front.ask(b"GET /api/\x7f")
    assert problem(*answer) == (400, "tutorwamp.error.malformed", "fix")
    answer = await front.ask(b"GET /api/x", b"Host: second.test")
    assert problem(*answer) == (400, "tutorwamp.error.malformed", "fix")
    assert front.rest.requests == []


async def test_rest_away_is_unavailable_and_says_when_to_come_back() -> None:
    front = Front(upstream=False)
    for line in (b"GET /api/x", b"DELETE /api/x"):
        answer = await front.ask(line)
        assert problem(*answer) == (503, "tutorwamp.error.unavailable", "retry")
        assert answer[1][b"retry-after"] == [b"1"]
        assert json.loads(answer[2])["details"] == {"retry_after_s": 1.0}
    await front.close()


async def test_rest_silent_is_unavailable_and_its_work_is_cancelled() -> None:
    front = Front(timeout=timedelta(milliseconds=50))
    answer = await front.ask(b"GET /api/wait")
    assert problem(*answer) == (503, "tutorwamp.error.unavailable", "retry")
    with pytest.raises((ConnectionDone, ConnectionLost)):
        await soon(front.rest.given_up)
    await front.close()


async def test_a_client_that_leaves_cancels_its_work(front: Front) -> None:
    exchange = await front.begin(b"GET /api/wait HTTP/1.1\r\nHost: tutor.test\r\n\r\n")
    await soon(front.rest.waiting)
    exchange.transport.abortConnection()
    with pytest.raises((ConnectionDone, ConnectionLost)):
        await soon(front.rest.given_up)
    # And the way is still good for the next one.
    assert (await front.ask(b"GET /api/x"))[0] == 200


async def test_answers_are_passed_on_as_they_come_and_a_leaving_client_ends_them(front: Front) -> None:
    exchange = await front.begin(b"GET /api/wait HTTP/1.1\r\nHost: tutor.test\r\n\r\n")
    upstream = await soon(front.rest.waiting)
    upstream.write(b"first")
    await soon(exchange.some)
    assert b"5\r\nfirst\r\n" in exchange.received
    exchange.transport.abortConnection()
    with pytest.raises((ConnectionDone, ConnectionLost)):
        await soon(front.rest.given_up)


async def test_half_an_answer_does_not_look_like_a_whole_one(front: Front) -> None:
    exchange = await front.begin(b"GET /api/wait HTTP/1.1\r\nHost: tutor.test\r\n\r\n")
    upstream = await soon(front.rest.waiting)
    upstream.write(b"first")
    await soon(exchange.some)
    upstream.channel.forceAbortClient()
    assert not (await soon(exchange.all)).endswith(b"0\r\n\r\n")


def test_H4_nothing_but_http_1_1_is_offered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of Crossbar's own site, once the page is there; with TLS of its own it would offer HTTP/2 first."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the libraries Crossbar imports
        from crossbar.common.twisted.web import Site as CrossbarSite
    for name in ("protocol", "requestFactory", "acceptableProtocols"):
        monkeypatch.setattr(CrossbarSite, name, getattr(CrossbarSite, name), raising=False)
    monkeypatch.setenv("TUTORWAMP_SECRET_KEY", "a key that is known to these tests only")
    made = CrossbarSite(make_page({}))
    assert made.acceptableProtocols() == [b"http/1.1"]
    assert type(made.buildProtocol(None)) is Channel


# on the node


async def test_a_node_serves_page_and_api_and_keeps_tokens_out_of_its_log(node: Node) -> None:
    status, headers, _ = await ask(node.port, b"GET /")
    assert status == 200
    assert headers[b"x-frame-options"] == [b"DENY"]
    answer = await ask(node.port, b"GET /api/auth/me?code=s3cret-query", b"Authorization: Bearer s3cret-token")
    assert problem(*answer)[0] == 503
    rest = Rest()
    listening = reactor.listenTCP(node.rest_port, Site(rest), interface="127.0.0.1")
    try:
        status, _, body = await ask(
            node.port,
            b"POST /api/auth/login?a=1",
            b"Authorization: Bearer s3cret-token",
            b"Transfer-Encoding: chunked",
            body=b"5\r\nhello\r\n0\r\n\r\n",
        )
        assert (status, body) == (200, b"fine")
    finally:
        await listening.stopListening()
    method, uri, _, content = rest.requests[0]
    assert (method, uri, content) == (b"POST", b"/api/auth/login?a=1", b"hello")
    assert "REST did not answer" in node.log()
    assert "s3cret" not in node.log()


async def test_a_page_of_an_allowed_origin_reads_that_rest_is_away() -> None:
    friend = "https://front.example"
    front = Front(upstream=False, origins=[friend])
    try:
        asking = (f"Origin: {friend}".encode(), b"Access-Control-Request-Method: POST")
        status, headers, _ = await front.ask(b"OPTIONS /api/auth/login", *asking)
        assert (status, headers[b"access-control-allow-origin"]) == (204, [friend.encode()])
        assert b"server" not in headers
        status, headers, _ = await front.ask(b"GET /api/lessons", asking[0])
        assert (status, headers[b"access-control-allow-origin"]) == (503, [friend.encode()])
        assert b"Retry-After" in headers[b"access-control-expose-headers"][0]
        status, headers, _ = await front.ask(b"GET /api/lessons", b"Origin: https://other.example")
        assert (status, headers.get(b"access-control-allow-origin")) == (503, None)
    finally:
        await front.close()
