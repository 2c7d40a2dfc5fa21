"""A database that is there and does not do its work: read-only, full, locked. Real errors of real servers."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg
import pytest
from structlog.testing import capture_logs
from twisted.internet.defer import gatherResults

from tests.kernel.sql.numbers import PATIENCE_S, count, opened, put
from tests.support.postgres import Postgres
from tests.support.refused import refused
from tutorwamp.kernel.errors import Unavailable
from tutorwamp.kernel.sql import writers
from tutorwamp.kernel.sql.database import Database
from tutorwamp.kernel.sql.writers import OTHERS

IMPATIENT = "options=-c%20lock_timeout%3D20ms"


@contextmanager
def administered(url: str) -> Iterator[psycopg.Connection]:
    with closing(psycopg.connect(url.replace("postgresql+psycopg", "postgresql"), autocommit=True)) as connection:
        yield connection


async def test_a_server_that_only_reads_is_unavailable_for_writes_and_noticed_when_it_writes_again(
    postgres: Postgres,
) -> None:
    url = postgres.create_database("standby")
    with opened(url) as database, administered(url) as admin:
        await database.write("put", put, 1)
        admin.execute("ALTER DATABASE standby SET default_transaction_read_only = on")
        database.engine.dispose()
        with capture_logs() as logs:
            for number in range(3):
                assert (await refused(Unavailable, database.write("put", put, number + 2))).retry_after_s > 0
                assert await database.read("count", count) == 1, "reads go on"
        told = [line for line in logs if line["event"] != "slow transaction"]  # on a busy machine it is one
        assert [(line["event"], line["what"], line["reason"][:5]) for line in told] == [
            ("the database does not do its work", "writes", "25006")
        ], "one line, however often"
        admin.execute("ALTER DATABASE standby RESET default_transaction_read_only")
        with capture_logs() as logs:
            assert await database.write("put", put, 9) == 9, "by a new connection"
        assert [line["event"] for line in logs] == ["the database works again"]


@pytest.mark.parametrize("state", ["53100", "53200", "53300", "55P03"])
async def test_what_a_server_lacks_for_the_moment_is_not_our_fault(postgres: Postgres, state: str) -> None:
    url = postgres.create_database(f"lacks_{state.lower()}")
    with opened(url) as database, administered(url) as admin:
        admin.execute(
            f"CREATE FUNCTION lack() RETURNS trigger LANGUAGE plpgsql AS $$"
            f"BEGIN RAISE EXCEPTION 'no room' USING ERRCODE = '{state}'; END $$"
        )
        admin.execute("CREATE TRIGGER lack BEFORE INSERT ON numbers FOR EACH ROW EXECUTE FUNCTION lack()")
        assert (await refused(Unavailable, database.write("put", put, 1))).retry_after_s > 0
        assert (database.counts.of("put").retries == 0) == (state == "53100"), "a full disk is not tried again"
        admin.execute("DROP TRIGGER lack ON numbers")
        assert await database.write("put", put, 1) == 1


async def test_a_full_or_read_only_sqlite_file_is_unavailable(tmp_path: Path) -> None:
    with opened(f"sqlite:///{tmp_path / 'full'}") as database:
        await database.write("put", put, 1)

        def fill(connection: object) -> int:
            raise_room(connection, "PRAGMA max_page_count = 1")
            for number in range(2, 2_000):
                put(connection, number)  # type: ignore[arg-type]  # a connection
            return 0

        def raise_room(connection: object, pragma: str) -> None:
            connection.exec_driver_sql(pragma)  # type: ignore[attr-defined]  # as above

        with capture_logs() as logs:
            await refused(Unavailable, database.write("fill", fill))
        assert database.counts.of("fill").retries == 0, "whoever waits for room is told at once, and so is who is next"
        told = [line for line in logs if line["event"] != "slow transaction"]  # on a busy machine it is one
        assert [(line["what"], line["reason"]) for line in told] == [("writes", "database or disk is full")]

        def forbid(connection: object) -> int:
            raise_room(connection, "PRAGMA query_only = on")
            try:
                return put(connection, 5_000)  # type: ignore[arg-type]  # as above
            finally:
                raise_room(connection, "PRAGMA query_only = off")

        await refused(Unavailable, database.write("forbid", forbid))


async def test_a_lock_on_one_kinds_table_stops_no_other_kind(postgres: Postgres) -> None:
    url = postgres.create_database("locked")
    with (
        opened(url + ("&" if "?" in url else "?") + IMPATIENT) as database,
        administered(url) as admin,
        admin.transaction(),
    ):
        admin.execute("LOCK TABLE numbers IN ACCESS EXCLUSIVE MODE")
        with capture_logs() as logs:
            stuck = database.write("chat.put", put, 1)
            assert await database.write("board.one", lambda _connection: 7) == 7
            assert not stuck.called, "others did not wait for it"
            await refused(Unavailable, stuck)
        assert [line["what"] for line in logs if line["event"] == "the database does not do its work"] == ["chat"]


async def test_what_waited_longer_than_anybody_waits_for_it_does_not_happen(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tutorwamp.kernel.sql.transactions.WAITED_AT_MOST_S", -1.0)
    await refused(Unavailable, database.write("put", put, 1))
    monkeypatch.undo()
    assert await database.read("count", count) == 0


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with opened(f"sqlite:///{tmp_path / 'numbers'}") as made:
        yield made


async def test_a_full_lane_refuses_and_a_lane_whose_first_waits_is_stuck(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = threading.Event()
    held = database.write("chat.send", lambda _connection: go_on.wait(PATIENCE_S))
    assert database.writers.stuck() == []
    monkeypatch.setattr(writers, "STUCK_AFTER_S", 0.0)
    assert database.writers.stuck() == [OTHERS]
    monkeypatch.undo()
    monkeypatch.setattr(writers, "WAITING_AT_MOST", 5)
    behind = [database.write("chat.send", count) for _ in range(4)]
    await refused(Unavailable, database.write("chat.edit", count))
    go_on.set()
    assert await held
    assert await gatherResults(behind) == [0] * 4
    assert await database.write("chat.edit", count) == 0, "there is room again"
