"""A site of ours on loopback, and requests to it byte by byte: no client library mends what a test gets wrong."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from klein import Klein
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.web.server import Site

from tutorwamp.kernel.contracts import Caller
from tutorwamp.kernel.edges.app import make_app, mount
from tutorwamp.kernel.edges.resource import Routed
from tutorwamp.kernel.errors import Unauthenticated

PATIENCE_S = 30.0


async def nobody(_token: str) -> tuple[Caller, None]:
    """Authenticates nobody."""
    raise Unauthenticated("Nobody is known here.")


@dataclass
class Answered:
    """An answer as it came over the wire."""

    status: int
    phrase: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class _Until(Protocol):
    """Collects until the connection ends."""

    def __init__(self) -> None:
        self.received = b""
        self.ended: Deferred[bytes] = Deferred()

    def dataReceived(self, data: bytes) -> None:  # Twisted's name
        self.received += data

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # Twisted's signature
        self.ended.callback(self.received)


class Loopback:
    """Listens on a port of its own; ``ask`` is a request, ``open`` a connection to be misused."""

    def __init__(self, site: Any) -> None:
        self._port: Any = reactor.listenTCP(0, site, interface="127.0.0.1")  # Twisted types its own Site as no factory

    @classmethod
    def of_routes(cls, *table: Routed) -> Loopback:
        app: Klein = make_app()
        mount(app, table, nobody)
        site = Site(app.resource())
        site.displayTracebacks = False
        return cls(site)

    def close(self) -> Deferred[None]:
        """Stop listening."""
        stopped: Deferred[None] = self._port.stopListening()
        return stopped

    async def open(self) -> _Until:
        """A bare connection."""
        endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", self._port.getHost().port)
        connection: _Until = await endpoint.connect(Factory.forProtocol(_Until))  # type: ignore[assignment]  # what the factory makes
        return connection

    async def ask(
        self,
        method: str,
        path: str | bytes,
        value: Any = None,
        *,
        raw: bytes | None = None,
        headers: dict[str, Any] | None = None,
    ) -> Answered:
        """Ask, with ``value`` as a JSON body or ``raw`` as it is."""
        body = raw if raw is not None else b"" if value is None else json.dumps(value).encode()
        given: dict[str, Any] = {"Host": "loopback", "Connection": "close", "Content-Length": len(body)}
        if body:
            given["Content-Type"] = "application/json"
        given.update(headers or {})
        lines = [method.encode() + b" " + (path.encode() if isinstance(path, str) else path) + b" HTTP/1.1"]
        for name, text in given.items():
            if text is not None:
                lines.append(name.encode() + b": " + (text if isinstance(text, bytes) else str(text).encode()))
        connection = await self.open()
        assert connection.transport is not None
        connection.transport.write(b"\r\n".join([*lines, b"", b""]) + body)
        return _parsed(await connection.ended.addTimeout(PATIENCE_S, reactor))


def _parsed(received: bytes) -> Answered:
    head, _, body = received.partition(b"\r\n\r\n")
    first, *rest = head.decode("latin-1").split("\r\n")
    _, status, phrase = first.split(" ", 2)
    headers = {name.lower(): text for name, _, text in (line.partition(": ") for line in rest)}
    if headers.get("transfer-encoding") == "chunked":
        body = _unchunked(body)
    return Answered(int(status), phrase, headers, body)


def _unchunked(body: bytes) -> bytes:
    whole = b""
    while body:
        size, _, body = body.partition(b"\r\n")
        whole += body[: int(size, 16)]
        body = body[int(size, 16) + 2 :]
    return whole
