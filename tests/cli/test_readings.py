"""Two readings of a node's metrics, and what has changed between them."""

from __future__ import annotations

import math

import pytest

from tutorwamp.cli.readings import Change, Reading, quantile

BEFORE = """
# TYPE tutorwamp_process_up gauge
tutorwamp_process_up{process="a"} 1
tutorwamp_process_up{process="b"} 1
# TYPE calls_total counter
calls_total{process="a",outcome="ok",call="x"} 10
calls_total{process="b",outcome="ok",call="x"} 5
calls_total{process="a",outcome="no",call="y"} 7
"""
AFTER = """
# TYPE tutorwamp_process_up gauge
tutorwamp_process_up{process="a"} 1
tutorwamp_process_up{process="b"} 1
# TYPE calls_total counter
calls_total{process="a",outcome="ok",call="x"} 14
calls_total{process="b",outcome="ok",call="x"} 5
calls_total{process="a",outcome="no",call="y"} 3
calls_total{process="a",outcome="no",call="z"} 2
"""


def change(before: str = BEFORE, after: str = AFTER) -> Change:
    return Change(Reading(before, 100.0), Reading(after, 102.0))


def test_rates_are_added_up_by_the_labels_that_are_asked_for() -> None:
    assert change().per_s("calls", "outcome") == {("ok",): 2.0, ("no",): 2.5}
    assert change().per_s("calls", "call", but=frozenset({("outcome", "ok")})) == {("y",): 1.5, ("z",): 1.0}
    assert change().total_per_s("calls") == 4.5


def test_what_began_anew_counts_from_its_beginning() -> None:
    """``y`` was at 7 and is at 3: its process was started again."""
    rates = change().per_s("calls", "call")
    assert rates is not None
    assert rates["y",] == 1.5


def test_what_a_process_counted_while_nobody_heard_it_is_not_of_this_moment() -> None:
    before = BEFORE.replace('up{process="b"} 1', 'up{process="b"} 0')
    before = "\n".join(line for line in before.splitlines() if 'process="b",' not in line)
    after = AFTER.replace('process="b",outcome="ok",call="x"} 5', 'process="b",outcome="ok",call="x"} 5000')
    assert change(before, after).total_per_s("calls") == 4.5


def test_what_is_not_there_is_nothing_and_no_error() -> None:
    assert change().per_s("unknown") is None
    assert change().total_per_s("unknown") is None
    assert change().quantiles("unknown", (0.5,)) == {}
    reading = Reading(AFTER, 0.0)
    assert (reading.total("unknown"), reading.highest("unknown"), reading.by("unknown", "a")) == (None, None, {})


def test_what_is_there_without_a_sample_has_not_happened() -> None:
    empty = "# TYPE calls counter\n"
    assert change(empty, empty).total_per_s("calls") == 0


def test_two_readings_of_one_moment_have_no_rates() -> None:
    once = Reading(BEFORE, 100.0)
    assert Change(once, once).total_per_s("calls") is None


@pytest.mark.parametrize("page", ["<html>It works</html>", "a b c", '{"detail": "no"}'])
def test_a_page_that_is_none_is_refused(page: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        Reading(page, 0.0)


BUCKETS = [(0.1, 10.0), (0.5, 60.0), (1.0, 100.0), (math.inf, 100.0)]


@pytest.mark.parametrize(
    ("wanted", "expected"), [(0.05, 0.05), (0.1, 0.1), (0.5, 0.42), (0.6, 0.5), (0.8, 0.75), (1.0, 1.0)]
)
def test_a_quantile_lies_evenly_in_its_bucket(wanted: float, expected: float) -> None:
    """As Prometheus' own histogram_quantile has it."""
    assert quantile(BUCKETS, wanted) == pytest.approx(expected)


def test_above_the_last_bound_nothing_more_is_known() -> None:
    assert quantile([(0.1, 1.0), (math.inf, 100.0)], 0.99) == 0.1


def histogram(process: str, *counts: int) -> str:
    lines = ["# TYPE took_seconds histogram"]
    lines += [
        f'took_seconds_bucket{{process="{process}",call="x",le="{bound}"}} {count}'
        for bound, count in zip(("0.1", "0.5", "+Inf"), counts, strict=True)
    ]
    return "\n".join(lines) + f'\ntook_seconds_count{{process="{process}",call="x"}} {counts[-1]}\n'


def test_quantiles_are_of_what_happened_between_the_readings() -> None:
    before, after = histogram("a", 1_000, 1_000, 1_000), histogram("a", 1_000, 1_004, 1_004)
    assert change(before, after).quantiles("took_seconds", (0.5, 1.0), "call") == {("x",): [pytest.approx(0.3), 0.5]}
    assert change(before, before).quantiles("took_seconds", (0.5,), "call") == {}
