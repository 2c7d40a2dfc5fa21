"""LiveKit: its access tokens, and its room service (Twirp: JSON over HTTP, signed with such a token)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final, cast

import jwt
import treq
from treq.client import HTTPClient
from twisted.internet.defer import Deferred
from twisted.web.client import Agent

from tutorwamp.lessons.media.rules import Order

ANSWER_WITHIN_S: Final = 5.0
SIGNED_FOR: Final = timedelta(minutes=1)
"""Our own requests; the clocks of two machines may differ by some seconds."""
ALGORITHM: Final = "HS256"


class LiveKit:
    """One LiveKit server, and the key we have there."""

    def __init__(self, url: str, key: str, secret: str, reactor: Any) -> None:
        scheme, _, rest = url.rstrip("/").partition("://")
        # Schemes are written in either case (RFC 3986): never without TLS where it was asked for.
        is_safe = scheme.lower() in ("wss", "https")
        self.url = f"{'wss' if is_safe else 'ws'}://{rest}"
        self._rooms = f"{'https' if is_safe else 'http'}://{rest}/twirp/livekit.RoomService"
        self._key, self._secret = key, secret
        self._http = HTTPClient(Agent(reactor, connectTimeout=ANSWER_WITHIN_S))
        self._reactor = reactor

    def token(
        self, grant: Mapping[str, Any], now: datetime, lifetime: timedelta, *, identity: str = "", name: str = ""
    ) -> str:
        """An access token for who has this identity; without one it is our own."""
        claims: dict[str, Any] = {
            "iss": self._key,
            "nbf": int(now.timestamp()),
            "exp": int((now + lifetime).timestamp()),
            "video": dict(grant),
        }
        if identity:
            claims.update(sub=identity, name=name)
        return jwt.encode(claims, self._secret, algorithm=ALGORITHM)

    async def obey(self, order: Order, now: datetime) -> int:
        """Tell the room service; its answer's status. Raises whatever the network does."""
        bearer = self.token(order.grant(), now, SIGNED_FOR)
        telling: Deferred[Any] = Deferred.fromCoroutine(self._post(order, bearer))
        return cast("int", await telling.addTimeout(ANSWER_WITHIN_S, self._reactor))

    async def _post(self, order: Order, bearer: str) -> int:
        headers: dict[bytes | str, bytes | str] = {"authorization": f"Bearer {bearer}"}
        answer = await self._http.post(
            f"{self._rooms}/{order.method}",
            json=order.arguments(),
            headers=headers,
            allow_redirects=False,
            unbuffered=True,
        )
        await treq.collect(answer, lambda _: None)  # read, so that the connection ends; nobody needs what it says
        return int(answer.code)
