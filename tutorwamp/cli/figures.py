"""The figures of ``tutorwamp top``, from two readings of a node's metrics. Pure.

All times are seconds; null is what the node does not tell, or what did not happen.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tutorwamp.cli.readings import UP, Change, Reading

SLOWEST_AT_MOST: Final = 10
MEDIAN_AND_P99: Final = (0.5, 0.99)
_WAITS: Final = "tutorwamp_database_write_wait_seconds"
_STALLS: Final = "tutorwamp_reactor_longest_stall_seconds"
PROBED: Final = frozenset(
    f"GET {path}" for path in ("/metrics", "/api/health", "/api/health/live", "/api/health/ready")
)
"""What machines ask all day long, we among them; nobody wants to read of it."""
_PROBES: Final = frozenset(("call", name) for name in PROBED)
_FINE: Final = _PROBES | {("outcome", "ok")}


@dataclass(frozen=True)
class CallFigures:
    """One procedure or route, as it was called between the readings."""

    door: str
    call: str
    calls_per_s: float
    errors_per_s: float
    median_s: float
    p99_s: float


@dataclass(frozen=True)
class ProcessFigures:
    """One process of the node."""

    process: str
    answers: bool
    processors: float | None
    """How many it has used."""
    memory_bytes: float | None
    reactor_p99_s: float | None
    """Of its reactor's turns: whoever has something for it waits so long, now and then."""
    longest_stall_s: float | None
    """Of the last minutes; 0: none was long."""
    stalled_in: str
    """In which call."""


@dataclass(frozen=True)
class Figures:
    """A node, as it is."""

    over_s: float
    """The time between the two readings."""
    version: str | None
    restarts: float | None
    people: float | None
    """In lessons."""
    lessons: float | None
    """With people in them."""
    sessions: float | None
    calls_per_s: float | None
    errors_per_s: float | None
    median_s: float | None
    p99_s: float | None
    refused_per_s: float | None
    """People who were not let in."""
    events_per_s: float | None
    delivered_per_s: float | None
    """Events, once for each who was told."""
    processes: list[ProcessFigures]
    write_waits_s: dict[str, float]
    """By lane: since when its first write waits."""
    reads_waiting: float | None
    push_waiting: float | None
    errors: dict[str, float]
    """A second, by error."""
    slowest: list[CallFigures]
    """Calls by their 99th percentile."""


def figures(before: Reading, after: Reading) -> Figures:
    """What two readings say of the time between them."""
    change = Change(before, after)
    all_calls = change.quantiles("tutorwamp_call_seconds", MEDIAN_AND_P99, but=_PROBES).get((), [None, None])
    return Figures(
        over_s=round(change.seconds, 3),
        version=next((one.get("version") for one in after.labels_of("tutorwamp_build_info")), None),
        restarts=after.highest("tutorwamp_node_restarts_total"),
        people=after.total("tutorwamp_people_in_lessons"),
        lessons=after.total("tutorwamp_lessons_occupied"),
        sessions=after.total("tutorwamp_sessions"),
        calls_per_s=change.total_per_s("tutorwamp_calls", but=_PROBES),
        errors_per_s=change.total_per_s("tutorwamp_calls", but=_FINE),
        median_s=all_calls[0],
        p99_s=all_calls[1],
        refused_per_s=change.total_per_s("tutorwamp_join_refusals"),
        events_per_s=change.total_per_s("tutorwamp_events_published"),
        delivered_per_s=change.total_per_s("tutorwamp_events_delivered"),
        processes=_processes(change),
        write_waits_s={key[0]: wait_s for key, wait_s in sorted(after.by(_WAITS, "lane").items())},
        reads_waiting=after.total("tutorwamp_database_reads_waiting"),
        push_waiting=after.total("tutorwamp_push_queue_length"),
        errors=_errors(change),
        slowest=_slowest(change),
    )


def _errors(change: Change) -> dict[str, float]:
    rates = change.per_s("tutorwamp_calls", "outcome", but=_FINE) or {}
    return {uri: rate for (uri,), rate in sorted(rates.items(), key=lambda one: -one[1]) if rate > 0}


def _slowest(change: Change) -> list[CallFigures]:
    calls = change.per_s("tutorwamp_calls", "door", "call") or {}
    errors = change.per_s("tutorwamp_calls", "door", "call", but=_FINE) or {}
    times = change.quantiles("tutorwamp_call_seconds", MEDIAN_AND_P99, "door", "call", but=_PROBES)
    slowest = sorted(times.items(), key=lambda one: one[1][1], reverse=True)[:SLOWEST_AT_MOST]
    return [
        CallFigures(key[0], key[1], calls.get(key, 0.0), errors.get(key, 0.0), median_s, p99_s)
        for key, (median_s, p99_s) in slowest
    ]


def _processes(change: Change) -> list[ProcessFigures]:
    after = change.after
    processors = change.per_s("process_cpu_seconds", "process") or {}
    memory = after.by("process_resident_memory_bytes", "process")
    turns = change.quantiles("tutorwamp_reactor_turn_seconds", MEDIAN_AND_P99[1:], "process")
    stalls = {key[0]: (stall_s, key[1]) for key, stall_s in after.by(_STALLS, "process", "call").items()}
    return [
        ProcessFigures(
            process=key[0],
            answers=bool(up),
            processors=processors.get(key),
            memory_bytes=memory.get(key),
            reactor_p99_s=turns.get(key, [None])[0],
            longest_stall_s=stalls[key[0]][0] if key[0] in stalls else None,
            stalled_in=stalls[key[0]][1] if key[0] in stalls else "",
        )
        for key, up in sorted(after.by(UP, "process").items())
    ]
