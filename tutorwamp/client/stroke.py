"""A stroke that the others see growing while it is drawn."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from math import inf
from typing import Final
from uuid import uuid4

from twisted.internet.defer import Deferred, DeferredLock
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from tutorwamp.client.errors import CallError
from tutorwamp.client.replica import Plain

POINTS_AT_MOST: Final = 500
"""Of one element; a longer stroke goes on as a new one, from the same point."""
INTERVAL_S: Final = 1 / 20
"""Between two messages (B33). More is not seen: the points in between come with the next one."""

Point = list[float]
"""``[x, y]`` or ``[x, y, pressure]``."""


class Stroke:
    """Made by ``Board.stroke``. One message at a time is under way; it takes all points since the last one.

    The newest point waits until another one or ``finish`` follows: a stroke is finished with a point, never without.
    """

    def __init__(
        self,
        look: Plain,
        *,
        send: Callable[[Callable[[], Plain]], Awaitable[Plain]],
        shown: Callable[[Plain | None], Awaitable[None]],
        clock: IReactorTime,
    ) -> None:
        self.ids: list[str] = []
        """The elements it has become: one for every 500 points."""
        self.error: CallError | None = None
        """Why it has stopped: somebody else has changed it, we have lost the pen, the board is full …"""
        self._look = look
        self._send = send
        self._shown = shown
        self._clock = clock
        self._points: list[Point] = []
        self._written = 0
        self._version = 0
        self._finishing = False
        self._sent_at = -inf
        self._one_at_a_time = DeferredLock()
        self._answer: Plain | None = None

    def add(self, *points: Point) -> None:
        """Go on through these points. They are dropped where the stroke has stopped (``error``)."""
        if self._finishing:
            raise ValueError("the stroke is finished")
        if self.error is None:
            self._points.extend(points)
            if not self._one_at_a_time.locked:
                self._one_at_a_time.run(self._growing)

    async def finish(self) -> Plain | None:
        """End it here; returns when it is on the board as a whole: the last answer, null for no points at all.

        Raises what has stopped it: CallError, Rejected where it was the board's rules.
        """
        self._finishing = True
        await self._one_at_a_time.run(self._growing)
        if self.error is not None:
            raise self.error
        await self._shown(self._answer)
        return self._answer

    def _growing(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self._grow())

    async def _grow(self) -> None:
        while self._ready() > 0:
            pause_s = self._sent_at + INTERVAL_S - self._clock.seconds()
            if pause_s > 0:
                await deferLater(self._clock, pause_s)
            try:
                self._answer = await self._send(self._change)
            except CallError as error:
                self.error = error
                self._points.clear()

    def _ready(self) -> int:
        """How many points can be sent."""
        return len(self._points) - (0 if self._finishing else 1)

    def _change(self) -> Plain:
        self._sent_at = self._clock.seconds()
        count = min(self._ready(), POINTS_AT_MOST - self._written)
        points, self._points = self._points[:count], self._points[count:]
        change: Plain = {"points": points}
        full = self._written + count == POINTS_AT_MOST
        if full or self._finishing:
            change["finished"] = True
        if self._written == 0:
            self.ids.append(str(uuid4()))
            change = {"op": "put", "element": {"id": self.ids[-1], **self._look, **change}}
            self._version = 1
        else:
            change = {"op": "append", "id": self.ids[-1], "version": self._version, **change}
            self._version += 1
        self._written += count
        if full and self._points:
            self._points.insert(0, points[-1])
            self._written = 0
        return change
