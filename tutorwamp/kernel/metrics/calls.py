"""Calls over both doors, by name: how many were answered with what, and how long that took."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from prometheus_client import Counter, Histogram

from tutorwamp.kernel.log.calls import Call, on_finished
from tutorwamp.kernel.metrics.children import Children

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


_counters, _timers = Children(CALLS), Children(SECONDS)


def count(call: Call) -> None:
    """A call is over."""
    _counters[call.edge, call.name, call.outcome].inc()
    _timers[call.edge, call.name].observe(call.seconds)


def count_calls() -> Callable[[], None]:
    """Count all calls of this process from now on; what is given back ends it."""
    return on_finished(count)
