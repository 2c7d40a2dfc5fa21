"""Calls over both doors, by name: how many were answered with what, and how long that took."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from prometheus_client import Counter, Histogram

from tutorwamp.kernel.log.calls import Call, on_finished

CALLS: Final = Counter(
    "tutorwamp_calls",
    "Answered calls by door, procedure or route, and outcome: ok, or the error's URI.",
    ["door", "call", "outcome"],
)
SECONDS: Final = Histogram(
    "tutorwamp_call_seconds",
    "How long calls took from when they were read until they were answered, by door and procedure or route.",
    ["door", "call"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
)


class CallCounter:
    """Counts each finished call. The library's counters are found once for each name and outcome."""

    def __init__(self) -> None:
        self._counters: dict[tuple[str, str, str], Any] = {}
        self._timers: dict[tuple[str, str], Any] = {}

    def finished(self, call: Call) -> None:
        """One more; to be called by ``kernel.log``."""
        key = (call.edge, call.name, call.outcome)
        counter = self._counters.get(key)
        if counter is None:
            counter = self._counters[key] = CALLS.labels(*map(str, key))
        counter.inc()
        timer = self._timers.get(key[:2])
        if timer is None:
            timer = self._timers[key[:2]] = SECONDS.labels(*map(str, key[:2]))
        timer.observe(call.seconds)


def count_calls() -> Callable[[], None]:
    """Count all calls of this process from now on; what is given back ends it."""
    return on_finished(CallCounter().finished)
