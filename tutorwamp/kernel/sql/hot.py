"""Hot statements: written in SQLAlchemy Core like the others, compiled once, and given to the driver as text.

Compiling is cached for every statement, and yet Core spends ten times as long around a small one as SQLite does in it.
What a send does is therefore compiled once for each engine, here; its values pass the same types on their way. Answers
come as the driver gives them: only for columns whose values need no type of ours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Executable, Insert
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import DBAPIError

from tutorwamp.kernel.sql.running import statement_begins, statement_ended

Values = Mapping[str, Any]
_Process = Callable[[Any], Any] | None


@dataclass(frozen=True)
class _Compiled:
    """A statement's text for one engine, and how its values become the driver's."""

    sql: str
    places: tuple[tuple[str, _Process], ...]
    by_place: bool
    """Whether the driver takes values by their places, or by their names."""

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
            made = self._statement.compile(dialect=dialect, column_keys=self._columns, for_executemany=True)
            names = made.positiontup if made.positional else list(made.binds)
            places = tuple(
                (name, made.binds[name].type.dialect_impl(dialect).bind_processor(dialect)) for name in names
            )
            known = self._by_engine[dialect.name] = _Compiled(str(made), places, bool(made.positional))
        return known


def ask(connection: Connection, questions: Sequence[tuple[Hot, Values]]) -> list[list[Any]]:
    """The rows that answer each of these: for PostgreSQL, to which all go on one way."""
    made = [(hot.compiled(connection.dialect), values) for hot, values in questions]
    answers: list[list[Any]] = []
    with pipelined(connection):
        driver: Any = connection.connection.driver_connection
        asked = [(one.sql, bound, driver.execute(one.sql, bound)) for one, bound in _bound(made)]
        for sql, bound, cursor in asked:
            with _driver(connection, sql, bound):
                answers.append(cursor.fetchall())
    return answers


def _bound(made: Sequence[tuple[_Compiled, Values]]) -> list[tuple[_Compiled, Any]]:
    return [(one, one.bind(values)) for one, values in made]


def ask_each(connection: Connection, hot: Hot, all_values: Sequence[Values]) -> list[Any]:
    """The rows that answer it for any of these, in one after another: for SQLite, which has no way to go."""
    made = hot.compiled(connection.dialect)
    bound = [made.bind(values) for values in all_values]
    with _driver(connection, made.sql, bound[0] if bound else ()) as driver:
        cursor = driver.cursor()
        return [row for one in bound for row in cursor.execute(made.sql, one)]


def run(connection: Connection, hot: Hot, rows: Sequence[Values]) -> None:
    """Do it for each of the rows."""
    made = hot.compiled(connection.dialect)
    bound = [made.bind(row) for row in rows]
    with _driver(connection, made.sql, bound[0]) as driver:
        if len(bound) == 1:
            driver.execute(made.sql, bound[0])
        else:
            driver.cursor().executemany(made.sql, bound)


def say(connection: Connection, sql: str) -> None:
    """A word without values to the driver, such as SAVEPOINT: it is none of a transaction's queries."""
    try:
        connection.connection.driver_connection.execute(sql)  # type: ignore[union-attr]  # of an open connection
    except connection.dialect.loaded_dbapi.Error as error:
        raise _wrapped(connection, sql, error) from error


@contextmanager
def pipelined(connection: Connection) -> Iterator[None]:
    """What is ``run`` in here may go to a server together; its errors come at the end at the latest."""
    if connection.dialect.name != _POSTGRESQL:
        yield
        return
    driver: Any = connection.connection.driver_connection
    try:
        with driver.pipeline():
            yield
    except connection.dialect.loaded_dbapi.Error as error:
        raise _wrapped(connection, "", error) from error


_POSTGRESQL: Final = "postgresql"


@contextmanager
def _driver(connection: Connection, sql: str, bound: Any) -> Iterator[Any]:
    """The driver's connection, for one statement, which is noted; its errors are SQLAlchemy's."""
    statement_begins(sql, bound)
    try:
        yield connection.connection.driver_connection
    except connection.dialect.loaded_dbapi.Error as error:
        raise _wrapped(connection, sql, error) from error
    statement_ended()


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
