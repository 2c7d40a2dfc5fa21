"""What browsers are told about every answer of ours, which pages may read it, and where a request comes from."""

from __future__ import annotations

import hmac
from collections.abc import Collection, Iterable
from typing import Any, Final

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


def let_in(request: Any, origins: Collection[str]) -> bool:
    """Let pages of these origins read the answer (CORS, Fetch standard, 3.2); whether it was only asked if they may."""
    if not origins:
        return False
    request.setHeader("vary", "Origin")
    origin = (request.getHeader(b"origin") or b"").decode("latin-1")
    if origin not in origins:
        return False
    request.setHeader("access-control-allow-origin", origin)
    if request.method == b"OPTIONS" and request.getHeader(b"access-control-request-method"):
        return True
    request.setHeader("access-control-expose-headers", SHOWN)
    return False


def preflight(request: Any) -> bytes:
    """What such a page may ask, whatever the address: whether there is something is answered when it asks."""
    for name, value in SECURITY_HEADERS.items():
        request.setHeader(name, value)
    request.setHeader("access-control-allow-methods", METHODS)
    request.setHeader("access-control-allow-headers", TAKEN)
    request.setHeader("access-control-max-age", str(PREFLIGHT_KEPT_S))
    request.setResponseCode(204)
    return b""


class CrossOrigin(Resource):
    """Lets pages of the allowed origins ask, and answers their preflights."""

    isLeaf = True  # noqa: N815  # Twisted's name

    def __init__(self, inner: IResource, origins: Iterable[str]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Twisted's
        self._inner = inner
        self._origins = frozenset(origins)

    def render(self, request: Any) -> Any:
        """Twisted asks this for every method."""
        return preflight(request) if let_in(request, self._origins) else self._inner.render(request)


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
