"""What becomes of a call, from the router's side of it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import cbor2
import pytest
from autobahn.wamp.exception import ApplicationError
from structlog.testing import capture_logs
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

from tests.support.refused import refused
from tutorwamp.kernel.contracts import Caller, Cost, Nothing, Procedure, Value
from tutorwamp.kernel.edges.component import MESSAGE_BYTES_AT_MOST, Served, _endpoint
from tutorwamp.kernel.edges.portions import PORTIONED, Portioned
from tutorwamp.kernel.limits import GIVEN_UP_UNITS, READS, UNCOUNTED, UNIT_BYTES, CallLimits, LimitSettings

CALL: Any = SimpleNamespace(caller_authid="ada", caller_authrole="student", caller=1)


def called(answer: Deferred[Nothing]) -> Deferred[Any]:
    async def method(_caller: Caller, _arguments: Nothing) -> Nothing:
        return await answer

    served = Served(Procedure("tutorwamp.test.wait", Nothing, Nothing), method)
    return _endpoint(served, CallLimits(LimitSettings(), lambda: 0.0))(details=CALL, arguments=((), {}))


class Given(Value):
    """An answer of any size."""

    values: Any


async def answered(values: Any, line: str | None = None) -> Any:
    async def method(_caller: Caller, _arguments: Nothing) -> Given:
        return Given(values=values)

    served = Served(Procedure("tutorwamp.test.give", Nothing, Given, cost=Cost(line=line)), method)
    return await _endpoint(served, UNCOUNTED)(details=CALL, arguments=((), {}))


async def test_a_caller_who_is_gone_is_no_fault_of_ours_and_the_work_goes_on() -> None:
    work: Deferred[Nothing] = Deferred()
    with capture_logs() as said:
        answer = called(work)
        answer.cancel()
        await refused("tutorwamp.error.unavailable", answer)
        assert not work.called
        work.callback(Nothing())
    assert said == []


async def test_an_unexpected_error_says_nothing_but_a_request_id_that_the_log_knows() -> None:
    with capture_logs() as said:
        answer = called(Deferred())
        work: Deferred[Nothing] = Deferred()
        failing = called(work)
        work.errback(ValueError("secret"))
        with pytest.raises(ApplicationError) as refused:
            await failing
    assert refused.value.error == "tutorwamp.error.internal"
    assert "secret" not in str(refused.value.kwargs)
    unexpected = [line["request_id"] for line in said if line["event"] == "unexpected error"]
    assert unexpected == [refused.value.kwargs["request_id"]]
    answer.addErrback(lambda _: None).cancel()


@pytest.mark.parametrize("line", [None, "wholes"])
@pytest.mark.parametrize("values", ["x" * 17_000_000, [0.5] * 1_900_000])
async def test_S17_an_answer_that_no_message_holds_is_too_large(values: Any, line: str | None) -> None:
    error = await refused("tutorwamp.error.too_large", answered(values, line))
    assert error.kwargs["details"] == {"bytes_at_most": MESSAGE_BYTES_AT_MOST}


async def test_an_answer_that_just_fits_is_given() -> None:
    assert len((await answered("x" * 16_000_000))["values"]) == 16_000_000
    assert len((await answered([0.5] * 1_800_000))["values"]) == 1_800_000
    portioned = await answered([0.5] * 1_800_000, "wholes")
    (values,) = Portioned.read(portioned.kwresults).lists.values()
    assert sum(count for count, _ in values) == 1_800_000
    assert len(cbor2.dumps([70, 1, {}, [], portioned.kwresults])) < 2**24


async def test_S25_while_a_large_answer_is_written_others_are_answered() -> None:
    large = Deferred.fromCoroutine(answered([[0.5]] * 1_000_000, "wholes"))
    others = 0
    while not large.called:
        assert await answered("small", "wholes") == {"values": "small"}
        others += 1
        await deferLater(reactor, 0)
    assert others > 3
    assert PORTIONED in (await large).kwresults


async def test_S25_what_is_small_or_has_no_list_goes_as_it_is() -> None:
    values = list(range(1_000))
    assert await answered(values, "wholes") == {"values": values}
    assert len((await answered("x" * 1_000_000, "wholes"))["values"]) == 1_000_000


async def test_S14_changes_wait_for_one_another_and_each_is_made_whoever_is_gone() -> None:
    work: list[Deferred[Given]] = []

    async def method(_caller: Caller, _arguments: Nothing) -> Given:
        work.append(Deferred())
        return await work[-1]

    procedure = Procedure("tutorwamp.test.change", Nothing, Given, writes=True, cost=Cost(line="changes"))
    endpoint = _endpoint(Served(procedure, method), CallLimits(LimitSettings(), lambda: 0.0))
    calls = [endpoint(details=CALL, arguments=((), {})) for _ in range(3)]
    for gone in (calls[1], calls[0]):
        gone.cancel()
        with pytest.raises(ApplicationError):
            await gone
    for count in (1, 2, 3):
        assert len(work) == count
        assert not work[-1].called
        work[-1].callback(Given(values=count))
    last: Any = await calls[2]
    assert last["values"] == 3


async def test_S14_large_calls_wait_for_one_another_pay_and_are_dropped_when_nobody_waits() -> None:
    limits = CallLimits(LimitSettings(), lambda: 0.0)
    work: list[Deferred[Given]] = []

    async def method(_caller: Caller, _arguments: Nothing) -> Given:
        work.append(Deferred())
        return await work[-1]

    procedure = Procedure("tutorwamp.test.large", Nothing, Given, cost=Cost(lambda _: 4, line="wholes"))
    endpoint = _endpoint(Served(procedure, method), limits)
    calls = [endpoint(details=CALL, arguments=((), {})) for _ in range(5)]
    assert len(work) == 1
    for gone in (calls[1], calls[0]):
        gone.cancel()
        await refused("tutorwamp.error.unavailable", gone)
    assert len(work) == 2
    work[1].callback(Given(values="x" * UNIT_BYTES * READS.burst))
    assert await calls[2]
    assert len(work) == 2
    for dear in calls[3:]:
        error = await refused("tutorwamp.error.rate_limited", dear)
    # Two were given up, one of them under way; the large one had five units paid for; and five are wanted again.
    owed = 5 + 5 + GIVEN_UP_UNITS + 5 + (READS.burst - 5) - READS.burst
    assert error.kwargs["details"]["retry_after_s"] == (owed + 5) / READS.per_s
