"""A SQLite file that is taken away is noticed before a write is acknowledged; nobody puts an empty one there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import OperationalError
from twisted.internet import reactor

from tests.support.refused import refused
from tutorwamp.kernel.errors import Unavailable
from tutorwamp.kernel.sql.database import Database, make_engine


def insert(connection: Connection) -> None:
    connection.execute(text("INSERT INTO t VALUES (1)"))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a file.sqlite3"


@pytest.fixture
def engine(path: Path) -> Iterator[Engine]:
    made = make_engine(f"sqlite:///{path}")
    with made.begin() as connection:
        connection.execute(text("CREATE TABLE t (n INTEGER)"))
    yield made
    made.dispose()


@pytest.fixture
def database(engine: Engine) -> Iterator[Database]:
    made = Database(engine, reactor)  # type: ignore[arg-type]  # a module that is a reactor
    made.start()
    yield made
    made.stop()


def delete(path: Path) -> None:
    path.unlink()


def replace(path: Path) -> None:
    other = path.with_name("other")
    other.write_bytes(path.read_bytes())
    other.replace(path)


def lose_its_log(path: Path) -> None:
    path.with_name(f"{path.name}-wal").unlink()


def move_its_folder(path: Path) -> None:
    path.parent.rename(path.parent.with_name(f"{path.parent.name}-moved"))


TAKEN = [delete, replace, lose_its_log, move_its_folder]


@pytest.mark.parametrize("take", TAKEN)
async def test_after_it_is_taken_away_no_write_is_acknowledged(
    database: Database, path: Path, take: Callable[[Path], None]
) -> None:
    await database.write("sample", insert)
    assert database.file.is_itself()
    take(path)
    assert not database.file.is_itself()
    for _ in range(3):
        await refused(Unavailable, database.write("sample", insert))


@pytest.mark.parametrize("take", TAKEN)
async def test_nor_where_it_happens_in_the_middle_of_one(
    database: Database, path: Path, take: Callable[[Path], None]
) -> None:
    def insert_and_take(connection: Connection) -> None:
        insert(connection)
        take(path)

    await refused(Unavailable, database.write("sample", insert_and_take))


def test_a_second_connection_makes_no_empty_file(engine: Engine, path: Path) -> None:
    path.unlink()
    with engine.connect(), pytest.raises(OperationalError), engine.connect():
        pass
    assert not path.exists()


def test_who_only_looks_makes_none_at_all(path: Path) -> None:
    looking = make_engine(f"sqlite:///{path}", create=False)
    with pytest.raises(OperationalError), looking.connect():
        pass
    looking.dispose()
    assert list(path.parent.iterdir()) == []


def test_other_processes_that_come_and_go_take_nothing_away(engine: Engine, path: Path) -> None:
    database = Database(engine, reactor)  # type: ignore[arg-type]  # as above
    for _ in range(3):
        other = make_engine(f"sqlite:///{path}")
        with other.begin() as connection:
            insert(connection)
        other.dispose()
        assert database.file.is_itself()
