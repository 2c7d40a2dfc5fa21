"""SQL on both engines: order, group commit, retries, and what happens when the database goes away."""

from __future__ import annotations

import math
import threading
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from sqlalchemy import Connection, insert, select
from sqlalchemy.exc import IntegrityError
from structlog.testing import capture_logs
from twisted.internet.defer import Deferred, gatherResults

from tests.kernel.sql.numbers import PATIENCE_S, count, instants, opened, put
from tests.support.refused import refused
from tutorwamp.kernel.contracts import from_ms
from tutorwamp.kernel.errors import Conflict
from tutorwamp.kernel.sql.columns import lock
from tutorwamp.kernel.sql.database import Database, DatabaseSettings
from tutorwamp.kernel.sql.groups import BATCH_AT_MOST, READS_AT_ONCE, GroupCommit, GroupRead
from tutorwamp.kernel.sql.slow import SlowSettings


@pytest_twisted.async_yield_fixture
async def other(database_url: str, database: Database) -> AsyncIterator[Database]:
    """What another process has: the same database through an engine and threads of its own."""
    with opened(database_url) as made:
        yield made


# order


async def test_who_was_told_of_a_write_reads_it(database: Database, other: Database) -> None:
    for number in range(20):
        assert await database.write("put", put, number) == number
        assert await database.read("count", count) == number + 1
        assert await other.read("count", count) == number + 1


async def test_writes_are_answered_in_the_order_they_were_asked(database: Database) -> None:
    answered: list[int] = []
    await gatherResults([database.write("put", put, number).addCallback(answered.append) for number in range(100)])
    assert answered == list(range(100))


async def test_a_write_that_raises_leaves_nothing_behind(database: Database) -> None:
    def thd(connection: Connection) -> None:
        put(connection, 1)
        raise Conflict("no")

    await refused(Conflict, database.write("fail", thd))
    assert await database.read("count", count) == 0


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


async def test_stopping_finishes_what_was_asked(database_url: str) -> None:
    with opened(database_url) as database:
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


async def test_what_is_asked_at_once_is_few_queries_and_each_gets_its_own_answer(database: Database) -> None:
    sizes = list[int]()

    def thd(connection: Connection, jobs: Sequence[int]) -> list[int | Exception]:
        sizes.append(len(jobs))
        return [Conflict("negative") if job < 0 else job + count(connection) for job in jobs]

    group: GroupRead[int, int] = GroupRead(database, "asked", thd)
    await database.write("put", put, 7)
    assert await gatherResults([group.submit(number) for number in range(200)]) == list(range(1, 201))
    assert (sum(sizes), max(sizes)) == (200, BATCH_AT_MOST)
    assert len(sizes) <= math.ceil(200 / BATCH_AT_MOST) + READS_AT_ONCE
    await refused(Conflict, group.submit(-1))


async def test_what_is_asked_after_a_commit_sees_it_whatever_is_under_way(database: Database) -> None:
    group: GroupRead[int, int] = GroupRead(
        database, "asked", lambda connection, jobs: [count(connection) for _ in jobs]
    )
    for number in range(20):
        early = [group.submit(0) for _ in range(50)]
        await database.write("put", put, number)
        assert await group.submit(0) == number + 1
        await gatherResults(early)


async def test_each_is_answered_after_its_commit(database: Database, other: Database) -> None:
    batches = Batches(database)
    for number in range(5):
        await batches.group.submit(number)
        assert await other.read("count", count) == number + 1


async def test_a_job_that_is_refused_does_not_hurt_the_others(database: Database) -> None:
    batches, outcomes = Batches(database), list[Any]()
    for job in (1, -1, 2, -2, 3):
        batches.group.submit(job).addErrback(lambda failure: failure.type).addCallback(outcomes.append)
    await batches.group.submit(4)
    assert outcomes == [1, Conflict, 2, Conflict, 3]
    assert await database.read("count", count) == 4


async def test_a_batch_that_fails_is_told_to_all_and_the_next_one_goes_on(database: Database) -> None:
    batches = Batches(database)
    await batches.group.submit(1)
    failed = [batches.group.submit(job) for job in (1, 1)]
    for submitted in failed:
        with pytest.raises(IntegrityError):
            await submitted
    assert await batches.group.submit(2) == 2
    assert await database.read("count", count) == 2


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


# slow queries, counts


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        (SlowSettings(threshold=timedelta(0)), True),
        (SlowSettings(threshold=timedelta(0), logging=False), False),
        (SlowSettings(threshold=timedelta(minutes=10)), False),
    ],
)
async def test_a_transaction_over_the_threshold_is_logged(tmp_path: Path, settings: SlowSettings, told: bool) -> None:
    with opened(f"sqlite:///{tmp_path / 'slow'}", settings) as database, capture_logs() as logs:
        await database.write("lessons.create", put, 1)
    lines = [line for line in logs if line["event"] == "slow transaction"]
    assert [line["name"] for line in lines] == (["lessons.create"] if told else [])
    assert all(line["ran_ms"] >= 0 and line["log_level"] == "warning" for line in lines)


async def test_queries_are_counted_by_name(database: Database) -> None:
    await database.write("put", put, 1)
    await database.read("twice", lambda connection: [count(connection), count(connection)])
    assert (database.counts.of("put").queries, database.counts.of("twice").queries) == (1, 2)
    assert database.counts.queries() == 3


# columns


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


async def test_sqlite_is_durable_and_checks_references(tmp_path: Path) -> None:
    with opened(f"sqlite:///{tmp_path / 'pragmas'}") as database:

        def thd(connection: Connection) -> list[Any]:
            names = ("journal_mode", "synchronous", "foreign_keys")
            return [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in names]

        full = 2
        assert await database.read("pragmas", thd) == ["wal", full, 1]
        assert await database.write("pragmas", thd) == ["wal", full, 1]


# where it is


def test_the_url_in_use(tmp_path: Path) -> None:
    assert DatabaseSettings().url_in(tmp_path) == f"sqlite:///{tmp_path}/tutorwamp.sqlite3"
    for given in ("postgres://u@h/d?x=1", "postgresql://u@h/d?x=1", "postgresql+psycopg://u@h/d?x=1"):
        assert DatabaseSettings(url=given).url_in(tmp_path) == "postgresql+psycopg://u@h/d?x=1"
