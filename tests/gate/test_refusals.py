"""Who is told again and again that it was too much is answered at the door until their time."""

from __future__ import annotations

import pytest

from tutorwamp.gate.refusals import FORGOTTEN_AFTER_S, HEARD_OUT, Refusals
from tutorwamp.kernel.errors import RateLimited


class Clock:
    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def refused(refusals: Refusals, person: str = "anna", procedure: str = "list") -> float | None:
    """Until when the door itself says no, in seconds from now; null: the component is asked."""
    try:
        refusals.require_patience(person, procedure)
    except RateLimited as error:
        return error.retry_after_s
    return None


def test_S26_the_component_is_asked_until_it_has_said_no_often_enough() -> None:
    clock = Clock()
    refusals = Refusals(clock)
    for _ in range(HEARD_OUT):
        assert refused(refusals) is None
        refusals.heard("anna", "list", 0.5)
    assert refused(refusals) == pytest.approx(0.5, abs=0.01)
    assert refused(refusals, procedure="send") is None
    assert refused(refusals, person="ben") is None
    clock.now_s += 0.4
    assert refused(refusals) == pytest.approx(0.1, abs=0.01)


def test_S26_when_their_time_has_come_the_component_is_asked_again_each_time() -> None:
    clock = Clock()
    refusals = Refusals(clock)
    for _ in range(HEARD_OUT):
        refusals.heard("anna", "list", 0.5)
    clock.now_s += 0.6
    assert refused(refusals) is None
    refusals.heard("anna", "list", 0.2)
    assert refused(refusals) == pytest.approx(0.2, abs=0.01)
    clock.now_s += 0.2 + FORGOTTEN_AFTER_S + 0.1
    refusals.heard("anna", "list", 0.5)
    assert refused(refusals) is None
