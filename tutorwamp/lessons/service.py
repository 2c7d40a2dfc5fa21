"""What happens to lessons: they are planned, changed, started and ended; people join and leave."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

from prometheus_client import Counter
from twisted.internet.defer import Deferred

from tutorwamp.accounts.contracts import People, Person, PersonChanged
from tutorwamp.gate.contracts import Gate
from tutorwamp.kernel.contracts import NOTHING, AuthRole, Caller, Clock, Nothing, Page, Value, new_id
from tutorwamp.kernel.errors import Forbidden, NotFound, TutorwampError
from tutorwamp.kernel.events import Events
from tutorwamp.kernel.limits import CallLimits
from tutorwamp.kernel.log.lines import get_logger
from tutorwamp.kernel.streams import digest_of
from tutorwamp.lessons import rules
from tutorwamp.lessons.attendance import PresentElsewhereError
from tutorwamp.lessons.classroom import Classroom
from tutorwamp.lessons.contracts import (
    Admission,
    CancelLesson,
    CreateLesson,
    Joined,
    Lesson,
    LessonCreated,
    LessonState,
    ListLessons,
    OneLesson,
    PresenceChanged,
    SetPen,
    Topics,
    UpdateLesson,
    topics_of,
)
from tutorwamp.lessons.errors import WrongState
from tutorwamp.lessons.presence import Presence
from tutorwamp.lessons.store import LessonsStore, Requirement
from tutorwamp.lessons.values import (
    Attendance,
    Participant,
    Replayed,
    ReplayLesson,
    Rules,
    UnattendedRule,
    View,
)

log = get_logger(__name__)


_pens = Counter("tutorwamp_pens", "Pens that were given to students, and taken from them.", ["change"])
PEN_GIVEN, PEN_TAKEN = _pens.labels("given"), _pens.labels("taken")

LOOKED_AT_ONCE: Final = 200
"""Lessons, of which is asked who belongs to them."""


class LessonsService(Classroom):
    """Everything that happens to lessons."""

    def __init__(
        self,
        store: LessonsStore,
        people: People,
        gate: Gate,
        events: Events,
        presence: Presence,
        limits: CallLimits,
        *,
        remembered: int,
        unattended: UnattendedRule = "open",
        clock: Clock,
    ) -> None:
        super().__init__(store, people, gate, events, presence, limits, remembered=remembered, clock=clock)
        self._unattended = unattended
        self._not_shut: dict[str, set[str]] = {}
        """Lessons whose topics could not be closed to these people, or to all when the lesson was over."""
        self.found_on_joining: Mapping[str, Callable[[Admission], Awaitable[Sequence[Value]]]] = {}
        """What other domains have for who joins, by the names they declared (kernel/joining.py)."""
        self.last_view: Callable[[str], Awaitable[View | None]] = _nobody_leads
        """What a lesson's people are led to, for who joins."""
        events.listen(PresenceChanged, self._somebody_moved)
        events.listen(PersonChanged, lambda changed: self.forget_person(changed.user_id))

    async def create(self, caller: Caller, asked: CreateLesson) -> Lesson:
        """Plan a lesson. Raises Forbidden, Invalid, Overlap or Conflict."""
        if caller.role is AuthRole.STUDENT:
            raise Forbidden("Only tutors plan lessons.")
        found = await self._people.persons([caller.user_id, *asked.student_ids], active_only=True)
        tutor = next((person for person in found if person.id == caller.user_id), None)
        if tutor is None:
            raise NotFound("There is no such person.")
        lesson = Lesson(
            id=new_id(),
            title=asked.title,
            subject=asked.subject,
            state=LessonState.SCHEDULED,
            tutor=tutor,
            students=rules.require_students(asked.student_ids, found),
            starts_at=asked.starts_at,
            ends_at=asked.ends_at,
            started_at=None,
            ended_at=None,
            pen=[],
            rules=Rules(unattended=self._unattended),
            version=1,
            created_at=self._clock(),
        )
        digest = digest_of(asked.model_dump(mode="json", exclude={"client_id"}))
        kept = await self._store.add(lesson, asked.client_id, digest)
        if kept.id != lesson.id:
            return (await self._with_people([kept]))[0]
        self._events.announce(LessonCreated(lesson))
        return lesson

    async def get(self, caller: Caller, asked: OneLesson) -> Lesson:
        """One lesson. Raises NotFound."""
        return (await self.admit(caller, asked.lesson_id, fresh=True)).lesson

    async def list_lessons(self, caller: Caller, asked: ListLessons) -> Page[Lesson]:
        """The caller's lessons, newest start first. Raises Invalid."""
        kept, next_cursor = await self._store.page(caller, asked)
        return Page[Lesson](items=await self._with_people(kept), next_cursor=next_cursor)

    async def update(self, caller: Caller, asked: UpdateLesson) -> Lesson:
        """Change a lesson. Raises NotFound, Forbidden, Conflict, WrongState, Overlap or Invalid."""
        students: list[Person] | None = None
        if asked.student_ids is not None:
            # Before anybody is looked up: who exists is not for outsiders to find out.
            rules.require_moderator(caller, (await self.admit(caller, asked.lesson_id, fresh=True)).lesson)
            found = await self._people.persons(asked.student_ids, active_only=True)
            students = rules.require_students(asked.student_ids, found)
        before, after = await self._change(
            caller, asked.lesson_id, "lesson.updated", lambda lesson: rules.update(lesson, asked, students)
        )
        for removed in {person.id for person in before.students} - {person.id for person in after.students}:
            await self._remove(asked.lesson_id, removed)
        return after

    async def take_in(self, caller: Caller, lesson_id: str, only_if: Requirement) -> Lesson:
        """L30: make the caller one of its students. Raises NotFound, Forbidden, LessonFull and as ``only_if`` does."""
        person = await self._people.person(caller.user_id)
        _, after = await self._replace(
            lambda: self._read_anew(lesson_id),
            "lesson.updated",
            person,
            lambda lesson: rules.take_in(lesson, caller, person),
            only_if=only_if,
        )
        return after

    async def start(self, caller: Caller, asked: OneLesson) -> Lesson:
        """Begin a lesson. Raises NotFound, Forbidden or WrongState."""
        _, after = await self._change(
            caller, asked.lesson_id, "lesson.started", lambda lesson: rules.start(lesson, self._clock())
        )
        return after

    async def end(self, caller: Caller, asked: OneLesson) -> Lesson:
        """End a lesson; everybody is led out. Raises NotFound, Forbidden or WrongState."""
        _, after = await self._change(
            caller, asked.lesson_id, "lesson.ended", lambda lesson: rules.end(lesson, self._clock())
        )
        await self._close(asked.lesson_id)
        return after

    async def cancel(self, caller: Caller, asked: CancelLesson) -> Lesson:
        """Call a lesson off. Raises NotFound, Forbidden or WrongState."""
        _, after = await self._change(
            caller, asked.lesson_id, "lesson.cancelled", rules.cancel, {"reason": asked.reason}
        )
        await self._close(asked.lesson_id)
        return after

    async def set_pen(self, caller: Caller, asked: SetPen) -> Lesson:
        """Say which students may draw. Raises NotFound, Forbidden, WrongState or Invalid."""
        before, after = await self._change(
            caller, asked.lesson_id, "pen.changed", lambda lesson: rules.set_pen(lesson, asked.student_ids)
        )
        PEN_GIVEN.inc(len(set(after.pen) - set(before.pen)))
        PEN_TAKEN.inc(len(set(before.pen) - set(after.pen)))
        return after

    async def join(self, caller: Caller, asked: OneLesson) -> Joined:
        """Enter the room: its topics open to this session. Raises NotFound or WrongState."""
        if caller.session is None:
            raise Forbidden("A lesson is joined over WAMP.")
        lesson_id = asked.lesson_id
        known = (await self.admit_writer(caller, lesson_id)).lesson  # from memory: what counts is asked again below
        person = await self._people.person(caller.user_id)
        await self._gate.grant(
            caller.session,
            lesson_id,
            subscribe=list(topics_of(lesson_id).values()),
            publish=self._members_topics(caller, known),
        )
        # From here on a removal or the lesson's end finds this session and leads it out; one that came before, while we
        # asked the gate, is found by asking the database again.
        came = self._roster.add(lesson_id, caller.session, person)
        try:
            if person.id == known.tutor.id:
                self._presence.unsettle(lesson_id, person.id)
                await self._settle(lesson_id, person.id)
            # Heads before the lesson: what happens between the two is then told twice, and never missed.
            heads = await self._store.heads(lesson_id)
            admission = await self.admit(caller, lesson_id, fresh=True)
            rules.require_open(admission.lesson)
            await self._let_type(known, admission.lesson, caller.session)
            view = await self.last_view(lesson_id)
            found = await self._found_on_joining(admission)
        except Exception as error:
            # A session that was in the room before stays, unless it does not belong there any more.
            if came or isinstance(error, (NotFound, WrongState)):
                self._roster.remove(lesson_id, caller.session, "left")
                await self._gate.revoke_grants(lesson_id, session=caller.session)
            raise
        return Joined(
            lesson=await self._go_on_with_tutor(admission.lesson),
            participants=self.participants(lesson_id),
            topics=Topics.model_validate(topics_of(lesson_id)),
            heads=heads.by_name,
            epoch=heads.epoch,
            view=view,
            **found,
        )

    async def _found_on_joining(self, admission: Admission) -> dict[str, Any]:
        return {name: [one.plain() for one in await find(admission)] for name, find in self.found_on_joining.items()}

    async def leave(self, caller: Caller, asked: OneLesson) -> Nothing:
        """Go out with this session; leaving a room one is not in is no error. Raises NotFound for an outsider."""
        await self.admit(caller, asked.lesson_id, fresh=False)
        if caller.session is not None:
            self._roster.remove(asked.lesson_id, caller.session, "left")
            await self._gate.revoke_grants(asked.lesson_id, session=caller.session)
            await self._settle(asked.lesson_id, caller.user_id)
        return NOTHING

    def session_left(self, session: int, *_: object) -> None:
        """A WAMP session is gone, however it ended; its places are kept for the grace time."""
        self._roster.lose(session)

    def participants(self, lesson_id: str) -> list[Participant]:
        """Who is in the room."""
        return self._presence.participants(lesson_id)

    async def attendance(self, caller: Caller, asked: OneLesson) -> Attendance:
        """Who was there, and for how long. Raises NotFound or Forbidden."""
        rules.require_moderator(caller, (await self.admit(caller, asked.lesson_id, fresh=True)).lesson)
        return Attendance(items=await self._presence.attendance(asked.lesson_id))

    async def replay(self, caller: Caller, asked: ReplayLesson) -> Replayed:
        """What happened, in order. Raises NotFound or Invalid."""
        await self.admit(caller, asked.lesson_id, fresh=True)
        return await self._store.replay(asked)

    async def recover(self, *, own: bool = True) -> None:
        """Those who were there when a node went down have the grace time to come back.

        ``own``: it was this node, which starts again; otherwise others that have died, to be looked for now and then.
        """
        for lesson_id in await self._presence.recover(own=own):
            self._presence.look_for_tutor(await self._read(lesson_id))
        for lesson_id, user_id in await self._store.unaccounted():
            self._presence.miss(lesson_id, user_id)

    async def pass_time(self) -> None:
        """End the places that were kept long enough, interrupt lessons without tutor. To be called every second."""
        self._roster.expire()
        await self._settle_all()
        for lesson_id in self._presence.abandoned():
            try:
                await self._interrupt(lesson_id)
            except TutorwampError as error:  # its time stays over, and the next look tries again
                log.warning("a lesson is interrupted later", lesson=lesson_id, error=str(error))

    def occupied(self) -> tuple[int, int]:
        """How many lessons have people in them, and how many people that is."""
        return self._roster.count()

    async def note_presence(self) -> None:
        """For the attendance record, every few seconds; also what nodes that have died have left."""
        await self._presence.seen()
        await self.recover(own=False)
        await self._lead_out()

    async def _lead_out(self) -> None:
        """L14: whom another process has removed, or this one did not get round to, and everybody of what is over."""
        rooms = self._roster.rooms()  # before it is asked who belongs: who comes meanwhile is asked by ``join``
        for lesson_id, people in self._not_shut.items():
            rooms[lesson_id] = rooms.get(lesson_id, set()) | people
        lesson_ids = list(rooms)
        for begin in range(0, len(lesson_ids), LOOKED_AT_ONCE):
            some = lesson_ids[begin : begin + LOOKED_AT_ONCE]
            members = await self._store.members(some)
            for lesson_id in some:
                if lesson_id not in members:
                    await self._close(lesson_id)
                for user_id in sorted(rooms[lesson_id] - members.get(lesson_id, rooms[lesson_id])):
                    await self._remove(lesson_id, user_id)
                self._not_shut.pop(lesson_id, None)

    async def _remove(self, lesson_id: str, user_id: str) -> None:
        self._roster.remove_person(lesson_id, user_id)
        await self._shut(lesson_id, user_id)

    async def _shut(self, lesson_id: str, user_id: str | None = None) -> None:
        """Take the topics from somebody, or from everybody. Where the gate does not answer ``_lead_out`` will."""
        try:
            await self._gate.revoke_grants(lesson_id, user_id=user_id)
        except Exception:
            self._not_shut.setdefault(lesson_id, set()).update([] if user_id is None else [user_id])
            raise

    def _somebody_moved(self, moved: PresenceChanged) -> None:
        """L20: when the tutor of a live lesson is lost or leaves, time runs."""
        if moved.participant.person.role is not AuthRole.STUDENT:
            suspected = self._presence.suspect(moved.lesson_id)
            looking = Deferred.fromCoroutine(self._look_for_tutor(moved, suspected=suspected))
            # Nobody can say whose tutor it was: time runs, and the lesson is looked at when it is over.
            looking.addErrback(lambda failure: log.warning("could not look for the tutor", error=str(failure.value)))

    async def _interrupt(self, lesson_id: str) -> None:
        """L20: interrupt a live lesson, unless its tutor is back by now."""

        def decide(lesson: Lesson) -> Lesson:
            return lesson if self._presence.has_tutor(lesson) else rules.interrupt(lesson)

        try:
            lesson = await self._change_by_time(lesson_id, "lesson.interrupted", decide, if_tutor_absent=True)
        except (NotFound, PresentElsewhereError):
            self._presence.settle(lesson_id)
            return
        self._presence.settle(lesson_id)
        if self._presence.has_tutor(lesson):  # came while it was written
            await self._go_on_with_tutor(lesson)

    async def _look_for_tutor(self, moved: PresenceChanged, *, suspected: bool) -> None:
        lesson = await self._lessons.get(moved.lesson_id)
        if moved.participant.person.id == lesson.tutor.id and lesson.state is LessonState.LIVE:
            self._presence.look_for_tutor(lesson)
        elif suspected:
            self._presence.settle(lesson.id)

    async def _go_on_with_tutor(self, lesson: Lesson) -> Lesson:
        """L20: an interrupted lesson whose tutor has come in is live again."""
        if lesson.state is not LessonState.INTERRUPTED or not self._presence.look_for_tutor(lesson):
            return lesson
        return await self._change_by_time(lesson.id, "lesson.continued", rules.go_on)

    async def _close(self, lesson_id: str) -> None:
        self._roster.clear(lesson_id)
        await self._shut(lesson_id)


async def _nobody_leads(_lesson_id: str) -> None:
    """Where nothing was put in its place."""
