"""Notifications over REST: ``/api/notifications…``, and a person's devices: ``/api/push…``."""

from __future__ import annotations

from typing import Final

from tutorwamp.kernel.contracts import Caller, Nothing
from tutorwamp.kernel.edges.resource import Request, Route, forward
from tutorwamp.notifications import contracts
from tutorwamp.notifications.contracts import OneNotification, ReadNotifications, Unread
from tutorwamp.notifications.push.contracts import PushKey, Subscribe, Subscribed, Unsubscribe
from tutorwamp.notifications.push.service import PushService
from tutorwamp.notifications.service import NotificationsService

ALL: Final = "/api/notifications"
SUBSCRIPTIONS: Final = "/api/push/subscriptions"


async def _key(push: PushService, request: Request) -> PushKey:
    """``applicationServerKey`` for the browser; no secret, so nobody has to log in."""
    request.query(Nothing)
    return push.key()


PUSH_ROUTES: Final = (
    Route("GET", "/api/push/key", _key, asks=Nothing, gives=PushKey, public=True),
    Route(
        "POST",
        SUBSCRIPTIONS,
        PushService.subscribe,
        read=Request.body,
        asks=Subscribe,
        gives=Subscribed,
        status=201,
        meaning="Keep a device: 201.",
    ),
    Route(
        "DELETE",
        SUBSCRIPTIONS,
        PushService.unsubscribe,
        read=Request.body,
        asks=Unsubscribe,
        meaning="Forget a device: 204.",
    ),
)


async def _mark_read(told: NotificationsService, caller: Caller, asked: OneNotification) -> Unread:
    """Mark one as seen."""
    return await told.mark_read(caller, ReadNotifications(notification_ids=[asked.notification_id]))


NOTIFICATIONS_ROUTES: Final = (
    forward("GET", ALL, contracts.LIST, NotificationsService.list_notifications),
    forward("GET", f"{ALL}/unread-count", contracts.UNREAD_COUNT, NotificationsService.unread_count),
    Route(
        "POST",
        f"{ALL}/<notification_id>/read",
        _mark_read,
        read=Request.body_if_any,
        asks=OneNotification,
        gives=Unread,
    ),
    forward(
        "POST",
        f"{ALL}/read-all",
        contracts.MARK_ALL_READ,
        NotificationsService.mark_all_read,
        read=Request.body_if_any,
    ),
    forward("GET", f"{ALL}/preferences", contracts.PREFERENCES, NotificationsService.preferences),
    forward(
        "PATCH",
        f"{ALL}/preferences",
        contracts.SET_PREFERENCES,
        NotificationsService.set_preferences,
        "Change what is given.",
    ),
)
