"""How long parts of a call took: added to the call they were done for, whatever it waits for meanwhile."""

from __future__ import annotations

from typing import Any

import pytest
from structlog.testing import capture_logs
from twisted.internet.defer import Deferred

from tutorwamp.kernel.errors import Conflict
from tutorwamp.kernel.log import PerfLogger
from tutorwamp.kernel.log.calls import Call, Edge, begin, call_under_way, finish, on_finished, working_for


class Watch:
    """A clock that is turned by hand."""

    def __init__(self) -> None:
        self.at_s = 100.0

    def __call__(self) -> float:
        return self.at_s


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def perf(watch: Watch) -> PerfLogger:
    return PerfLogger(watch)


def a_call(name: str = "tutorwamp.chat.send") -> Call:
    return Call(name, Edge.WAMP)


def test_parts_of_one_name_are_added_up(perf: PerfLogger, watch: Watch) -> None:
    call = a_call()
    with working_for([call]):
        for seconds in (0.25, 0.5):
            with perf.timed("render", pages=3):
                watch.at_s += seconds
        with perf.timed("upload"):
            watch.at_s += 1
    assert call.parts == {"render": 0.75, "upload": 1.0}


async def test_functions_and_coroutine_functions_are_timed_until_they_return(perf: PerfLogger, watch: Watch) -> None:
    @perf.timed
    def plain() -> str:
        watch.at_s += 0.5
        return "done"

    @perf.timed("waits")
    async def slow(waited: Deferred[int]) -> int:
        return await waited

    async def work(call: Call, waited: Deferred[int]) -> tuple[str, int]:
        begin(call)
        return plain(), await slow(waited)

    one, other, first, second = a_call(), a_call(), Deferred[int](), Deferred[int]()
    answers = [Deferred.fromCoroutine(work(one, first)), Deferred.fromCoroutine(work(other, second))]
    watch.at_s += 2
    first.callback(1)
    watch.at_s += 1
    second.callback(2)
    assert [await answer for answer in answers] == [("done", 1), ("done", 2)]
    assert list(one.parts.values()) == [0.5, 2.5], "its own part, and all it waited for, the other's part as well"
    assert list(other.parts.values()) == [0.5, 3.0]
    assert plain.__name__ == "plain"


def test_what_raises_is_timed_and_raises(perf: PerfLogger, watch: Watch) -> None:
    @perf.timed("fails")
    def fail() -> None:
        watch.at_s += 0.125
        raise ValueError("no")

    call = a_call()
    with working_for([call]), pytest.raises(ValueError, match="no"):
        fail()
    assert call.parts == {"fails": 0.125}


def test_a_function_that_calls_itself_is_timed_each_time(perf: PerfLogger, watch: Watch) -> None:
    part = perf.timed("deep")
    call = a_call()
    with working_for([call]), part:
        watch.at_s += 1
        with part:
            watch.at_s += 1
    assert call.parts == {"deep": 3.0}


def test_work_of_nobody_has_a_line_of_its_own(perf: PerfLogger, watch: Watch) -> None:
    with capture_logs() as logs, perf.timed("project", events=3):
        watch.at_s += 0.0305
    (line,) = logs
    assert (line["event"], line["part"], line["ms"], line["events"]) == ("timed", "project", 30.5, 3)
    assert line["log_level"] == "debug"


def test_what_several_share_each_has_waited_for(perf: PerfLogger, watch: Watch) -> None:
    calls = [a_call(), a_call()]
    with working_for(calls), perf.timed("batch"):
        assert call_under_way() is None
        watch.at_s += 1
    assert [call.parts for call in calls] == [{"batch": 1.0}, {"batch": 1.0}]


def test_whoever_wants_to_know_is_told_of_each_call_that_is_over() -> None:
    heard: list[tuple[str, str]] = []
    forget = on_finished(lambda call: heard.append((call.name, call.outcome)))
    finish(a_call(), Conflict("no"))
    forget()
    finish(a_call())
    assert heard == [("tutorwamp.chat.send", "tutorwamp.error.conflict")]


def test_a_call_keeps_the_id_that_it_was_given() -> None:
    made: Any = a_call()
    assert made.request_id == made.request_id != a_call().request_id
    assert Call("x", Edge.REST, given_id="proxy-1").request_id == "proxy-1"
