"""Show the server that we live, at the interval it names, and hear of streams that have gone on without us."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from tutorwamp.client.connection import Connection, State
from tutorwamp.client.errors import CallError

FIRST_INTERVAL_S: Final = 30.0
"""Until the server has named its own."""

_log = Logger()


class Heartbeat:
    """Beats while the connection is there.

    ``said`` gives what we say of ourselves: how far we are in each stream, and of which epoch that is. ``heard`` is
    told each answer.
    """

    def __init__(
        self,
        connection: Connection,
        clock: IReactorTime,
        *,
        said: Callable[[], Mapping[str, Any]],
        heard: Callable[[Mapping[str, Any]], object],
    ) -> None:
        self._connection = connection
        self._clock = clock
        self._said = said
        self._heard = heard
        self._interval_s: float | None = None
        """As the server named it last; unknown before the first answer."""
        self._next: IDelayedCall | None = None
        connection.watch(self._changed)

    def _changed(self, state: State) -> None:
        if self._next is not None and self._next.active():
            self._next.cancel()
        self._next = None
        if state.kind == "connected":
            if self._interval_s is None:
                self._beat()
            else:  # spread, so that a crowd that came back together does not beat together ever after
                self._next = self._clock.callLater(self._interval_s * self._connection.chance(), self._beat)

    def _beat(self) -> None:
        session = self._connection.session_id
        beating = Deferred.fromCoroutine(self._call(session))
        beating.addErrback(lambda failure: _log.failure("A heartbeat failed", failure))

    async def _call(self, session: int | None) -> None:
        try:
            beat = await self._connection.call("tutorwamp.session.heartbeat", **self._said())
            named = beat.get("interval_s")
            if isinstance(named, int | float) and named > 0:
                self._interval_s = named
            self._heard(beat)
        except CallError as error:
            _log.debug("No answer to a heartbeat: {error}", error=error)
        if self._connection.session_id == session and self._connection.state.kind == "connected":
            self._next = self._clock.callLater(self._interval_s or FIRST_INTERVAL_S, self._beat)
