"""The transaction that a thread runs: for whom, what it has asked, what it has cost, and its trace."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeVar

from sqlalchemy import Connection

from tutorwamp.kernel.log.calls import Call, Step, calls_under_way
from tutorwamp.kernel.sql.counts import WAITED, Cost, TransactionCounts
from tutorwamp.kernel.sql.slow import Statement

Result = TypeVar("Result")

_FRAME: Final = ("BEGIN", "SET LOCAL")
"""Statements around a transaction, which are none of its queries."""


@dataclass(frozen=True)
class Asked:
    """A transaction: how it is to be run, for whom, and what it has cost."""

    name: str
    lane: str
    writes: bool = False
    within_s: float | None = None
    asked_at: float = field(default_factory=time.monotonic)
    calls: tuple[Call, ...] = field(default_factory=calls_under_way)
    cost: Cost = field(default_factory=Cost)
    statements: list[Statement] = field(default_factory=list)

    def began(self, asked_at: float) -> None:
        """It has a connection, and waited for it since then."""
        waited_s = time.monotonic() - asked_at
        WAITED[self.lane,].observe(waited_s)
        self.cost.waited_s += waited_s

    def charge(self, outcome: Result) -> Result:
        """Add what it has cost to the calls that it was for. On the reactor's thread."""
        for call in self.calls:
            call.transactions += 1
            call.queries += self.cost.queries
            call.database_wait_s += self.cost.waited_s
            call.database_s += self.cost.ran_s
            if call.steps is not None:
                call.steps.append(self._step())
        return outcome

    def _step(self) -> Step:
        """As it is traced: from when it was asked for."""
        statements = [
            Step("statement", one.began_s, one.seconds, {"db.query.text": one.sql}) for one in self.statements
        ]
        waited = {"waited_s": self.cost.waited_s}
        seconds = self.cost.waited_s + self.cost.ran_s
        return Step(f"transaction {self.name}", self.asked_at, seconds, dict(waited), statements)


class _Running(threading.local):
    """What this thread runs, if it runs a transaction."""

    one: Asked | None = None
    counts: TransactionCounts | None = None
    statement: tuple[str, Any, float] | None = None
    """Text, values and beginning of the statement that is under way."""


_running: Final = _Running()


def begin_running(one: Asked, counts: TransactionCounts) -> None:
    """From here on this thread's statements are this transaction's."""
    _running.one, _running.counts, _running.statement = one, counts, None


def end_running() -> None:
    """From here on they are nobody's. A statement that was stopped, or failed, is noted as well."""
    if _running.statement is not None:
        statement_ended()
    _running.one = _running.counts = None


def statement_begins(sql: str, values: Any) -> None:
    """Count a statement of the transaction under way, if there is one."""
    one, counts = _running.one, _running.counts
    if one is not None and counts is not None and not sql.startswith(_FRAME):
        counts.queries += 1
        one.cost.queries += 1
    _running.statement = sql, values, time.monotonic()


def statement_ended() -> None:
    """Note how long it took. One that failed has its end with the transaction's."""
    one = _running.one
    begun, _running.statement = _running.statement, None
    if one is None or begun is None:  # another listener has asked something meanwhile
        return
    sql, values, began_s = begun
    if not sql.startswith(_FRAME):
        one.statements.append(Statement(sql, values, began_s, time.monotonic() - began_s))


def statement_under_way() -> str:
    """The text of the one that has begun and not ended, such as one that failed."""
    return "" if _running.statement is None else _running.statement[0]


Trace = Callable[[Connection], bool]
"""Looks in another transaction whether this one was committed, and waits where it still may be."""


@dataclass
class Try(Generic[Result]):
    """One run of a transaction, up to its commit."""

    trace: Trace | None = None
    at_commit: Callable[[], object] | None = None
    """What is left to be written, and goes with the commit."""
    results: list[Result] = field(default_factory=list)

    def is_committed(self, connection: Connection) -> bool:
        """Whether its commit was done, where its answer was lost; false where nobody can know."""
        if not self.results or self.trace is None:
            return False
        with connection.begin():  # of its own: what it locks is no part of the next try's order
            return self.trace(connection)


@dataclass
class Tried:
    """Which try a writer's connection runs now: the connection is kept, the tries come and go."""

    now: Try[Any] = field(default_factory=Try)


def begin_try(connection: Connection, this: Try[Any]) -> None:
    """What leaves a trace from here on leaves it of this try."""
    tried = connection.get_execution_options().get("tried")
    if tried is not None:  # of a writer's
        tried.now = this


def try_of(connection: Connection) -> Try[Any] | None:
    """The try that runs on it; none where it was opened by hand: what is done there is not tried again."""
    tried = connection.get_execution_options().get("tried")
    return None if tried is None else tried.now


def leave_trace(connection: Connection, trace: Trace) -> None:
    """Say how one sees whether the transaction was committed, should the answer to its commit be lost."""
    this = try_of(connection)
    if this is not None:
        this.trace = trace
