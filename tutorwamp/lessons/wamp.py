"""Lessons over WAMP: ``tutorwamp.lesson.…``, and the topics ``….state`` and ``….presence``."""

from __future__ import annotations

from tutorwamp.kernel.contracts import Caller, Nothing, Page
from tutorwamp.kernel.edges.component import Publisher, serves
from tutorwamp.kernel.events import Events
from tutorwamp.lessons import contracts
from tutorwamp.lessons.contracts import (
    PRESENCE_TOPIC,
    Attendance,
    CancelLesson,
    CreateLesson,
    Joined,
    Lesson,
    LessonChanged,
    ListLessons,
    OneLesson,
    PresenceChanged,
    Replayed,
    ReplayLesson,
    SetPen,
    UpdateLesson,
)
from tutorwamp.lessons.service import LessonsService


class LessonsDoor:
    """The WAMP door of lessons."""

    def __init__(self, lessons: LessonsService) -> None:
        self._lessons = lessons

    @serves(contracts.CREATE)
    async def create(self, caller: Caller, asked: CreateLesson) -> Lesson:
        """Plan a lesson."""
        return await self._lessons.create(caller, asked)

    @serves(contracts.GET)
    async def get(self, caller: Caller, asked: OneLesson) -> Lesson:
        """One lesson."""
        return await self._lessons.get(caller, asked.lesson_id)

    @serves(contracts.LIST)
    async def list(self, caller: Caller, asked: ListLessons) -> Page[Lesson]:
        """The caller's lessons."""
        return await self._lessons.list_lessons(caller, asked)

    @serves(contracts.UPDATE)
    async def update(self, caller: Caller, asked: UpdateLesson) -> Lesson:
        """Change a lesson."""
        return await self._lessons.update(caller, asked)

    @serves(contracts.CANCEL)
    async def cancel(self, caller: Caller, asked: CancelLesson) -> Lesson:
        """Call a lesson off."""
        return await self._lessons.cancel(caller, asked)

    @serves(contracts.START)
    async def start(self, caller: Caller, asked: OneLesson) -> Lesson:
        """Begin a lesson."""
        return await self._lessons.start(caller, asked.lesson_id)

    @serves(contracts.END)
    async def end(self, caller: Caller, asked: OneLesson) -> Lesson:
        """End a lesson."""
        return await self._lessons.end(caller, asked.lesson_id)

    @serves(contracts.JOIN)
    async def join(self, caller: Caller, asked: OneLesson) -> Joined:
        """Enter the room."""
        return await self._lessons.join(caller, asked.lesson_id)

    @serves(contracts.LEAVE)
    async def leave(self, caller: Caller, asked: OneLesson) -> Nothing:
        """Go out."""
        await self._lessons.leave(caller, asked.lesson_id)
        return Nothing()

    @serves(contracts.ATTENDANCE)
    async def attendance(self, caller: Caller, asked: OneLesson) -> Attendance:
        """Who was there, and for how long."""
        return await self._lessons.attendance(caller, asked.lesson_id)

    @serves(contracts.REPLAY)
    async def replay(self, caller: Caller, asked: ReplayLesson) -> Replayed:
        """What happened, in order."""
        return await self._lessons.replay(caller, asked)

    @serves(contracts.SET_PEN)
    async def set_pen(self, caller: Caller, asked: SetPen) -> Lesson:
        """Say who may draw."""
        return await self._lessons.set_pen(caller, asked)


def publish_lessons(events: Events, publisher: Publisher) -> None:
    """Publish what lessons announce."""

    def changed(change: LessonChanged) -> None:
        publisher.publish_stream_event(change.event)

    def presence(change: PresenceChanged) -> None:
        participant = change.participant.plain()
        deadline = {} if change.participant.deadline is None else {"deadline": participant["deadline"]}
        told = {"type": change.type, "at": change.at, "participant": participant, **deadline}
        publisher.publish(PRESENCE_TOPIC.of(change.lesson_id), told)

    events.listen(LessonChanged, changed)
    events.listen(PresenceChanged, presence)
