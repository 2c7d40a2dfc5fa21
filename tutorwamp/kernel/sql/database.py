"""SQL: one engine, two thread lanes, named transactions.

Reads run side by side in a pool of threads. Writes of one process run one after another in a single thread, so that
commits, and what is announced after them, keep their order; that is also what SQLite wants. The function given to
``read`` and ``write`` runs in such a thread, is always called ``thd``, gets a Connection and returns plain values.

A transaction that fails because the connection was lost, by a deadlock or a serialization failure is tried again, up to
TRIES_AT_MOST times. After a lost connection nobody knows whether the commit went through. What writes an event leaves a
trace of it (``leave_trace``): where the trace is found, the first try is answered as if nothing had been lost, and not
run again. What leaves none is run again and must find by a key what it has done (see accounts and ``client_id``).
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorThreads
from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool

from tutorwamp.kernel.errors import OutOfTime, Unavailable
from tutorwamp.kernel.log.calls import Call, Step, calls_under_way, working_for
from tutorwamp.kernel.log.lines import get_logger
from tutorwamp.kernel.settings import setting
from tutorwamp.kernel.sql.counts import RAN, READS, WAITED, Cost, Counts
from tutorwamp.kernel.sql.lanes import (
    READS_OF_ONE_NAME,
    WAITING_OF_ONE_NAME,
    Lane,
    Lanes,
    ran_out_of_time,
    within,
)
from tutorwamp.kernel.sql.slow import SlowSettings, SlowTransactions, Statement
from tutorwamp.kernel.sql.sqlite_file import file_of, watch_file
from tutorwamp.kernel.sql.writers import WAITED_AT_MOST_S, WRITERS, Outages, Writers

log = get_logger(__name__)
Result = TypeVar("Result")

_FRAME: Final = ("BEGIN", "SET LOCAL")
"""Statements around a transaction, which are none of its queries."""
TRIES_AT_MOST: Final = 5
"""Of one transaction; the figure is Synapse's (storage/database.py)."""
RETRY_PAUSE_S: Final = 0.02
"""Before the second try; doubled for each further one, with full jitter."""


@dataclass(frozen=True)
class DatabaseSettings:
    """Where the truth is kept."""

    url: str | None = setting("DATABASE_URL", None, "Unset: a SQLite file in the data folder. PostgreSQL by URL.")

    def url_in(self, data_dir: Any) -> str:
        """The URL in use: with the driver we ship, and the SQLite file where none is set."""
        if self.url is None:
            return f"sqlite:///{(data_dir / 'tutorwamp.sqlite3').absolute()}"
        if self.url.startswith(("postgres://", "postgresql://")):
            return "postgresql+psycopg://" + self.url.partition("://")[2]
        return self.url


READERS: Final = 8
"""Threads for reads. Two cores answer about 2,000 reads a second; more threads only wait for one another."""


SQLITE_LOCK_TIMEOUT_S: Final = 2.0
"""For another process's write (the command line's). Five tries of it just fill a caller's deadline of ten seconds."""
SERVER_TIMEOUTS: Final[dict[str, str | int]] = {
    "connect_timeout": 5,  # seconds
    "tcp_user_timeout": 10_000,  # milliseconds without an answer of the other host
    # Nobody waits longer for an answer; and whoever holds a lock for longer does not hold a writer's lane as well.
    "options": "-c statement_timeout=10s -c lock_timeout=3s",
}
"""A server that hangs must not hold every thread; what the URL says itself is left alone."""


def make_engine(url: str, *, create: bool = True) -> Engine:
    """Make an engine that is durable and waits instead of failing when another process writes.

    ``create``: whether a SQLite file is made where there is none.
    """
    parsed = make_url(url)
    common: dict[str, Any] = {
        "pool_size": READERS + WRITERS,
        "max_overflow": 0,
        "pool_timeout": 10,
        "hide_parameters": True,  # errors are logged, and the values are people's words and password hashes
    }
    if parsed.get_backend_name() != "sqlite":
        given = {name: value for name, value in SERVER_TIMEOUTS.items() if name not in parsed.query}
        return create_engine(parsed, connect_args=given, **common)
    engine = create_engine(parsed, connect_args={"timeout": SQLITE_LOCK_TIMEOUT_S}, **common)
    file = watch_file(engine, create=create)

    @event.listens_for(engine, "connect")
    def set_pragmas(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves, below
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")  # an acknowledged write survives a power cut as well
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.close()
        file.opened()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # A writer takes the lock at once: a read lock that is upgraded later cannot wait, it fails.
        writes = connection.get_execution_options().get("writes", True)
        # Through SQLAlchemy, whose error _transact knows: a lock that was not given in time is tried for again.
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


_LOCKED: Final = "55P03"
_READ_ONLY: Final = "25006"
"""A server that has become a standby: others, reached by a new connection, may write."""


def passes_by_itself(error: DBAPIError) -> bool:
    """Whether the same transaction may go through when tried again.

    Serialization failures, deadlocks and locks; connections that break; a server that is stopped or starts, has no room
    left, or only reads (PostgreSQL's appendix A; SQLite's operational errors are all of this kind).
    """
    if error.connection_invalidated:
        return True
    state = _state(error)
    if state is not None:
        return state in ("40001", "40P01", _LOCKED, _READ_ONLY) or state[:2] in ("08", "53", "57")
    return isinstance(error, OperationalError)


def has_no_room(error: DBAPIError) -> bool:
    """Whether a disk is full: room does not come back while a caller waits, so it is not tried again.

    PostgreSQL by its code; SQLite by its names: of a full disk, and of a write that was done in part (a quota).
    """
    name = getattr(error.orig, "sqlite_errorname", None)
    return _state(error) == "53100" or name in ("SQLITE_FULL", "SQLITE_IOERR_WRITE")


def _state(error: Exception) -> str | None:
    state = getattr(getattr(error, "orig", None), "sqlstate", None)
    return None if state is None else str(state)


def _reason(error: Exception) -> str:
    """What the driver says, on one line, without the statement and its values."""
    said = str(getattr(error, "orig", error)).strip() or type(error).__name__
    return " ".join(filter(None, (_state(error), said.splitlines()[0])))


def _kind(name: str) -> str:
    return name.partition(".")[0]


@dataclass(frozen=True)
class _Transaction:
    """How one is to be run, for whom, and what it has cost."""

    name: str
    lane: str
    writes: bool = False
    within_s: float | None = None
    asked_at: float = field(default_factory=time.monotonic)
    calls: tuple[Call, ...] = field(default_factory=calls_under_way)
    cost: Cost = field(default_factory=Cost)
    statements: list[Statement] = field(default_factory=list)

    def charge(self, outcome: Result) -> Result:
        """Add what it has cost to the calls that it was for. On the reactor's thread."""
        for call in self.calls:
            call.transactions += 1
            call.queries += self.cost.queries
            call.database_wait_s += self.cost.waited_s
            call.database_s += self.cost.ran_s
            if call.steps is not None:
                call.steps.append(self._step())
        return outcome

    def _step(self) -> Step:
        """As it is traced: from when it was asked for."""
        statements = [
            Step("statement", one.began_s, one.seconds, {"db.query.text": one.sql}) for one in self.statements
        ]
        waited = {"waited_s": self.cost.waited_s}
        seconds = self.cost.waited_s + self.cost.ran_s
        return Step(f"transaction {self.name}", self.asked_at, seconds, dict(waited), statements)


Trace = Callable[[Connection], bool]
"""Looks in another transaction whether this one was committed, and waits where it still may be."""


@dataclass
class _Try(Generic[Result]):
    """One run of a transaction, up to its commit."""

    trace: Trace | None = None
    results: list[Result] = field(default_factory=list)

    def is_committed(self, connection: Connection) -> bool:
        """Whether its commit was done, where its answer was lost; false where nobody can know."""
        if not self.results or self.trace is None:
            return False
        with connection.begin():  # of its own: what it locks is no part of the next try's order
            return self.trace(connection)


def leave_trace(connection: Connection, trace: Trace) -> None:
    """Say how one sees whether the transaction was committed, should the answer to its commit be lost."""
    this = connection.get_execution_options().get("this_try")
    if this is not None:  # who opened the connection by hand tries nothing again
        this.trace = trace


class Database:
    """The process's way to SQL."""

    def __init__(self, engine: Engine, reactor: IReactorThreads, slow: SlowSettings | None = None) -> None:
        self.engine = engine
        self.counts = Counts()
        self._reactor = reactor
        self._slow = SlowTransactions(engine, slow or SlowSettings())
        self._readers = ThreadPool(1, READERS, "sql-read")
        self.writers = Writers(several=engine.dialect.name != "sqlite")
        self.outages = Outages()
        self._lanes = Lanes()
        self._running = threading.local()
        self.file = file_of(engine)
        event.listen(engine, "before_cursor_execute", self._count_query)
        event.listen(engine, "after_cursor_execute", self._note_query)

    def start(self) -> None:
        """Start the threads."""
        self._readers.start()
        self.writers.start()

    def stop(self) -> None:
        """Finish what is queued, then give back threads and connections. Blocks."""
        self.writers.stop()
        self._readers.stop()
        event.remove(self.engine, "before_cursor_execute", self._count_query)
        event.remove(self.engine, "after_cursor_execute", self._note_query)
        self.engine.dispose()

    def read(self, name: str, thd: Callable[..., Result], *args: Any, lane: Lane | None = None) -> Deferred[Result]:
        """Run ``thd(connection, *args)`` in a reader's thread, in one consistent read transaction.

        Reads of one name share a lane, or the one that is given. Fails with Unavailable where too many wait for it, or
        OutOfTime.
        """
        shown, lane = READS if lane is None else lane.name, lane or Lane(name, READS_OF_ONE_NAME, WAITING_OF_ONE_NAME)
        transaction = _Transaction(name, shown, within_s=lane.within_s)
        return self._lanes.submit(lane, lambda: self._defer(self._readers, transaction, thd, args))

    def write(self, name: str, thd: Callable[..., Result], *args: Any) -> Deferred[Result]:
        """Run ``thd(connection, *args)`` in its kind's writing thread. Fires after the commit, in the kind's order.

        Fails with Unavailable, and has not happened, where it waited for longer than anybody waits for it.
        """
        transaction = _Transaction(name, self.writers.lane_of(name), writes=True)
        return self.writers.submit(name, lambda pool: self._defer(pool, transaction, thd, args))

    def reads_waiting(self) -> int:
        """How many reads wait for their turn in their lanes."""
        return self._lanes.waiting()

    def ping(self) -> Deferred[None]:
        """Ask the database something it always knows. Raises what a query can raise."""

        def thd(connection: Connection) -> None:
            # SQLite answers "SELECT 1" without a look at its file.
            sqlite = connection.dialect.name == "sqlite"
            connection.execute(text("SELECT count(*) FROM sqlite_schema" if sqlite else "SELECT 1"))

        return self.read("ping", thd)

    def _defer(
        self, pool: ThreadPool, transaction: _Transaction, thd: Callable[..., Result], args: tuple[Any, ...]
    ) -> Deferred[Result]:
        done = deferToThreadPool(self._reactor, pool, self._work, transaction, thd, args)
        return done.addBoth(transaction.charge) if transaction.calls else done

    def _work(self, one: _Transaction, thd: Callable[..., Result], args: tuple[Any, ...]) -> Result:
        with working_for(one.calls):  # a thread has no context of its own; lines that are written here name the call
            return self._transact(one, thd, args)

    def _transact(self, one: _Transaction, thd: Callable[..., Result], args: tuple[Any, ...]) -> Result:
        """In a thread: run it, and tell what it has cost, however it ended."""
        if one.writes and time.monotonic() > one.asked_at + WAITED_AT_MOST_S:
            raise Unavailable("The database cannot keep up just now.", retry_after_s=2.0)
        counts = self.counts.of(one.name)
        self._running.counts = counts
        self._running.transaction, self._running.statement = one, None
        counts.transactions += 1
        went_well = False
        try:
            result = self._tried(one, thd, args)
            went_well = True
        finally:
            if self._running.statement is not None:  # it was stopped, or failed
                self._note_query()
            self._account(one, went_well=went_well)
        return result

    def _tried(self, one: _Transaction, thd: Callable[..., Result], args: tuple[Any, ...]) -> Result:
        """Once, and again where that may help."""
        name, writes, asked_at, counts = one.name, one.writes, one.asked_at, self.counts.of(one.name)
        pause_s = RETRY_PAUSE_S
        before: _Try[Result] = _Try()
        for tried in range(1, TRIES_AT_MOST + 1):
            this: _Try[Result] = _Try()
            try:
                # Isolation: PostgreSQL's default (read committed) for writes, which lock the rows they number.
                with self.engine.connect().execution_options(
                    writes=writes, this_try=this, **self._isolation(writes)
                ) as connection:
                    began_at = time.monotonic()
                    WAITED[one.lane,].observe(began_at - asked_at)
                    one.cost.waited_s += began_at - asked_at
                    if before.is_committed(connection):
                        return before.results[0]
                    before = this
                    whole = within(connection, one.within_s)
                    with one.cost.running(), self.file.unmoved(writes), connection.begin(), whole:
                        this.results.append(thd(connection, *args))
                self.outages.worked("writes" if writes else "reads", _kind(name))
                return this.results[0]
            except IntegrityError:
                raise
            except (DBAPIError, PoolTimeoutError) as error:
                self._require_another_try(one, error, tried)
                counts.retries += 1
                threading.Event().wait(random.uniform(0, pause_s))  # noqa: S311  # jitter, not a secret
                pause_s *= 2
                asked_at = time.monotonic()
        raise AssertionError("unreachable: the loop returns or raises")

    def _require_another_try(self, one: _Transaction, error: DBAPIError | PoolTimeoutError, tried: int) -> None:
        """Raise what ends the transaction, unless it may go well the next time."""
        if isinstance(error, DBAPIError) and ran_out_of_time(error):
            log.warning("transaction out of time", name=one.name)
            raise OutOfTime(one.within_s) from error
        if isinstance(error, DBAPIError) and not passes_by_itself(error):
            raise error
        hopeless = isinstance(error, DBAPIError) and has_no_room(error)
        if hopeless or tried == TRIES_AT_MOST or time.monotonic() > one.asked_at + WAITED_AT_MOST_S:
            raise self._given_up(one, error) from error
        if _state(error) == _READ_ONLY:
            self.engine.dispose(close=False)  # those in use are closed when they come back

    def _given_up(self, one: _Transaction, error: Exception) -> Unavailable:
        # A lock is in the way of one kind; anything else is in everybody's.
        everybodys = "writes" if one.writes else "reads"
        self.outages.failed(_kind(one.name) if _state(error) == _LOCKED else everybodys, _reason(error))
        return Unavailable("The database cannot be reached just now.", retry_after_s=2.0)

    def _isolation(self, writes: bool) -> dict[str, str]:
        if writes or self.engine.dialect.name != "postgresql":
            return {}
        return {"isolation_level": "REPEATABLE READ"}  # several SELECTs of one read see one moment

    def _account(self, one: _Transaction, *, went_well: bool) -> None:
        self._running.counts = self._running.transaction = None  # what is looked up about it is no part of it
        if one.cost.ran_s:  # else it never had a connection
            RAN[one.name,].observe(one.cost.ran_s)
            # A database that has just failed is not asked for more: somebody waits.
            self._slow.look(one.name, one.cost.ran_s, one.statements, one.calls, may_ask=went_well)

    def _count_query(self, _connection: Any, _cursor: Any, statement: str, values: Any, *_: Any) -> None:
        counts = getattr(self._running, "counts", None)
        if counts is not None and not statement.startswith(_FRAME):
            counts.queries += 1
            self._running.transaction.cost.queries += 1
        self._running.statement = statement, values, time.monotonic()

    def _note_query(self, *_: Any) -> None:
        one = getattr(self._running, "transaction", None)
        begun, self._running.statement = self._running.statement, None
        if one is None or begun is None:  # another listener has asked something meanwhile
            return
        statement, values, began_s = begun
        if not statement.startswith(_FRAME):
            one.statements.append(Statement(statement, values, began_s, time.monotonic() - began_s))
