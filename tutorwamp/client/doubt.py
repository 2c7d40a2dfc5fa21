"""What is kept of a stream may not be what the others have: it is read afresh, and seldom where that recurs."""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Final

from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger

from tutorwamp.client.connection import Connection

SECOND_PAUSE_S: Final = 0.5
"""Before the second reading in a row, and twice as long before each one after it; the first is at once."""
PAUSE_AT_MOST_S: Final = 60.0
"""Where every event makes none, as of a much newer server."""

_log = Logger()


class Doubt:
    """S30: ``arise`` with each event that makes no sense; ``read`` is called, once for all that come meanwhile."""

    def __init__(self, connection: Connection, topic: str, read: Callable[[], object]) -> None:
        self._connection = connection
        self._topic = topic
        self._read = read
        self._due: IDelayedCall | None = None
        self._in_a_row = 0
        self._arose_at = -inf

    def arise(self, why: str) -> None:
        """Something made no sense here."""
        _log.warn("An event of {topic} makes no sense here: {why}", topic=self._topic, why=why)
        if self._due is not None:
            return
        clock = self._connection.clock
        if clock.seconds() - self._arose_at > 2 * PAUSE_AT_MOST_S:
            self._in_a_row = 0
        self._arose_at = clock.seconds()
        self._in_a_row = min(self._in_a_row + 1, 16)  # the pause has long stopped growing
        if self._in_a_row == 1:
            self._read()
            return
        pause_s = min(PAUSE_AT_MOST_S, SECOND_PAUSE_S * 2.0 ** (self._in_a_row - 2))
        self._due = clock.callLater(pause_s * (1 + self._connection.chance() / 2), self._look)

    def settle(self) -> None:
        """It was read, or nobody wants to know any more."""
        due, self._due = self._due, None
        if due is not None and due.active():
            due.cancel()

    def _look(self) -> None:
        self._due = None
        self._read()
