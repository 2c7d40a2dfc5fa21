"""The writers' lanes: which thread writes what, and what is logged where the database does not write.

SQLite has one writer, and so have we. A server has several: there each kind of writes has a lane of its own, one
thread, so that a lock on one kind's tables does not stop the others. A kind is the part of a transaction's name before
the dot; each stream is written by one kind, so its events leave in the order of their numbers.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from twisted.internet.defer import Deferred, fail
from twisted.python.threadpool import ThreadPool

from tutorwamp.kernel.errors import Unavailable
from tutorwamp.kernel.log.lines import get_logger

log = get_logger(__name__)

LANES: Final = ("chat", "board", "lessons", "notifications")
"""The kinds with a lane of their own; what is rare shares another."""
OTHERS: Final = "others"
WRITERS: Final = len(LANES) + 1
"""Threads, and connections, at most."""
WAITING_AT_MOST: Final = 10_000
"""Transactions in one lane: far more than are done before nobody waits for them any more."""
WAITED_AT_MOST_S: Final = 10.0
"""As long as a caller: what has waited longer is not begun, and what was tried for longer is not tried again."""
STUCK_AFTER_S: Final = 5.0
"""A lane whose first transaction has been in it for so long does not do its work."""


class Writers:
    """The lanes. Each runs what it is given in its order."""

    def __init__(self, *, several: bool) -> None:
        names = (*LANES, OTHERS) if several else (OTHERS,)
        self._pools = {name: ThreadPool(1, 1, f"sql-write-{name}") for name in names}
        self._since_s: dict[str, deque[float]] = {name: deque() for name in names}

    def start(self) -> None:
        """Start the threads."""
        for pool in self._pools.values():
            pool.start()

    def stop(self) -> None:
        """Finish what is queued. Blocks."""
        for pool in self._pools.values():
            pool.stop()

    def submit(self, transaction: str, begin: Callable[[ThreadPool], Deferred[Any]]) -> Deferred[Any]:
        """The outcome of ``begin``, which is given the lane's thread. Fails with Unavailable where the lane is full."""
        lane = self.lane_of(transaction)
        waiting = self._since_s[lane]
        if len(waiting) >= WAITING_AT_MOST:
            return fail(Unavailable("The database cannot keep up just now.", retry_after_s=2.0))
        waiting.append(time.monotonic())

        def done(outcome: Any) -> Any:
            waiting.popleft()  # one thread: they end in the order they came
            return outcome

        return begin(self._pools[lane]).addBoth(done)

    def lane_of(self, transaction: str) -> str:
        """Which lane writes of this name go through."""
        kind = transaction.partition(".")[0]
        return kind if kind in self._pools else OTHERS

    def waits_s(self) -> dict[str, float]:
        """How long the first transaction of each lane has been in it; 0 where there is none."""
        now_s = time.monotonic()
        return {lane: now_s - since_s[0] if since_s else 0.0 for lane, since_s in self._since_s.items()}

    def stuck(self) -> list[str]:
        """The lanes that do not do their work."""
        return [lane for lane, wait_s in self.waits_s().items() if wait_s > STUCK_AFTER_S]


class Outages:
    """Says in one line when something stops to work, and in one when it works again. For many threads."""

    def __init__(self) -> None:
        self._began_s: dict[str, float] = {}
        self._lock = threading.Lock()

    def failed(self, what: str, reason: str) -> None:
        """It was tried as often as makes sense."""
        with self._lock:
            if what in self._began_s:
                return
            self._began_s[what] = time.monotonic()
        log.error("the database does not do its work", what=what, reason=reason)

    def going_on_s(self) -> dict[str, float]:
        """Since when what does not work, in seconds."""
        with self._lock:
            return {what: time.monotonic() - began_s for what, began_s in self._began_s.items()}

    def worked(self, *what: str) -> None:
        """One of these went through."""
        if not self._began_s:
            return
        with self._lock:
            ended = {one: self._began_s.pop(one) for one in what if one in self._began_s}
        for one, began_s in ended.items():
            log.warning("the database works again", what=one, after_s=round(time.monotonic() - began_s, 1))
