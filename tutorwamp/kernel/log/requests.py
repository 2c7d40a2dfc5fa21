"""The line of each call: who asked for what, what became of it, and where its time went.

A call that is asked for again and again is told twenty times a second at most; the next line says for how many it
stands (``stands_for``). What was slow, or answered with an error, has allowances of its own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, Final

from tutorwamp.kernel.errors import Internal, TutorwampError, Unavailable
from tutorwamp.kernel.limits import Allowance, Limits
from tutorwamp.kernel.log.calls import Call
from tutorwamp.kernel.log.lines import LogSettings, RequestLogging, get_logger

log = get_logger(__name__)

REPEATED: Final = Allowance(per_s=20, burst=20)
"""Lines of one procedure or route: whatever repeats more often is told by samples."""
ALL: Final = Allowance(per_s=50, burst=500)
"""Lines of a process, but for the next two: 350 bytes each, 1.5 GB a day where it never ends."""
SLOW: Final = Allowance(per_s=20, burst=200)
ERRORS: Final = Allowance(per_s=5, burst=500)
"""Of a process and of each level: whoever asks wrongly again and again must not fill the disk (90 MB a day)."""

_ID: Final = re.compile(r"[0-9a-f-]{36}")


class RequestLines:
    """Writes them. ``now_s`` is a clock that never goes back.

    An error whose call has no line by the settings is handed to ``answered``, with its ``request_id``. What is quiet is
    told at the level ``debug``, unless it was slow or failed by a fault of ours.
    """

    def __init__(
        self,
        settings: LogSettings,
        now_s: Callable[[], float],
        answered: Callable[[TutorwampError, str], None],
        is_quiet: Callable[[Call], bool] = lambda _: False,
    ) -> None:
        self._logging = settings.request_logging
        self._slow_from_s = settings.slow_request_threshold.total_seconds()
        self._answered = answered
        self._is_quiet = is_quiet
        self._repeated, self._all = Limits(REPEATED, now_s), Limits(ALL, now_s)
        self._slow, self._errors = Limits(SLOW, now_s), Limits(ERRORS, now_s)
        self._left_out: dict[tuple[str, str], int] = {}

    def write(self, call: Call) -> None:
        """The line of a call that is over, unless it is left out."""
        slow = call.seconds >= self._slow_from_s
        if self._logging is RequestLogging.OFF or (self._logging is RequestLogging.SLOW and not slow):
            if call.error is not None and not call.given_up:
                self._answered(call.error, call.request_id)
            return
        fault = isinstance(call.error, Unavailable | Internal) and not call.given_up
        kind = "slow" if slow else "fault" if fault else "refused" if call.error is not None else "done"
        key = (kind, call.name)
        if self._wait_s(kind, call.name):
            self._left_out[key] = self._left_out.get(key, 0) + 1
            return
        more: dict[str, Any] = {"slow": True} if slow else {}
        if key in self._left_out:
            more["stands_for"] = self._left_out.pop(key) + 1
        tell = log.warning if slow or fault else log.debug if self._is_quiet(call) else log.info
        tell("call", **dict(_fields(call)), **more)

    def _wait_s(self, kind: str, name: str) -> float:
        if kind == "slow":
            return self._slow.wait_s(kind)
        if kind == "done":
            return self._repeated.wait_s(name) or self._all.wait_s(kind)
        return self._errors.wait_s(kind)


def _fields(call: Call) -> Iterator[tuple[str, Any]]:
    """What the line says; what is nothing is left out, but for the first ones."""
    yield "call", call.name
    yield "edge", str(call.edge)
    yield "outcome", call.outcome
    yield "ms", _ms(call.seconds)
    yield "request_id", call.request_id
    for name, text in (("user_id", call.user_id), ("lesson_id", call.lesson_id)):
        if text is not None and _ID.fullmatch(text):  # a path may hold anything
            yield name, text
    for name, seconds in (
        ("queue_ms", call.queue_s),
        ("database_wait_ms", call.database_wait_s),
        ("database_ms", call.database_s),
        ("cache_ms", call.cache_s),
    ):
        if ms := _ms(seconds):
            yield name, ms
    for name, count in (
        ("transactions", call.transactions),
        ("queries", call.queries),
        ("cache_hits", call.cache_hits),
        ("cache_misses", call.cache_misses),
        ("events", call.events),
        ("receivers", call.receivers),
        ("bytes_in", call.bytes_in),
        ("bytes_out", call.bytes_out),
    ):
        if count:
            yield name, count
    if call.parts:
        yield "parts_ms", {name: _ms(seconds) for name, seconds in call.parts.items()}


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 1)
