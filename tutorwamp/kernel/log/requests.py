"""The line of each call: who asked for what, what became of it, and where its time went.

A call that is asked for again and again is told twenty times a second at most; the next line says for how many it
stands (``stands_for``). What was slow, or failed by a fault of ours, has an allowance of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any, Final

from tutorwamp.kernel.errors import Internal, RateLimited, Unavailable
from tutorwamp.kernel.limits import Allowance, Limits
from tutorwamp.kernel.log.calls import Call
from tutorwamp.kernel.log.lines import RequestLogging, get_logger

log = get_logger(__name__)

LINES: Final = Allowance(per_s=20, burst=20)
"""Of one procedure or route, and of each of the three kinds: whatever repeats more often is told by samples."""
_FAULTS: Final = (Unavailable.uri, Internal.uri)


class RequestLines:
    """Writes them. ``now_s`` is a clock that never goes back."""

    def __init__(self, logging: RequestLogging, slow_from: timedelta, now_s: Callable[[], float]) -> None:
        self._logging = logging
        self._slow_from_s = slow_from.total_seconds()
        self._allowed = Limits(LINES, now_s)
        self._left_out: dict[str, int] = {}

    def write(self, call: Call) -> None:
        """The line of a call that is over, unless it is left out."""
        slow = call.seconds >= self._slow_from_s
        if self._logging is RequestLogging.OFF or (self._logging is RequestLogging.SLOW and not slow):
            return
        kind = "slow" if slow else "fault" if call.outcome in _FAULTS else "call"
        key = f"{kind} {call.name}"
        try:
            self._allowed.take(key)
        except RateLimited:
            self._left_out[key] = self._left_out.get(key, 0) + 1
            return
        stands_for = self._left_out.pop(key, 0) + 1
        more = {"slow": True} if slow else {}
        tell = log.info if kind == "call" else log.warning
        tell("call", **dict(_fields(call)), **more, **({"stands_for": stands_for} if stands_for > 1 else {}))


def _fields(call: Call) -> Iterator[tuple[str, Any]]:
    """What the line says; what is nothing is left out, but for the first ones."""
    yield "call", call.name
    yield "edge", str(call.edge)
    yield "outcome", call.outcome
    yield "ms", _ms(call.seconds)
    yield "request_id", call.request_id
    for name, text in (("user_id", call.user_id), ("lesson_id", call.lesson_id)):
        if text is not None:
            yield name, text
    for name, seconds in (
        ("queue_ms", call.queue_s),
        ("database_wait_ms", call.database_wait_s),
        ("database_ms", call.database_s),
        ("cache_ms", call.cache_s),
    ):
        if seconds:
            yield name, _ms(seconds)
    for name, count in (
        ("transactions", call.transactions),
        ("queries", call.queries),
        ("cache_hits", call.cache_hits),
        ("cache_misses", call.cache_misses),
        ("events", call.events),
        ("bytes_in", call.bytes_in),
        ("bytes_out", call.bytes_out),
    ):
        if count:
            yield name, count
    if call.parts:
        yield "parts_ms", {name: _ms(seconds) for name, seconds in call.parts.items()}


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 1)
