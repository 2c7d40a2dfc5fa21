"""SQL when something goes wrong: retries on real conflicts, a killed server, a lock that others hold."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, event, select, text, update
from sqlalchemy.exc import IntegrityError, ProgrammingError
from structlog.testing import capture_logs
from twisted.internet.defer import gatherResults

from tests.kernel.sql.numbers import PATIENCE_S, count, numbers, opened, put
from tests.support.postgres import Postgres
from tests.support.refused import refused
from tutorwamp.kernel.errors import Unavailable
from tutorwamp.kernel.sql.database import Database
from tutorwamp.kernel.sql.transactions import TRIES_AT_MOST


def raise_value(connection: Connection, number: int, value: int) -> None:
    connection.execute(update(numbers).where(numbers.c.id == number).values(value=numbers.c.value + value))


async def test_a_broken_rule_of_the_table_is_not_tried_again(database: Database) -> None:
    await database.write("put", put, 1)
    with pytest.raises(IntegrityError):
        await database.write("again", put, 1)
    assert (database.counts.of("again").transactions, database.counts.of("again").retries) == (1, 0)


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


async def test_a_database_that_is_killed_is_unavailable_and_comes_back() -> None:
    with Postgres(durable=True) as server, opened(server.create_database("killed")) as database:
        await database.write("put", put, 1)
        await gatherResults([database.read("count", count) for _ in range(20)])  # several connections are open
        server.kill()
        with capture_logs() as logs:
            for asked in (database.write("put", put, 2), database.read("count", count)):
                caught = await refused(Unavailable, asked)
                assert caught.retry_after_s > 0
        assert sorted((line["event"], line["what"]) for line in logs) == [
            ("the database does not do its work", "reads"),
            ("the database does not do its work", "writes"),
        ]
        server.start()
        with capture_logs() as logs:
            assert await database.read("count", count) == 1
        told = [line for line in logs if line["event"] != "slow transaction"]  # on a busy machine it is one
        assert [(line["event"], line["what"]) for line in told] == [("the database works again", "reads")]
        await database.write("put", put, 2)
        assert await gatherResults([database.read("count", count) for _ in range(20)]) == [2] * 20


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


async def test_a_mistake_of_ours_in_sql_is_no_weather(postgres: Postgres) -> None:
    with opened(postgres.create_database("mistake")) as database:
        with pytest.raises(ProgrammingError):
            await database.read("mistake", lambda connection: connection.execute(text("SELECT nothing FROM nowhere")))
        assert database.counts.of("mistake").retries == 0


# SQLite


HOLDER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
connection.execute("INSERT INTO numbers VALUES (1, 0)")
print("held", flush=True)
input()
connection.execute("COMMIT")
"""


async def test_another_process_that_writes_makes_us_wait_not_fail(tmp_path: Path) -> None:
    path = tmp_path / "shared"
    with opened(f"sqlite:///{path}") as database:
        with subprocess.Popen(  # noqa: ASYNC220, S603  # it blocks no longer than our own command takes to start  # our own command
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


async def test_a_lock_that_is_not_given_in_time_is_tried_for_again(tmp_path: Path) -> None:
    path = tmp_path / "locked"
    with opened(f"sqlite:///{path}") as database:

        @event.listens_for(database.engine, "connect")
        def be_impatient(connection: Any, _record: Any) -> None:
            connection.execute("PRAGMA busy_timeout=1")

        database.engine.dispose()
        with closing(sqlite3.connect(path, isolation_level=None)) as holder:
            holder.execute("BEGIN IMMEDIATE")
            with capture_logs() as logs, pytest.raises(Unavailable):
                await database.write("put", put, 1)
            assert [line["event"] for line in logs] == ["the database does not do its work"]
            assert database.counts.of("put").retries == TRIES_AT_MOST - 1
        assert await database.write("put", put, 1) == 1
