"""The servers the other tests stand on: they start, answer, come back after a kill, and die with their parent."""

import os
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

from tests.support.postgres import Postgres
from tests.support.redis import FLAVOURS, Flavour, RedisServer, find_server

ROOT = Path(__file__).parents[2]
TIMEOUT_S = 60.0


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    with Postgres() as server:
        yield server


@pytest.fixture(params=FLAVOURS)
def flavour(request: pytest.FixtureRequest) -> Flavour:
    name: Flavour = request.param
    try:
        find_server(name)
    except LookupError as missing:
        pytest.skip(str(missing))
    return name


def _rows(url: str, statement: str) -> list[tuple[object, ...]]:
    engine = sa.create_engine(url)
    try:
        with engine.begin() as connection:
            result = connection.execute(sa.text(statement))
            return [tuple(row) for row in result] if result.returns_rows else []
    finally:
        engine.dispose()


def test_postgres_is_a_recent_one_on_a_unix_socket_only(postgres: Postgres) -> None:
    url = postgres.create_database("recent")
    [(version,)] = _rows(url, "SELECT current_setting('server_version_num')::int")
    assert isinstance(version, int)
    assert version >= 170_000
    assert _rows(url, "SHOW listen_addresses") == [("",)]


def test_databases_are_separate_and_their_names_may_be_anything(postgres: Postgres) -> None:
    one, other = postgres.create_database("one"), postgres.create_database('o"ther @/?')
    _rows(one, "CREATE TABLE only_here (n int)")
    assert _rows(one, "SELECT to_regclass('only_here') IS NULL") == [(False,)]
    assert _rows(other, "SELECT to_regclass('only_here') IS NULL") == [(True,)]


def test_postgres_knows_upper_case_beyond_ascii(postgres: Postgres) -> None:
    assert _rows(postgres.create_database("letters"), "SELECT lower('ÉΣЖ')") == [("éσж",)]


def test_the_suite_does_not_run_postgres_as_root(postgres: Postgres) -> None:
    assert Path(f"/proc/{postgres.pid}").stat().st_uid == (os.geteuid() or 65_534)


def test_postgres_keeps_what_it_acknowledged_when_killed() -> None:
    with Postgres(durable=True) as server:
        url = server.create_database("kept")
        _rows(url, "CREATE TABLE words (word text)")
        _rows(url, "INSERT INTO words VALUES ('acknowledged')")
        engine = sa.create_engine(url)
        with engine.connect() as witness:
            witness.execute(sa.text("INSERT INTO words VALUES ('never committed')"))
            server.kill()
            with pytest.raises(sa.exc.OperationalError):
                witness.execute(sa.text("SELECT 1"))
        engine.dispose()
        with pytest.raises(psycopg.OperationalError):
            server.create_database("nobody listens")
        server.start()
        assert _rows(url, "SELECT word FROM words") == [("acknowledged",)]
        server.stop()
        server.start()
        assert _rows(url, "SELECT word FROM words") == [("acknowledged",)]
    assert not server.home.exists()


def test_redis_keeps_what_it_acknowledged_when_killed(flavour: Flavour) -> None:
    with RedisServer(flavour, durable=True) as server:
        assert server.ask("SET word acknowledged") == b"+OK\r\n"
        server.kill()
        with pytest.raises(OSError, match=r"refused"):
            server.ask("PING")
        server.start()
        assert server.ask("GET word") == b"$12\r\nacknowledged\r\n"
        assert server.ask("CONFIG GET port") == b"*2\r\n$4\r\nport\r\n$1\r\n0\r\n"
    assert not server.home.exists()


def test_a_redis_that_is_not_durable_comes_back_empty(flavour: Flavour) -> None:
    with RedisServer(flavour) as server:
        server.ask("SET word forgotten")
        server.stop()
        server.start()
        assert server.ask("GET word") == b"$-1\r\n"


def test_the_two_flavours_are_what_they_say(flavour: Flavour) -> None:
    with RedisServer(flavour) as server:
        assert (b"\nvalkey_version:" in server.ask("INFO server")) == (flavour == "valkey")


@pytest.mark.parametrize("expression", ["postgres.Postgres()", "redis.RedisServer('valkey')"])
def test_servers_die_with_a_killed_parent(expression: str) -> None:
    program = (
        "from tests.support import postgres, redis\n"
        f"server = {expression}\n"
        "server.start()\n"
        "print(server.pid, server.home, flush=True)\n"
        "input()"
    )
    with subprocess.Popen(  # noqa: S603 - our own command, no shell
        [sys.executable, "-c", program], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        pid, home = parent.stdout.readline().split()
        server = os.pidfd_open(int(pid))
        try:
            assert select.select([server], [], [], 0) == ([], [], [])
            parent.kill()
            assert select.select([server], [], [], TIMEOUT_S) == ([server], [], [])
        except BaseException:
            signal.pidfd_send_signal(server, signal.SIGKILL)
            raise
        finally:
            os.close(server)
            shutil.rmtree(home, ignore_errors=True)
