"""Which reads run at once: those of one kind never take all readers, wait in a bounded line, and end in time."""

from __future__ import annotations

import functools
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError
from twisted.internet.defer import Deferred, fail

from tutorwamp.kernel.errors import Unavailable

Result = TypeVar("Result")

RETRY_AFTER_S: Final = 1.0
"""For those who find a full line."""
STEPS_BETWEEN_LOOKS: Final = 10_000
"""Of SQLite's machine, between two looks at the time: some half a millisecond."""


@dataclass(frozen=True)
class Lane:
    """Reads of one kind: ``at_once`` run, ``waiting_at_most`` wait, the next one is refused.

    ``within_s``: a transaction that takes longer is ended.
    """

    name: str
    at_once: int
    waiting_at_most: int
    within_s: float | None = None


READS_OF_ONE_NAME: Final = 4
"""Half of the readers: whatever is asked for often leaves the other half to others."""
WAITING_OF_ONE_NAME: Final = 2_000
"""Small reads: some seconds' work, as long as people wait."""
LARGE: Final = Lane("large", at_once=2, waiting_at_most=200)
"""Whole boards and what was missed of a lesson. Making values of so many rows is work for Python, which does one thing
at a time: more of them would finish no sooner, and the node's own thread would wait for each."""
SEARCHES: Final = Lane("searches", at_once=1, waiting_at_most=50, within_s=2.0)
"""Each keeps a processor busy for as long as it takes; the line is gone before people's patience is."""


class Lanes:
    """Begins what may run and keeps the rest waiting, in the order it came."""

    def __init__(self) -> None:
        self._waiting: dict[str, OrderedDict[Deferred[Any], Callable[[], Deferred[Any]]]] = {}
        self._under_way: dict[str, int] = {}

    def submit(self, lane: Lane, begin: Callable[[], Deferred[Result]]) -> Deferred[Result]:
        """The outcome of ``begin``, called when it is its turn; never where it is cancelled before.

        Fails with Unavailable where too many wait already.
        """
        running = self._under_way.get(lane.name, 0)
        waiting = self._waiting.get(lane.name)
        if running < lane.at_once and not waiting:
            return self._begin(lane, begin, Deferred())
        if waiting is None:
            waiting = self._waiting[lane.name] = OrderedDict()
        if len(waiting) >= lane.waiting_at_most:
            return fail(Unavailable("Too many ask for this just now.", retry_after_s=RETRY_AFTER_S))
        answer: Deferred[Result] = Deferred(functools.partial(_drop, waiting))
        waiting[answer] = begin
        return answer

    def waiting(self) -> int:
        """How many wait for their turn."""
        return sum(map(len, self._waiting.values()))

    def _begin(self, lane: Lane, begin: Callable[[], Deferred[Result]], answer: Deferred[Result]) -> Deferred[Result]:
        self._under_way[lane.name] = self._under_way.get(lane.name, 0) + 1

        def done(outcome: Any) -> None:
            # A thread is not stopped by nobody's waiting for it: its place is free when it has ended.
            self._go_on(lane)
            if not answer.called:
                answer.callback(outcome)  # a Failure becomes an error

        begin().addBoth(done)
        return answer

    def _go_on(self, lane: Lane) -> None:
        self._under_way[lane.name] -= 1
        waiting = self._waiting.get(lane.name)
        if waiting:
            answer, begin = waiting.popitem(last=False)
            self._begin(lane, begin, answer)


def _drop(waiting: OrderedDict[Deferred[Any], Any], answer: Deferred[Any]) -> None:
    """Nobody waits for it any more; where it has begun it is not in the line, and goes on."""
    waiting.pop(answer, None)


@contextmanager
def within(connection: Connection, seconds: float | None) -> Iterator[None]:
    """End what is asked of the database in here once it has taken so long; see ``ran_out_of_time``."""
    if seconds is None:
        yield
        return
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SET LOCAL statement_timeout = {round(seconds * 1000)}")
        yield
        return
    driver: Any = connection.connection.driver_connection
    until_s = time.monotonic() + seconds
    driver.set_progress_handler(lambda: time.monotonic() > until_s, STEPS_BETWEEN_LOOKS)
    try:
        yield
    finally:
        driver.set_progress_handler(None, 0)


def ran_out_of_time(error: DBAPIError) -> bool:
    """Whether the database ended a statement because it took too long: SQLite by its name, PostgreSQL by its code."""
    name = getattr(error.orig, "sqlite_errorname", None)
    return name == "SQLITE_INTERRUPT" or getattr(error.orig, "sqlstate", None) == "57014"
