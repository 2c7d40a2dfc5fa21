"""A database of numbers for the tests of the kernel's database: real engines, one table, nothing of a domain."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

from sqlalchemy import Column, Connection, Integer, MetaData, Table, func, insert, select
from twisted.internet import reactor
from twisted.internet.interfaces import IReactorThreads

from tutorwamp.kernel.sql.columns import InstantColumn
from tutorwamp.kernel.sql.database import Database, make_engine
from tutorwamp.kernel.sql.slow import SlowSettings

PATIENCE_S = 30.0
"""For another thread or process; reaching it is a failure."""

tables = MetaData()
numbers = Table("numbers", tables, Column("id", Integer, primary_key=True), Column("value", Integer, nullable=False))
instants = Table("instants", tables, Column("id", Integer, primary_key=True), Column("at", InstantColumn))


@contextmanager
def opened(url: str, settings: SlowSettings | None = None) -> Iterator[Database]:
    database = Database(make_engine(url), cast("IReactorThreads", reactor), settings)
    tables.create_all(database.engine)
    database.start()
    try:
        yield database
    finally:
        database.stop()


def put(connection: Connection, number: int, value: int = 0) -> int:
    connection.execute(insert(numbers), {"id": number, "value": value})
    return number


def count(connection: Connection) -> int:
    return connection.execute(select(func.count()).select_from(numbers)).scalar_one()
