"""Slow transactions are told with their statements and plans, and never with a value; each call learns what it cost."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, text
from structlog.testing import capture_logs

from tests.kernel.sql.numbers import count, opened, put
from tests.support.postgres import Postgres
from tutorwamp.kernel.log.calls import Call, Edge, working_for
from tutorwamp.kernel.sql.database import Database
from tutorwamp.kernel.sql.groups import GroupCommit
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
