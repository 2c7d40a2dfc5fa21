"""The cast of the tests of services: Tina teaches Anna and Ben. A domain's tests add what people do there."""

from __future__ import annotations

from typing import Any, ClassVar, Self

from sqlalchemy import Connection
from twisted.internet.defer import Deferred

from tests.support.machine import Stage
from tutorwamp.app.assembly import Machine
from tutorwamp.kernel.contracts import Caller, StreamEvent
from tutorwamp.kernel.sql.streams import read_since
from tutorwamp.kernel.topics import Topic
from tutorwamp.lessons.contracts import Lesson, OneLesson, UpdateLesson


class Cast:
    """A tutor, Anna and Ben in a lesson, on one machine; ``on`` another machine they meet there, too."""

    TOPIC: ClassVar[Topic]
    """Of the lesson's: the one the domain tells on."""
    CHANGED: ClassVar[type]
    """The domain's event; those announced are in ``heard``."""

    def __init__(
        self, stage: Stage, machine: Machine, lesson: Lesson, tutor: Caller, anna: Caller, ben: Caller
    ) -> None:
        self.stage, self.machine, self.lesson = stage, machine, lesson
        self.tutor, self.anna, self.ben = tutor, anna, ben
        self.stream: str = self.TOPIC.of(lesson.id)
        self.heard: list[Any] = []
        machine.events.listen(self.CHANGED, self.heard.append)

    @classmethod
    async def meets(cls, stage: Stage) -> Self:
        given = stage.given
        tutor, anna, ben = (
            await given.caller("tutor", "Tina"),
            await given.caller(name="Anna"),
            await given.caller(name="Ben"),
        )
        return cls(stage, stage.machine, await given.lesson(tutor, anna, ben), tutor, anna, ben)

    def on(self, machine: Machine) -> Self:
        """The same people in another process."""
        return self.in_lesson(self.lesson, machine)

    def in_lesson(self, lesson: Lesson, machine: Machine | None = None) -> Self:
        """The same people in another lesson of theirs."""
        return type(self)(self.stage, machine or self.machine, lesson, self.tutor, self.anna, self.ben)

    async def update(self, **changes: Any) -> Lesson:
        """The tutor changes the lesson as it is now."""
        now = await self.machine.lessons.get(self.tutor, one_lesson(self.lesson.id))
        asked = UpdateLesson.model_validate({"lesson_id": now.id, "version": now.version, **changes})
        self.lesson = await self.machine.lessons.update(self.tutor, asked)
        return self.lesson

    async def remove(self, student: Caller) -> Lesson:
        """The tutor takes a student off the lesson."""
        now = await self.machine.lessons.get(self.tutor, one_lesson(self.lesson.id))
        return await self.update(student_ids=[one.id for one in now.students if one.id != student.user_id])

    async def stored(self) -> list[StreamEvent]:
        """The domain's stream as it is kept."""

        def thd(connection: Connection) -> list[StreamEvent]:
            return read_since(connection, self.stream, 0, 100_000)

        return await self.machine.database.read("test.stored", thd)


def one_lesson(lesson_id: str) -> OneLesson:
    """What a call about one lesson asks."""
    return OneLesson(lesson_id=lesson_id)


def under_way(attempt: Any) -> Deferred[Any]:
    """Begin it, and go on; an error is the result."""
    return Deferred.fromCoroutine(attempt).addErrback(lambda failure: failure.value)
