"""Who lives, by what the node's processes tell: counted in beats, so nothing here waits."""

from __future__ import annotations

from typing import Any

from tutorwamp.kernel.lifeline import BEAT_EVERY_S, BEATS_MISSED_AT_MOST
from tutorwamp.supervision.watch import REPLACED_AFTER_S, Watch

ROUTER, CONTROLLER, CONTAINER = 10, 11, 12
SAID = "the container of chat, rest (process 12)"


def beat(watch: Watch, *, router: bool = True, controller: bool = True, still: tuple[int, ...] = ()) -> list[str]:
    """Two seconds: who lives tells it, and the supervisor looks."""
    said: list[str] = []
    if router:
        containers: Any = [[CONTAINER, ["chat", "rest"]]]
        said += watch.told({"what": "router", "pid": ROUTER, "containers": containers, "still": list(still)})
    if controller:
        said += watch.told({"what": "controller", "pid": CONTROLLER})
    return said + watch.check()


def test_who_shows_life_is_left_alone() -> None:
    watch = Watch()
    assert [beat(watch) for _ in range(100)] == [[]] * 100
    assert not watch.must_end


def test_before_it_was_heard_first_nobody_is_missed() -> None:
    watch = Watch()
    assert [watch.check() for _ in range(20)] == [[]] * 20


def test_a_router_that_lets_three_beats_pass_is_ended() -> None:
    watch = Watch()
    beat(watch)
    for _ in range(BEATS_MISSED_AT_MOST - 1):
        assert beat(watch, router=False) == []
        assert not watch.must_end
    assert beat(watch, router=False) == ["the router (process 10) stands still"]
    assert watch.must_end
    assert watch.why == "the router (process 10) stood still and was killed"


def test_a_supervisor_that_stood_still_itself_judges_nobody() -> None:
    watch = Watch()
    beat(watch)
    assert beat(watch, router=False) == []  # however much time has passed: one look, one beat
    assert beat(watch) == []


def test_a_container_is_named_at_once_and_ended_after_half_a_minute() -> None:
    watch = Watch()
    beat(watch)
    assert beat(watch, still=(CONTAINER,)) == [f"{SAID} stands still"]
    beats = 1
    while not watch.must_end:
        assert beat(watch, still=(CONTAINER,)) == []
        beats += 1
    assert abs(beats * BEAT_EVERY_S - REPLACED_AFTER_S) <= BEAT_EVERY_S
    assert watch.why == f"{SAID} stood still and was killed"


def test_a_container_that_goes_on_is_welcome() -> None:
    watch = Watch()
    for _ in range(3):
        beat(watch)
        beat(watch, still=(CONTAINER,))
    assert beat(watch) == [f"{SAID} goes on again"]
    assert not watch.must_end


def test_the_controller_has_half_a_minute_as_well() -> None:
    watch = Watch()
    beat(watch)
    said = [beat(watch, controller=False) for _ in range(int(REPLACED_AFTER_S / BEAT_EVERY_S) + 3)]
    assert ["the controller (process 11) stands still"] in said
    assert watch.must_end


def test_all_live_until_somebody_is_overdue() -> None:
    """One beat may be on its way; two are missing."""
    watch = Watch()
    assert watch.all_live
    for _ in range(3):
        beat(watch)
        assert watch.all_live
    beat(watch, router=False)
    assert not watch.all_live
    beat(watch)
    assert watch.all_live
    beat(watch, still=(CONTAINER,))
    assert not watch.all_live


def test_what_came_first_is_why_it_ended() -> None:
    watch = Watch()
    beat(watch)
    watch.told({"what": "ended", "pid": CONTROLLER, "worker": CONTAINER, "how": "SIGKILL"})
    watch.told({"what": "ended", "pid": CONTROLLER, "worker": ROUTER, "how": "by itself"})
    assert watch.why == f"{SAID} ended: SIGKILL"


def test_what_cannot_be_made_is_known() -> None:
    watch = Watch()
    watch.told({"what": "cannot", "pid": CONTAINER, "why": "rest cannot be made: no"})
    watch.told({"what": "ended", "pid": CONTROLLER, "worker": CONTAINER, "how": "exit code 1"})
    assert watch.cannot == watch.why == "rest cannot be made: no"
