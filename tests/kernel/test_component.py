"""What becomes of a call, from the router's side of it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import pytest_twisted
from autobahn.wamp.exception import ApplicationError
from structlog.testing import capture_logs
from twisted.internet.defer import Deferred

from tutorwamp.kernel.component import Served, _endpoint
from tutorwamp.kernel.contracts import Caller, Nothing, Procedure
from tutorwamp.kernel.limits import CallLimits, LimitSettings

CALL: Any = SimpleNamespace(caller_authid="ada", caller_authrole="student", caller=1)


def called(answer: Deferred[Nothing]) -> Deferred[dict[str, Any]]:
    async def method(_caller: Caller, _arguments: Nothing) -> Nothing:
        return await answer

    served = Served(Procedure("tutorwamp.test.wait", Nothing, Nothing), method)
    return _endpoint(served, CallLimits(LimitSettings(), lambda: 0.0))(details=CALL, arguments=((), {}))


@pytest_twisted.ensureDeferred
async def test_a_caller_who_is_gone_is_no_fault_of_ours_and_the_work_goes_on() -> None:
    work: Deferred[Nothing] = Deferred()
    with capture_logs() as said:
        answer = called(work)
        answer.cancel()
        with pytest.raises(ApplicationError) as refused:
            await answer
        assert refused.value.error == "tutorwamp.error.unavailable"
        assert not work.called
        work.callback(Nothing())
    assert said == []


@pytest_twisted.ensureDeferred
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
    assert [line["request_id"] for line in said] == [refused.value.kwargs["request_id"]]
    answer.addErrback(lambda _: None).cancel()
