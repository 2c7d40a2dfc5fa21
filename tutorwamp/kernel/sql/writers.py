"""The writers' lanes: which thread writes what.

SQLite has one writer, and so have we. A server has several: there each kind of writes has a lane of its own, one
thread, so that a lock on one kind's tables does not stop the others. A kind is the part of a transaction's name before
the dot; each stream is written by one kind, so its events leave in the order of their numbers.
"""

from __future__ import annotations

import time
from typing import Any, Final

from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import IReactorThreads

from tutorwamp.kernel.errors import Unavailable
from tutorwamp.kernel.sql.transactions import Transactions
from tutorwamp.kernel.sql.writer import Job, Writer

__all__ = ["LANES", "OTHERS", "STUCK_AFTER_S", "WAITING_AT_MOST", "WRITERS", "Job", "Writers"]

LANES: Final = ("chat", "board", "lessons", "notifications")
"""The kinds with a lane of their own; what is rare shares another."""
OTHERS: Final = "others"
WRITERS: Final = len(LANES) + 1
"""Threads, and connections, at most."""
WAITING_AT_MOST: Final = 10_000
"""Transactions in one lane: far more than are done before nobody waits for them any more."""
STUCK_AFTER_S: Final = 5.0
"""A lane whose first transaction has been in it for so long does not do its work."""


class Writers:
    """The lanes. Each runs what it is given in its order."""

    def __init__(self, transactions: Transactions, reactor: IReactorThreads) -> None:
        several = transactions.engine.dialect.name != "sqlite"
        names = (*LANES, OTHERS) if several else (OTHERS,)
        # On a server two kinds lock rows in an order of their own: sharing a transaction they might wait for others.
        self._writers = {name: Writer(name, transactions, reactor, shares=not several) for name in names}

    def start(self) -> None:
        """Start the threads."""
        for writer in self._writers.values():
            writer.start()

    def stop(self) -> None:
        """Finish what is queued. Blocks."""
        for writer in self._writers.values():
            writer.stop()

    def submit(self, job: Job) -> Deferred[Any]:
        """Its outcome, after its commit. Fails with Unavailable where its lane is full."""
        writer = self._writers[job.asked.lane]
        if writer.waiting() >= WAITING_AT_MOST:
            return fail(Unavailable("The database cannot keep up just now.", retry_after_s=2.0))
        return writer.submit(job)

    def lane_of(self, transaction: str) -> str:
        """Which lane writes of this name go through."""
        kind = transaction.partition(".")[0]
        return kind if kind in self._writers else OTHERS

    def waits_s(self) -> dict[str, float]:
        """How long the first transaction of each lane has been in it; 0 where there is none."""
        now_s = time.monotonic()
        since = {lane: writer.first_asked_s() for lane, writer in self._writers.items()}
        return {lane: 0.0 if since_s is None else now_s - since_s for lane, since_s in since.items()}

    def stuck(self) -> list[str]:
        """The lanes that do not do their work."""
        return [lane for lane, wait_s in self.waits_s().items() if wait_s > STUCK_AFTER_S]
