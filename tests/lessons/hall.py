"""The cast comes into its lesson, is lost, and goes."""

from __future__ import annotations

from typing import Any

from tests.support.cast import Cast, one_lesson
from tutorwamp.kernel.contracts import Caller
from tutorwamp.lessons.contracts import STATE_TOPIC, LessonChanged, LessonState, PresenceChanged, UpdateLesson
from tutorwamp.lessons.service import LessonsService
from tutorwamp.lessons.values import Attended


class Hall(Cast):
    """Who is in the lesson; ``lessons`` may be another service for it."""

    TOPIC, CHANGED = STATE_TOPIC, LessonChanged

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.lessons: LessonsService = self.machine.lessons
        self.moved: list[PresenceChanged] = []
        self.machine.events.listen(PresenceChanged, self.moved.append)

    async def start(self) -> None:
        await self.lessons.start(self.tutor, one_lesson(self.lesson.id))

    async def join(self, *callers: Caller) -> Any:
        """One after the other; what the last is answered."""
        for caller in callers:
            joined = await self.lessons.join(caller, one_lesson(self.lesson.id))
        return joined

    def again(self, caller: Caller) -> Caller:
        """The same person with another session."""
        return self.stage.given.again(caller)

    def lose(self, *callers: Caller) -> None:
        for caller in callers:
            assert caller.session is not None
            self.lessons.session_left(caller.session)

    async def pass_time(self, **by: float) -> None:
        self.stage.clock.turn(**by)
        await self.lessons.pass_time()

    async def state(self) -> LessonState:
        return (await self.machine.lessons.get(self.tutor, one_lesson(self.lesson.id))).state

    async def attended(self) -> list[Attended]:
        return (await self.lessons.attendance(self.tutor, one_lesson(self.lesson.id))).items

    def without(self, student: Caller) -> UpdateLesson:
        """How the tutor asks for a student to be taken off."""
        stay = [one.id for one in self.lesson.students if one.id != student.user_id]
        return UpdateLesson(lesson_id=self.lesson.id, version=self.lesson.version, student_ids=stay)

    def names(self) -> list[str]:
        return [one.person.name for one in self.lessons.participants(self.lesson.id)]

    def types(self) -> list[str]:
        """What became of the lesson since the last look."""
        told = [change.event.type.removeprefix("lesson.") for change in self.heard]
        self.heard.clear()
        return told

    def told(self) -> list[str]:
        """What presence announced since the last look."""
        lines = [f"{one.participant.person.name} {one.type.removeprefix('participant.')}" for one in self.moved]
        self.moved.clear()
        return lines
