"""The line of each call: which calls have one, what is in it, and for how many one stands."""

from __future__ import annotations

from typing import Any

import pytest
from structlog.testing import capture_logs

from tutorwamp.kernel.errors import Conflict, Internal, TutorwampError, Unavailable
from tutorwamp.kernel.log.calls import OK, Call, Edge
from tutorwamp.kernel.log.lines import LogSettings, RequestLogging
from tutorwamp.kernel.log.requests import ALL, ERRORS, REPEATED, RequestLines

PERSON, LESSON = "01a22e01-b66c-7211-9bd5-0b14b489138a", "01a22e01-cc3b-7606-8e6f-22e0e84e0c24"


def nobody(_error: TutorwampError, _request_id: str) -> None:
    """Hears of errors that no line tells."""


class Clock:
    """Turned by hand."""

    def __init__(self) -> None:
        self.at_s = 0.0

    def __call__(self) -> float:
        return self.at_s


def a_call(
    error: TutorwampError | None = None, seconds: float = 0.002, name: str = "tutorwamp.board.submit", **more: Any
) -> Call:
    return Call(name, Edge.WAMP, error=error, seconds=seconds, **more)


def lines_of(
    calls: list[Call], logging: RequestLogging = RequestLogging.ON, clock: Clock | None = None
) -> list[dict[str, Any]]:
    lines = RequestLines(LogSettings(request_logging=logging), clock or Clock(), nobody)
    with capture_logs() as logs:
        for call in calls:
            lines.write(call)
    return [dict(line) for line in logs]


def test_a_line_says_who_asked_for_what_and_where_the_time_went() -> None:
    call = a_call(
        seconds=0.0123,
        given_id="proxy-7",
        user_id=PERSON,
        lesson_id=LESSON,
        queue_s=0.001,
        database_wait_s=0.002,
        database_s=0.003,
        transactions=1,
        queries=4,
        cache_misses=1,
        events=1,
        receivers=30,
        bytes_in=310,
        bytes_out=24,
    )
    call.add_part("simplify", 0.0005)
    (line,) = lines_of([call])
    assert line == {
        "event": "call", "log_level": "info", "module": "tutorwamp.kernel.log.requests",
        "call": "tutorwamp.board.submit", "edge": "wamp", "outcome": "ok", "ms": 12.3, "request_id": "proxy-7",
        "user_id": PERSON, "lesson_id": LESSON, "queue_ms": 1.0, "database_wait_ms": 2.0, "database_ms": 3.0,
        "transactions": 1, "queries": 4, "cache_misses": 1, "events": 1, "receivers": 30, "bytes_in": 310,
        "bytes_out": 24, "parts_ms": {"simplify": 0.5},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("logging", "told"),
    [(RequestLogging.ON, ["ok", "slow", Conflict.uri]), (RequestLogging.SLOW, ["slow"]), (RequestLogging.OFF, [])],
)
def test_all_calls_the_slow_ones_or_none(logging: RequestLogging, told: list[str]) -> None:
    lines = lines_of([a_call(), a_call(seconds=0.5), a_call(Conflict("no"))], logging)
    assert ["slow" if line.get("slow") else line["outcome"] for line in lines] == told


@pytest.mark.parametrize(
    ("call", "level"),
    [
        (a_call(), "info"),
        (a_call(Conflict("no")), "info"),
        (a_call(Unavailable("no")), "warning"),
        (a_call(Internal()), "warning"),
        (a_call(seconds=0.7), "warning"),
    ],
    ids=["ok", "refused", "unavailable", "internal", "slow"],
)
def test_what_a_caller_does_is_information_what_we_fail_at_a_warning(call: Call, level: str) -> None:
    assert [line["log_level"] for line in lines_of([call])] == [level]


def test_what_repeats_is_told_by_samples_which_say_for_how_many_they_stand() -> None:
    clock = Clock()
    lines = RequestLines(LogSettings(), clock, nobody)
    with capture_logs() as logs:
        for _ in range(10):
            for _ in range(100):  # in a second: five times as many as are told
                lines.write(a_call())
                clock.at_s += 0.01
        clock.at_s += 1
        lines.write(a_call())
    assert len(logs) <= REPEATED.burst + 10 * REPEATED.per_s + 1
    assert sum(line.get("stands_for", 1) for line in logs) == 1_001, "none is forgotten"


def test_slow_ones_faults_and_other_procedures_are_told_beside_what_repeats() -> None:
    often = [a_call() for _ in range(100)]
    lines = lines_of([*often, a_call(seconds=2.0), a_call(Internal()), a_call(name="tutorwamp.lesson.join")])
    assert [(line["call"], line["outcome"], line.get("slow", False)) for line in lines[REPEATED.burst :]] == [
        ("tutorwamp.board.submit", OK, True),
        ("tutorwamp.board.submit", Internal.uri, False),
        ("tutorwamp.lesson.join", OK, False),
    ]


def test_an_error_that_has_no_line_by_the_settings_is_told_as_an_answer() -> None:
    told: list[tuple[str, str]] = []
    lines = RequestLines(
        LogSettings(request_logging=RequestLogging.SLOW),
        Clock(),
        answered=lambda error, request_id: told.append((error.uri, request_id)),
    )
    lines.write(a_call(Conflict("no"), given_id="proxy-7"))
    lines.write(a_call())
    assert told == [(Conflict.uri, "proxy-7")]


def test_whoever_asks_wrongly_again_and_again_does_not_fill_the_disk() -> None:
    names = [f"tutorwamp.procedure.{number}" for number in range(60)]
    wrong = [a_call(Conflict("no"), name=name) for name in names for _ in range(100)]
    right = [a_call(name=name) for name in names for _ in range(100)]
    lines = lines_of([*wrong, *right, a_call(Internal())])
    assert sum(line["outcome"] == Conflict.uri for line in lines) == ERRORS.burst
    assert sum(line["outcome"] == OK for line in lines) == ALL.burst
    assert lines[-1]["outcome"] == Internal.uri, "a fault of ours is told all the same"


def test_what_is_asked_all_day_long_is_told_to_those_who_want_all_of_it() -> None:
    lines = RequestLines(LogSettings(), Clock(), nobody, is_quiet=lambda _: True)
    with capture_logs() as logs:
        lines.write(a_call())
        lines.write(a_call(seconds=2.0))
        lines.write(a_call(Internal()))
    assert [line["log_level"] for line in logs] == ["debug", "warning", "warning"]


def test_whoever_does_not_wait_for_an_answer_is_no_fault_of_ours() -> None:
    (line,) = lines_of([a_call(Unavailable("nobody waits"), given_up=True)])
    assert (line["outcome"], line["log_level"]) == ("given_up", "info")


def test_what_is_no_id_is_not_told_as_one() -> None:
    (line,) = lines_of([a_call(Conflict("no"), lesson_id="whatever stands in a path")])
    assert "lesson_id" not in line
