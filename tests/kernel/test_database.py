"""SQL on both engines: order, group commit, retries, and what happens when the database goes away."""

from __future__ import annotations

import math
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from sqlalchemy import Column, Connection, Integer, MetaData, Table, func, insert, select, text, update
from sqlalchemy.exc import IntegrityError, ProgrammingError
from structlog.testing import capture_logs
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults

from tests.support.postgres import Postgres
from tutorwamp.kernel.contracts import from_ms
from tutorwamp.kernel.database import (
    BATCH_AT_MOST,
    TRIES_AT_MOST,
    Database,
    DatabaseSettings,
    GroupCommit,
    InstantColumn,
    lock,
    make_engine,
)
from tutorwamp.kernel.errors import Conflict, Unavailable

PATIENCE_S = 30.0
"""For another thread or process; reaching it is a failure."""

tables = MetaData()
numbers = Table("numbers", tables, Column("id", Integer, primary_key=True), Column("value", Integer, nullable=False))
instants = Table("instants", tables, Column("id", Integer, primary_key=True), Column("at", InstantColumn))


@contextmanager
def opened(url: str, settings: DatabaseSettings | None = None) -> Iterator[Database]:
    database = Database(make_engine(url), reactor, settings)
    tables.create_all(database.engine)
    database.start()
    try:
        yield database
    finally:
        database.stop()


@pytest_twisted.async_yield_fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    with opened(database_url) as made:
        yield made


@pytest_twisted.async_yield_fixture
async def other(database_url: str, database: Database) -> AsyncIterator[Database]:
    """What another process has: the same database through an engine and threads of its own."""
    with opened(database_url) as made:
        yield made


def put(connection: Connection, number: int, value: int = 0) -> int:
    connection.execute(insert(numbers), {"id": number, "value": value})
    return number


def count(connection: Connection) -> int:
    return connection.execute(select(func.count()).select_from(numbers)).scalar_one()


def raise_value(connection: Connection, number: int, value: int) -> None:
    connection.execute(update(numbers).where(numbers.c.id == number).values(value=numbers.c.value + value))


# order


@pytest_twisted.ensureDeferred
async def test_who_was_told_of_a_write_reads_it(database: Database, other: Database) -> None:
    for number in range(20):
        assert await database.write("put", put, number) == number
        assert await database.read("count", count) == number + 1
        assert await other.read("count", count) == number + 1


@pytest_twisted.ensureDeferred
async def test_writes_are_answered_in_the_order_they_were_asked(database: Database) -> None:
    answered: list[int] = []
    await gatherResults([database.write("put", put, number).addCallback(answered.append) for number in range(100)])
    assert answered == list(range(100))


@pytest_twisted.ensureDeferred
async def test_a_write_that_raises_leaves_nothing_behind(database: Database) -> None:
    def thd(connection: Connection) -> None:
        put(connection, 1)
        raise Conflict("no")

    with pytest.raises(Conflict):
        await database.write("fail", thd)
    assert await database.read("count", count) == 0


@pytest_twisted.ensureDeferred
async def test_one_read_sees_one_moment(database: Database) -> None:
    first_look, changed = threading.Event(), threading.Event()

    def thd(connection: Connection) -> tuple[int, int]:
        before = count(connection)
        first_look.set()
        assert changed.wait(PATIENCE_S)
        return before, count(connection)

    looked = database.read("look twice", thd)
    assert first_look.wait(PATIENCE_S)
    await database.write("put", put, 1)
    changed.set()
    assert await looked == (0, 0)
    assert await database.read("count", count) == 1


@pytest_twisted.ensureDeferred
async def test_the_same_lock_is_held_by_one_at_a_time(database: Database, other: Database) -> None:
    order: list[str] = []
    held, go_on = threading.Event(), threading.Event()

    def first(connection: Connection) -> None:
        lock(connection, "tutor")
        held.set()
        assert go_on.wait(PATIENCE_S)
        order.append("first")

    def second(connection: Connection) -> None:
        go_on.set()  # we have begun, so the first may end; the lock lets us in only after it
        lock(connection, "tutor")
        order.append("second")

    holding = database.write("first", first)
    assert held.wait(PATIENCE_S)
    if database.engine.dialect.name == "sqlite":
        go_on.set()  # SQLite does not even let the second begin
    await gatherResults([holding, other.write("second", second)])
    assert order == ["first", "second"]


@pytest_twisted.ensureDeferred
async def test_stopping_finishes_what_was_asked(database_url: str) -> None:
    with opened(database_url) as database:
        await database.ping()
        asked = [database.write("put", put, number) for number in range(20)]
    assert await gatherResults(asked) == list(range(20))


# group commit


class Batches:
    """Group commit over the table of numbers; remembers how its jobs were put together."""

    def __init__(self, database: Database) -> None:
        self.sizes: list[int] = []
        self.group: GroupCommit[int, int] = GroupCommit(database, "batch", self._thd)

    def _thd(self, connection: Connection, jobs: Sequence[int]) -> list[int | Exception]:
        self.sizes.append(len(jobs))
        return [Conflict("negative") if job < 0 else put(connection, job) for job in jobs]


@pytest_twisted.ensureDeferred
async def test_what_waits_goes_into_one_transaction(database: Database) -> None:
    batches, answered = Batches(database), list[int]()
    await gatherResults([batches.group.submit(number).addCallback(answered.append) for number in range(1200)])
    assert answered == list(range(1200))
    assert sum(batches.sizes) == 1200
    assert max(batches.sizes) <= BATCH_AT_MOST
    # The first may go alone, at once; the others waited while it was committed.
    fewest = math.ceil(1200 / BATCH_AT_MOST)
    assert len(batches.sizes) == database.counts.of("batch").transactions <= fewest + 1
    assert await database.read("count", count) == 1200


@pytest_twisted.ensureDeferred
async def test_each_is_answered_after_its_commit(database: Database, other: Database) -> None:
    batches = Batches(database)
    for number in range(5):
        await batches.group.submit(number)
        assert await other.read("count", count) == number + 1


@pytest_twisted.ensureDeferred
async def test_a_job_that_is_refused_does_not_hurt_the_others(database: Database) -> None:
    batches, outcomes = Batches(database), list[Any]()
    for job in (1, -1, 2, -2, 3):
        batches.group.submit(job).addErrback(lambda failure: failure.type).addCallback(outcomes.append)
    await batches.group.submit(4)
    assert outcomes == [1, Conflict, 2, Conflict, 3]
    assert await database.read("count", count) == 4


@pytest_twisted.ensureDeferred
async def test_a_batch_that_fails_is_told_to_all_and_the_next_one_goes_on(database: Database) -> None:
    batches = Batches(database)
    await batches.group.submit(1)
    failed = [batches.group.submit(job) for job in (1, 1)]
    for submitted in failed:
        with pytest.raises(IntegrityError):
            await submitted
    assert await batches.group.submit(2) == 2
    assert await database.read("count", count) == 2


@pytest_twisted.ensureDeferred
async def test_who_submits_in_an_answer_is_served_as_well(database: Database) -> None:
    batches, last = Batches(database), Deferred[int]()

    def go_on(number: int) -> None:
        if number == 20:
            last.callback(number)
        else:
            batches.group.submit(number + 1).addCallback(go_on)

    batches.group.submit(1).addCallback(go_on)
    await last
    assert await database.read("count", count) == 20


# what goes wrong


@pytest_twisted.ensureDeferred
async def test_a_broken_rule_of_the_table_is_not_tried_again(database: Database) -> None:
    await database.write("put", put, 1)
    with pytest.raises(IntegrityError):
        await database.write("again", put, 1)
    assert (database.counts.of("again").transactions, database.counts.of("again").retries) == (1, 0)


@pytest_twisted.ensureDeferred
async def test_a_deadlock_is_resolved_by_trying_again(postgres: Postgres) -> None:
    url = postgres.create_database("deadlock")
    with opened(url) as one, opened(url) as two:
        await one.write("put", lambda connection: [put(connection, 1), put(connection, 2)])
        both_hold = threading.Barrier(2)
        tried: list[int] = []

        def cross(connection: Connection, first: int, second: int) -> None:
            connection.execute(text("SET LOCAL deadlock_timeout = '10ms'"))
            raise_value(connection, first, 1)
            tried.append(first)
            if len(tried) <= 2:
                both_hold.wait(PATIENCE_S)
            raise_value(connection, second, 1)

        await gatherResults([one.write("cross", cross, 1, 2), two.write("cross", cross, 2, 1)])
        assert one.counts.of("cross").retries + two.counts.of("cross").retries == 1
        values = await one.read("values", lambda connection: connection.scalars(select(numbers.c.value)).all())
        assert values == [2, 2]


@pytest_twisted.ensureDeferred
async def test_a_serialization_failure_is_resolved_by_trying_again(postgres: Postgres) -> None:
    url = postgres.create_database("serialization")
    with opened(url) as one, opened(url) as two:
        await one.write("put", put, 1)
        both_see = threading.Barrier(2)
        tried: list[int] = []

        def raise_it(connection: Connection) -> None:
            connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
            value = connection.execute(select(numbers.c.value)).scalar_one()
            tried.append(value)
            if len(tried) <= 2:
                both_see.wait(PATIENCE_S)
            connection.execute(update(numbers).values(value=value + 1))

        await gatherResults([one.write("raise", raise_it), two.write("raise", raise_it)])
        assert tried == [0, 0, 1]
        assert await two.read("value", lambda connection: connection.scalar(select(numbers.c.value))) == 2


@pytest_twisted.ensureDeferred
async def test_a_database_that_is_killed_is_unavailable_and_comes_back() -> None:
    with Postgres(durable=True) as server, opened(server.create_database("killed")) as database:
        await database.write("put", put, 1)
        await gatherResults([database.read("count", count) for _ in range(20)])  # several connections are open
        server.kill()
        with capture_logs() as logs:
            for asked in (database.write("put", put, 2), database.read("count", count)):
                with pytest.raises(Unavailable) as caught:
                    await asked
                assert caught.value.retry_after_s > 0
        assert {(line["event"], line["tries"]) for line in logs} == {("transaction gave up", TRIES_AT_MOST)}
        server.start()
        assert await database.read("count", count) == 1
        await database.write("put", put, 2)
        assert await gatherResults([database.read("count", count) for _ in range(20)]) == [2] * 20


@pytest_twisted.ensureDeferred
async def test_a_connection_that_was_cut_costs_one_try_and_nobody_notices(postgres: Postgres) -> None:
    url = postgres.create_database("cut")
    with opened(url) as database, opened(url) as other:
        await database.write("put", put, 1)
        cut = text(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'cut' AND pid <> pg_backend_pid()"
        )
        await other.read("cut", lambda connection: connection.execute(cut).all())
        await database.write("put", put, 2)
        assert database.counts.of("put").retries == 1
        assert await database.read("count", count) == 2


@pytest_twisted.ensureDeferred
async def test_a_mistake_of_ours_in_sql_is_no_weather(postgres: Postgres) -> None:
    with opened(postgres.create_database("mistake")) as database:
        with pytest.raises(ProgrammingError):
            await database.read("mistake", lambda connection: connection.execute(text("SELECT nothing FROM nowhere")))
        assert database.counts.of("mistake").retries == 0


# slow queries, counts


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        (DatabaseSettings(slow_query_threshold=timedelta(0)), True),
        (DatabaseSettings(slow_query_threshold=timedelta(0), slow_query_logging=False), False),
        (DatabaseSettings(slow_query_threshold=timedelta(minutes=10)), False),
    ],
)
@pytest_twisted.ensureDeferred
async def test_a_transaction_over_the_threshold_is_logged(
    tmp_path: Path, settings: DatabaseSettings, told: bool
) -> None:
    with opened(f"sqlite:///{tmp_path / 'slow'}", settings) as database, capture_logs() as logs:
        await database.write("lessons.create", put, 1)
    lines = [line for line in logs if line["event"] == "slow transaction"]
    assert [line["name"] for line in lines] == (["lessons.create"] if told else [])
    assert all(line["ran_ms"] >= 0 and line["log_level"] == "warning" for line in lines)


@pytest_twisted.ensureDeferred
async def test_queries_are_counted_by_name(database: Database) -> None:
    await database.write("put", put, 1)
    await database.read("twice", lambda connection: [count(connection), count(connection)])
    begin = database.engine.dialect.name == "sqlite"  # where we say BEGIN ourselves
    assert (database.counts.of("put").queries, database.counts.of("twice").queries) == (1 + begin, 2 + begin)
    assert database.counts.queries() == 3 + 2 * begin


# columns


@pytest_twisted.ensureDeferred
async def test_an_instant_comes_back_to_the_millisecond(database: Database) -> None:
    kept = [
        datetime(1, 1, 1, tzinfo=UTC),
        datetime(1969, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC),
        from_ms(0),
        datetime(2026, 11, 23, 9, 0, 0, 123_000, tzinfo=UTC),
        datetime(9999, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC),
        None,
    ]

    def thd(connection: Connection) -> list[datetime | None]:
        connection.execute(insert(instants), [{"id": number, "at": at} for number, at in enumerate(kept)])
        return list(connection.scalars(select(instants.c.at).order_by(instants.c.id)))

    assert await database.write("instants", thd) == kept


# SQLite


@pytest_twisted.ensureDeferred
async def test_sqlite_is_durable_and_checks_references(tmp_path: Path) -> None:
    with opened(f"sqlite:///{tmp_path / 'pragmas'}") as database:

        def thd(connection: Connection) -> list[Any]:
            names = ("journal_mode", "synchronous", "foreign_keys")
            return [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in names]

        full = 2
        assert await database.read("pragmas", thd) == ["wal", full, 1]
        assert await database.write("pragmas", thd) == ["wal", full, 1]


HOLDER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
connection.execute("INSERT INTO numbers VALUES (1, 0)")
print("held", flush=True)
input()
connection.execute("COMMIT")
"""


@pytest_twisted.ensureDeferred
async def test_another_process_that_writes_makes_us_wait_not_fail(tmp_path: Path) -> None:
    path = tmp_path / "shared"
    with opened(f"sqlite:///{path}") as database:
        with subprocess.Popen(  # noqa: S603  # our own command
            [sys.executable, "-c", HOLDER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as holder:
            assert holder.stdout is not None
            assert holder.stdin is not None
            assert holder.stdout.readline() == "held\n"
            writing = database.write("put", put, 2)
            assert await database.read("count", count) == 0, "readers do not wait for a writer"
            assert not writing.called
            holder.stdin.write("\n")
            holder.stdin.flush()
            await writing
        assert await database.read("count", count) == 2
        assert database.counts.of("put").retries == 0


# where it is


def test_the_url_in_use(tmp_path: Path) -> None:
    assert DatabaseSettings().url_in(tmp_path) == f"sqlite:///{tmp_path}/tutorwamp.sqlite3"
    for given in ("postgres://u@h/d?x=1", "postgresql://u@h/d?x=1", "postgresql+psycopg://u@h/d?x=1"):
        assert DatabaseSettings(url=given).url_in(tmp_path) == "postgresql+psycopg://u@h/d?x=1"
