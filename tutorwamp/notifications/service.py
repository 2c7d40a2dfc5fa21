"""What people do with their notifications: list, count, read, choose."""

from __future__ import annotations

from collections.abc import Sequence

from tutorwamp.accounts.contracts import People
from tutorwamp.kernel.contracts import NOTHING, Caller, Clock, Nothing, Page, StreamEvent
from tutorwamp.kernel.events import Events
from tutorwamp.notifications.contracts import (
    ListNotifications,
    Notification,
    NotificationsChanged,
    Preferences,
    ReadNotifications,
    SetPreferences,
    Unread,
)
from tutorwamp.notifications.counts import UnreadCounts
from tutorwamp.notifications.store import NotificationsStore
from tutorwamp.notifications.writing import Counted


class NotificationsService:
    """Everybody for themselves: nobody sees or changes another's, an admin neither."""

    def __init__(
        self, store: NotificationsStore, counts: UnreadCounts, people: People, events: Events, *, clock: Clock
    ) -> None:
        self._store = store
        self._counts = counts
        self._people = people
        self._events = events
        self._clock = clock

    async def list_notifications(self, caller: Caller, asked: ListNotifications) -> Page[Notification]:
        """One's own, newest first. Raises Invalid."""
        items, next_cursor = await self._store.page(caller.user_id, asked)
        return Page[Notification](items=items, next_cursor=next_cursor)

    async def unread_count(self, caller: Caller, _asked: Nothing = NOTHING) -> Unread:
        """N2: exact, and from memory where it is known."""
        return Unread(unread_count=await self._counts.get(caller.user_id, follows=caller.session is not None))

    async def mark_read(self, caller: Caller, asked: ReadNotifications) -> Unread:
        """These were seen; twice is once. Raises NotFound where one is not the caller's, and then changes nothing."""
        return await self._mark(caller, list(dict.fromkeys(asked.notification_ids)))

    async def mark_all_read(self, caller: Caller, _asked: Nothing = NOTHING) -> Unread:
        """All were seen."""
        return await self._mark(caller, None)

    async def preferences(self, caller: Caller, _asked: Nothing = NOTHING) -> Preferences:
        """N8: how the caller is told."""
        return Preferences(preferences=await self._store.choices(caller.user_id))

    async def set_preferences(self, caller: Caller, asked: SetPreferences) -> Preferences:
        """Change what is given."""
        return Preferences(preferences=await self._store.choose(caller.user_id, asked.preferences))

    async def _mark(self, caller: Caller, notification_ids: Sequence[str] | None) -> Unread:
        actor = await self._people.person(caller.user_id)

        async def change() -> tuple[Counted, StreamEvent | None]:
            return await self._store.mark_read(actor.plain(), notification_ids, self._clock())

        changed = await self._counts.changing([caller.user_id], change, lambda result: {caller.user_id: result[0]})
        counted, event = changed.result
        if event is not None:
            self._events.announce(NotificationsChanged(event))
        if not changed.everywhere:
            await self._counts.outlived()  # whoever was answered finds their own change, whichever process they ask
        return Unread(unread_count=counted.unread)
