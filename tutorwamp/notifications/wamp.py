"""Notifications over WAMP: ``tutorwamp.notification.…``, and each person's stream."""

from __future__ import annotations

from typing import Final

from tutorwamp.kernel.edges.component import Publisher, serve
from tutorwamp.kernel.events import Events
from tutorwamp.notifications import contracts
from tutorwamp.notifications.contracts import NotificationsChanged
from tutorwamp.notifications.service import NotificationsService

NOTIFICATIONS_PROCEDURES: Final = (
    serve(contracts.LIST, NotificationsService.list_notifications),
    serve(contracts.UNREAD_COUNT, NotificationsService.unread_count),
    serve(contracts.MARK_READ, NotificationsService.mark_read),
    serve(contracts.MARK_ALL_READ, NotificationsService.mark_all_read),
    serve(contracts.PREFERENCES, NotificationsService.preferences),
    serve(contracts.SET_PREFERENCES, NotificationsService.set_preferences),
)


def publish_notifications(events: Events, publisher: Publisher) -> None:
    """Publish what notifications announce."""
    events.listen(NotificationsChanged, lambda changed: publisher.publish_stream_event(changed.event))
