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

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorThreads
from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool

from tutorwamp.kernel.log.calls import working_for
from tutorwamp.kernel.settings import setting
from tutorwamp.kernel.sql.counts import READS, Counts
from tutorwamp.kernel.sql.hot import say
from tutorwamp.kernel.sql.lanes import READS_OF_ONE_NAME, WAITING_OF_ONE_NAME, Lane, Lanes
from tutorwamp.kernel.sql.running import Asked, statement_begins, statement_ended
from tutorwamp.kernel.sql.slow import SlowSettings, SlowTransactions
from tutorwamp.kernel.sql.sqlite_file import file_of, watch_file
from tutorwamp.kernel.sql.transactions import Outages, Transactions
from tutorwamp.kernel.sql.writers import WRITERS, Job, Writers

Result = TypeVar("Result")


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
        server = create_engine(parsed, connect_args=given, **common)
        from tutorwamp.kernel.sql.pipeline import roll_back  # with psycopg, which who is on SQLite never loads

        event.listen(server, "rollback", roll_back)
        return server
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
        say(connection, "BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _statement_begins(_connection: Any, _cursor: Any, sql: str, values: Any, *_: Any) -> None:
    statement_begins(sql, values)


def _statement_ended(*_: Any) -> None:
    statement_ended()


class Database:
    """The process's way to SQL."""

    def __init__(self, engine: Engine, reactor: IReactorThreads, slow: SlowSettings | None = None) -> None:
        self.engine = engine
        self.counts = Counts()
        self.outages = Outages()
        self.file = file_of(engine)
        self._reactor = reactor
        self._transactions = Transactions(
            engine, self.file, self.counts, SlowTransactions(engine, slow or SlowSettings()), self.outages
        )
        self._readers = ThreadPool(1, READERS, "sql-read")
        self.writers = Writers(self._transactions, reactor)
        self._lanes = Lanes()
        if not event.contains(engine, "before_cursor_execute", _statement_begins):  # in tests several share an engine
            event.listen(engine, "before_cursor_execute", _statement_begins)
            event.listen(engine, "after_cursor_execute", _statement_ended)

    def start(self) -> None:
        """Start the threads."""
        self._readers.start()
        self.writers.start()

    def stop(self) -> None:
        """Finish what is queued, then give back threads and connections. Blocks."""
        self.writers.stop()
        self._readers.stop()
        self.engine.dispose()

    def read(self, name: str, thd: Callable[..., Result], *args: Any, lane: Lane | None = None) -> Deferred[Result]:
        """Run ``thd(connection, *args)`` in a reader's thread, in one consistent read transaction.

        Reads of one name share a lane, or the one that is given. Fails with Unavailable where too many wait for it, or
        OutOfTime.
        """
        shown, lane = READS if lane is None else lane.name, lane or Lane(name, READS_OF_ONE_NAME, WAITING_OF_ONE_NAME)
        transaction = Asked(name, shown, within_s=lane.within_s)
        return self._lanes.submit(lane, lambda: self._defer(transaction, thd, args))

    def write(self, name: str, thd: Callable[..., Result], *args: Any) -> Deferred[Result]:
        """Run ``thd(connection, *args)`` in its kind's writing thread. Fires after the commit, in the kind's order.

        Fails with Unavailable, and has not happened, where it waited for longer than anybody waits for it.
        """
        return self.writers.submit(Job(Asked(name, self.writers.lane_of(name), writes=True), thd, args))

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

    def _defer(self, one: Asked, thd: Callable[..., Result], args: tuple[Any, ...]) -> Deferred[Result]:
        done = deferToThreadPool(self._reactor, self._readers, self._work, one, thd, args)
        return done.addBoth(one.charge) if one.calls else done

    def _work(self, one: Asked, thd: Callable[..., Result], args: tuple[Any, ...]) -> Result:
        with working_for(one.calls):  # a thread has no context of its own; lines that are written here name the call
            return self._transactions.run(one, thd, args, self._connected)

    @contextmanager
    def _connected(self) -> Iterator[Connection]:
        """A reader's connection, out of the pool."""
        # Several SELECTs of one read see one moment.
        isolation = {"isolation_level": "REPEATABLE READ"} if self.engine.dialect.name == "postgresql" else {}
        with self.engine.connect().execution_options(writes=False, **isolation) as connection:
            yield connection
