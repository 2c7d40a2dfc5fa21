"""The reactor's turns: how long they are, and what made one long."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from types import FrameType, FunctionType

import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs
from twisted.internet import epollreactor, reactor

from tests.support.machine import TurnedClock
from tutorwamp.kernel.metrics.turns import STALLS_KEPT_FOR_S, Turns, _Poller, call_in


@pytest.fixture
def clock() -> TurnedClock:
    return TurnedClock()


@pytest.fixture
def turns(clock: TurnedClock) -> Turns:
    return Turns(clock.seconds)


def _take(turns: Turns, clock: TurnedClock, seconds: float) -> None:
    turns.begin()
    clock.turn(seconds=seconds)
    turns.end()


def test_turns_are_counted_by_how_long_they_take(turns: Turns, clock: TurnedClock) -> None:
    registry = CollectorRegistry()
    registry.register(turns)
    for seconds in (0.0005, 0.002, 0.002, 9):
        _take(turns, clock, seconds)
    found = {
        bound: registry.get_sample_value("tutorwamp_reactor_turn_seconds_bucket", {"le": bound})
        for bound in ("0.001", "0.0025", "5.0", "+Inf")
    }
    assert found == {"0.001": 1, "0.0025": 3, "5.0": 3, "+Inf": 4}
    assert registry.get_sample_value("tutorwamp_reactor_turn_seconds_sum") == pytest.approx(9.0045)


def test_the_longest_stall_is_told_with_its_call_until_it_is_long_ago(turns: Turns, clock: TurnedClock) -> None:
    _take(turns, clock, 0.2)
    assert turns.longest() == (0.0, "")
    turns.begin()
    clock.turn(seconds=0.2)
    turns.look(sys._getframe)  # its documented name
    clock.turn(seconds=1.8)
    with capture_logs() as logs:
        turns.end()
        _take(turns, clock, 0.5)
    seconds, call = turns.longest()
    assert seconds == pytest.approx(2)
    assert "the reactor stood still" in {line["event"] for line in logs}
    assert call == "unknown", "this test is no code of the node's"
    clock.turn(seconds=STALLS_KEPT_FOR_S + 1)
    assert turns.longest() == (0.0, "")


def test_nobody_looks_at_a_short_turn_or_at_none(turns: Turns, clock: TurnedClock) -> None:
    def stack() -> FrameType | None:
        raise AssertionError("nobody is to look")

    turns.look(stack)
    turns.begin()
    turns.look(stack)
    clock.turn(seconds=0.1)
    turns.look(stack)
    turns.end()
    turns.look(stack)


def _outer(inner: Callable[[], FrameType]) -> FrameType:
    return inner()


def _inner() -> FrameType:
    return sys._getframe()  # as above


def _stack(*modules: str) -> FrameType:
    """A stack of one function of each module, the outermost first."""
    innermost = FunctionType(_inner.__code__, {"__name__": modules[-1], "sys": sys})
    call: Callable[[], FrameType] = innermost
    for module in reversed(modules[:-1]):
        call = functools.partial(FunctionType(_outer.__code__, {"__name__": module}), call)
    return call()


@pytest.mark.parametrize(
    ("modules", "call"),
    [
        (("tutorwamp.kernel.edges.component", "tutorwamp.chat.service", "tutorwamp.chat.rules"), "chat.service._outer"),
        (("tutorwamp.kernel.edges.component", "tutorwamp.kernel.text"), "kernel.edges.component._outer"),
        (("twisted.internet.base", "tutorwamp.gate.door", "json"), "gate.door._outer"),
        (("twisted.internet.base", "json"), "unknown"),
        (("tutorwamp.kernel.metrics.turns", "json"), "unknown"),
    ],
)
def test_a_stack_is_named_by_the_outermost_function_of_a_domain(modules: tuple[str, ...], call: str) -> None:
    assert call_in(_stack(*modules)) == call


def test_a_stack_that_is_gone_has_no_name() -> None:
    assert call_in(None) == "unknown"


def test_a_reactor_is_watched_by_the_poller_that_it_has() -> None:
    """Twisted's private name; another reactor is simply not watched."""
    assert isinstance(reactor, epollreactor.EPollReactor)
    assert {"register", "modify", "unregister", "close", "fileno", "poll"} <= set(dir(reactor._poller))  # pinned here
    own = epollreactor.EPollReactor()
    turns = Turns()
    own._poller = _Poller(own._poller, turns)  # as above
    own.callLater(0, own.callLater, 0, own.crash)
    own.run(installSignalHandlers=False)
    assert sum(turns._tally._counts) >= 1  # what was counted
