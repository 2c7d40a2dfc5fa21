from __future__ import annotations

import pytest
from twisted.internet import defer
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from tutorwamp.kernel.deadline import answer_within


def test_an_outcome_in_time_is_the_answer() -> None:
    clock = Clock()
    heard: list[object] = []
    work: Deferred[str] = Deferred()
    answer_within(10, work, clock).addCallback(heard.append)
    work.callback("done")
    assert heard == ["done"]
    assert clock.getDelayedCalls() == []


def test_a_failure_in_time_is_the_answer() -> None:
    answer: Deferred[str] = answer_within(10, defer.fail(ValueError("no")), Clock())
    failures: list[object] = []
    answer.addErrback(lambda failure: failures.append(failure.value))
    assert [type(failure) for failure in failures] == [ValueError]


@pytest.mark.parametrize("outcome", ["done", ValueError("too late")])
def test_the_work_goes_on_after_the_deadline(outcome: object) -> None:
    clock = Clock()
    cancelled: list[object] = []
    failures: list[object] = []
    work: Deferred[object] = Deferred(cancelled.append)
    answer_within(10, work, clock).addErrback(lambda failure: failures.append(failure.value))
    clock.advance(10)
    assert [type(failure) for failure in failures] == [defer.TimeoutError]
    assert not work.called
    if isinstance(outcome, Exception):
        work.errback(outcome)
    else:
        work.callback(outcome)
    assert cancelled == []


def test_the_work_goes_on_where_nobody_waits_any_more() -> None:
    cancelled: list[object] = []
    work: Deferred[object] = Deferred(cancelled.append)
    answer = answer_within(10, work, Clock())
    answer.addErrback(lambda _: None)
    answer.cancel()
    assert cancelled == []
    work.callback("done")
