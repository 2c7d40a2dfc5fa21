"""Hot statements write what Core writes, are noted like Core's, and fail like Core's."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    bindparam,
    create_engine,
    insert,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError, ProgrammingError
from structlog.testing import capture_logs

from tests.kernel.sql.numbers import numbers, opened
from tests.support.postgres import Postgres
from tests.support.refused import refused
from tutorwamp.kernel.sql.columns import InstantColumn
from tutorwamp.kernel.sql.database import Database
from tutorwamp.kernel.sql.hot import Hot, ask_each, run
from tutorwamp.kernel.sql.slow import SlowSettings

tables = MetaData()
kinds = Table(
    "kinds",
    tables,
    Column("id", Integer, primary_key=True),
    Column("name", String(40)),
    Column("text", Text),
    Column("large", BigInteger),
    Column("bytes", LargeBinary),
    Column("at", InstantColumn),
)
ROWS: list[dict[str, Any]] = [
    {
        "name": "100 % sure: %s ?",
        "text": "'; DROP TABLE kinds; -- ✏️\n",
        "large": 2**62,
        "bytes": b"\0\xff\x80",
        "at": datetime(2026, 11, 30, 22, 0, 0, 123_000, tzinfo=UTC),
    },
    {"name": "", "text": "", "large": -1, "bytes": b"", "at": datetime(1, 1, 1, tzinfo=UTC)},
    {"name": None, "text": None, "large": None, "bytes": None, "at": None},
]
ADD = Hot(insert(kinds), kinds.c.keys())
CHANGE = update(kinds).where(kinds.c.id == bindparam("which")).values(at=bindparam("new_at"), text=bindparam("new"))
CHANGE_HOT = Hot(CHANGE)


def stored(connection: Connection) -> list[tuple[Any, ...]]:
    """As the engine has it, without a type of ours on its way."""
    return [tuple(row) for row in connection.exec_driver_sql("SELECT * FROM kinds ORDER BY id")]


async def test_a_hot_statement_writes_exactly_what_core_writes(database: Database) -> None:
    tables.create_all(database.engine)

    def thd(connection: Connection) -> None:
        connection.execute(insert(kinds), [{"id": number, **row} for number, row in enumerate(ROWS)])
        run(connection, ADD, [{"id": 100 + number, **row} for number, row in enumerate(ROWS)])
        run(connection, ADD, [{"id": 200, **ROWS[0]}])
        changes = [{"new_at": row["at"], "new": row["text"]} for row in ROWS[1:]]
        connection.execute(CHANGE, [{"which": number, **change} for number, change in enumerate(changes)])
        run(connection, CHANGE_HOT, [{"which": 100 + number, **change} for number, change in enumerate(changes)])

    await database.write("kinds", thd)
    found = {row[0]: row[1:] for row in await database.read("stored", stored)}
    assert [found[number] for number in range(3)] == [found[100 + number] for number in range(3)]
    assert found[200][0] == ROWS[0]["name"]
    kept = {row["id"]: dict(row) for row in await database.read("kept", _kept)}
    assert {**kept[200], "id": 0} == {"id": 0, **ROWS[0]}


def _kept(connection: Connection) -> list[Any]:
    return list(connection.execute(select(kinds)).mappings())


async def test_what_fails_in_a_hot_statement_fails_as_in_core(database: Database) -> None:
    add = Hot(insert(numbers), numbers.c.keys())
    for rows in ([{"id": 1, "value": 0}] * 2, [{"id": 1, "value": None}]):
        for _ in range(2):  # a prepared one as well
            error = await refused(IntegrityError, database.write("numbers.add", run, add, rows))
            assert error.connection_invalidated is False
    await database.write("numbers.add", run, add, [{"id": 1, "value": 0}])


async def test_a_hot_statement_is_counted_and_told_without_its_values(database_url: str) -> None:
    add = Hot(insert(kinds), kinds.c.keys())
    with opened(database_url, SlowSettings(threshold=timedelta(0))) as database:
        tables.create_all(database.engine)
        rows = [{"id": number, **ROWS[0], "name": "correct horse"} for number in range(3)]
        with capture_logs() as logs:
            await database.write("kinds.add", run, add, rows)
        assert database.counts.of("kinds.add").queries == 1
        (line,) = [line for line in logs if line["event"] == "slow transaction"]
        assert [one["sql"][:17] for one in line["statements"]] == ["INSERT INTO kinds"]
        with capture_logs() as logs:
            await refused(IntegrityError, database.write("kinds.again", run, add, rows))
        (line,) = [line for line in logs if line["event"] == "slow transaction"]
        assert [one["sql"][:17] for one in line["statements"]] == ["INSERT INTO kinds"], "one that failed as well"
        assert "correct horse" not in json.dumps(line)


async def test_a_mistake_of_ours_is_no_weather_here_either(postgres: Postgres) -> None:
    wrong = Hot(select(kinds.c.name).where(kinds.c.id == bindparam("which")))
    with opened(postgres.create_database("hot_mistake")) as database:
        with pytest.raises(ProgrammingError):
            await database.write("mistake", ask_each, wrong, [{"which": 1}])
        assert database.counts.of("mistake").retries == 0


def test_the_plan_of_a_hot_statement_can_be_asked_for() -> None:
    engine = create_engine("sqlite://")
    kinds.create(engine)
    made = Hot(select(kinds.c.id).where(kinds.c.id == bindparam("wanted"))).compiled(engine.dialect)
    with engine.connect() as connection:
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {made.sql}", made.bind({"wanted": 1})).all()
    assert "PRIMARY KEY" in str(plan)
