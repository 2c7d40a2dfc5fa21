"""Slow transactions are told with their statements and plans, and never with a value; each call learns what it cost."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError
from structlog.testing import capture_logs

from tests.kernel.sql.numbers import count, opened, put
from tests.support.postgres import Postgres
from tests.support.refused import refused
from tutorwamp.kernel.errors import NotFound
from tutorwamp.kernel.log.calls import Call, Edge, calls_under_way, working_for
from tutorwamp.kernel.sql.database import Database
from tutorwamp.kernel.sql.groups import GroupCommit, GroupRead
from tutorwamp.kernel.sql.slow import SlowSettings

ALL = SlowSettings(threshold=timedelta(0), plan=True)
SECRET = "correct horse battery"


def look_for(connection: Connection, word: str) -> int:
    where = "SELECT count(*) FROM numbers WHERE CAST(value AS text) = :word AND value <> 424242"
    return int(connection.execute(text(where), {"word": word}).scalar_one())


async def told(database: Database) -> dict[str, Any]:
    call = Call("tutorwamp.chat.search", Edge.WAMP, given_id="proxy-7")
    with capture_logs() as logs, working_for([call]):
        await database.read("chat.search", look_for, SECRET)
    (line,) = [line for line in logs if line["event"] == "slow transaction"]
    assert SECRET not in json.dumps(line), "people's words are no part of it"
    return dict(line)


async def test_a_slow_transaction_names_its_call_its_statement_and_its_plan(tmp_path: Path) -> None:
    with opened(f"sqlite:///{tmp_path / 'slow'}", ALL) as database:
        line = await told(database)
        assert (line["name"], line["calls"], line["request_ids"]) == (
            "chat.search",
            ["tutorwamp.chat.search"],
            ["proxy-7"],
        )
        (statement,) = line["statements"]
        assert statement["sql"].startswith("SELECT count(*) FROM numbers WHERE")
        assert line["plan"] == ["SCAN numbers"]
        assert (await told(database))["plan"] is None, "it was asked a moment ago"
        assert database.counts.of("chat.search").queries == 2, "the plan's are nobody's"


async def test_the_plan_of_postgresql_repeats_values_which_are_taken_out(postgres: Postgres) -> None:
    with opened(postgres.create_database("slow_plan"), ALL) as database:
        plan = "\n".join((await told(database))["plan"])
        assert "Seq Scan on numbers" in plan
        assert "Filter:" in plan
        assert "424242" not in plan


async def test_no_line_of_a_value_of_several_lines_stays_in_the_plan(postgres: Postgres) -> None:
    with opened(postgres.create_database("slow_lines"), ALL) as database, capture_logs() as logs:
        await database.read("chat.search", look_for, "it's the\nsecond\nKey: 17 words")
    (line,) = [line for line in logs if line["event"] == "slow transaction"]
    plan = "\n".join(line["plan"])
    assert "Filter: " in plan
    assert not [word for word in ("it", "second", "Key", "17", "words") if f"{word}" in plan]


async def test_what_ends_with_an_error_is_told_and_charged_as_well(tmp_path: Path) -> None:
    def refuse(connection: Connection) -> None:
        count(connection)
        raise NotFound("There is no such number.")

    call = Call("tutorwamp.chat.edit", Edge.WAMP, given_id="proxy-8")
    with opened(f"sqlite:///{tmp_path / 'refused'}", ALL) as database:
        with capture_logs() as logs, working_for([call]):
            await refused(NotFound, database.write("chat.change", refuse))
        (line,) = [line for line in logs if line["event"] == "slow transaction"]
    assert line["request_ids"] == ["proxy-8"]
    assert len(line["statements"]) == 1
    assert "plan" not in line, "who waits for a database that has failed does not wait for its plan, too"
    assert (call.transactions, call.queries, call.database_s > 0) == (1, 1, True)


async def test_a_statement_that_failed_is_told_among_the_others(tmp_path: Path) -> None:
    def put_twice(connection: Connection) -> None:
        put(connection, 1)
        put(connection, 1)

    with opened(f"sqlite:///{tmp_path / 'failed'}", ALL) as database, capture_logs() as logs:
        await refused(IntegrityError, database.write("chat.put", put_twice))
    (line,) = [line for line in logs if line["event"] == "slow transaction"]
    assert [one["sql"][:6] for one in line["statements"]] == ["INSERT", "INSERT"]


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with opened(f"sqlite:///{tmp_path / 'numbers'}") as opened_one:
        yield opened_one


async def test_a_call_learns_what_its_transactions_cost(database: Database) -> None:
    call = Call("tutorwamp.chat.send", Edge.WAMP)
    with working_for([call]):
        first = database.write("put", put, 1)
        second = database.read("twice", lambda connection: [count(connection), count(connection)])
    await first
    await second
    await database.read("count", count)  # of nobody
    assert (call.transactions, call.queries) == (2, 3)
    assert call.database_s > 0
    assert call.database_wait_s > 0


async def test_in_the_thread_it_is_known_for_whom_the_work_is_done(database: Database) -> None:
    call = Call("tutorwamp.chat.send", Edge.WAMP)
    with working_for([call]):
        ours = database.write("ours", lambda _connection: calls_under_way())
    nobodys = database.write("nobodys", lambda _connection: calls_under_way())
    assert (await ours, await nobodys) == ((call,), ())


async def test_what_shares_a_commit_has_all_of_it(database: Database) -> None:
    def all_of_them(connection: Connection, jobs: Sequence[int]) -> list[int]:
        return [put(connection, number) for number in jobs]

    group: GroupCommit[int, int] = GroupCommit(database, "batch", all_of_them)
    calls = [Call("tutorwamp.chat.send", Edge.WAMP) for _ in range(3)]
    answers = []
    for number, call in enumerate(calls):
        with working_for([call]):
            answers.append(group.submit(number))
    for answer in answers:
        await answer
    first, *others = calls
    assert [call.transactions for call in calls] == [1, 1, 1]
    assert first.database_s != others[0].database_s, "the first went alone, the others went together"
    assert others[0].database_s == others[1].database_s


async def test_a_call_pays_once_for_a_batch_that_has_several_of_its_jobs(database: Database) -> None:
    group: GroupRead[int, int] = GroupRead(
        database, "batch", lambda connection, jobs: [count(connection) for _ in jobs]
    )
    call = Call("tutorwamp.session.resume", Edge.WAMP)
    with working_for([call]):
        answers = [group.submit(number) for number in range(6)]
    for answer in answers:
        await answer
    assert (call.transactions, call.queries) == (3, 6), "one job each for the two that began at once, four together"
