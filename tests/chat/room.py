"""One lesson to talk in, with short words for what people do there."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

import pytest
from sqlalchemy import Connection
from twisted.internet.defer import Deferred

from tests.support.machine import Stage
from tutorwamp.app.assembly import Machine
from tutorwamp.chat.contracts import (
    CHAT_TOPIC,
    ChatChanged,
    EditMessage,
    MarkRead,
    Message,
    React,
    ReadHistory,
    ReadMark,
    SearchMessages,
    SendMessage,
)
from tutorwamp.kernel.contracts import Caller, Page, StreamEvent
from tutorwamp.kernel.sql.streams import read_since
from tutorwamp.lessons.contracts import Lesson, UpdateLesson


class Room:
    """A tutor, Anna and Ben in a lesson, on one machine; ``on`` another machine they meet there, too."""

    def __init__(
        self, stage: Stage, machine: Machine, lesson: Lesson, tutor: Caller, anna: Caller, ben: Caller
    ) -> None:
        self.stage, self.machine, self.lesson = stage, machine, lesson
        self.tutor, self.anna, self.ben = tutor, anna, ben
        self.stream = CHAT_TOPIC.of(lesson.id)
        self.heard: list[ChatChanged] = []
        machine.events.listen(ChatChanged, self.heard.append)

    @classmethod
    async def opened(cls, stage: Stage) -> Room:
        given = stage.given
        tutor, anna, ben = [await given.caller(role) for role in ("tutor", "student", "student")]
        return cls(stage, stage.machine, await given.lesson(tutor, anna, ben), tutor, anna, ben)

    def on(self, machine: Machine) -> Room:
        """The same room in another process."""
        return Room(self.stage, machine, self.lesson, self.tutor, self.anna, self.ben)

    async def send(self, caller: Caller, body: str, **more: Any) -> Message:
        asked = SendMessage.model_validate({"lesson_id": self.lesson.id, "body": body, **more})
        return await self.machine.chat.send_message(caller, asked)

    async def edit(self, caller: Caller, message: Message, body: str) -> Message:
        return await self.machine.chat.edit_message(caller, EditMessage(message_id=message.id, body=body))

    async def delete(self, caller: Caller, message: Message) -> Message:
        return await self.machine.chat.delete_message(caller, message.id)

    async def react(self, caller: Caller, message: Message, emoji: str = "👍", *, on: bool = True) -> Message:
        return await self.machine.chat.react(caller, React(message_id=message.id, emoji=emoji, on=on))

    async def mark_read(self, caller: Caller, seq: int) -> ReadMark:
        return await self.machine.chat.mark_read(caller, MarkRead(lesson_id=self.lesson.id, seq=seq))

    async def history(self, caller: Caller, **more: Any) -> Page[Message]:
        return await self.machine.chat.history(caller, ReadHistory(lesson_id=self.lesson.id, **more))

    async def search(self, caller: Caller, query: str, **more: Any) -> list[str | None]:
        """The bodies found."""
        page = await self.machine.chat.search(caller, SearchMessages(query=query, **more))
        return [message.body for message in page.items]

    async def remove(self, student: Caller) -> Lesson:
        """The tutor takes a student off the lesson; answers the new one."""
        now = await self.machine.lessons.get(self.tutor, self.lesson.id)
        stay = [one.id for one in now.students if one.id != student.user_id]
        asked = UpdateLesson(lesson_id=now.id, version=now.version, student_ids=stay)
        return await self.machine.lessons.update(self.tutor, asked)

    async def stored(self) -> list[StreamEvent]:
        """The stream as it is kept."""

        def thd(connection: Connection) -> list[StreamEvent]:
            return read_since(connection, self.stream, 0, 10_000)

        return await self.machine.database.read("test.stored", thd)

    def told(self) -> list[tuple[int, str]]:
        """Number and type of what was announced since the last look."""
        told = [(one.event.seq, one.event.type) for one in self.heard]
        self.heard.clear()
        return told


async def refused(error: type[Exception], attempt: Awaitable[object]) -> Any:
    """The error the attempt ends with, which is exactly of this type."""
    with pytest.raises(error) as caught:
        await attempt
    assert type(caught.value) is error
    return caught.value


def under_way(attempt: Any) -> Deferred[Any]:
    """Begin it, and go on; an error is the result."""
    return Deferred.fromCoroutine(attempt).addErrback(lambda failure: failure.value)
