"""The rules of a classroom, L24 to L27, without anything around them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.lessons.test_rules import ADMIN, ANNA, BEN, HOUR, NOW, STATES, TUTOR, caller, lesson, update
from tutorwamp.accounts.contracts import Person
from tutorwamp.kernel.contracts import new_id
from tutorwamp.kernel.errors import Forbidden, Invalid
from tutorwamp.kernel.streams import LETS_NOTHING_NEW_IN
from tutorwamp.lessons import rules
from tutorwamp.lessons.contracts import OPEN_STATES, Lesson, LessonState
from tutorwamp.lessons.errors import WrongState
from tutorwamp.lessons.values import Hand, RaiseHand, Rules, SetRules, SetTimer, Timer

OVER = [state for state in STATES if state not in OPEN_STATES]


def ruled(state: LessonState = LessonState.LIVE, *, attended: bool = True, **given: Any) -> Lesson:
    return lesson(state, rules=Rules(**given), attended=attended)


def set_rules(before: Lesson, **asked: Any) -> Lesson:
    return rules.set_rules(before, SetRules(lesson_id=before.id, **asked))


def raise_hand(before: Lesson, who: Person, up: bool = True, *, at: datetime = NOW, **asked: Any) -> Lesson:
    return rules.raise_hand(caller(who), before, RaiseHand(lesson_id=before.id, up=up, **asked), at)


def faults(error: Invalid) -> Any:
    return error.details


def hands(of: Lesson) -> list[str]:
    return [hand.person.name for hand in of.hands]


# rules


def test_L24_what_is_given_changes_the_rest_stays_and_the_version_counts_up() -> None:
    before = lesson()
    assert before.rules == Rules(chat="everyone", unattended="open", muted=[])
    first = set_rules(before, chat="tutors")
    second = set_rules(first, muted=[BEN.id])
    assert second.rules == Rules(chat="tutors", unattended="open", muted=[BEN.id])
    assert (first.version, second.version) == (before.version + 1, before.version + 2)
    assert set_rules(second, muted=[], chat="everyone", unattended="closed").rules == Rules(unattended="closed")


def test_L24_where_nothing_would_change_nothing_happens() -> None:
    before = ruled(muted=[ANNA.id, BEN.id])
    for asked in ({}, {"chat": "everyone"}, {"unattended": "open"}, {"muted": [BEN.id, ANNA.id]}):
        assert set_rules(before, **asked) is before


def test_L24_only_students_of_the_lesson_are_muted() -> None:
    with pytest.raises(Invalid) as refused:
        set_rules(lesson(), muted=[ANNA.id, new_id(), TUTOR.id])
    assert [fault["loc"] for fault in faults(refused.value)] == [["muted", 1], ["muted", 2]]


@pytest.mark.parametrize("state", OVER)
def test_L24_to_L27_a_lesson_that_is_over_has_no_more_rules_hands_or_timers(state: LessonState) -> None:
    before = lesson(state)
    attempts: tuple[Callable[[], Lesson], ...] = (
        lambda: set_rules(before, chat="tutors"),
        lambda: raise_hand(before, ANNA),
        lambda: rules.set_timer(before, SetTimer(lesson_id=before.id, ends_at=NOW + HOUR), NOW),
    )
    for attempt in attempts:
        with pytest.raises(WrongState):
            attempt()


def test_L24_who_is_removed_is_muted_no_longer() -> None:
    before = ruled(muted=[ANNA.id, BEN.id])
    assert update(before, students=[BEN]).rules.muted == [BEN.id]


@pytest.mark.parametrize(
    ("given", "attended", "why"),
    [
        ({}, False, None),
        ({"chat": "tutors"}, True, "chat"),
        ({"muted": [ANNA.id]}, True, "muted"),
        ({"muted": [BEN.id]}, True, None),
        ({"unattended": "closed"}, True, None),
        ({"unattended": "closed"}, False, "unattended"),
    ],
)
def test_L24_L25_why_a_student_may_not_write(given: dict[str, Any], attended: bool, why: str | None) -> None:
    now = ruled(attended=attended, **given)
    silence = rules.silence(caller(ANNA), now)
    assert (silence and silence.details) == (why and {"rule": why})
    shut = rules.shut_out(caller(ANNA), now)
    assert (shut is not None) == (why == "unattended"), "the pen is a right of its own: who is muted draws"
    for moderator in (caller(TUTOR), ADMIN):
        assert rules.silence(moderator, now) is rules.shut_out(moderator, now) is None


@pytest.mark.parametrize("state", STATES)
def test_L25_a_lesson_is_shut_where_nobody_attends_to_it(state: LessonState) -> None:
    for attended in (True, False):
        now = ruled(state, attended=attended, unattended="closed")
        assert now.is_shut == (not attended and state in OPEN_STATES)
        assert not ruled(state, attended=attended).is_shut


def test_L25_the_guard_is_another_while_it_is_shut_and_the_version_is_not() -> None:
    shut, attended = ruled(attended=False, unattended="closed"), ruled(unattended="closed")
    assert attended.guard == attended.version == shut.version
    assert shut.guard not in (attended.guard, shut.version, LETS_NOTHING_NEW_IN)
    guards = {ruled(unattended="closed", attended=False).model_copy(update={"version": n}).guard for n in range(1, 9)}
    assert len(guards) == 8
    assert max(guards) < LETS_NOTHING_NEW_IN


# hands


def test_L26_hands_stand_in_the_order_they_went_up_and_twice_is_once() -> None:
    first = raise_hand(lesson(), BEN)
    both = raise_hand(first, ANNA)
    assert (hands(both), both.hands[0].at, both.version) == (["Ben", "Anna"], NOW, lesson().version)
    assert raise_hand(both, BEN) is both
    assert raise_hand(both, BEN, user_id=BEN.id) is both
    assert hands(raise_hand(raise_hand(both, BEN, up=False), BEN)) == ["Anna", "Ben"]


def test_L26_no_hand_went_up_before_the_one_in_front_of_it() -> None:
    both = raise_hand(raise_hand(lesson(), BEN), ANNA, at=NOW - timedelta(milliseconds=46))
    assert [(hand.person.name, hand.at) for hand in both.hands] == [("Ben", NOW), ("Anna", NOW)]


def test_L26_a_hand_is_lowered_by_its_owner_or_the_tutor() -> None:
    both = raise_hand(raise_hand(lesson(), BEN), ANNA)
    assert hands(raise_hand(both, ANNA, up=False)) == ["Ben"]
    assert hands(raise_hand(both, TUTOR, up=False, user_id=BEN.id)) == ["Anna"]
    assert hands(raise_hand(both, TUTOR, up=False, all=True)) == []
    assert raise_hand(both, TUTOR, up=False) is both, "they have none"
    assert raise_hand(both, TUTOR, up=False, user_id=new_id()) is both
    others: list[dict[str, Any]] = [{"user_id": BEN.id}, {"all": True}]
    for asked in others:
        with pytest.raises(Forbidden):
            raise_hand(both, ANNA, up=False, **asked)


def test_L26_only_students_raise_hands_and_only_their_own() -> None:
    for who, of in ((TUTOR, None), (TUTOR, ANNA.id), (ANNA, BEN.id)):
        with pytest.raises(Forbidden):
            raise_hand(lesson(), who, user_id=of)


@pytest.mark.parametrize("asked", [{"up": True, "all": True}, {"up": False, "all": True, "user_id": new_id()}])
def test_L26_all_hands_are_lowered_and_nobodys_besides(asked: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="all hands are lowered"):
        RaiseHand(lesson_id=new_id(), **asked)


# the timer


def set_timer(before: Lesson, **asked: Any) -> Lesson:
    return rules.set_timer(before, SetTimer(lesson_id=before.id, **asked), NOW)


def test_L27_a_timer_ends_within_a_day() -> None:
    before = lesson()
    for runs in (timedelta(milliseconds=1), timedelta(hours=24)):
        assert set_timer(before, ends_at=NOW + runs).timer == Timer(title=None, ends_at=NOW + runs)
    for runs in (timedelta(0), timedelta(days=-1), timedelta(hours=24, milliseconds=1)):
        with pytest.raises(Invalid) as refused:
            set_timer(before, ends_at=NOW + runs)
        assert faults(refused.value)[0]["loc"] == ["ends_at"]


def test_L27_the_same_timer_again_is_nothing_new_also_when_it_has_run_out() -> None:
    timed = lesson(timer=Timer(title="Quiz", ends_at=NOW - HOUR))
    assert set_timer(timed, ends_at=NOW - HOUR, title="Quiz") is timed
    assert set_timer(timed, ends_at=None, title="Quiz").timer is None
    assert set_timer(timed, ends_at=NOW + HOUR, title="Quiz").version == timed.version


@pytest.mark.parametrize("state", STATES)
def test_L25_to_L27_with_the_lesson_everything_of_it_ends(state: LessonState) -> None:
    timer = Timer(title=None, ends_at=NOW + HOUR)
    now = lesson(state, hands=[Hand[Person](person=ANNA, at=NOW)], timer=timer, attended=True)
    left = rules.tidied(now)
    if state in OPEN_STATES:
        assert left is now
    else:
        assert (left.hands, left.timer, left.attended) == ([], None, False)
