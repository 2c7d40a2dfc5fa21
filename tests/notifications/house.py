"""A tutor, two students and a lesson, whose notifications are turned when a test says so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.support.machine import Stage
from tutorwamp.chat.contracts import MarkRead, SendMessage
from tutorwamp.kernel.contracts import Caller, StreamEvent
from tutorwamp.lessons.contracts import Lesson, UpdateLesson
from tutorwamp.notifications.contracts import ListNotifications, Notification, NotificationsChanged


@dataclass
class House:
    stage: Stage
    tutor: Caller
    anna: Caller
    ben: Caller
    lesson: Lesson
    events: list[NotificationsChanged]

    @classmethod
    async def opened(cls, stage: Stage) -> House:
        tutor = await stage.given.caller("tutor", "Tina")
        anna, ben = await stage.given.caller(name="Anna"), await stage.given.caller(name="Ben")
        lesson = await stage.given.lesson(tutor, anna, ben)
        return cls(stage, tutor, anna, ben, lesson, stage.events(NotificationsChanged))

    @property
    def notifications(self) -> Any:
        return self.stage.machine.notifications

    async def told(self, who: Caller, **asked: Any) -> list[Notification]:
        """Somebody's notifications, the newest first."""
        page = await self.notifications.list_notifications(who, ListNotifications(**asked))
        found: list[Notification] = page.items
        return found

    async def kinds(self, who: Caller) -> list[str]:
        """The oldest first."""
        return [str(one.kind) for one in reversed(await self.told(who))]

    async def count(self, who: Caller) -> int:
        counted: int = (await self.notifications.unread_count(who)).unread_count
        return counted

    async def say(self, who: Caller, body: str = "Hello?") -> Any:
        return await self.stage.machine.chat.send_message(who, SendMessage(lesson_id=self.lesson.id, body=body))

    async def read(self, who: Caller, seq: int) -> Any:
        """In the chat itself."""
        return await self.stage.machine.chat.mark_read(who, MarkRead(lesson_id=self.lesson.id, seq=seq))

    async def update(self, **changes: Any) -> Lesson:
        asked = UpdateLesson.model_validate({"lesson_id": self.lesson.id, "version": self.lesson.version, **changes})
        self.lesson = await self.stage.machine.lessons.update(self.tutor, asked)
        return self.lesson

    async def turn(self) -> int:
        """Turn everything there is."""
        return await self.stage.machine.notifier.catch_up()

    def heard(self, who: Caller) -> list[StreamEvent]:
        """The events of somebody's stream."""
        return [one.event for one in self.events if who.user_id in one.event.stream]
