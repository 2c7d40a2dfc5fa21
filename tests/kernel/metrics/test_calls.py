"""Calls are counted by their names and outcomes."""

from __future__ import annotations

from prometheus_client import REGISTRY

from tutorwamp.kernel.errors import NotFound
from tutorwamp.kernel.log.calls import Call, Edge, finish
from tutorwamp.kernel.metrics.calls import count_calls


def test_a_finished_call_is_counted_with_its_outcome_and_its_time() -> None:
    stop = count_calls()
    try:
        finish(Call("tutorwamp.sample.count", Edge.WAMP))
        finish(Call("tutorwamp.sample.count", Edge.WAMP), NotFound("no such thing"))
        finish(Call("GET /api/sample", Edge.REST), NotFound("no such thing"))
    finally:
        stop()
    finish(Call("tutorwamp.sample.count", Edge.WAMP))
    labels = {"door": "wamp", "call": "tutorwamp.sample.count"}
    found = [
        REGISTRY.get_sample_value("tutorwamp_calls_total", {**labels, "outcome": outcome})
        for outcome in ("ok", NotFound.uri)
    ]
    assert found == [1, 1]
    assert REGISTRY.get_sample_value("tutorwamp_call_seconds_count", labels) == 2
    rest = {"door": "rest", "call": "GET /api/sample"}
    assert REGISTRY.get_sample_value("tutorwamp_call_seconds_count", rest) == 1
