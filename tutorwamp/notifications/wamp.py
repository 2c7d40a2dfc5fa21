"""Notifications over WAMP: ``tutorwamp.notification.…``, and each person's stream."""

from __future__ import annotations

from tutorwamp.kernel.contracts import Caller, Nothing, Page
from tutorwamp.kernel.edges.component import Publisher, serves
from tutorwamp.kernel.events import Events
from tutorwamp.notifications import contracts
from tutorwamp.notifications.contracts import (
    ListNotifications,
    Notification,
    NotificationsChanged,
    Preferences,
    ReadNotifications,
    SetPreferences,
    Unread,
)
from tutorwamp.notifications.service import NotificationsService


class NotificationsDoor:
    """The WAMP door of notifications."""

    def __init__(self, notifications: NotificationsService) -> None:
        self._notifications = notifications

    @serves(contracts.LIST)
    async def list_notifications(self, caller: Caller, asked: ListNotifications) -> Page[Notification]:
        """One's own, newest first."""
        return await self._notifications.list_notifications(caller, asked)

    @serves(contracts.UNREAD_COUNT)
    async def unread_count(self, caller: Caller, _asked: Nothing) -> Unread:
        """How many are unread."""
        return await self._notifications.unread_count(caller)

    @serves(contracts.MARK_READ)
    async def mark_read(self, caller: Caller, asked: ReadNotifications) -> Unread:
        """These were seen."""
        return await self._notifications.mark_read(caller, asked)

    @serves(contracts.MARK_ALL_READ)
    async def mark_all_read(self, caller: Caller, _asked: Nothing) -> Unread:
        """All were seen."""
        return await self._notifications.mark_all_read(caller)

    @serves(contracts.PREFERENCES)
    async def preferences(self, caller: Caller, _asked: Nothing) -> Preferences:
        """How one is told."""
        return await self._notifications.preferences(caller)

    @serves(contracts.SET_PREFERENCES)
    async def set_preferences(self, caller: Caller, asked: SetPreferences) -> Preferences:
        """Change how one is told."""
        return await self._notifications.set_preferences(caller, asked)


def publish_notifications(events: Events, publisher: Publisher) -> None:
    """Publish what notifications announce."""
    events.listen(NotificationsChanged, lambda changed: publisher.publish_stream_event(changed.event))
