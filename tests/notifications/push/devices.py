"""A browser that can read what is pushed to it, and the push service it is subscribed at, on loopback."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import http_ece
import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from OpenSSL.SSL import TLS_METHOD
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.ssl import DefaultOpenSSLContextFactory
from twisted.web.resource import Resource
from twisted.web.server import Site

from tests.support.tls import make_certificate
from tutorwamp.notifications.push.contracts import Keys, Subscribe, from_base64url, to_base64url


class Browser:
    """Has the private key of a subscription."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.auth = b"0123456789abcdef"

    @property
    def keys(self) -> Keys:
        form = (serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
        return Keys(p256dh=to_base64url(self._key.public_key().public_bytes(*form)), auth=to_base64url(self.auth))

    def subscription(self, endpoint: str) -> Subscribe:
        return Subscribe(endpoint=endpoint, keys=self.keys)

    def read(self, body: bytes) -> Any:
        """What somebody else's implementation makes of it."""
        return json.loads(http_ece.decrypt(body, private_key=self._key, auth_secret=self.auth, version="aes128gcm"))


@dataclass
class Pushed:
    path: str
    headers: dict[str, str]
    body: bytes

    def claims(self, audience: str) -> dict[str, Any]:
        """What the VAPID token says; it is signed by the key beside it."""
        scheme, _, values = self.headers["authorization"].partition(" ")
        assert scheme == "vapid"
        token, key = (one.strip().partition("=")[2] for one in values.split(","))
        point = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), from_base64url(key))
        claims: dict[str, Any] = jwt.decode(token, point, ["ES256"], audience=audience)
        return claims


@dataclass
class PushServer(Resource):
    """Answers ``status`` to each push, in turn, and 201 after that."""

    statuses: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    pushed: list[Pushed] = field(default_factory=list)
    isLeaf = True  # noqa: N815  # Twisted's name

    def __post_init__(self) -> None:
        Resource.__init__(self)
        site: Any = Site(self)  # Twisted types its own Site as no factory
        self._port: Any = cast("Any", reactor).listenTCP(0, site, interface="127.0.0.1")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port.getHost().port}"

    def render_POST(self, request: Any) -> bytes:
        headers = {
            name.decode().lower(): values[0].decode() for name, values in request.requestHeaders.getAllRawHeaders()
        }
        self.pushed.append(Pushed(request.path.decode(), headers, request.content.read()))
        status, more = self.statuses.pop(0) if self.statuses else (201, {})
        request.setResponseCode(status)
        for name, text in more.items():
            request.setHeader(name, text)
        return b""

    def close(self) -> Deferred[None]:
        stopped: Deferred[None] = self._port.stopListening()
        return stopped


class Endless(Protocol):
    """Says that it took the push, and begins a body that never ends."""

    def __init__(self, closed: Deferred[None]) -> None:
        self._closed = closed

    def dataReceived(self, data: bytes) -> None:  # Twisted's name
        cast("Any", self.transport).write(b"HTTP/1.1 201 Created\r\nContent-Length: 1000000\r\n\r\nx")

    def connectionLost(self, reason: object = None) -> None:
        if not self._closed.called:
            self._closed.callback(None)


class EndlessServer:
    """``closed`` fires when its caller has hung up. Speaks TLS with ``certificate``."""

    def __init__(self, folder: Path) -> None:
        self.closed: Deferred[None] = Deferred()
        self.certificate = make_certificate(folder)
        path = str(self.certificate)
        context: Any = DefaultOpenSSLContextFactory(path, path, sslmethod=TLS_METHOD)
        factory = Factory.forProtocol(lambda: Endless(self.closed))
        self._port: Any = cast("Any", reactor).listenSSL(0, factory, context, interface="127.0.0.1")

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self._port.getHost().port}/"

    def close(self) -> Deferred[None]:
        stopped: Deferred[None] = self._port.stopListening()
        return stopped
