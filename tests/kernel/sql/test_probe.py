"""Whether the database can be written: one try a second, shared; an answer in time, and an old one is not believed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from tests.support.machine import Stage
from tutorwamp.kernel.contracts import utc_now
from tutorwamp.kernel.sql.probe import ANSWERED_WITHIN_S, BELIEVED_FOR_S, TRIED_EVERY_S, WriteProbe


class Slow:
    """A database whose writes end when the test says so."""

    def __init__(self) -> None:
        self.writes: list[Deferred[None]] = []

    def write(self, _name: str, _thd: Callable[..., None], *_: Any) -> Deferred[None]:
        self.writes.append(Deferred())
        return self.writes[-1]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def slow() -> Slow:
    return Slow()


@pytest.fixture
def probe(slow: Slow, clock: Clock) -> WriteProbe:
    return WriteProbe(slow, clock, clock=utc_now, now_s=clock.seconds)  # type: ignore[arg-type]  # plays the database


def asked(probe: WriteProbe) -> list[bool]:
    answers: list[bool] = []
    Deferred.fromCoroutine(probe.works()).addCallback(answers.append)
    return answers


def test_all_who_ask_share_one_try(probe: WriteProbe, slow: Slow, clock: Clock) -> None:
    answers = [asked(probe) for _ in range(10)]
    slow.writes[0].callback(None)
    assert answers == [[True]] * 10
    assert asked(probe) == [True]
    assert len(slow.writes) == 1
    clock.advance(TRIED_EVERY_S)
    asked(probe)
    assert len(slow.writes) == 2


def test_a_write_that_fails_is_a_no_until_one_goes_through(probe: WriteProbe, slow: Slow, clock: Clock) -> None:
    answer = asked(probe)
    slow.writes[0].errback(OSError("full"))
    assert answer == [False]
    clock.advance(TRIED_EVERY_S)
    answer = asked(probe)
    slow.writes[1].callback(None)
    assert answer == [True]


def test_one_that_hangs_is_a_no_in_time_however_often_it_is_asked(probe: WriteProbe, slow: Slow, clock: Clock) -> None:
    for _ in range(5):
        answer = asked(probe)
        clock.advance(ANSWERED_WITHIN_S)
        assert answer == [False]
    assert len(slow.writes) == 1


def test_one_that_waits_behind_others_is_not_a_no_at_once(probe: WriteProbe, slow: Slow, clock: Clock) -> None:
    asked(probe)
    slow.writes[0].callback(None)
    clock.advance(TRIED_EVERY_S)
    answer = asked(probe)
    clock.advance(ANSWERED_WITHIN_S)
    assert answer == [True]
    answer = asked(probe)
    clock.advance(BELIEVED_FOR_S)
    assert answer == [False]


async def test_a_real_database_can_be_written(stage_on_both: Stage) -> None:
    assert await stage_on_both.machine.probe.works()
