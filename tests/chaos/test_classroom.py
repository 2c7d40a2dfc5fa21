"""The ledger of the classroom itself: each thing that can be wrong with rules, hands, timer and polls is found."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from tests.chaos.classroom import USUAL_RULES, Asked, Classroom, Hand
from tests.chaos.verdicts import Plain

ADA, BEN, CHI = "ada", "ben", "chi"
TIMER = {"title": "Break", "ends_at": "2026-12-01T10:00:00.000Z"}
CHOICES = [{"id": "yes", "text": "Yes"}, {"id": "no", "text": "No"}]


class Room(Classroom):
    """A ledger that keeps what it finds."""

    def __init__(self) -> None:
        self.found: list[str] = []
        super().__init__(lambda verdict, _: self.found.append(verdict))

    def poll(self, *, anonymous: bool = False) -> Asked:
        """Asked, and answered by Ada and Ben, who has changed his mind once."""
        asked = Asked("Clear?", "single", anonymous=anonymous, poll={"id": "p1", "choices": CHOICES})
        asked.answer(ADA, (frozenset({"yes"}), None))
        asked.answer(BEN, (frozenset({"yes"}), None))
        asked.answer(BEN, (frozenset({"no"}), None))
        asked.answer(BEN, (frozenset({"no"}), None))
        self.polls.append(asked)
        return asked


@pytest.fixture
def room() -> Room:
    return Room()


def _lesson(*hands: tuple[str, str], **other: Any) -> Plain:
    up = [{"person": {"id": person}, "at": at} for person, at in hands]
    students = [{"id": one} for one in (ADA, BEN, CHI)]
    return {"rules": USUAL_RULES, "timer": None, "hands": up, "students": students, **other}


def test_rules_and_timer_are_as_they_were_said_last(room: Room) -> None:
    room.timer = TIMER
    room.rules = {**USUAL_RULES, "muted": [ADA]}
    room.check_lesson(_lesson(timer=TIMER, rules={**USUAL_RULES, "muted": [ADA]}), {})
    assert room.found == []
    room.check_lesson(_lesson(timer=TIMER), {})
    room.check_lesson(_lesson(rules=room.rules), {})
    assert room.found == ["lost", "lost"]


@pytest.mark.parametrize(
    ("hands", "found"),
    [
        ([(ADA, "1"), (BEN, "2")], []),
        ([(BEN, "1"), (ADA, "2")], []),
        ([(BEN, "1")], ["lost"]),
        ([(ADA, "1"), (CHI, "2")], ["lost"]),
        ([(ADA, "2"), (BEN, "1")], ["wrong"]),
        ([(ADA, "1"), (ADA, "2")], ["doubled"]),
        ([(ADA, "1"), ("tina", "2")], ["wrong"]),
    ],
    ids=["all", "another order", "gone", "up again", "not in their order", "twice", "a stranger's"],
)
def test_hands_are_as_their_owners_said_last(room: Room, hands: list[tuple[str, str]], found: list[str]) -> None:
    room.hands = {ADA: Hand(up=True, upsets=0, lowered=0), CHI: Hand(up=False, upsets=0, lowered=0)}
    room.check_lesson(_lesson(*hands), {ADA: 0, BEN: 0, CHI: 0})
    assert room.found == found


def test_who_was_away_or_was_lowered_may_have_no_hand_any_more(room: Room) -> None:
    room.hands = {ADA: Hand(up=True, upsets=1, lowered=2)}
    room.lowered = 2
    room.check_hands(_lesson(), {ADA: 2})
    room.lowered = 3
    room.check_hands(_lesson(), {ADA: 1})
    assert room.found == []
    room.lowered = 2
    room.check_hands(_lesson(), {ADA: 1})
    assert room.found == ["lost"]


def _listed(**other: Any) -> Plain:
    votes = [{**choice, "votes": 1} for choice in CHOICES]
    poll = {"id": "p1", "question": "Clear?", "kind": "single", "choices": votes, "anonymous": False}
    return {**poll, "state": "open", "shown": False, "answered": 2, **other}


def _answers(*given: tuple[str | None, str], missing: Any = None) -> Plain:
    items = [
        {"person": person and {"id": person}, "choice_ids": [choice], "text": None, "at": person and "1"}
        for person, choice in given
    ]
    return {"items": items, "missing": [{"id": CHI}] if missing is None else missing}


BOTH = _answers((ADA, "yes"), (BEN, "no"))
NOBODYS = _answers((None, "no"), (None, "yes"), missing=1)


def _check(room: Room, answers: Plain, *polls: Plain) -> list[str]:
    room.check_polls(deepcopy(list(polls)), {"p1": answers}, [ADA, BEN, CHI])
    return room.found


def test_a_poll_that_is_as_everybody_knows_it_is_right(room: Room) -> None:
    room.poll()
    assert _check(room, BOTH, _listed()) == []


@pytest.mark.parametrize(
    ("polls", "found"),
    [
        ([], ["lost"]),
        ([_listed(), _listed(id="p2")], ["doubled"]),
        ([_listed(), _listed(id="p2", question="And now?")], ["wrong"]),
        ([_listed(state="closed")], ["lost"]),
        ([_listed(shown=True)], ["lost"]),
        ([_listed(anonymous=True)], ["lost"]),
        ([_listed(answered=1)], ["lost", "wrong"]),
        ([_listed(answered=3)], ["doubled", "wrong"]),
        ([_listed(choices=[{**choice, "votes": 0} for choice in CHOICES])], ["wrong"]),
    ],
    ids=["gone", "twice", "nobody's", "closed", "shown", "anonymous", "one less", "one more", "no votes"],
)
def test_a_poll_that_is_otherwise_is_found(room: Room, polls: list[Plain], found: list[str]) -> None:
    room.poll()
    assert _check(room, BOTH, *polls) == found


def test_a_poll_that_was_closed_and_shown_and_is_not_is_lost(room: Room) -> None:
    asked = room.poll()
    asked.is_closed = asked.is_shown = True
    assert _check(room, BOTH, _listed(state="closed", shown=True)) == []
    assert _check(room, BOTH, _listed(state="closed")) == ["lost"]


@pytest.mark.parametrize(
    ("answers", "found"),
    [
        (_answers((ADA, "no"), (BEN, "yes")), ["lost"]),
        (_answers((ADA, "yes"), (CHI, "no")), ["lost"]),
        (_answers((ADA, "yes"), (BEN, "no"), missing=[]), ["wrong"]),
    ],
    ids=["another choice", "somebody else", "nobody missing"],
)
def test_answers_are_those_that_were_given_last(room: Room, answers: Plain, found: list[str]) -> None:
    room.poll()
    assert _check(room, answers, _listed()) == found


def test_answers_of_nobody_are_those_that_were_given(room: Room) -> None:
    room.poll(anonymous=True)
    listed = _listed(anonymous=True)
    assert _check(room, NOBODYS, listed) == []
    assert _check(room, {**NOBODYS, "missing": 2}, listed) == ["wrong"]
    assert _check(room, _answers((ADA, "yes"), (None, "no"), missing=1), listed) == ["wrong", "wrong"]
    twice = _answers((None, "no"), (None, "no"), missing=1)
    votes = [{**CHOICES[0], "votes": 0}, {**CHOICES[1], "votes": 2}]
    assert _check(room, twice, _listed(anonymous=True, choices=votes)) == ["wrong", "wrong", "lost"]


def test_an_anonymous_answer_that_was_refused_perhaps_when_repeated_may_be_there(room: Room) -> None:
    asked = room.poll(anonymous=True)
    asked.doubt(BEN)
    asked.doubt(CHI)
    votes = [{**CHOICES[0], "votes": 3}, {**CHOICES[1], "votes": 0}]
    there = _answers((None, "yes"), (None, "yes"), (None, "yes"), missing=0)
    assert _check(room, there, _listed(anonymous=True, answered=3, choices=votes)) == []
    assert _check(room, NOBODYS, _listed(anonymous=True)) == []
    assert asked.events()["poll.changed"] == range(3, 6)


@pytest.mark.parametrize(
    ("kind", "times", "found"),
    [
        ("poll.opened", 1, []),
        ("poll.opened", 0, ["lost"]),
        ("poll.opened", 2, ["doubled"]),
        ("poll.changed", 2, ["lost"]),
        ("poll.changed", 4, ["doubled"]),
        ("poll.closed", 1, ["doubled"]),
    ],
)
def test_what_was_done_to_a_poll_once_is_told_once(room: Room, kind: str, times: int, found: list[str]) -> None:
    room.poll()
    told = {("poll.opened", "p1"): 1, ("poll.changed", "p1"): 3, ("poll.closed", "p1"): 0}
    assert room.check_poll_events({**told, (kind, "p1"): times}) == 4
    assert room.found == found
