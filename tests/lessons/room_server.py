"""A media server of our own, on loopback: checks who signed what it is told, as LiveKit's room service does."""

from __future__ import annotations

import json
from typing import Any, Final

import jwt
from twisted.internet import reactor
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.web.resource import Resource
from twisted.web.server import Site

KEY: Final = "APItest"
SECRET: Final = "a secret of thirty-two characters"
_NEEDED: Final = {"RemoveParticipant": "roomAdmin", "UpdateParticipant": "roomAdmin", "DeleteRoom": "roomCreate"}
_CHECKED: Final[Any] = {"require": ["exp", "nbf", "iss"], "verify_exp": False, "verify_nbf": False}
"""Not the times: the tests' clock is turned."""


class RoomServer(Resource):
    """``told``: what it was told, and who it was about. ``status``: what it answers to what is signed well."""

    isLeaf = True  # noqa: N815  # Twisted's name

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Twisted gives it no types
        self.told: list[tuple[str, dict[str, Any]]] = []
        self.status = 200
        self._waiting: list[tuple[int, Deferred[None]]] = []
        net: Any = reactor
        self._port: Any = net.listenTCP(0, Site(self), interface="127.0.0.1")

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self._port.getHost().port}"

    @property
    def settings(self) -> dict[str, str]:
        return {
            "TUTORWAMP_LIVEKIT_URL": self.url,
            "TUTORWAMP_LIVEKIT_API_KEY": KEY,
            "TUTORWAMP_LIVEKIT_API_SECRET": SECRET,
        }

    async def close(self) -> None:
        await maybeDeferred(self._port.stopListening)

    async def told_so_often(self, count: int) -> None:
        """Wait until it was told so many things."""
        if len(self.told) < count:
            waiting: Deferred[None] = Deferred()
            self._waiting.append((count, waiting))
            await waiting.addTimeout(30, reactor)

    def render_POST(self, request: Any) -> bytes:  # Twisted's name
        method = request.path.decode().removeprefix("/twirp/livekit.RoomService/")
        asked = json.loads(request.content.read())
        status = self._status(request.getHeader("authorization") or "", method, asked)
        request.setResponseCode(status)
        request.setHeader("content-type", "application/json")
        if status != 401:
            self.told.append((method, asked))
            for count, waiting in list(self._waiting):
                if len(self.told) >= count and not waiting.called:
                    waiting.callback(None)
        return b"{}"

    def _status(self, bearer: str, method: str, asked: dict[str, Any]) -> int:
        try:
            claims = jwt.decode(bearer.removeprefix("Bearer "), SECRET, ["HS256"], issuer=KEY, options=_CHECKED)
        except jwt.PyJWTError:
            return 401
        grant, needed = claims["video"], _NEEDED[method]
        of_this_room = needed == "roomCreate" or grant.get("room") == asked["room"]
        return self.status if grant.get(needed) is True and of_this_room else 401
