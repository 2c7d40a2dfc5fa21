"""The roster: who is in which lesson now, in memory: presence belongs to sessions, which end with the router.

A session that is lost keeps its place for the grace time. Grace belongs to the session, never to the person: whoever is
back with another one is simply there, and the old place's end disturbs nobody.
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from tutorwamp.accounts.contracts import Person
from tutorwamp.kernel.contracts import AuthRole, Clock, instant_text, new_id
from tutorwamp.kernel.events import Events
from tutorwamp.lessons.contracts import PresenceChanged
from tutorwamp.lessons.values import Participant

GONE_REMEMBERED: Final = 10_000
"""Session ids that have left; a join still under way when its session leaves must not bring it back as a ghost."""


@dataclass(frozen=True)
class Place:
    """A session in a room; ``lost_until``: how long it is kept although its session is gone, null while it is there."""

    id: str
    """Of the stay, in the attendance record."""
    lesson_id: str
    session: int
    person: Person
    joined_at: datetime
    since: datetime
    """When this stay began; ``joined_at`` is when the person came, before any reconnect."""
    lost_until: datetime | None = None
    ends_s: float | None = None
    """The same moment by a clock that nobody sets: others are shown the one, places end by the other."""


class Roster:
    """Sessions in rooms, shown as people; announces who comes, who is lost for a moment, and who goes.

    ``came`` and ``went`` hear of every session's stay, for the attendance record; ``went`` with the cause.
    """

    def __init__(
        self,
        events: Events,
        clock: Clock,
        *,
        now_s: Callable[[], float],
        grace: timedelta,
        came: Callable[[Place], None],
        went: Callable[[Place, str], None],
    ) -> None:
        self._events = events
        self._clock = clock
        self._now_s = now_s
        self._grace = grace
        self._came = came
        self._went = went
        self._rooms: defaultdict[str, dict[int, Place]] = defaultdict(dict)
        self._rooms_of: defaultdict[int, set[str]] = defaultdict(set)
        self._lost: deque[Place] = deque()  # the earliest deadline first
        self._gone: OrderedDict[int, None] = OrderedDict()

    def add(self, lesson_id: str, session: int, person: Person) -> bool:
        """A session comes in; twice is once. Whether it was not in the room before."""
        room = self._rooms.get(lesson_id, {})
        if session in self._gone or session in room:
            return False
        mine = [place for place in room.values() if place.person.id == person.id]
        there = any(place.lost_until is None for place in mine)
        for place in mine:
            if place.lost_until is not None:
                self._forget(place)
        now = self._clock()
        joined_at = min((place.joined_at for place in mine), default=now)
        self._put(Place(new_id(), lesson_id, session, person, joined_at, since=now))
        self._came(self._rooms[lesson_id][session])
        if not there:
            self._announce(lesson_id, person, "participant.joined", at=now)  # the very moment of joined_at
        return True

    def rename(self, person: Person) -> None:
        """Somebody is called otherwise from now on: others in the room are told as if they had just come.

        A place that is kept is not touched: who comes back gets a new one.
        """
        for lesson_id, room in self._rooms.items():
            old = [one for one in room.values() if one.person.id == person.id and one.lost_until is None]
            for place in old:
                room[place.session] = replace(place, person=person)
            if any(place.person != person for place in old):
                self._announce(lesson_id, person, "participant.joined")

    def is_anywhere(self, user_id: str) -> bool:
        """Whether somebody is in a room."""
        return any(place.person.id == user_id for room in self._rooms.values() for place in room.values())

    def remember(self, lesson_id: str, session: int, person: Person, joined_at: datetime) -> None:
        """Somebody was in the room when the node went down: the place is kept for the grace time."""
        place = self._lost_from_now(Place(new_id(), lesson_id, session, person, joined_at, since=self._clock()))
        self._put(place)
        self._lost.append(place)

    def remove(self, lesson_id: str, session: int, cause: str) -> None:
        """A session goes out of one room, and its place is not kept."""
        place = self._rooms.get(lesson_id, {}).get(session)
        if place is not None:
            self._end(place, cause)

    def lose(self, session: int) -> None:
        """A session is gone, however it ended; its places are kept for the grace time."""
        self._gone[session] = None
        if len(self._gone) > GONE_REMEMBERED:
            self._gone.popitem(last=False)
        for lesson_id in list(self._rooms_of.get(session, ())):
            self._lose(self._rooms[lesson_id][session])

    def expire(self) -> None:
        """End what was kept for long enough. To be called every second or so."""
        now_s = self._now_s()
        while self._lost and self._lost[0].ends_s is not None and self._lost[0].ends_s <= now_s:
            place = self._lost.popleft()
            if self._rooms.get(place.lesson_id, {}).get(place.session) is place:
                self._end(place, "lost")

    def remove_person(self, lesson_id: str, user_id: str) -> None:
        """Somebody does not belong to the lesson any more."""
        self._end_all((place for place in self._in(lesson_id) if place.person.id == user_id), "removed")

    def clear(self, lesson_id: str) -> None:
        """The lesson is over."""
        self._end_all(self._in(lesson_id), "over")

    def participants(self, lesson_id: str) -> list[Participant]:
        """The people in a room, in the order they came."""
        people = {place.person.id: place.person for place in self._in(lesson_id)}
        found = [self._participant(lesson_id, person) for person in people.values()]
        return [participant for participant in found if participant is not None]

    def present(self, lesson_id: str) -> set[str]:
        """The ids of the people who are there; places that are kept do not count."""
        return {place.person.id for place in self._in(lesson_id) if place.lost_until is None}

    def sessions(self, lesson_id: str) -> list[tuple[int, Person]]:
        """Those that are there, and whose they are."""
        return [(place.session, place.person) for place in self._in(lesson_id) if place.lost_until is None]

    def rooms(self) -> dict[str, set[str]]:
        """Who is in the rooms by the lessons' rules, or is kept a place: not admins, who belong to every lesson."""
        return {
            lesson_id: {place.person.id for place in places.values() if place.person.role is not AuthRole.ADMIN}
            for lesson_id, places in self._rooms.items()
        }

    def sessions_in(self, lesson_id: str) -> int:
        """How many sessions are there, of whoever."""
        return sum(place.lost_until is None for place in self._in(lesson_id))

    def count(self) -> tuple[int, int]:
        """How many lessons have people in them, and how many people that is; places that are kept do not count."""
        there = {
            (lesson_id, place.person.id)
            for lesson_id, room in self._rooms.items()
            for place in room.values()
            if place.lost_until is None
        }
        return len({lesson_id for lesson_id, _ in there}), len({person_id for _, person_id in there})

    def _lose(self, place: Place) -> None:
        lost = self._lost_from_now(place)
        self._rooms[place.lesson_id][place.session] = lost
        self._lost.append(lost)
        self._went(place, "lost")
        seen = self._participant(place.lesson_id, place.person)
        if seen is not None and seen.state == "reconnecting":
            self._announce(place.lesson_id, place.person, "participant.reconnecting")

    def _lost_from_now(self, place: Place) -> Place:
        grace_s = self._grace.total_seconds()
        return replace(place, lost_until=self._clock() + self._grace, ends_s=self._now_s() + grace_s)

    def _end(self, place: Place, cause: str) -> None:
        self._forget(place)
        if place.lost_until is None:
            self._went(place, cause)
        left = self._participant(place.lesson_id, place.person)
        if left is None:
            self._announce(place.lesson_id, place.person, "participant.left", place)
        elif left.state == "reconnecting" and place.lost_until is None:
            self._announce(place.lesson_id, place.person, "participant.reconnecting")

    def _end_all(self, places: Iterable[Place], cause: str) -> None:
        for place in sorted(places, key=lambda one: one.lost_until is None):  # so that nobody is told twice
            self._end(place, cause)

    def _in(self, lesson_id: str) -> Collection[Place]:
        return self._rooms.get(lesson_id, {}).values()

    def _put(self, place: Place) -> None:
        self._rooms[place.lesson_id][place.session] = place
        self._rooms_of[place.session].add(place.lesson_id)

    def _forget(self, place: Place) -> None:
        self._rooms[place.lesson_id].pop(place.session, None)
        if not self._rooms[place.lesson_id]:
            del self._rooms[place.lesson_id]
        self._rooms_of[place.session].discard(place.lesson_id)
        if not self._rooms_of[place.session]:
            del self._rooms_of[place.session]

    def _participant(self, lesson_id: str, person: Person) -> Participant | None:
        mine = [place for place in self._in(lesson_id) if place.person.id == person.id]
        if not mine:
            return None
        joined_at = min(place.joined_at for place in mine)
        deadlines = [place.lost_until for place in mine if place.lost_until is not None]
        if len(deadlines) < len(mine):
            return Participant(person=person, state="present", joined_at=joined_at, deadline=None)
        return Participant(person=person, state="reconnecting", joined_at=joined_at, deadline=max(deadlines))

    def _announce(
        self, lesson_id: str, person: Person, event_type: str, gone: Place | None = None, *, at: datetime | None = None
    ) -> None:
        shown = self._participant(lesson_id, person)
        if shown is None and gone is not None:
            shown = Participant(person=person, state="left", joined_at=gone.joined_at, deadline=None)
        if shown is not None:
            self._events.announce(PresenceChanged(lesson_id, event_type, instant_text(at or self._clock()), shown))
