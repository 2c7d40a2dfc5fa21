"""What is done again and again goes on whatever fails, is counted, and one knows when it last went well."""

from __future__ import annotations

from prometheus_client.registry import REGISTRY
from twisted.internet.task import Clock, LoopingCall

from tutorwamp.kernel.recurring import LATE_AFTER_AT_LEAST_S, Recurring, recurring


class Work:
    def __init__(self) -> None:
        self.done = 0
        self.fails = False

    async def do(self) -> None:
        self.done += 1
        if self.fails:
            raise OSError("no")


def begun(clock: Clock, interval_s: float = 1.0) -> tuple[Recurring, Work, LoopingCall]:
    made, work = Recurring(clock.seconds, clock), Work()
    loop = made.every(interval_s, "sample.do", work.do)
    return made, work, loop


def counted() -> float:
    return REGISTRY.get_sample_value("tutorwamp_recurring_failures_total", {"work": "sample.do"}) or 0.0


def test_work_that_fails_goes_on_and_is_counted() -> None:
    clock = Clock()
    made, work, _ = begun(clock)
    before = counted()
    work.fails = True
    clock.pump([1.0] * 5)
    assert (work.done, counted() - before) == (5, 5)
    work.fails = False
    clock.pump([1.0])
    assert made.ages_s() == {"sample.do": 0.0}


def test_it_is_late_when_it_has_not_gone_well_for_a_minute_or_three_rounds() -> None:
    for interval_s, late_after_s in ((1.0, LATE_AFTER_AT_LEAST_S), (100.0, 300.0)):
        clock = Clock()
        made, work, _ = begun(clock, interval_s)
        clock.pump([interval_s])
        work.fails = True
        clock.pump([1.0] * int(late_after_s))
        assert made.late() == []
        clock.pump([1.0])
        assert made.late() == ["sample.do"]
        work.fails = False
        clock.pump([interval_s])
        assert made.late() == []


def test_what_is_stopped_is_not_late() -> None:
    clock = Clock()
    made, _, loop = begun(clock)
    loop.stop()
    made.forget("sample.do")
    clock.advance(1_000)
    assert made.late() == []


def test_its_age_is_told() -> None:
    loop = recurring.every(1.0, "sample.age", Work().do)
    loop.stop()
    assert REGISTRY.get_sample_value("tutorwamp_recurring_age_seconds", {"work": "sample.age"}) is not None
    recurring.forget("sample.age")
