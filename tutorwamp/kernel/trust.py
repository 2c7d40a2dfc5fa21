"""Whether what a shared cache says is believed. The database decides, so that who cannot reach the cache has a word.

A writer that reaches the cache raises a fence there (see cache). One that does not *withholds* belief here before it
changes anything, and waits until everybody must have looked. So there is no change that readers of the cache could
miss, whoever can reach whom, and whoever dies when.

Belief is of one *run* of the server, since a server that was restarted has forgotten its fences: another run is
believed once every change that began before is over. And each time belief begins anew there is a new *generation*:
what was put under an earlier one stays forgotten.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import BigInteger, Column, Connection, Integer, String, Table, select
from twisted.internet.defer import Deferred, DeferredLock
from twisted.internet.task import deferLater

from tutorwamp.kernel.contracts import Clock
from tutorwamp.kernel.database import Database, InstantColumn, lock, metadata, put
from tutorwamp.kernel.observability import get_logger

log = get_logger(__name__)

CHANGE_AT_MOST_S: Final = 120.0
"""A change is over so long after its fence was raised, wherever one looks at the clock: see the two below."""
COMMIT_WITHIN_S: Final = 40.0
"""What is not ready to be committed by then is given up; ten seconds more, and the commit itself is over."""
CLOCKS_APART_S: Final = 60.0
"""How far the clocks of two machines may be apart."""
LOOKED_FOR_S: Final = 2.0
"""How long a look at the database counts: one query in two seconds for each process that reads."""
NOTICED_WITHIN_S: Final = LOOKED_FOR_S * 1.1
"""From when belief was withheld until nobody believes."""
MET_EVERY_S: Final = 5.0
"""Two processes with two servers would otherwise never be done with telling each other."""
HEARD_FOR_S: Final = 10.0
"""How old a look may be that says which run a fence is to be raised in: another one is believed much later."""

cache_trust = Table(
    "cache_trust",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("generation", BigInteger, nullable=False),
    Column("run", String(64), nullable=True),
    Column("believed_from", InstantColumn, nullable=False),
)
"""One row, or none: nobody has used a shared cache yet."""


@dataclass(frozen=True)
class Belief:
    """What the database said: of which run of the server what was put under ``generation`` is believed, from when."""

    generation: int = 0
    run: str | None = None
    believed_from: datetime = datetime.fromtimestamp(0, UTC)


class CacheTrust:
    """What one process knows of it. ``now_s`` is a clock that never goes back."""

    def __init__(
        self, database: Database, reactor: Any, *, clock: Clock, now_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._database = database
        self._reactor = reactor
        self._clock = clock
        self._now_s = now_s
        self._belief = Belief()
        self._looked_at_s = float("-inf")
        self._looking = DeferredLock()
        self._looks = 0
        self._withholding = DeferredLock()
        self._withheld_until = self._belief.believed_from
        self._met_at_s = float("-inf")

    async def belief(self) -> Belief | None:
        """What counts just now; None where nothing may be believed. Raises Unavailable."""
        if not self._is_fresh():
            looks = self._looks
            await self._looking.run(lambda: Deferred.fromCoroutine(self._look(looks)))
        may = self._is_fresh() and self._clock() >= self._belief.believed_from
        return self._belief if may else None

    async def counts(self, run: str) -> bool:
        """Whether what is said to this run of the server is heard by all who believe; else it is met. As ``belief``."""
        await self.belief()
        if self._now_s() - self._looked_at_s > HEARD_FOR_S:
            return False  # the look of somebody else, for which we waited, failed
        if self._belief.run == run:
            return True
        if self._now_s() - self._met_at_s < MET_EVERY_S:
            return False
        self._met_at_s = self._now_s()
        before, met = await self._database.write("cache.meet", self._met_thd, run)
        self._look_again()
        log.info("another run of the cache's server", run=run, believed_from=met.believed_from)
        return before in (None, run)

    async def withhold(self) -> None:
        """Nobody believes the cache when this returns, nor for CHANGE_AT_MOST_S from then on. Raises Unavailable."""
        await self._withholding.run(lambda: Deferred.fromCoroutine(self._withhold()))

    def _is_fresh(self) -> bool:
        return self._now_s() - self._looked_at_s <= LOOKED_FOR_S

    def _look_again(self) -> None:
        # What a write answers is no look: it may be late, and others may have written since.
        self._looked_at_s = float("-inf")

    async def _look(self, looks: int) -> None:
        if self._looks != looks:
            return  # somebody has looked while we waited; where that took too long, so would it again
        began_at_s = self._now_s()
        try:
            self._belief = await self._database.read("cache.trust", _belief)
            self._looked_at_s = began_at_s
        finally:
            self._looks += 1

    async def _withhold(self) -> None:
        left = self._withheld_until - self._clock()
        if left >= timedelta(seconds=CHANGE_AT_MOST_S):
            return
        withheld = await self._database.write("cache.withhold", self._withheld_thd)
        self._look_again()
        log.warning("the cache is not believed: a change could not be said there", until=withheld.believed_from)
        # Otherwise everybody looks again before it is over.
        if left < timedelta(seconds=CLOCKS_APART_S + NOTICED_WITHIN_S):
            await deferLater(self._reactor, NOTICED_WITHIN_S)
        self._withheld_until = withheld.believed_from

    def _withheld_thd(self, connection: Connection) -> Belief:
        lock(connection, cache_trust.name)
        until = self._clock() + timedelta(seconds=2 * CHANGE_AT_MOST_S)
        found = _belief(connection)
        return _keep(connection, found.run, found, until)

    def _met_thd(self, connection: Connection, run: str) -> tuple[str | None, Belief]:
        """Also which run was believed before."""
        lock(connection, cache_trust.name)
        found = _belief(connection)
        if found.run == run:
            return run, found
        # The first one ever is believed at once: nobody has changed anything without having met it.
        pause_s = 0.0 if found.run is None else CHANGE_AT_MOST_S
        return found.run, _keep(connection, run, found, self._clock() + timedelta(seconds=pause_s))


def _belief(connection: Connection) -> Belief:
    row = connection.execute(
        select(cache_trust.c.generation, cache_trust.c.run, cache_trust.c.believed_from)
    ).one_or_none()
    return Belief() if row is None else Belief(*row)


def _keep(connection: Connection, run: str | None, found: Belief, believed_from: datetime) -> Belief:
    kept = Belief(found.generation + 1, run, max(found.believed_from, believed_from))
    put(connection, cache_trust, [{"id": 1, **vars(kept)}])
    return kept
