"""Sessions in rooms, shown as people."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from tests.support.machine import TurnedClock
from tutorwamp.accounts.contracts import Person
from tutorwamp.kernel.contracts import AuthRole, instant_text, new_id
from tutorwamp.kernel.events import Events
from tutorwamp.lessons import roster as roster_room
from tutorwamp.lessons.contracts import PresenceChanged
from tutorwamp.lessons.roster import Roster

ANNA = Person(id=new_id(), name="Anna", role=AuthRole.STUDENT)
BEN = Person(id=new_id(), name="Ben", role=AuthRole.STUDENT)
ROOM, NEXT_DOOR = new_id(), new_id()


@dataclass
class School:
    clock: TurnedClock = field(default_factory=TurnedClock)
    heard: list[PresenceChanged] = field(default_factory=list)

    def __post_init__(self) -> None:
        events = Events()
        events.listen(PresenceChanged, self.heard.append)
        self.roster = Roster(events, self.clock)

    def told(self) -> list[tuple[str, str]]:
        """What was announced since the last look: what, and who."""
        told = [(change.type.removeprefix("participant."), change.participant.person.name) for change in self.heard]
        self.heard.clear()
        return told

    def names(self, room: str = ROOM) -> list[str]:
        return [participant.person.name for participant in self.roster.participants(room)]


@pytest.fixture
def school() -> School:
    return School()


def test_L15_a_person_comes_with_the_first_session_and_goes_with_the_last(school: School) -> None:
    school.roster.add(ROOM, 1, ANNA)
    school.roster.add(ROOM, 2, ANNA)
    assert (school.names(), school.told()) == (["Anna"], [("joined", "Anna")])
    school.roster.remove(ROOM, 1)
    assert (school.names(), school.told()) == (["Anna"], [])
    school.roster.remove(ROOM, 2)
    assert (school.names(), school.told()) == ([], [("left", "Anna")])


def test_L15_twice_is_once(school: School) -> None:
    school.roster.add(ROOM, 1, ANNA)
    school.roster.add(ROOM, 1, ANNA)
    school.roster.remove(ROOM, 1)
    school.roster.remove(ROOM, 1)
    assert school.told() == [("joined", "Anna"), ("left", "Anna")]


def test_L15_people_stand_in_the_order_they_came_with_the_time_they_did(school: School) -> None:
    for session, person in ((1, BEN), (2, ANNA), (3, BEN)):
        school.roster.add(ROOM, session, person)
        school.clock.turn(minutes=1)
    participants = school.roster.participants(ROOM)
    assert [(one.person, one.state, instant_text(one.joined_at)) for one in participants] == [
        (BEN, "present", "2026-11-23T09:00:00.000Z"),
        (ANNA, "present", "2026-11-23T09:01:00.000Z"),
    ]


def test_an_announcement_says_where_when_and_who(school: School) -> None:
    school.roster.add(ROOM, 1, ANNA)
    (joined,) = school.heard
    assert (joined.lesson_id, joined.type, joined.at) == (ROOM, "participant.joined", "2026-11-23T09:00:00.000Z")
    assert [joined.participant] == school.roster.participants(ROOM)


def test_rooms_do_not_know_one_another(school: School) -> None:
    school.roster.add(ROOM, 1, ANNA)
    school.roster.add(NEXT_DOOR, 1, ANNA)
    school.roster.remove(ROOM, 1)
    assert (school.names(), school.names(NEXT_DOOR)) == ([], ["Anna"])


def test_a_session_that_ends_is_gone_from_everywhere(school: School) -> None:
    school.roster.add(ROOM, 1, ANNA)
    school.roster.add(NEXT_DOOR, 1, ANNA)
    school.told()
    school.roster.remove_session(1)
    assert (school.names(), school.names(NEXT_DOOR)) == ([], [])
    assert school.told() == [("left", "Anna")] * 2


def test_L16_a_session_that_has_ended_does_not_come_back(school: School) -> None:
    school.roster.remove_session(1)
    school.roster.add(ROOM, 1, ANNA)
    assert (school.names(), school.told()) == ([], [])
    school.roster.add(ROOM, 2, ANNA)
    assert school.names() == ["Anna"]


def test_L16_what_is_remembered_of_the_gone_is_bounded(school: School, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(roster_room, "GONE_REMEMBERED", 3)
    for session in range(100):
        school.roster.remove_session(session)
    assert list(school.roster._gone) == [97, 98, 99]


def test_a_person_is_led_out_with_all_sessions_and_the_others_stay(school: School) -> None:
    for session, person in ((1, ANNA), (2, BEN), (3, ANNA)):
        school.roster.add(ROOM, session, person)
    school.told()
    school.roster.remove_person(ROOM, ANNA.id)
    school.roster.remove_person(NEXT_DOOR, BEN.id)
    assert (school.names(), school.told()) == (["Ben"], [("left", "Anna")])


def test_a_room_is_cleared(school: School) -> None:
    for session, person in ((1, ANNA), (2, BEN), (3, ANNA)):
        school.roster.add(ROOM, session, person)
    school.roster.add(NEXT_DOOR, 1, ANNA)
    school.told()
    school.roster.clear(ROOM)
    assert sorted(school.told()) == [("left", "Anna"), ("left", "Ben")]
    assert (school.names(), school.names(NEXT_DOOR)) == ([], ["Anna"])


def test_an_empty_school_keeps_nothing(school: School) -> None:
    for session in (1, 2):
        school.roster.add(ROOM, session, ANNA)
        school.roster.add(NEXT_DOOR, session, BEN)
    school.roster.clear(ROOM)
    school.roster.remove(ROOM, 99)
    school.roster.remove_session(1)
    school.roster.remove_session(2)
    assert (dict(school.roster._rooms), dict(school.roster._rooms_of)) == ({}, {})
