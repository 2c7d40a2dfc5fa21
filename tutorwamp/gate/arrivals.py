"""Limits before login: sockets and what they say, counted by address while it is not known whose they are."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from typing import Final

from tutorwamp.gate.counts import refusing
from tutorwamp.gate.rules import address_of
from tutorwamp.kernel.errors import RateLimited, Unavailable
from tutorwamp.kernel.limits import Allowance, Limits, network_of
from tutorwamp.kernel.settings import Network

SOCKETS: Final = Allowance(per_s=200, burst=3_000)
"""Of one address: twice what may join, so that who comes too often is told so by ABORT, as long as that goes."""
SOCKETS_WAITING_AT_MOST: Final = 1_500
"""Of one address, before WELCOME: as many as may join at once. Each is gone after ten seconds."""
KILOBYTES: Final = Allowance(per_s=1_000, burst=16_000)
"""Of one address, before WELCOME, begun ones counted whole: some hundred times what its joins say."""
REFUSED_AT_ONCE: Final = 128
"""Sockets beyond the sessions a node has room for, so that who is too many can be told so by ABORT."""


class Arrivals:
    """The WebSockets of a router's process. Raises the kernel's errors only."""

    def __init__(
        self,
        sessions_at_most: int,
        *,
        limited: bool,
        proxies: Collection[Network] = (),
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._proxies = proxies
        self._sockets_at_most = sessions_at_most + REFUSED_AT_ONCE
        self._limited = limited
        self._sockets, self._kilobytes = Limits(SOCKETS, now_s), Limits(KILOBYTES, now_s)
        self._waiting: Counter[str] = Counter()
        self._there = 0

    def came(self, peer: str, headers: Mapping[str, str]) -> str:
        """Somebody asks for a WebSocket; the name to count it under. Raises RateLimited or Unavailable."""
        with refusing("sockets"):
            network = self._require_room(peer, headers)
        self._waiting[network] += 1
        self._there += 1
        return network

    def _require_room(self, peer: str, headers: Mapping[str, str]) -> str:
        if self._there >= self._sockets_at_most:
            raise Unavailable("The node is full. Come back in a moment.")
        network = network_of(address_of(peer, headers, self._proxies))
        if self._limited:
            if self._waiting[network] >= SOCKETS_WAITING_AT_MOST:
                raise RateLimited("Too many connections that say nothing.", retry_after_s=1.0)
            self._sockets.take(network)
        return network

    def said(self, network: str, size: int) -> None:
        """So many bytes came. Raises RateLimited."""
        if self._limited:
            for _ in range(-(-size // 1024)):
                self._kilobytes.take(network)

    def welcomed(self, network: str) -> None:
        """There is a person now."""
        self._waiting[network] -= 1
        if not self._waiting[network]:
            del self._waiting[network]

    def went(self, network: str, *, welcomed: bool) -> None:
        """A WebSocket is gone."""
        self._there -= 1
        if not welcomed:
            self.welcomed(network)
