"""One writer's lane: a thread with a queue and a connection of its own, and one commit for whatever waits.

What shares a commit has a savepoint each: what one of them raises takes back what that one has done, and nothing else.
Where the transaction itself fails, nothing of it has happened, or nobody knows: then each is tried again by itself, as
if the shared one had been its first try (see ``Transactions``).
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Any, Final

from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import DBAPIError, IntegrityError
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorThreads
from twisted.python.failure import Failure

from tutorwamp.kernel.log.calls import working_for
from tutorwamp.kernel.sql.failures import passes_by_itself
from tutorwamp.kernel.sql.hot import say
from tutorwamp.kernel.sql.running import Asked, Tried, Try, begin_running, begin_try, end_running
from tutorwamp.kernel.sql.transactions import Transactions

SHARED_AT_MOST: Final = 64
"""Transactions in one commit; a hot group's batch is one of them."""
SHARED_FOR_S: Final = 0.005
"""After so long no further one is taken in: those that are done wait for the commit. About as long as a slow fsync."""


@dataclass(eq=False)
class Job:
    """A transaction that waits for its turn, or has had it."""

    asked: Asked
    thd: Callable[..., Any]
    args: tuple[Any, ...]
    answer: Deferred[Any] = field(default_factory=Deferred)
    outcome: Any = None
    """Its result, or a Failure."""


class Worker:
    """A thread that does what it is given, one after another."""

    def __init__(self, name: str) -> None:
        self._jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def call(self, job: Callable[[], None]) -> None:
        """Do this, which raises nothing, after what is there already."""
        self._jobs.put(job)

    def stop(self) -> None:
        """Finish what is there. Blocks."""
        self._jobs.put(None)
        if self._thread.is_alive():
            self._thread.join()

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()


class _Kept:
    """The connection of one thread, taken out of the pool once; another one after anything went wrong with it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._connection: Connection | None = None
        self._outdated = False
        event.listen(engine, "engine_disposed", self._disposed)

    def _disposed(self, _engine: Engine) -> None:
        self._outdated = True  # in any thread: it is closed where it is used

    @contextmanager
    def taken(self) -> Iterator[Connection]:
        """The connection, outside a transaction."""
        if self._outdated:
            self.close()
        if self._connection is None:
            self._outdated = False
            self._connection = self._engine.connect().execution_options(writes=True, tried=Tried())
        try:
            yield self._connection
        except DBAPIError:
            self.close()
            raise

    def close(self) -> None:
        """Give it back to the pool."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def stop(self) -> None:
        """Give it back, for good."""
        event.remove(self._engine, "engine_disposed", self._disposed)
        self.close()


@dataclass(eq=False)
class _Part:
    """A job's part in a shared transaction."""

    job: Job
    this: Try[Any] = field(default_factory=Try)
    failure: Failure | None = None
    """What it raised, and was taken back for."""

    def outcome(self) -> Any:
        """Once it is committed."""
        return self.this.results[0] if self.failure is None else self.failure


class Writer:
    """The lane."""

    def __init__(self, name: str, transactions: Transactions, reactor: IReactorThreads, *, shares: bool) -> None:
        self._transactions = transactions
        self._reactor = reactor
        self._shares = shares
        self._worker = Worker(f"sql-write-{name}")
        self._kept = _Kept(transactions.engine)
        self._asked: deque[Job] = deque()
        """All that are not answered yet. On the reactor's thread."""
        self._waiting: deque[Job] = deque()
        self._done: deque[Job] = deque()
        self._telling = False

    def start(self) -> None:
        """Start the thread."""
        self._worker.start()

    def stop(self) -> None:
        """Finish what is queued. Blocks."""
        self._worker.stop()
        self._kept.stop()

    def submit(self, job: Job) -> Deferred[Any]:
        """Do it after those that are there already."""
        self._asked.append(job)
        self._waiting.append(job)
        self._worker.call(self._work_off)
        return job.answer

    def waiting(self) -> int:
        """How many are not answered yet."""
        return len(self._asked)

    def first_asked_s(self) -> float | None:
        """When the first of them came."""
        return self._asked[0].asked.asked_at if self._asked else None

    # in the thread

    def _work_off(self) -> None:
        """One transaction. It is called once for each job; those that were taken in before leave nothing to do."""
        while self._waiting and self._transactions.is_late(self._waiting[0].asked):
            self._alone(self._waiting.popleft())  # which says so at once, while a lock may keep the others waiting
        if self._shares and len(self._waiting) > 1:
            self._together()
        elif self._waiting:
            self._alone(self._waiting.popleft())

    def _alone(self, job: Job, before: Try[Any] | None = None) -> None:
        try:
            with working_for(job.asked.calls):
                job.outcome = self._transactions.run(job.asked, job.thd, job.args, self._kept.taken, before)
        except BaseException:  # noqa: BLE001  # whatever it is belongs to the one who asked
            job.outcome = Failure()
        self._tell([job])

    def _together(self) -> None:
        parts: list[_Part] = []
        began_s = time.monotonic()
        try:
            with self._kept.taken() as connection, self._transactions.file.unmoved(writes=True), connection.begin():
                own_s = self._parts(connection, parts)
        except BaseException as error:  # noqa: BLE001  # whatever it is: nobody waits in vain
            self._apart(parts, error)
            return
        frame_s = time.monotonic() - began_s - own_s
        for part in parts:
            part.job.outcome = part.outcome()
            part.job.asked.cost.ran_s += frame_s
            self._transactions.account(part.job.asked, went_well=part.failure is None)
        self._tell([part.job for part in parts])

    def _apart(self, parts: list[_Part], error: BaseException) -> None:
        """The shared transaction has failed."""
        if not parts:  # it has not even begun: the first finds out what is wrong
            self._alone(self._waiting.popleft())
            return
        if isinstance(error, DBAPIError):
            for part in parts:
                self._alone(part.job, part.this)
            return
        # Such as a file that was moved away: what was committed into it is there, and yet must not be acknowledged.
        for part in parts:
            part.job.outcome = Failure(error)
            self._transactions.account(part.job.asked, went_well=False)
        self._tell([part.job for part in parts])

    def _parts(self, connection: Connection, parts: list[_Part]) -> float:
        """Take in what waits, one at least; how long they took. Raises what is wrong with the transaction itself."""
        own_s, until_s = 0.0, time.monotonic() + SHARED_FOR_S
        while self._waiting and (not parts or (len(parts) < SHARED_AT_MOST and time.monotonic() < until_s)):
            parts.append(part := _Part(self._waiting.popleft()))
            one = part.job.asked
            one.began(one.asked_at)
            counts = self._transactions.counts.of(one.name)
            counts.transactions += 1
            begin_try(connection, part.this)
            say(connection, "SAVEPOINT part")
            begin_running(one, counts)
            with one.cost.running():
                self._part(connection, part)
            own_s += one.cost.ran_s
            say(connection, "RELEASE part")
        return own_s

    def _part(self, connection: Connection, part: _Part) -> None:
        job = part.job
        try:
            self._transactions.require_in_time(job.asked)
            with working_for(job.asked.calls):
                part.this.results.append(job.thd(connection, *job.args))
        except BaseException as error:  # as in _alone
            if isinstance(error, DBAPIError) and not isinstance(error, IntegrityError) and passes_by_itself(error):
                raise
            part.failure = Failure()
            say(connection, "ROLLBACK TO part")
        finally:
            end_running()

    def _tell(self, jobs: list[Job]) -> None:
        self._done.extend(jobs)
        if not self._telling:
            self._telling = True
            self._reactor.callFromThread(self._answer)

    # on the reactor's thread

    def _answer(self) -> None:
        self._telling = False  # first: what is done from here on is told again
        while self._done:
            job = self._done.popleft()
            self._asked.popleft()  # one thread: they end in the order they came
            job.asked.charge(None)
            job.answer.callback(job.outcome)  # a Failure becomes an error
