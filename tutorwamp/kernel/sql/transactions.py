"""How a transaction is run in a thread: once, and again where that may help; and what is told of it."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from tutorwamp.kernel.errors import OutOfTime, Unavailable
from tutorwamp.kernel.log.lines import get_logger
from tutorwamp.kernel.sql.counts import RAN, Counts
from tutorwamp.kernel.sql.failures import LOCKED, READ_ONLY, has_no_room, passes_by_itself, reason_of, state_of
from tutorwamp.kernel.sql.lanes import ran_out_of_time, within
from tutorwamp.kernel.sql.running import Asked, Try, begin_running, begin_try, end_running
from tutorwamp.kernel.sql.slow import SlowTransactions
from tutorwamp.kernel.sql.sqlite_file import NoFile

log = get_logger(__name__)
Result = TypeVar("Result")
Take = Callable[[], AbstractContextManager[Connection]]
"""A connection to run a transaction on."""

TRIES_AT_MOST: Final = 5
"""Of one transaction; the figure is Synapse's (storage/database.py)."""
RETRY_PAUSE_S: Final = 0.02
"""Before the second try; doubled for each further one, with full jitter."""
WAITED_AT_MOST_S: Final = 10.0
"""As long as a caller: what has waited longer is not begun, and what was tried for longer is not tried again."""


class Transactions:
    """Runs them, for readers' threads and for writers'."""

    def __init__(self, engine: Engine, file: NoFile, counts: Counts, slow: SlowTransactions, outages: Outages) -> None:
        self.engine = engine
        self.file = file
        self.counts = counts
        self._slow = slow
        self._outages = outages

    def run(
        self,
        one: Asked,
        thd: Callable[..., Result],
        args: tuple[Any, ...],
        take: Take,
        before: Try[Result] | None = None,
    ) -> Result:
        """Run it, and tell what it has cost, however it ended. ``before``: a try of it that has failed already."""
        self.require_in_time(one)
        counts = self.counts.of(one.name)
        begin_running(one, counts)
        if before is None:
            counts.transactions += 1
        else:
            counts.retries += 1
        went_well = False
        try:
            result = self._tried(one, thd, args, take, before or Try())
            went_well = True
        finally:
            end_running()
            self.account(one, went_well=went_well)
        return result

    def is_late(self, one: Asked) -> bool:
        """Whether it has waited for longer than anybody waits for it."""
        return one.writes and time.monotonic() > one.asked_at + WAITED_AT_MOST_S

    def require_in_time(self, one: Asked) -> None:
        """Raises Unavailable where it is late."""
        if self.is_late(one):
            raise Unavailable("The database cannot keep up just now.", retry_after_s=2.0)

    def account(self, one: Asked, *, went_well: bool) -> None:
        """It is over."""
        if went_well:
            self._outages.worked("writes" if one.writes else "reads", _kind(one.name))
        if one.cost.ran_s:  # else it never had a connection
            RAN[one.name,].observe(one.cost.ran_s)
            # A database that has just failed is not asked for more: somebody waits.
            self._slow.look(one.name, one.cost.ran_s, one.statements, one.calls, may_ask=went_well)

    def _tried(
        self, one: Asked, thd: Callable[..., Result], args: tuple[Any, ...], take: Take, before: Try[Result]
    ) -> Result:
        """Once, and again where that may help."""
        asked_at, pause_s = one.asked_at, RETRY_PAUSE_S
        for tried in range(1, TRIES_AT_MOST + 1):
            this: Try[Result] = Try()
            try:
                # Isolation: PostgreSQL's default (read committed) for writes, which lock the rows they number.
                with take() as connection:
                    one.began(asked_at)
                    if before.is_committed(connection):
                        return before.results[0]
                    before = this
                    begin_try(connection, this)
                    whole = within(connection, one.within_s)
                    with one.cost.running(), self.file.unmoved(one.writes), connection.begin(), whole:
                        this.results.append(thd(connection, *args))
                        if this.at_commit is not None:
                            this.at_commit()  # its result is known before, for the trace
                return this.results[0]
            except IntegrityError:
                raise
            except (DBAPIError, PoolTimeoutError) as error:
                self._require_another_try(one, error, tried)
                self.counts.of(one.name).retries += 1
                threading.Event().wait(random.uniform(0, pause_s))  # noqa: S311  # jitter, not a secret
                pause_s *= 2
                asked_at = time.monotonic()
        raise AssertionError("unreachable: the loop returns or raises")

    def _require_another_try(self, one: Asked, error: DBAPIError | PoolTimeoutError, tried: int) -> None:
        """Raise what ends the transaction, unless it may go well the next time."""
        if isinstance(error, DBAPIError) and ran_out_of_time(error):
            log.warning("transaction out of time", name=one.name)
            raise OutOfTime(one.within_s) from error
        if isinstance(error, DBAPIError) and not passes_by_itself(error):
            raise error
        hopeless = isinstance(error, DBAPIError) and has_no_room(error)
        if hopeless or tried == TRIES_AT_MOST or time.monotonic() > one.asked_at + WAITED_AT_MOST_S:
            raise self._given_up(one, error) from error
        if state_of(error) == READ_ONLY:
            self.engine.dispose(close=False)  # those in use are closed when they come back

    def _given_up(self, one: Asked, error: Exception) -> Unavailable:
        # A lock is in the way of one kind; anything else is in everybody's.
        everybodys = "writes" if one.writes else "reads"
        self._outages.failed(_kind(one.name) if state_of(error) == LOCKED else everybodys, reason_of(error))
        return Unavailable("The database cannot be reached just now.", retry_after_s=2.0)


def _kind(name: str) -> str:
    return name.partition(".")[0]


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
