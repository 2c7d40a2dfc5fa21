"""Who is in which room, in this process's memory: presence belongs to sessions, and they end with the router."""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from tutorwamp.accounts.contracts import Person
from tutorwamp.kernel.contracts import Clock, instant_text
from tutorwamp.kernel.events import Events
from tutorwamp.lessons.contracts import Participant, PresenceChanged

GONE_REMEMBERED: Final = 10_000
"""Session ids that have left; a join still under way when its session leaves must not bring it back as a ghost."""


@dataclass(frozen=True)
class _Place:
    person: Person
    joined_at: datetime


class Roster:
    """Sessions in rooms, shown as people; announces who comes first and who goes last."""

    def __init__(self, events: Events, clock: Clock) -> None:
        self._events = events
        self._clock = clock
        self._rooms: defaultdict[str, dict[int, _Place]] = defaultdict(dict)
        self._rooms_of: defaultdict[int, set[str]] = defaultdict(set)
        self._gone: OrderedDict[int, None] = OrderedDict()

    def add(self, lesson_id: str, session: int, person: Person) -> bool:
        """A session comes in; twice is once. Whether it was not in the room before."""
        if session in self._gone or session in self._rooms.get(lesson_id, {}):
            return False
        first = not self._has(lesson_id, person.id)
        place = _Place(person, self._clock())
        self._rooms[lesson_id][session] = place
        self._rooms_of[session].add(lesson_id)
        if first:
            self._announce(lesson_id, "participant.joined", place)
        return True

    def remove(self, lesson_id: str, session: int) -> None:
        """A session goes out of one room."""
        place = self._rooms[lesson_id].pop(session, None)
        if not self._rooms[lesson_id]:
            del self._rooms[lesson_id]
        if place is None:
            return
        self._rooms_of[session].discard(lesson_id)
        if not self._rooms_of[session]:
            del self._rooms_of[session]
        if not self._has(lesson_id, place.person.id):
            self._announce(lesson_id, "participant.left", place)

    def remove_session(self, session: int) -> None:
        """A session is gone from everywhere, for good."""
        self._gone[session] = None
        if len(self._gone) > GONE_REMEMBERED:
            self._gone.popitem(last=False)
        for lesson_id in list(self._rooms_of.get(session, ())):
            self.remove(lesson_id, session)

    def remove_person(self, lesson_id: str, user_id: str) -> None:
        """Somebody does not belong to the lesson any more."""
        room = self._rooms.get(lesson_id, {})
        for session in [session for session, place in room.items() if place.person.id == user_id]:
            self.remove(lesson_id, session)

    def clear(self, lesson_id: str) -> None:
        """The lesson is over."""
        for session in list(self._rooms.get(lesson_id, ())):
            self.remove(lesson_id, session)

    def participants(self, lesson_id: str) -> list[Participant]:
        """The people in a room, in the order they came."""
        people: dict[str, Participant] = {}
        for place in self._rooms.get(lesson_id, {}).values():
            people.setdefault(place.person.id, _participant(place))
        return list(people.values())

    def _has(self, lesson_id: str, user_id: str) -> bool:
        return any(place.person.id == user_id for place in self._rooms.get(lesson_id, {}).values())

    def _announce(self, lesson_id: str, event_type: str, place: _Place) -> None:
        at = instant_text(self._clock())
        self._events.announce(PresenceChanged(lesson_id, event_type, at, _participant(place)))


def _participant(place: _Place) -> Participant:
    return Participant(person=place.person, state="present", joined_at=place.joined_at)
