"""Who is there, who was there for how long, and which lessons have lost their tutor."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import datetime

from twisted.internet.defer import Deferred, DeferredLock

from tutorwamp.accounts.contracts import People, Person, PersonChanged
from tutorwamp.kernel.contracts import Clock
from tutorwamp.kernel.events import Events
from tutorwamp.kernel.log.lines import get_logger
from tutorwamp.lessons.attendance import AttendanceStore, Stay, connected
from tutorwamp.lessons.contracts import Lesson
from tutorwamp.lessons.roster import Place, Roster
from tutorwamp.lessons.settings import LessonsSettings
from tutorwamp.lessons.values import Attended, Participant

log = get_logger(__name__)


class Presence:
    """The rooms of this process, and the record of who was in them."""

    def __init__(
        self,
        record: AttendanceStore,
        people: People,
        events: Events,
        *,
        settings: LessonsSettings,
        clock: Clock,
        now_s: Callable[[], float],
    ) -> None:
        self._record = record
        self._people = people
        self._clock = clock
        self._now_s = now_s  # of a clock that never goes back: whoever sets the machine's ends no grace and keeps none
        self._grace_s = settings.grace.total_seconds()
        self._tutorless: dict[str, float] = {}
        self._unsettled: dict[tuple[str, str], float] = {}
        self._unkept: list[Stay] = []
        """Notes for the record, in their order; whatever waits goes into one transaction."""
        self._turn = DeferredLock()
        self._waits_for_turn = False
        events.listen(PersonChanged, self._person_changed)
        self.roster = Roster(events, clock, now_s=now_s, grace=settings.grace, came=self._came, went=self._went)

    def look_for_tutor(self, lesson: Lesson) -> bool:
        """L20: note since when a lesson's tutor is away; whether the tutor is there."""
        if self.has_tutor(lesson):
            self.settle(lesson.id)
            return True
        self.suspect(lesson.id)
        return False

    def has_tutor(self, lesson: Lesson) -> bool:
        """Whether a lesson's tutor is in the room."""
        people = self.participants(lesson.id)
        return any(one.person.id == lesson.tutor.id and one.state == "present" for one in people)

    def suspect(self, lesson_id: str) -> bool:
        """L20: this lesson's tutor may have gone just now: time runs. Whether it did not run before."""
        if lesson_id in self._tutorless:
            return False
        self._tutorless[lesson_id] = self._now_s() + self._grace_s
        return True

    def abandoned(self) -> list[str]:
        """L20: the lessons whose tutor has been away for the grace time, until each is settled."""
        now_s = self._now_s()
        return [lesson_id for lesson_id, deadline_s in self._tutorless.items() if deadline_s <= now_s]

    def settle(self, lesson_id: str) -> None:
        """L20: the lesson has its tutor, or it is written that it has none."""
        self._tutorless.pop(lesson_id, None)

    def has(self, lesson_id: str, user_id: str) -> bool:
        """L15: whether somebody is in the room, or is kept a place."""
        return any(one.person.id == user_id for one in self.participants(lesson_id))

    def unsettle(self, lesson_id: str, user_id: str) -> None:
        """L25, L26: somebody came or went; it is to be written whether they count as there."""
        self._unsettled[lesson_id, user_id] = self._now_s()

    def miss(self, lesson_id: str, user_id: str) -> None:
        """L25, L26: somebody counts as there and is in nobody's room: it is written when the grace time is over."""
        if not self.has(lesson_id, user_id):
            self._unsettled.setdefault((lesson_id, user_id), self._now_s() + self._grace_s)

    def unsettled(self) -> list[tuple[str, str]]:
        """Lessons and people of whom it is to be written now."""
        now_s = self._now_s()
        return [key for key, due_s in self._unsettled.items() if due_s <= now_s]

    def take_unsettled(self, lesson_id: str, user_id: str) -> bool:
        """It is being written now; whether it was to be."""
        return self._unsettled.pop((lesson_id, user_id), None) is not None

    def _person_changed(self, changed: PersonChanged) -> None:
        if self.roster.is_anywhere(changed.user_id):
            renaming = Deferred.fromCoroutine(self._rename(changed.user_id))
            renaming.addErrback(lambda failure: log.warning("an old name is shown", error=str(failure.value)))

    async def _rename(self, user_id: str) -> None:
        self.roster.rename(await self._people.person(user_id))

    def participants(self, lesson_id: str) -> list[Participant]:
        """Who is in the room."""
        return self.roster.participants(lesson_id)

    async def recover(self, *, own: bool) -> list[str]:
        """L22: after the crash of a node keep the places of those who were there; which lessons they were in."""
        stays = await self._record.close_orphaned(self._clock(), own=own)
        people = {one.id: one for one in await self._people.persons(sorted({stay.user_id for stay in stays}))}
        for stay in stays:
            if stay.user_id in people:
                self.roster.remember(stay.lesson_id, stay.session, people[stay.user_id], stay.joined_at)
        return sorted({stay.lesson_id for stay in stays})

    def present(self, lesson_id: str) -> set[str]:
        """The ids of the people who are in the room now; nobody where another process keeps the rooms."""
        return self.roster.present(lesson_id)

    async def were_there(self, when: Collection[tuple[str, datetime]]) -> set[tuple[str, datetime]]:
        """L22: those of these people and moments of which the record says that they were in the room of some lesson."""
        await self.kept()
        return await self._record.covers(when)

    async def taught(self, tutor_id: str, user_ids: Sequence[str]) -> set[str]:
        """Those of these people who were ever in the room in a lesson of this tutor."""
        return await self._record.taught_by(tutor_id, user_ids)

    async def seen(self) -> None:
        """L22: note that everybody who is there is there still; so a crash costs the record some seconds at most."""
        await self.kept()
        await self._record.seen(self._clock())

    async def attendance(self, lesson_id: str) -> list[Attended]:
        """L21: everybody who was ever in the room, in the order they came."""
        await self.kept()
        by_person: dict[str, list[Stay]] = {}
        for stay in await self._record.stays(lesson_id):
            by_person.setdefault(stay.user_id, []).append(stay)
        people = await self._people.persons(list(by_person))
        return [self._attended(person, by_person[person.id]) for person in people]

    def _attended(self, person: Person, stays: Sequence[Stay]) -> Attended:
        there = any(stay.left_at is None for stay in stays)
        return Attended(
            person=person,
            connected_s=connected(stays, self._clock()).total_seconds(),
            first_joined_at=stays[0].since,
            last_left_at=None if there else max(stay.left_at for stay in stays if stay.left_at is not None),
        )

    def _came(self, place: Place) -> None:
        self._note(_stay(place, place.since))

    def _went(self, place: Place, cause: str) -> None:
        now = self._clock()
        self._note(replace(_stay(place, now), left_at=now, cause=cause))

    def _note(self, stay: Stay) -> None:
        self._unkept.append(stay)
        if not self._waits_for_turn:
            self._waits_for_turn = True
            # Where the database is away they wait for the next note, or the next look at who is there.
            self.kept().addErrback(lambda failure: log.warning("attendance is kept later", error=str(failure.value)))

    def kept(self) -> Deferred[None]:
        """Fires when everything that was to be noted until now is kept."""
        return self._turn.run(lambda: Deferred.fromCoroutine(self._save()))

    async def _save(self) -> None:
        self._waits_for_turn = False
        while self._unkept:
            batch = list(self._unkept)
            await self._record.save(batch)
            del self._unkept[: len(batch)]


def _stay(place: Place, seen_at: datetime) -> Stay:
    return Stay(
        id=place.id,
        lesson_id=place.lesson_id,
        session=place.session,
        since=place.since,
        user_id=place.person.id,
        joined_at=place.joined_at,
        seen_at=seen_at,
    )
