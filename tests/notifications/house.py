"""The cast is notified."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

from twisted.internet.task import Clock

from tests.support.cast import Cast
from tests.support.machine import Stage
from tutorwamp.chat.contracts import CHAT_TOPIC, MarkRead, SendMessage
from tutorwamp.kernel.contracts import Caller, StreamEvent
from tutorwamp.notifications.contracts import ListNotifications, Notification, NotificationsChanged
from tutorwamp.notifications.notifier import Notifier


class House(Cast):
    """What people are notified of; their notifications are turned when a test says so."""

    TOPIC, CHANGED = CHAT_TOPIC, NotificationsChanged

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

    async def turn(self, *deeds: Awaitable[object]) -> int:
        """Turn everything there is, after these deeds."""
        for deed in deeds:
            await deed
        return await self.stage.machine.notifier.catch_up()

    def heard_by(self, who: Caller) -> list[StreamEvent]:
        """The events of somebody's stream."""
        return [one.event for one in self.heard if who.user_id in one.event.stream]


def notifier_of(stage: Stage, clock: Clock) -> Notifier:
    """One more notifier of the stage's machine, by a clock that is turned by hand."""
    machine = stage.machine
    return Notifier(
        machine.notifications._store,
        machine.counts,
        machine.lessons,
        machine.lessons._presence,
        stage.gate,
        machine.events,
        settings=machine.settings.notifications,
        clock=stage.clock,
        reactor=clock,
    )
