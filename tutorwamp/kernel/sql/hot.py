"""Hot statements: written in SQLAlchemy Core like the others, compiled once, and given to the driver as text.

Compiling is cached for every statement, and yet Core spends ten times as long around a small one as SQLite does in it.
What a send does is therefore compiled once for each engine, here; its values pass the same types on their way. Answers
come as the driver gives them: only for columns whose values need no type of ours.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Connection, Executable, Insert
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import DBAPIError

from tutorwamp.kernel.sql.running import statement_begins, statement_ended, statement_under_way, try_of

if TYPE_CHECKING:  # with psycopg, which who is on SQLite never loads
    from tutorwamp.kernel.sql.pipeline import Request, Wire

Values = Mapping[str, Any]
_POSTGRESQL: Final = "postgresql"
_Process = Callable[[Any], Any] | None


@dataclass(frozen=True)
class _Compiled:
    """A statement's text for one engine, and how its values become the driver's."""

    sql: str
    places: tuple[tuple[str, _Process], ...]
    by_place: bool
    """Whether the driver takes values by their places, or by their names."""
    wire: Wire | None = None
    """For PostgreSQL, which takes them in the order of ``places``."""

    def bind(self, values: Values) -> Any:
        """The driver's values."""
        if self.by_place:
            return tuple(values[name] if process is None else process(values[name]) for name, process in self.places)
        return {name: values[name] if process is None else process(values[name]) for name, process in self.places}


class Hot:
    """One statement. ``columns``: of an INSERT, which are given."""

    def __init__(self, statement: Executable, columns: Sequence[str] = ()) -> None:
        self._statement: Any = statement
        self._columns = list(columns) if isinstance(statement, Insert) else None
        self._by_engine: dict[str, _Compiled] = {}

    def compiled(self, dialect: Dialect) -> _Compiled:
        """Its text for an engine; made at first use."""
        known = self._by_engine.get(dialect.name)
        if known is None:
            known = self._by_engine[dialect.name] = self._compile(dialect)
        return known

    def _compile(self, dialect: Dialect) -> _Compiled:
        how: dict[str, Any] = {"column_keys": self._columns, "for_executemany": True}
        made, wire = self._statement.compile(dialect=dialect, **how), None
        names = made.positiontup if made.positional else list(made.binds)
        if dialect.name == _POSTGRESQL:
            from tutorwamp.kernel.sql.pipeline import Wire

            with_numbers: Any = type(dialect)
            numbered = self._statement.compile(dialect=with_numbers(paramstyle="numeric_dollar"), **how)
            sql, names = str(numbered), numbered.positiontup
            wire = Wire(sql.encode(), f"tutorwamp {hashlib.sha256(sql.encode()).hexdigest()[:16]}".encode())
        places = tuple((name, made.binds[name].type.dialect_impl(dialect).bind_processor(dialect)) for name in names)
        return _Compiled(str(made), places, bool(made.positional), wire)


Write = tuple[Hot, Sequence[Values]]
"""A statement, and for each time it is run its values; at least once."""


def ask(connection: Connection, questions: Sequence[tuple[Hot, Values]]) -> list[list[Any]]:
    """The rows that answer each of these: for PostgreSQL, to which all go on one way."""
    return _exchange(connection, [(hot, [values]) for hot, values in questions])


def write(connection: Connection, writes: Sequence[Write]) -> None:
    """Do all of these, in their order: to a server they go on one way."""
    if connection.dialect.name == _POSTGRESQL:
        _exchange(connection, writes)
        return
    for hot, rows in writes:
        run(connection, hot, rows)


def write_last(connection: Connection, writes: Sequence[Write]) -> None:
    """The same, and nothing else is done in this transaction: to a server they go on one way with its commit."""
    this = try_of(connection)
    if connection.dialect.name != _POSTGRESQL or this is None:
        write(connection, writes)
        return
    from tutorwamp.kernel.sql.pipeline import commit

    requests = _requests(connection, writes)
    this.at_commit = lambda: _sent(connection, [*requests, commit()])


def _exchange(connection: Connection, writes: Sequence[Write]) -> list[list[Any]]:
    return _sent(connection, _requests(connection, writes))


def _requests(connection: Connection, writes: Sequence[Write]) -> list[Request]:
    from tutorwamp.kernel.sql.pipeline import Request, parameter

    driver: Any = connection.connection.driver_connection
    encoding, requests = driver.info.encoding, []
    for hot, rows in writes:
        made = hot.compiled(connection.dialect)
        bound = [made.bind(row) for row in rows]
        with _errors(connection, made.sql):
            values = [[parameter(row[name], encoding) for name, _ in made.places] for row in bound]
        assert made.wire is not None  # noqa: S101  # it is PostgreSQL that we ask
        requests.append(Request(made.wire, values, made.sql, bound[0]))
    return requests


def _sent(connection: Connection, requests: list[Request]) -> list[list[Any]]:
    from tutorwamp.kernel.sql import pipeline

    driver: Any = connection.connection.driver_connection
    first = [pipeline.begin(driver)] if pipeline.begins(driver) else []
    with _errors(connection):
        return pipeline.exchange(driver, pipeline.prepared_by(connection), [*first, *requests])[len(first) :]


def ask_each(connection: Connection, hot: Hot, all_values: Sequence[Values]) -> list[Any]:
    """The rows that answer it for any of these, in one after another: for SQLite, which has no way to go."""
    made = hot.compiled(connection.dialect)
    bound = [made.bind(values) for values in all_values]
    with _driver(connection, made.sql, bound[0] if bound else ()) as driver:
        cursor = driver.cursor()
        return [row for one in bound for row in cursor.execute(made.sql, one)]


def run(connection: Connection, hot: Hot, rows: Sequence[Values]) -> None:
    """Do it for each of the rows."""
    if connection.dialect.name == _POSTGRESQL:
        _exchange(connection, [(hot, rows)])
        return
    made = hot.compiled(connection.dialect)
    bound = [made.bind(row) for row in rows]
    with _driver(connection, made.sql, bound[0]) as driver:
        if len(bound) == 1:
            driver.execute(made.sql, bound[0])
        else:
            driver.cursor().executemany(made.sql, bound)


def say(connection: Connection, sql: str) -> None:
    """A word without values to the driver, such as SAVEPOINT: it is none of a transaction's queries."""
    with _errors(connection, sql):
        connection.connection.driver_connection.execute(sql)  # type: ignore[union-attr]  # of an open connection


@contextmanager
def _driver(connection: Connection, sql: str, bound: Any) -> Iterator[Any]:
    """The driver's connection, for one statement, which is noted; its errors are SQLAlchemy's."""
    statement_begins(sql, bound)
    with _errors(connection, sql):
        yield connection.connection.driver_connection
    statement_ended()


@contextmanager
def _errors(connection: Connection, sql: str | None = None) -> Iterator[None]:
    """The driver's are SQLAlchemy's. ``sql``: None is whatever statement was under way."""
    try:
        yield
    except connection.dialect.loaded_dbapi.Error as error:
        raise _wrapped(connection, statement_under_way() if sql is None else sql, error) from error


def _wrapped(connection: Connection, sql: str, error: Any) -> DBAPIError:
    """As Core would raise it: without values, and a lost connection takes the pool's others along."""
    dialect = connection.dialect
    lost = not connection.invalidated and dialect.is_disconnect(error, connection.connection.dbapi_connection, None)
    if lost:
        connection.invalidate(error)
        connection.engine.dispose(close=False)
    made: DBAPIError = DBAPIError.instance(
        sql, None, error, dialect.loaded_dbapi.Error, hide_parameters=True, connection_invalidated=lost, dialect=dialect
    )
    return made
