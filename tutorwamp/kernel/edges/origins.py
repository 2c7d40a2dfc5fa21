"""What browsers are told about every answer of ours, which pages may read it, and where a request comes from."""

from __future__ import annotations

import hmac
from collections.abc import Collection, Iterable
from typing import Any, Final

from twisted.web.http_headers import Headers
from twisted.web.resource import IResource, Resource

from tutorwamp.kernel.tokens import GATE_HEADER

SECURITY_HEADERS: Final = {
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    # An answer is data, whatever a browser takes it for.
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
}
SHOWN: Final = "ETag, Location, Missing-Glyphs, Retry-After, X-Request-ID"
"""Headers of an answer that a page of an allowed origin may read."""
TAKEN: Final = "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, X-Request-ID"
METHODS: Final = "GET, HEAD, POST, PATCH, PUT, DELETE"
PREFLIGHT_KEPT_S: Final = 600
"""How long a browser may remember that it may ask; a changed setting is seen after that."""


def readable(asked: Headers, origins: Collection[str]) -> dict[str, str]:
    """Headers of an answer by which a page of an allowed origin may read it."""
    if not origins:
        return {}
    origin = asked.getRawHeaders(b"origin", [b""])[-1].decode("latin-1")
    if origin not in origins:
        return {"vary": "Origin"}
    return {"vary": "Origin", "access-control-allow-origin": origin, "access-control-expose-headers": SHOWN}


class CrossOrigin(Resource):
    """Lets pages of the allowed origins ask (CORS, Fetch standard, 3.2), and answers their preflights.

    It stands around the gate's way to REST, so that they read what is said while REST is away as well.
    """

    isLeaf = True  # noqa: N815  # Twisted's name

    def __init__(self, inner: IResource, origins: Iterable[str]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Twisted's
        self._inner = inner
        self._origins = frozenset(origins)

    def render(self, request: Any) -> Any:
        """Twisted asks this for every method."""
        headers = readable(request.requestHeaders, self._origins)
        for name, value in headers.items():
            request.setHeader(name, value)
        is_asked = request.method == b"OPTIONS" and request.getHeader(b"access-control-request-method")
        if is_asked and "access-control-allow-origin" in headers:
            return self._preflight(request)
        return self._inner.render(request)

    def _preflight(self, request: Any) -> bytes:
        request.responseHeaders.removeHeader("server")
        for name, value in SECURITY_HEADERS.items():
            request.setHeader(name, value)
        request.setHeader("access-control-allow-methods", METHODS)
        request.setHeader("access-control-allow-headers", TAKEN)
        request.setHeader("access-control-max-age", str(PREFLIGHT_KEPT_S))
        request.setResponseCode(204)
        return b""


class FromGate(Resource):
    """Lets only the gate say where a request comes from; whoever comes past it is at the address of the connection."""

    isLeaf = True  # noqa: N815  # Twisted's name

    def __init__(self, inner: IResource, word: bytes) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Twisted's
        self._inner = inner
        self._word = word

    def render(self, request: Any) -> Any:
        """Twisted asks this for every method."""
        if not hmac.compare_digest(request.getHeader(GATE_HEADER.encode()) or b"", self._word):
            request.requestHeaders.removeHeader(b"x-forwarded-for")
        return self._inner.render(request)
