"""What tables are made of and written with, the same on both engines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Connection, MetaData, Select, String, Table, literal, text, tuple_
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

from tutorwamp.kernel.contracts import from_ms, place_in, to_ms

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)
"""Every store's tables; named constraints, so that migrations can drop them on both engines."""


class InstantColumn(TypeDecorator[datetime]):
    """An instant as milliseconds since 1970: exact and the same on both engines."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        """Aware datetime to milliseconds."""
        return None if value is None else to_ms(value)

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:
        """Milliseconds to an aware datetime, UTC."""
        return None if value is None else from_ms(value)


def newest_first(query: Select[Any], at: Any, key: Any, limit: int, cursor: str | None) -> Select[Any]:
    """A page of a list that is ordered by an instant and an id, and one row more. Raises Invalid (cursor)."""
    if cursor is not None:
        begins_at, begins_key = place_in(cursor)
        # The type has to be said: inside a tuple a value does not learn it from its column.
        last = tuple_(literal(begins_at, InstantColumn), literal(begins_key, String))
        query = query.where(tuple_(at, key) < last)
    return query.order_by(at.desc(), key.desc()).limit(limit + 1)


def lock(connection: Connection, key: str) -> None:
    """Let no other transaction with the same key run until this one ends. SQLite has one writer anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))"), {"key": key})


def insert_new(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert those rows that break no unique key; the others are there already."""
    if rows:
        make = postgresql_insert if connection.dialect.name == "postgresql" else sqlite_insert
        connection.execute(make(table).on_conflict_do_nothing(), list(rows))


def put(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows, or replace what is there under their primary keys."""
    if rows:
        make = postgresql_insert if connection.dialect.name == "postgresql" else sqlite_insert
        statement = make(table)
        key = [column.name for column in table.primary_key]
        values = {name: statement.excluded[name] for name in rows[0] if name not in key}
        connection.execute(statement.on_conflict_do_update(index_elements=key, set_=values), list(rows))
