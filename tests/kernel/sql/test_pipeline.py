"""What goes to PostgreSQL together: a batch in two ways, the driver's errors, and nothing twice where one is lost."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import psycopg
import pytest
import pytest_twisted
from sqlalchemy import ARRAY, Connection, Float, String, Text, bindparam, cast, func, insert, select
from sqlalchemy.exc import DataError, IntegrityError
from structlog.testing import capture_logs
from twisted.internet import reactor
from twisted.internet.task import deferLater

from tests.kernel.sql.numbers import count, numbers, opened
from tests.kernel.sql.test_streams import CHAT, draft
from tests.support.postgres import Postgres
from tests.support.refused import refused
from tutorwamp.kernel.contracts import new_id
from tutorwamp.kernel.sql import pipeline
from tutorwamp.kernel.sql.columns import metadata
from tutorwamp.kernel.sql.database import Database
from tutorwamp.kernel.sql.hot import Hot, ask, write, write_last
from tutorwamp.kernel.sql.pipeline import Request, exchange
from tutorwamp.kernel.sql.slow import SlowSettings
from tutorwamp.kernel.sql.streams import number, open_stream, stream_events, streams

ADD = Hot(insert(numbers), numbers.c.keys())
TEXT = Hot(select(cast(bindparam("text", type_=Text), Text)))
SLOW = Hot(select(cast(func.pg_sleep(cast(bindparam("seconds", type_=Text), Float)), Text)))
TEXTS = Hot(select(func.unnest(bindparam("texts", type_=ARRAY(String)))))


@pytest_twisted.async_yield_fixture
async def database(postgres: Postgres) -> AsyncIterator[Database]:
    """PostgreSQL only: SQLite has no way to go."""
    with opened(postgres.create_database(new_id())) as made:
        metadata.create_all(made.engine, tables=[streams, stream_events])
        await made.write("streams.open", open_stream, CHAT, 1)
        yield made


def adding(connection: Connection, *ids: int) -> None:
    write(connection, [(ADD, [{"id": one, "value": 0} for one in ids])])


def adding_last(connection: Connection, *ids: int) -> str:
    write_last(connection, [(ADD, [{"id": one, "value": 0} for one in ids])])
    return "added"


Exchange = Any


@contextmanager
def exchanges(monkeypatch: pytest.MonkeyPatch, instead: Exchange = exchange) -> Iterator[list[list[str]]]:
    """What goes together, by the first word of each."""
    seen: list[list[str]] = []

    def noted(driver: psycopg.Connection, prepared: set[bytes], requests: Sequence[Request]) -> list[list[Any]]:
        seen.append([one.sql.split()[0] for one in requests])
        answers: list[list[Any]] = instead(driver, prepared, requests)
        return answers

    with monkeypatch.context() as patched:
        patched.setattr(pipeline, "exchange", noted)
        yield seen


def pid(connection: Connection) -> int:
    return connection.connection.driver_connection.info.backend_pid  # type: ignore[union-attr,no-any-return]  # psycopg's


async def test_a_batch_is_two_ways_with_its_beginning_and_its_commit(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def thd(connection: Connection) -> None:
        numbered = number(connection, [draft() for _ in range(3)])
        write_last(connection, [*numbered.writes(connection), (ADD, [{"id": 1, "value": 0}])])

    with exchanges(monkeypatch) as seen:
        await database.write("numbers.add", thd)
    assert seen == [["BEGIN", "SELECT", "SELECT"], ["INSERT", "UPDATE", "INSERT", "COMMIT"]]
    assert database.counts.of("numbers.add").queries == 5, "BEGIN and COMMIT are no queries"
    assert await database.read("count", count) == 1


async def test_what_fails_takes_all_of_its_transaction_back_and_nothing_else(database: Database) -> None:
    of_it = await database.write("numbers.pid", pid)
    for adds in (adding, adding_last):
        for _ in range(2):  # new to the connection at first, and by its name then
            error = await refused(IntegrityError, database.write("numbers.add", adds, 1, 2, 1))
            assert "INSERT INTO numbers" in str(error)
        assert await database.read("count", count) == 0
    await database.write("numbers.add", adding_last, 1, 2)
    assert await database.read("count", count) == 2
    assert await database.write("numbers.pid", pid) == of_it, "the same connection all the time"
    assert database.counts.of("numbers.add").retries == 0


async def test_who_fails_after_its_last_write_has_written_nothing(database: Database) -> None:
    def thd(connection: Connection) -> None:
        adding_last(connection, 1)
        raise LookupError

    await refused(LookupError, database.write("numbers.add", thd))
    await database.write("numbers.add", adding, 2)
    assert await database.read("count", count) == 1


@pytest.mark.parametrize("done", [True, False])
async def test_a_connection_lost_with_the_commit_doubles_nothing_and_tells_the_first_outcome(
    database: Database, monkeypatch: pytest.MonkeyPatch, *, done: bool
) -> None:
    lost: list[None] = []

    def losing(driver: psycopg.Connection, prepared: set[bytes], requests: Sequence[Request]) -> list[list[Any]]:
        if lost or requests[-1].sql != "COMMIT":
            return exchange(driver, prepared, requests)
        lost.append(None)
        if done:
            exchange(driver, prepared, requests)
        driver.pgconn.finish()
        return exchange(driver, prepared, requests)

    def thd(connection: Connection) -> list[Any]:
        numbered = number(connection, [draft("chosen"), draft()])
        write_last(connection, numbered.writes(connection))
        return numbered.outcomes

    with exchanges(monkeypatch, losing):
        outcomes = await database.write("append", thd)
    assert lost
    assert [event.seq for event in outcomes] == [1, 2]
    assert database.counts.of("append").retries == 1
    stored = select(func.count()).select_from(stream_events)
    assert await database.read("count", lambda connection: connection.scalar(stored)) == 2


async def test_a_connection_that_was_cut_costs_one_try(database: Database) -> None:
    await database.write("numbers.add", adding_last, 1)
    cut = select(func.pg_terminate_backend(await database.write("numbers.pid", pid), 10_000))  # waits until it is gone
    assert await database.read("cut", lambda connection: connection.scalar(cut))
    assert await database.write("numbers.add", adding_last, 2) == "added"
    assert database.counts.of("numbers.add").retries == 1
    assert await database.read("count", count) == 2


async def test_much_goes_both_ways_at_once(database: Database) -> None:
    texts = [chr(ord("a") + place) * 1_000_000 for place in range(20)]  # more than any socket's buffers
    answers = await database.write("echo", ask, [(TEXT, {"text": text}) for text in texts])
    assert answers == [[(text,)] for text in texts]


async def test_texts_arrive_as_they_are(database: Database) -> None:
    texts = ['"', "\\", "{}", "NULL", "", " , ", "'", "✏️\n", "%s $1", None]
    (rows,) = await database.write("echo", ask, [(TEXTS, {"texts": texts})])
    assert [text for (text,) in rows] == texts
    await refused(DataError, database.write("echo", ask, [(TEXT, {"text": "a\0b"})]))
    assert await database.write("echo", ask, [(TEXT, {"text": None})]) == [[(None,)]]


async def test_what_is_prepared_outlives_a_refusal_and_is_prepared_again_where_it_does_not(database: Database) -> None:
    prepared = "SELECT count(*) FROM pg_prepared_statements WHERE starts_with(name, 'tutorwamp')"

    def refuse(connection: Connection) -> None:
        adding(connection, 1)
        for _ in range(6):
            connection.execute(select(numbers))  # by now psycopg has prepared it as well
        raise LookupError

    await refused(LookupError, database.write("numbers.add", refuse))
    names = await database.write("numbers.names", lambda connection: connection.exec_driver_sql(prepared).scalar())
    assert names == 1
    assert await database.read("count", count) == 0
    await database.write("numbers.forget", lambda connection: connection.exec_driver_sql("DEALLOCATE ALL").close())
    await database.write("numbers.again", adding, 1)
    assert database.counts.of("numbers.again").retries == 1
    await database.write("numbers.add", adding_last, 2)
    assert await database.read("count", count) == 2


async def test_names_that_are_there_already_are_not_needed(database: Database) -> None:
    def thd(connection: Connection) -> None:
        numbered = number(connection, [draft(), draft()])
        write_last(connection, numbered.writes(connection))

    await database.write("append", thd)
    # As where a pooler gives us what another connection of ours has prepared on.
    await database.write("numbers.forget", lambda connection: pipeline.prepared_by(connection).clear())
    await database.write("append", thd)
    assert database.counts.of("append").retries == 1
    await database.write("append", thd)
    assert database.counts.of("append").retries == 1
    stored = select(func.count()).select_from(stream_events)
    assert await database.read("count", lambda connection: connection.scalar(stored)) == 6
    error = await refused(IntegrityError, database.write("numbers.add", adding_last, 1, 1))
    assert "INSERT INTO numbers" in str(error)


async def test_what_was_waited_for_is_told_with_the_statement_that_comes_first(postgres: Postgres) -> None:
    with opened(postgres.create_database(new_id()), SlowSettings(threshold=timedelta(seconds=0.2))) as database:
        with capture_logs() as logs:
            await database.write("numbers.slow", ask, [(SLOW, {"seconds": "0.3"}), (TEXT, {"text": "quick"})])
        (line,) = (one for one in logs if one["event"] == "slow transaction")
    assert line["queries"] == 2
    first, _ = line["statements"]
    assert "pg_sleep" in first["sql"]
    assert first["ms"] >= 290


async def test_nobody_is_kept_from_working_while_a_server_takes_its_time(database: Database) -> None:
    waiting = database.write("numbers.slow", ask, [(SLOW, {"seconds": "0.2"})])
    turns = 0
    while not waiting.called:
        await deferLater(reactor, 0)
        turns += 1
    await waiting
    assert turns > 10  # one or two where the thread keeps the interpreter
