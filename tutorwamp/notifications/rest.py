"""Notifications over REST: ``/api/notifications…``."""

from __future__ import annotations

from tutorwamp.accounts.contracts import Authenticator
from tutorwamp.kernel.contracts import Nothing, Page
from tutorwamp.kernel.edges.resource import Answer, Request, route
from tutorwamp.notifications import contracts
from tutorwamp.notifications.contracts import (
    ListNotifications,
    Notification,
    OneNotification,
    Preferences,
    ReadNotifications,
    SetPreferences,
    Unread,
)
from tutorwamp.notifications.push.contracts import PushKey, Subscribe, Subscribed, Unsubscribe
from tutorwamp.notifications.push.service import PushService
from tutorwamp.notifications.service import NotificationsService


class PushResource:
    """The REST door of push: a person's devices."""

    def __init__(self, authenticator: Authenticator, push: PushService) -> None:
        self._authenticator = authenticator
        self._push = push

    @route("/api/push/key", "GET", asks=Nothing, gives=PushKey)
    async def key(self, request: Request) -> PushKey:
        """``applicationServerKey`` for the browser; no secret, so nobody has to log in."""
        request.query(Nothing)
        return self._push.key()

    @route("/api/push/subscriptions", "POST", asks=Subscribe, gives=Subscribed, status=201)
    async def subscribe(self, request: Request) -> Answer:
        """Keep a device: 201."""
        caller = await request.caller(self._authenticator)
        return Answer(await self._push.subscribe(caller, request.body(Subscribe)), status=201)

    @route("/api/push/subscriptions", "DELETE", asks=Unsubscribe)
    async def unsubscribe(self, request: Request) -> None:
        """Forget a device: 204."""
        caller = await request.caller(self._authenticator)
        await self._push.unsubscribe(caller, request.body(Unsubscribe))


class NotificationsResource:
    """The REST door of notifications."""

    def __init__(self, authenticator: Authenticator, notifications: NotificationsService) -> None:
        self._authenticator = authenticator
        self._notifications = notifications

    @route("/api/notifications", "GET", serves=contracts.LIST)
    async def list(self, request: Request) -> Page[Notification]:
        """One's own, newest first."""
        caller = await request.caller(self._authenticator)
        return await self._notifications.list_notifications(caller, request.query(ListNotifications))

    @route("/api/notifications/unread-count", "GET", serves=contracts.UNREAD_COUNT)
    async def unread_count(self, request: Request) -> Unread:
        """How many are unread."""
        caller = await request.caller(self._authenticator)
        request.query(Nothing)
        return await self._notifications.unread_count(caller)

    @route("/api/notifications/<notification_id>/read", "POST", asks=OneNotification, gives=Unread)
    async def mark_read(self, request: Request, notification_id: str) -> Unread:
        """Mark one as seen."""
        caller = await request.caller(self._authenticator)
        asked = request.body_if_any(OneNotification, notification_id=notification_id)
        return await self._notifications.mark_read(caller, ReadNotifications(notification_ids=[asked.notification_id]))

    @route("/api/notifications/read-all", "POST", serves=contracts.MARK_ALL_READ)
    async def mark_all_read(self, request: Request) -> Unread:
        """All were seen."""
        caller = await request.caller(self._authenticator)
        request.body_if_any(Nothing)
        return await self._notifications.mark_all_read(caller)

    @route("/api/notifications/preferences", "GET", serves=contracts.PREFERENCES)
    async def preferences(self, request: Request) -> Preferences:
        """How one is told."""
        caller = await request.caller(self._authenticator)
        request.query(Nothing)
        return await self._notifications.preferences(caller)

    @route("/api/notifications/preferences", "PATCH", serves=contracts.SET_PREFERENCES)
    async def set_preferences(self, request: Request) -> Preferences:
        """Change what is given."""
        caller = await request.caller(self._authenticator)
        return await self._notifications.set_preferences(caller, request.body(SetPreferences))
