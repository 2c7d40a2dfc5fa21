"""What is remembered of notifications, and how far the lessons' streams are projected into them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select
from twisted.internet.defer import Deferred

from tutorwamp.kernel.contracts import StreamEvent, cursor_from, to_ms
from tutorwamp.kernel.errors import NotFound
from tutorwamp.kernel.sql.columns import newest_first, put
from tutorwamp.kernel.sql.database import Database
from tutorwamp.kernel.sql.groups import GroupRead
from tutorwamp.kernel.sql.streams import append, ensure_streams, head_events, locked
from tutorwamp.notifications.contracts import (
    Choices,
    ListNotifications,
    Notification,
    Outbox,
    stream_of,
)
from tutorwamp.notifications.progress import BEHIND, Backlog, Known, backlogs, go_on, keep
from tutorwamp.notifications.tables import is_unread, notifications, preferences
from tutorwamp.notifications.writing import (
    Counted,
    New,
    Seen,
    Told,
    choices_of,
    columns,
    created,
    fresh,
    mark,
    reading,
    shown,
    suppress,
    told_query,
    unread_counts,
)


@dataclass(frozen=True)
class Look:
    """What one look at a stream came to; without a backlog, what was made of no stream."""

    backlog: Backlog | None
    new: tuple[New, ...]
    seen: tuple[Seen, ...] = ()

    @property
    def about(self) -> str:
        """For the log."""
        return self.new[0].notification.source if self.backlog is None else self.backlog.stream


@dataclass(frozen=True)
class Added:
    """What a transaction has told; ``overtaken``: the streams that another process had projected meanwhile."""

    events: list[StreamEvent]
    overtaken: frozenset[str] = frozenset()


class NotificationsStore:
    """The door to SQL."""

    def __init__(self, database: Database, outbox: Outbox | None = None) -> None:
        self._database = database
        self._outbox = outbox
        self._count: GroupRead[str, Counted] = GroupRead(database, "notifications.count", _counted)

    # Projecting streams into notifications

    def backlogs(self, seen: Mapping[str, Known | None]) -> Deferred[list[Backlog]]:
        """What of these streams is still to be projected, a part of it where it is much; ``seen``: how far each is."""
        return self._database.read("notifications.turning", lambda connection: backlogs(connection, seen))

    def behind(self, limit: int) -> Deferred[dict[str, int]]:
        """Lessons' streams that have gone on since they were projected, or never were, and where each is now."""

        def thd(connection: Connection) -> dict[str, int]:
            return {row.name: row.head for row in connection.execute(BEHIND.limit(limit))}

        return self._database.read("notifications.behind", thd)

    def keep(self, known: Mapping[str, Known]) -> Deferred[frozenset[str]]:
        """Write how far these streams are projected, where nothing was to be told; nothing goes back."""
        return self._database.write("notifications.progress", lambda connection: keep(connection, known))

    def told(
        self, user_ids: Collection[str], lesson_ids: Collection[str], now: datetime, *, since: datetime | None = None
    ) -> Deferred[Told]:
        """N6: what these people were told of the chat of these lessons, as far as it matters for what is told now.

        ``since``: what they have read after that instant as well.
        """
        query = told_query(user_ids, lesson_ids, now, since)
        return self._database.read("notifications.told", lambda connection: Told.of(connection.execute(query), now))

    def add(self, looks: Sequence[Look], now: datetime) -> Deferred[Added]:
        """Keep notifications and write them into their people's streams, with how far the streams are projected.

        What is known already (N3) is left out, and so is what was made of a stream that has gone on meanwhile.
        """

        def thd(connection: Connection) -> Added:
            overtaken = go_on(connection, [look.backlog for look in looks if look.backlog is not None])
            valid = [look for look in looks if look.backlog is None or look.backlog.stream not in overtaken]
            new, seen = [one for look in valid for one in look.new], [one for look in valid for one in look.seen]
            people = [*(stream_of(one.notification.user_id) for one in new), *(one.draft.stream for one in seen)]
            ensure_streams(connection, people)
            at = locked(connection, people)  # from here on nobody else changes their counts
            read = [mark(connection, one.draft, one.notification_ids, at[one.draft.stream].head)[1] for one in seen]
            suppress(connection, seen, now)
            return Added([*filter(None, read), *self._insert(connection, new, now)], overtaken)

        return self._database.write("notifications.add", thd)

    def _insert(self, connection: Connection, new: Sequence[New], now: datetime) -> list[StreamEvent]:
        users = sorted({one.notification.user_id for one in new})
        if not users:
            return []
        kept = fresh(connection, new, now)
        if not kept:
            return []
        chosen = choices_of(connection, users)
        rows = [
            columns(one, now, in_app=chosen[one.notification.user_id][one.notification.kind]["in_app"]) for one in kept
        ]
        counts = unread_counts(connection, users)
        connection.execute(insert(notifications), rows)
        if self._outbox is not None:
            self._outbox.enqueue(connection, [one.addressed for one in kept])
        drafts = []
        for row in rows:
            if row["in_app"]:
                counts[row["user_id"]] = counts.get(row["user_id"], 0) + 1
                drafts.append(created(row, counts[row["user_id"]], now))
        return [event for event in append(connection, drafts) if isinstance(event, StreamEvent)]

    # Reading

    def page(self, user_id: str, asked: ListNotifications) -> Deferred[tuple[list[Notification], str | None]]:
        """A person's notifications, newest first. Raises Invalid (cursor)."""
        query = select(notifications).where(notifications.c.user_id == user_id, notifications.c.in_app)
        if asked.unread_only:
            query = query.where(is_unread)
        query = newest_first(query, notifications.c.created_at, notifications.c.id, asked.limit, asked.cursor)

        def thd(connection: Connection) -> tuple[list[Notification], str | None]:
            found = [shown(row._asdict()) for row in connection.execute(query)]
            page = found[: asked.limit]
            more = len(found) > asked.limit
            return page, cursor_from(to_ms(page[-1].created_at), page[-1].id) if more else None

        return self._database.read("notifications.page", thd)

    def count(self, user_id: str) -> Deferred[Counted]:
        """How many are unread, as of the newest event of the person's stream."""
        return self._count.submit(user_id)

    def compared(self, user_ids: Sequence[str]) -> Deferred[dict[str, tuple[Counted, int]]]:
        """By person: what their newest event says, and how many rows are unread; of one moment."""

        def thd(connection: Connection) -> dict[str, tuple[Counted, int]]:
            rows = unread_counts(connection, user_ids)
            counted = zip(user_ids, _counted(connection, user_ids), strict=True)
            return {user_id: (one, rows.get(user_id, 0)) for user_id, one in counted}

        return self._database.read("notifications.compared", thd)

    def mark_read(
        self, actor: Mapping[str, Any], notification_ids: Sequence[str] | None, now: datetime
    ) -> Deferred[tuple[Counted, StreamEvent | None]]:
        """Mark a person's notifications as read, null: all. No event where nothing was unread. Raises NotFound."""
        draft = reading(actor, now)

        def thd(connection: Connection) -> tuple[Counted, StreamEvent | None]:
            ensure_streams(connection, [draft.stream])
            head = locked(connection, [draft.stream])[draft.stream].head
            if notification_ids is not None:
                _require_all(connection, notifications.c.user_id == draft.subject, notification_ids)
            return mark(connection, draft, notification_ids, head)

        return self._database.write("notifications.mark_read", thd)

    # Preferences

    def choices(self, user_id: str) -> Deferred[Choices]:
        """How a person wants to be told."""
        return self._database.read(
            "notifications.choices", lambda connection: choices_of(connection, [user_id])[user_id]
        )

    def choose(self, user_id: str, chosen: Choices) -> Deferred[Choices]:
        """Change what is given; all of it afterwards."""
        rows = [
            {"user_id": user_id, "kind": kind, "channel": channel, "enabled": enabled}
            for kind, channels in chosen.items()
            for channel, enabled in channels.items()
        ]

        def thd(connection: Connection) -> Choices:
            put(connection, preferences, rows)
            return choices_of(connection, [user_id])[user_id]

        return self._database.write("notifications.choose", thd)


def _counted(connection: Connection, user_ids: Sequence[str]) -> list[Counted]:
    """What people's newest events say; where one is gone from its stream its person's rows are counted."""
    newest = head_events(connection, [stream_of(user_id) for user_id in user_ids])
    found = [(user_id, *newest.get(stream_of(user_id), (0, None))) for user_id in user_ids]
    gone = [user_id for user_id, seq, data in found if data is None and seq > 0]
    rows = unread_counts(connection, gone) if gone else {}
    return [
        Counted(seq, rows.get(user_id, 0) if data is None else data["unread_count"]) for user_id, seq, data in found
    ]


def _require_all(connection: Connection, mine: Any, notification_ids: Sequence[str]) -> None:
    found = set(connection.execute(select(notifications.c.id).where(mine)).scalars())
    unknown = sorted(set(notification_ids) - found)
    if unknown:
        raise NotFound("There is no such notification.", details={"notification_ids": unknown})
