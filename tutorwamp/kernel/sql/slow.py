"""Transactions that took too long, told with their slowest statements: as SQL without a value, and with its plan.

What people wrote is in the values, and in the plans of PostgreSQL, which repeat them: there they are taken out.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from tutorwamp.kernel.log.calls import Call
from tutorwamp.kernel.log.lines import get_logger
from tutorwamp.kernel.settings import setting

log = get_logger(__name__)

STATEMENTS_AT_MOST: Final = 3
"""Of one transaction in its line: the slowest."""
SQL_CHARACTERS_AT_MOST: Final = 500
PLAN_LINES_AT_MOST: Final = 40
PLANNED_EVERY_S: Final = 60.0
"""The same statement: its plan hardly changes, and asking for it costs the database something as well."""
PLANNED_AT_MOST: Final = 500
"""Statements of which it is remembered when their plan was asked for."""
REQUESTS_AT_MOST: Final = 5
"""Named in a line, of those that shared a batch."""
_CONDITION: Final = re.compile(r"^\s*[A-Z][A-Za-z -]*: ")
"""A line of PostgreSQL's plan that repeats values; those with costs have none."""
_TEXT: Final = re.compile(r"'(?:[^']|'')*(?:'|\Z)")
_NUMBER: Final = re.compile(r"\b\d+(?:\.\d+)?\b")


@dataclass(frozen=True)
class SlowSettings:
    """Which transactions are told, and how much of them."""

    logging: bool = setting("SLOW_QUERY_LOGGING", default=True, reason="Log transactions over the threshold.")
    threshold: timedelta = setting(
        "SLOW_QUERY_THRESHOLD", timedelta(milliseconds=100), "A person notices an answer that is later than this."
    )
    plan: bool = setting(
        "SLOW_QUERY_PLAN",
        default=False,
        reason="With the plan of the slowest statement, which the database is asked for.",
    )


@dataclass(frozen=True, slots=True)
class Statement:
    """One that was run: its text, its values (never told), when, and how long it took."""

    sql: str
    values: Any
    began_s: float
    seconds: float


class SlowTransactions:
    """Tells them. In the thread that ran the transaction, after it."""

    def __init__(self, engine: Engine, settings: SlowSettings) -> None:
        self._engine = engine
        self._settings = settings
        self._from_s = settings.threshold.total_seconds()
        self._planned_s: dict[str, float] = {}

    def look(
        self, name: str, ran_s: float, statements: Sequence[Statement], calls: Sequence[Call], *, may_ask: bool = True
    ) -> None:
        """Tell a transaction that is over, where it took too long. ``may_ask``: the database, for a plan."""
        if not self._settings.logging or ran_s < self._from_s:
            return
        slowest = sorted(statements, key=lambda one: one.seconds, reverse=True)[:STATEMENTS_AT_MOST]
        more: dict[str, Any] = {}
        if calls:
            more["calls"] = sorted({call.name for call in calls})
            more["request_ids"] = [call.request_id for call in calls[:REQUESTS_AT_MOST]]
        if slowest and self._settings.plan and may_ask:
            more["plan"] = self._plan(slowest[0])
        log.warning(
            "slow transaction",
            name=name,
            ran_ms=round(ran_s * 1000),
            queries=len(statements),
            statements=[{"ms": round(one.seconds * 1000, 1), "sql": _on_one_line(one.sql)} for one in slowest],
            **more,
        )

    def _plan(self, slow: Statement) -> list[str] | None:
        """How the database would run it now; None where it was asked a moment ago, or cannot say."""
        now_s = time.monotonic()
        if now_s - self._planned_s.get(slow.sql, float("-inf")) < PLANNED_EVERY_S:
            return None
        if len(self._planned_s) >= PLANNED_AT_MOST:
            self._planned_s.clear()
        self._planned_s[slow.sql] = now_s
        sqlite = self._engine.dialect.name == "sqlite"
        explain = "EXPLAIN QUERY PLAN" if sqlite else "EXPLAIN"
        try:
            with self._engine.connect().execution_options(writes=False) as connection:
                rows = connection.exec_driver_sql(f"{explain} {slow.sql}", slow.values).all()
        except SQLAlchemyError as error:
            return [f"no plan: {type(error).__name__}"]
        return _without_values(str(row[-1]) for row in rows)[:PLAN_LINES_AT_MOST]


def _on_one_line(sql: str) -> str:
    line = " ".join(sql.split())
    return line if len(line) <= SQL_CHARACTERS_AT_MOST else f"{line[:SQL_CHARACTERS_AT_MOST]}…"


def _without_values(lines: Iterable[str]) -> list[str]:
    """Texts first, wherever they are: one of several lines begins in one line of the plan and ends in another."""
    without_texts = _TEXT.sub("?", "\n".join(lines)).split("\n")
    return [_NUMBER.sub("?", line) if _CONDITION.match(line) else line for line in without_texts]
