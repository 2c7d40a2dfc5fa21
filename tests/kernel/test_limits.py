"""S7, the pure part: buckets of tokens, with a clock that is turned by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from tutorwamp.kernel import limits
from tutorwamp.kernel.errors import Action, RateLimited
from tutorwamp.kernel.limits import (
    GIVEN_UP_UNITS,
    JOINS,
    READS,
    UNIT_BYTES,
    UPLOADED,
    WRITES,
    WRITTEN,
    WRITTEN_IN_LESSON,
    Allowance,
    Backoff,
    Bill,
    CallLimits,
    Failures,
    Limits,
    LimitSettings,
    network_of,
)
from tutorwamp.kernel.settings import gather, read

FIVE_AT_ONCE = Allowance(per_s=2, burst=5)


def taken(bucket: Limits, times: int, name: str = "anna") -> int:
    """How many of so many are let through."""
    through = 0
    for _ in range(times):
        try:
            bucket.take(name)
        except RateLimited:
            continue
        through += 1
    return through


def wait_of(bucket: Limits, name: str = "anna") -> float:
    with pytest.raises(RateLimited) as refused:
        bucket.take(name)
    assert refused.value.action is Action.RETRY
    assert isinstance(refused.value.details, dict)
    assert refused.value.details.keys() == {"retry_after_s"}
    return float(refused.value.details["retry_after_s"])


def test_S7_the_allowances_are_those_of_the_rules() -> None:
    assert Allowance(per_s=20, burst=200) == WRITES
    assert Allowance(per_s=50, burst=500) == READS
    assert Allowance(per_s=100, burst=1_500) == JOINS


def test_S7_a_burst_goes_through_then_as_many_as_time_brings_and_never_more_than_a_burst() -> None:
    clock = Clock()
    bucket = Limits(FIVE_AT_ONCE, clock.seconds)
    assert taken(bucket, 7) == 5
    clock.advance(1)
    assert taken(bucket, 7) == 2
    clock.advance(1.5)
    assert taken(bucket, 7) == 3
    clock.advance(3600)
    assert taken(bucket, 7) == 5


def test_S7_being_refused_costs_nothing() -> None:
    clock = Clock()
    bucket = Limits(FIVE_AT_ONCE, clock.seconds)
    taken(bucket, 1_000)
    assert wait_of(bucket) == 0.5
    clock.advance(0.25)
    assert wait_of(bucket) == 0.25
    clock.advance(0.25)
    bucket.take("anna")


def test_what_is_asked_without_an_error_takes_the_same_and_says_how_long_to_wait() -> None:
    clock = Clock()
    bucket = Limits(FIVE_AT_ONCE, clock.seconds)
    assert [bucket.wait_s("anna") for _ in range(7)] == [0, 0, 0, 0, 0, 0.5, 0.5]
    clock.advance(0.5)
    assert bucket.wait_s("anna") == 0
    assert taken(bucket, 1) == 0


def test_S7_everybody_has_a_bucket_of_their_own() -> None:
    bucket = Limits(FIVE_AT_ONCE, Clock().seconds)
    assert (taken(bucket, 9, "anna"), taken(bucket, 9, "ben")) == (5, 5)


@given(
    st.sampled_from([WRITES, READS, JOINS, FIVE_AT_ONCE, Allowance(per_s=0.3, burst=1), Allowance(per_s=7, burst=3)]),
    st.lists(st.floats(0, 3, allow_nan=False), max_size=40),
    st.integers(0, 10**6),
)
def test_S7_who_comes_back_when_told_is_let_through(
    allowance: Allowance, pauses_s: list[float], started_s: int
) -> None:
    clock = Clock()
    clock.advance(started_s)
    bucket = Limits(allowance, clock.seconds)
    through = taken(bucket, allowance.burst)
    for pause_s in pauses_s:
        clock.advance(pause_s)
        through += taken(bucket, 2)
    through += taken(bucket, allowance.burst)
    elapsed_s = clock.seconds() - started_s
    assert through <= allowance.burst + elapsed_s * allowance.per_s + 1e-6
    wait_s = wait_of(bucket)
    clock.advance(wait_s)
    bucket.take("anna")
    assert 0 < wait_s <= 1 / allowance.per_s + 0.001


def test_S7_the_bucket_not_used_for_longest_is_forgotten_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "REMEMBERED", 2)
    bucket = Limits(Allowance(per_s=1, burst=1), Clock().seconds)
    for name in ("anna", "ben"):
        bucket.take(name)
    wait_of(bucket, "anna")  # used again
    bucket.take("cleo")
    bucket.take("ben")  # forgotten, and so full
    wait_of(bucket, "cleo")


def test_S7_writing_and_reading_are_counted_apart_and_off_lifts_both() -> None:
    for on in (True, False):
        clock = Clock()
        calls = CallLimits(LimitSettings(rate_limits=on), clock.seconds)
        refused = {True: 0, False: 0}
        for writes in (True, False):
            for _ in range(WRITES.burst + READS.burst):
                try:
                    calls.take("anna", writes=writes)
                except RateLimited:
                    refused[writes] += 1
        assert refused == ({True: READS.burst, False: WRITES.burst} if on else {True: 0, False: 0})
        calls.take("ben", writes=True)


def test_S7_limits_are_on_unless_somebody_says_off() -> None:
    assert read(LimitSettings, gather({})).rate_limits
    assert not read(LimitSettings, gather({"TUTORWAMP_RATE_LIMITS": "off"})).rate_limits


# what a call costs


def bill_of(limits: CallLimits, name: str = "anna", *, writes: bool = False) -> Bill:
    made = Bill(limits)
    made.open(name, writes=writes)
    return made


def calls_left(limits: CallLimits, name: str = "anna", *, writes: bool = False) -> int:
    """How many cheap calls are let through from here on."""
    for number in range(READS.burst + 1):
        try:
            bill_of(limits, name, writes=writes)
        except RateLimited:
            return number
    raise AssertionError("never refused")


def test_S13_what_a_call_answers_is_paid_for_by_the_next_ones() -> None:
    clock = Clock()
    limits = CallLimits(LimitSettings(), clock.seconds)
    bill_of(limits).answer(UNIT_BYTES)  # a unit's worth is in the call
    bill_of(limits).answer(10 * UNIT_BYTES)
    assert calls_left(limits) == READS.burst - 11
    clock.advance(10)
    bill_of(limits).answer((READS.burst + 99) * UNIT_BYTES)
    with pytest.raises(RateLimited) as refused:
        bill_of(limits)
    assert refused.value.retry_after_s == 100 / READS.per_s
    bill_of(limits, "ben")
    clock.advance(refused.value.retry_after_s)
    bill_of(limits)


def test_S13_what_is_known_before_is_refused_before_and_then_costs_nothing() -> None:
    clock = Clock()
    limits = CallLimits(LimitSettings(), clock.seconds)
    for _ in range(4):
        bill_of(limits).foresee(99)
    bill_of(limits).foresee(0)
    with pytest.raises(RateLimited) as refused:
        bill_of(limits).foresee(100)
    clock.advance(refused.value.retry_after_s)
    bill_of(limits).foresee(100)
    assert calls_left(limits) == 0


def test_S13_what_was_foreseen_is_not_paid_for_twice() -> None:
    limits = CallLimits(LimitSettings(), Clock().seconds)
    bill = bill_of(limits)
    bill.foresee(9)
    bill.answer(12 * UNIT_BYTES)
    assert calls_left(limits) == READS.burst - 12


def test_S14_a_person_has_one_large_call_of_a_line_at_a_time_and_those_behind_pay_for_it() -> None:
    clock = Clock()
    limits = CallLimits(LimitSettings(), clock.seconds)
    began: list[int] = []
    work: list[Deferred[int]] = []

    async def large(number: int, line: str = "wholes", name: str = "anna") -> None:
        bill = bill_of(limits, name)
        with bill:
            await bill.begin(line)
            began.append(number)
            work.append(Deferred())
            bill.answer(await work[-1] * UNIT_BYTES)

    first, *others = [Deferred.fromCoroutine(large(number)) for number in range(READS.burst)]
    beside = [Deferred.fromCoroutine(large(1_000, name="ben")), Deferred.fromCoroutine(large(2_000, "lists", "ben"))]
    assert began == [0, 1_000, 2_000]
    clock.advance(4)  # of waiting, in which the bucket gains
    for done in work[:]:
        done.callback(2 * READS.burst)
    assert first.result is None
    assert began[3:] == []
    for other in others:
        failure = other.result
        assert isinstance(failure, Failure)
        assert failure.check(RateLimited)
        other.addErrback(lambda _: None)
    assert [one.result for one in beside] == [None, None]


def test_S14_who_is_gone_is_in_no_line_and_what_was_begun_for_them_is_not_free() -> None:
    limits = CallLimits(LimitSettings(), Clock().seconds)
    began: list[int] = []

    async def large(number: int) -> None:
        bill = bill_of(limits)
        with bill:
            await bill.begin("wholes")
            began.append(number)
            await Deferred()

    calls = [Deferred.fromCoroutine(large(number)) for number in range(3)]
    for call in calls:
        call.addErrback(lambda failure: failure.trap(CancelledError) and None)
    calls[1].cancel()
    calls[0].cancel()
    assert began == [0, 2]
    calls[2].cancel()
    assert calls_left(limits) == READS.burst - 3 - 2 * GIVEN_UP_UNITS


def test_S15_the_bytes_a_person_and_a_lesson_write_are_bounded() -> None:
    clock = Clock()
    limits = CallLimits(LimitSettings(), clock.seconds)
    bill_of(limits).write(10 * WRITTEN.burst)  # who reads writes nothing
    for _ in range(8):
        bill_of(limits, writes=True).write(WRITTEN.burst // 8)
    with pytest.raises(RateLimited) as refused:
        bill_of(limits, writes=True).write(int(WRITTEN.per_s * 2))
    assert refused.value.retry_after_s == 2
    bill_of(limits, "ben", writes=True).write(WRITTEN.burst)
    clock.advance(2)
    bill_of(limits, writes=True).write(int(WRITTEN.per_s * 2))
    limits.charge_written("anna", int(WRITTEN.per_s * 3))
    with pytest.raises(RateLimited) as refused:
        bill_of(limits, writes=True).write(int(WRITTEN.per_s))
    assert refused.value.retry_after_s == 4

    bill_of(limits, writes=True).upload(UPLOADED.burst)
    with pytest.raises(RateLimited):
        bill_of(limits, writes=True).upload(1)

    limits.write_in("fractions", WRITTEN_IN_LESSON.burst)
    with pytest.raises(RateLimited, match="in this lesson"):
        limits.write_in("fractions", 1)
    limits.write_in("roots", WRITTEN_IN_LESSON.burst)


def test_S13_off_lifts_what_calls_cost_as_well() -> None:
    limits = CallLimits(LimitSettings(rate_limits=False), Clock().seconds)
    for _ in range(READS.burst):
        bill = bill_of(limits, writes=True)
        bill.foresee(READS.burst)
        bill.write(WRITTEN.burst)
        limits.write_in("fractions", WRITTEN_IN_LESSON.burst)
        limits.charge_written("anna", WRITTEN.burst)
        bill.answer(READS.burst * UNIT_BYTES)


# failures


SLOWLY = Backoff(free=3, first_s=1, at_most_s=10)


def test_failures_beyond_a_few_make_one_wait_twice_as_long_each_time_up_to_a_bound() -> None:
    clock = Clock()
    failures, waits = Failures(1_000_000, clock.seconds), list[float]()
    for _ in range(8):
        failures.add("anna")
        waits.append(failures.wait_s("anna", SLOWLY))
    assert waits == [0, 0, 1, 2, 4, 8, 10, 10]
    clock.advance(9.5)
    assert failures.wait_s("anna", SLOWLY) == 0.5
    clock.advance(0.5)
    assert failures.wait_s("anna", SLOWLY) == 0
    assert failures.wait_s("ben", SLOWLY) == 0
    assert Backoff(free=0, first_s=1, at_most_s=60).wait_s(10**9) == 60


def test_failures_are_forgiven_one_by_one_since_the_first() -> None:
    clock = Clock()
    failures = Failures(100, clock.seconds)
    for _ in range(3):
        failures.add("anna")
        clock.advance(30)
    assert failures.count("anna") == 3
    clock.advance(10)
    assert failures.count("anna") == 2
    failures.add("anna")
    clock.advance(99)
    assert failures.count("anna") == 3
    clock.advance(201)
    assert failures.count("anna") == 0


def test_failures_can_be_taken_back_or_forgotten() -> None:
    failures = Failures(100, Clock().seconds)
    for _ in range(3):
        failures.add("anna")
    failures.take_back("anna")
    assert (failures.count("anna"), failures.wait_s("anna", SLOWLY)) == (2, 0)
    failures.forget("anna")
    failures.take_back("anna")
    assert failures.count("anna") == 0


def test_the_failures_longest_ago_are_forgotten_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "REMEMBERED", 2)
    failures = Failures(100, Clock().seconds)
    for name in ("anna", "ben", "anna", "cleo"):
        failures.add(name)
    assert [failures.count(name) for name in ("anna", "ben", "cleo")] == [2, 0, 1]


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("fe80::1%eth0", "fe80::/64"),
        ("192.0.2.7:51234", "192.0.2.7"),
        ("[2001:db8:1:2:3:4:5:6]:51234", "2001:db8:1:2::/64"),
        ("[2001:db8:1:2:3:4:5:6]", "2001:db8:1:2::/64"),
        ("unknown", "unknown"),
        ("x" * 1000, "x" * 64),
    ],
)
def test_an_address_is_counted_as_its_subscribers(address: str, network: str) -> None:
    assert network_of(address) == network
