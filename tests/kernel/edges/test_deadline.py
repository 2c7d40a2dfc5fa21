from __future__ import annotations

import pytest
from twisted.internet import defer
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from tutorwamp.kernel.edges.deadline import answer_by_work, answer_within, waiter


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


def test_a_step_that_asked_for_it_is_given_up_when_nobody_waits() -> None:
    clock = Clock()
    given_up: list[object] = []

    async def work() -> None:
        who = waiter()
        assert who is not None
        assert who.until_s == clock.seconds() + 10
        await who.spare(Deferred(given_up.append))

    for is_late in (True, False):
        answer = answer_by_work(10, work(), clock)
        answer.addErrback(lambda _: None)
        if is_late:
            clock.advance(10)
        else:
            answer.cancel()
    assert len(given_up) == 2
    assert waiter() is None


def test_a_step_begun_when_nobody_waits_is_given_up_at_once() -> None:
    clock, before = Clock(), Deferred[None]()
    given_up: list[object] = []

    async def work() -> None:
        await before
        who = waiter()
        assert who is not None
        await who.spare(Deferred(given_up.append))

    answer = answer_by_work(10, work(), clock)
    answer.addErrback(lambda _: None)
    clock.advance(10)
    assert given_up == []
    before.callback(None)
    assert len(given_up) == 1
