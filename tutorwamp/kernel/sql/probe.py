"""Whether the database can be written just now: one small row, committed. Reads may work where no write does."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Column, Connection, Integer, Table
from twisted.internet import defer
from twisted.internet.defer import Deferred

from tutorwamp.kernel.contracts import Clock
from tutorwamp.kernel.errors import Unavailable
from tutorwamp.kernel.log.lines import get_logger
from tutorwamp.kernel.sql.columns import InstantColumn, metadata, put
from tutorwamp.kernel.sql.database import Database

log = get_logger(__name__)

TRIED_EVERY_S: Final = 1.0
"""However often it is asked: everybody who asks meanwhile shares the answer."""
ANSWERED_WITHIN_S: Final = 1.5
"""Who asks is answered by then."""
BELIEVED_FOR_S: Final = 3.0
"""How old an answer may be where the next one waits behind other writes."""

write_probe = Table(
    "write_probe",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("at", InstantColumn, nullable=False),
)
"""One row."""


def write_row(connection: Connection, at: datetime) -> None:
    """Write it. Raises what a write can raise, here or at the commit."""
    put(connection, write_probe, [{"id": 1, "at": at}])


class WriteProbe:
    """A process's answer. ``now_s`` is a clock that never goes back."""

    def __init__(
        self, database: Database, reactor: Any, *, clock: Clock, now_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._database = database
        self._reactor = reactor
        self._clock = clock
        self._now_s = now_s
        self._worked: bool | None = None
        self._answered_at_s = float("-inf")
        self._waiting: list[Deferred[None]] | None = None
        """Who waits for the try under way; None where there is none."""

    async def works(self) -> bool:
        """Whether a write went through within the last seconds."""
        if self._waiting is None and self._now_s() - self._answered_at_s >= TRIED_EVERY_S:
            self._try()
        if self._waiting is not None:
            answered: Deferred[None] = Deferred()
            self._waiting.append(answered)
            with contextlib.suppress(defer.TimeoutError):
                await answered.addTimeout(ANSWERED_WITHIN_S, self._reactor)
        return bool(self._worked) and self._now_s() - self._answered_at_s < BELIEVED_FOR_S

    def _try(self) -> None:
        self._waiting = []
        tried = self._database.write("write_probe", write_row, self._clock())
        tried.addCallbacks(lambda _: self._answer(None), lambda failure: self._answer(failure.value))

    def _answer(self, error: BaseException | None) -> None:
        worked, before = error is None, self._worked
        self._worked, self._answered_at_s = worked, self._now_s()
        waiting, self._waiting = self._waiting or [], None
        for one in waiting:
            if not one.called:
                one.callback(None)
        # What passes by itself is told by the database's own pair of lines; this is about the rest.
        if error is not None and before is not False and not isinstance(error, Unavailable):
            log.error("the database cannot be written", error=repr(error))
