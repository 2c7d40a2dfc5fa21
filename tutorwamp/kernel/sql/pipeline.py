"""Statements that go to PostgreSQL together, and their answers: libpq's pipeline, one wait for all of them.

psycopg's own pipeline waits for the socket at each of its steps, a dozen times in a transaction, and each time another
thread may take the interpreter. Here a transaction's beginning goes with its first statements, and its commit with its
last. What fails raises what psycopg would raise.
"""

from __future__ import annotations

import select
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Final

from psycopg import Binary, Connection, DataError, Error, OperationalError
from psycopg.errors import DuplicatePreparedStatement, InvalidSqlStatementName, error_from_result
from psycopg.pq import ConnStatus, ExecStatus, PipelineStatus, TransactionStatus
from psycopg.pq.abc import PGconn, PGresult
from sqlalchemy import Connection as SqlConnection

from tutorwamp.kernel.sql.running import statement_begins, statement_ended

Parameter = bytes | None


@dataclass(frozen=True)
class Wire:
    """A statement as libpq takes it, and the name under which a connection prepares it."""

    sql: bytes
    name: bytes


@dataclass(frozen=True)
class Request:
    """A statement with its values, once or more often, and how it is noted."""

    wire: Wire
    parameters: Sequence[Sequence[Parameter]]
    sql: str
    bound: Any
    noted: bool = True
    """BEGIN and COMMIT are none of a transaction's queries."""


_NAMELESS: Final = b""
"""PostgreSQL's name for what has none. Among the names that a connection knows: it prepares under no other."""
_ROWS_ARE: Final = {20: int, 21: int, 23: int}
"""By PostgreSQL's number of the type: int8, int2, int4. Anything else is text."""


def parameter(value: Any, encoding: str) -> Parameter:
    """A value as text. Raises DataError where PostgreSQL has no such text."""
    if value is None:
        return None
    text = _array(value) if isinstance(value, list) else _text(value)
    if "\0" in text:
        raise DataError("PostgreSQL's texts have no NUL.")
    return text.encode(encoding)


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, Binary):
        return f"\\x{value.obj.hex()}"
    if isinstance(value, int):
        return str(value)
    raise TypeError(f"no value of a hot statement: {type(value).__name__}")


def _array(values: Sequence[Any]) -> str:
    texts = ("NULL" if one is None else f'"{_escaped(_text(one))}"' for one in values)
    return f"{{{','.join(texts)}}}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def begins(driver: Connection[Any]) -> bool:
    """Whether the next statement is the first of its transaction."""
    return not driver.autocommit and driver.pgconn.transaction_status == TransactionStatus.IDLE


def begin(driver: Connection[Any]) -> Request:
    """The beginning, as psycopg says it."""
    level = driver.isolation_level
    return _word("BEGIN" if level is None else f"BEGIN ISOLATION LEVEL {level.name.replace('_', ' ')}")


def commit() -> Request:
    """The end."""
    return _word("COMMIT")


def roll_back(connection: SqlConnection) -> None:
    """End a transaction without psycopg's knowing: after a ROLLBACK of its own it has everything prepared forgotten."""
    if connection.closed or connection.invalidated:
        return
    driver: Any = connection.connection.driver_connection
    if driver.pgconn.transaction_status in (TransactionStatus.INTRANS, TransactionStatus.INERROR):
        with suppress(Error):  # psycopg finds out, and says so
            exchange(driver, prepared_by(connection), [_word("ROLLBACK")])


def prepared_by(connection: SqlConnection) -> set[bytes]:
    """What a connection knows by name, as long as it lives."""
    names: set[bytes] = connection.info.setdefault("prepared", set())
    return names


def _word(sql: str) -> Request:
    return Request(Wire(sql.encode(), sql.replace(" ", "_").lower().encode()), [()], sql, (), noted=False)


def exchange(driver: Connection[Any], prepared: set[bytes], requests: Sequence[Request]) -> list[list[Any]]:
    """Send these, wait for the answers, and give back the rows of each. Blocks.

    ``prepared``: what this connection knows by name. Raises psycopg's errors; a connection that is lost, or of which
    nobody knows where it is, is closed.

    The answers come together, in the end: the time of all is the first statement's. Such as a wait for a lock.
    """
    pgconn = driver.pgconn
    if _NAMELESS in prepared:
        requests = [replace(one, wire=Wire(one.wire.sql, _NAMELESS)) for one in requests]
    first = next((one for one in requests if one.noted), None)
    if first is not None:
        statement_begins(first.sql, first.bound)
    known = set(prepared)
    new = [_is_new(one.wire.name, known) for one in requests]
    try:
        pgconn.enter_pipeline_mode()
        _send(pgconn, requests, new)
        answers = _Answers(pgconn, driver.info.encoding)
        answers.send_all()
        for one, is_new in zip(requests, new, strict=True):
            answers.take(one, prepared, is_new=is_new, has_begun=one is first)
        answers.end()
        pgconn.exit_pipeline_mode()
    except BaseException:
        if pgconn.status != ConnStatus.BAD and pgconn.pipeline_status != PipelineStatus.OFF:
            pgconn.finish()
        raise
    if answers.error is not None:
        raise answers.error
    return answers.rows


def _is_new(name: bytes, known: set[bytes]) -> bool:
    if name in known and name != _NAMELESS:
        return False
    known.add(name)
    return True


def _send(pgconn: PGconn, requests: Sequence[Request], new: Sequence[bool]) -> None:
    """Into libpq's buffer."""
    for one, is_new in zip(requests, new, strict=True):
        if is_new:
            pgconn.send_prepare(one.wire.name, one.wire.sql)
        for values in one.parameters:
            pgconn.send_query_prepared(one.wire.name, values)
    pgconn.pipeline_sync()


class _Answers:
    """What comes back."""

    def __init__(self, pgconn: PGconn, encoding: str) -> None:
        self._pgconn = pgconn
        self._encoding = encoding
        self._poll = select.poll()
        self.rows: list[list[Any]] = []
        """Of each request."""
        self.error: Exception | None = None
        """The first; no statement after it was run."""

    def send_all(self) -> None:
        """Until nothing is left in the buffer; what comes meanwhile is taken, or the server would wait for us."""
        if self._pgconn.flush():
            self._poll.register(self._pgconn.socket, select.POLLIN | select.POLLOUT)
            while self._pgconn.flush():
                if any(events & ~select.POLLOUT for _, events in self._poll.poll()):
                    self._pgconn.consume_input()
        self._poll.register(self._pgconn.socket, select.POLLIN)

    def take(self, one: Request, prepared: set[bytes], *, is_new: bool, has_begun: bool) -> None:
        """The answers to a request. ``prepared`` is what it has found out."""
        if one.noted and not has_begun and self.error is None:
            statement_begins(one.sql, one.bound)
        results = [self._result() for _ in range(is_new + len(one.parameters))]
        failed = next((result for result in results if result.status == ExecStatus.FATAL_ERROR), None)
        if failed is not None:
            self.error = error_from_result(failed, self._encoding)
        if is_new and one.wire.name != _NAMELESS and results[0].status == ExecStatus.COMMAND_OK:
            prepared.add(one.wire.name)
        if isinstance(self.error, InvalidSqlStatementName):
            prepared.clear()  # somebody on the way has forgotten them
        if isinstance(self.error, DuplicatePreparedStatement):
            prepared.add(_NAMELESS)  # others prepare where this ends, and what will be there next nobody knows
        if self.error is not None:
            return
        if one.noted:
            statement_ended()
        self.rows.append([row for result in results for row in self._rows_of(result)])

    def end(self) -> None:
        """Nothing else comes. Raises OperationalError where something is missing."""
        end = self._next()
        if end is None or end.status != ExecStatus.PIPELINE_SYNC:
            raise OperationalError("the connection is lost")

    def _next(self) -> PGresult | None:
        # libpq waits in get_result as well, but there psycopg keeps the interpreter from everybody else.
        while self._pgconn.is_busy():
            self._poll.poll()
            self._pgconn.consume_input()
        return self._pgconn.get_result()

    def _result(self) -> PGresult:
        """The next one. Raises OperationalError where none will come."""
        result = self._next()
        if result is None:
            raise OperationalError("the connection is lost")
        if self._pgconn.status == ConnStatus.BAD:
            raise error_from_result(result, self._encoding)
        if self._next() is not None:
            raise OperationalError("the connection answers what was not asked")
        return result

    def _rows_of(self, result: PGresult) -> Iterator[tuple[Any, ...]]:
        if result.status != ExecStatus.TUPLES_OK:
            return
        kinds = [_ROWS_ARE.get(result.ftype(place)) for place in range(result.nfields)]
        for row in range(result.ntuples):
            yield tuple(self._value(result.get_value(row, place), kind) for place, kind in enumerate(kinds))

    def _value(self, value: bytes | None, kind: type[int] | None) -> Any:
        if value is None:
            return None
        return value.decode(self._encoding) if kind is None else kind(value)
