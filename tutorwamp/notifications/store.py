"""What is remembered of notifications, and how far the lessons' streams are projected into them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, and_, func, insert, or_, select
from twisted.internet.defer import Deferred

from tutorwamp.chat.contracts import CHAT_TOPIC
from tutorwamp.kernel.contracts import StreamEvent, cursor_from, to_ms
from tutorwamp.kernel.errors import NotFound
from tutorwamp.kernel.sql.columns import lock, newest_first, put
from tutorwamp.kernel.sql.database import Database
from tutorwamp.kernel.sql.groups import GroupRead
from tutorwamp.kernel.sql.streams import append, ensure_streams, head_events, locked, read_since, streams
from tutorwamp.lessons.contracts import STATE_TOPIC
from tutorwamp.notifications.contracts import (
    Choices,
    Kind,
    ListNotifications,
    Notification,
    Outbox,
    stream_of,
)
from tutorwamp.notifications.tables import is_unread, notifications, preferences, progress
from tutorwamp.notifications.writing import (
    Counted,
    New,
    Seen,
    choices_of,
    columns,
    created,
    fresh,
    mark,
    reading,
    shown,
    suppress,
    unread_counts,
)

EVENTS_AT_ONCE: Final = 300
"""Of a lesson's stream, projected in one transaction."""


@dataclass(frozen=True)
class Backlog:
    """A lesson's stream, as far as it is not projected into notifications. ``seq`` null: nothing of it was ever."""

    stream: str
    seq: int | None
    members: tuple[str, ...] | None
    """Null: nobody knows who they were."""
    events: tuple[StreamEvent, ...]

    @property
    def next_seq(self) -> int:
        """Where it will be once these events are projected."""
        return self.events[-1].seq if self.events else (self.seq or 0)


class OvertakenError(Exception):
    """The stream was turned meanwhile, by another process or an earlier try: look again."""


class NotificationsStore:
    """The door to SQL."""

    def __init__(self, database: Database, outbox: Outbox | None = None) -> None:
        self._database = database
        self._outbox = outbox
        self._count: GroupRead[str, Counted] = GroupRead(database, "notifications.count", _counted)

    # Projecting streams into notifications

    def backlog(self, stream: str) -> Deferred[Backlog]:
        """What of a lesson's stream is still to be projected, a part of it where it is much."""

        def thd(connection: Connection) -> Backlog:
            row = connection.execute(select(progress).where(progress.c.stream == stream)).one_or_none()
            seq = None if row is None else row.seq
            events = read_since(connection, stream, seq or 0, EVENTS_AT_ONCE)
            members = None if row is None else json.loads(row.members)
            return Backlog(stream, seq, None if members is None else tuple(members), tuple(events))

        return self._database.read("notifications.turning", thd)

    def behind(self, limit: int) -> Deferred[list[str]]:
        """Lessons' streams that have gone on since they were projected, or never were."""
        of_state = streams.c.name.like(STATE_TOPIC.pattern)
        query = (
            select(streams.c.name)
            .outerjoin(progress, progress.c.stream == streams.c.name)
            .where(
                or_(
                    and_(of_state, progress.c.stream.is_(None)),
                    and_(
                        or_(of_state, streams.c.name.like(CHAT_TOPIC.pattern)),
                        streams.c.head > func.coalesce(progress.c.seq, 0),
                    ),
                )
            )
            .order_by(streams.c.name)
            .limit(limit)
        )
        return self._database.read("notifications.behind", lambda connection: list(connection.execute(query).scalars()))

    def unread_of_chat(self, lesson_id: str, read_up_to: Mapping[str, int]) -> Deferred[dict[str, list[str]]]:
        """N6: by person the unread notifications of a lesson's chat, of messages up to the one they have read."""
        query = select(notifications.c.user_id, notifications.c.id, notifications.c.data).where(
            notifications.c.user_id.in_(sorted(read_up_to)),
            notifications.c.lesson_id == lesson_id,
            notifications.c.kind == Kind.CHAT_MESSAGE.value,
            notifications.c.read_at.is_(None),
        )

        def thd(connection: Connection) -> dict[str, list[str]]:
            found: dict[str, list[str]] = {}
            for user_id, notification_id, data in connection.execute(query):
                if json.loads(data)["seq"] <= read_up_to[user_id]:
                    found.setdefault(user_id, []).append(notification_id)
            return found

        return self._database.read("notifications.unread_of_chat", thd)

    def add(
        self,
        new: Sequence[New],
        now: datetime,
        *,
        backlog: Backlog | None = None,
        members: Sequence[str] = (),
        seen: Sequence[Seen] = (),
    ) -> Deferred[list[StreamEvent]]:
        """Keep notifications and write them into their people's streams; ``backlog``: what they were made of.

        ``seen`` are read from now on. What is known already (N3) is left out. Answers the events.
        Raises OvertakenError.
        """

        def thd(connection: Connection) -> list[StreamEvent]:
            if backlog is not None:
                lock(connection, f"notify {backlog.stream}")
                _require_next(connection, backlog)
                row = {"stream": backlog.stream, "seq": backlog.next_seq, "members": json.dumps(list(members))}
                put(connection, progress, [row])
            people = [*(stream_of(one.notification.user_id) for one in new), *(one.draft.stream for one in seen)]
            ensure_streams(connection, people)
            at = locked(connection, people)  # from here on nobody else changes their counts
            read = [mark(connection, one.draft, one.notification_ids, at[one.draft.stream].head)[1] for one in seen]
            suppress(connection, seen, now)
            return [*filter(None, read), *self._insert(connection, new, now)]

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


def _require_next(connection: Connection, backlog: Backlog) -> None:
    """Raises OvertakenError where the stream is not any more where it was."""
    row = connection.execute(select(progress.c.seq).where(progress.c.stream == backlog.stream)).scalar_one_or_none()
    if row != backlog.seq:
        raise OvertakenError(backlog.stream)


def _require_all(connection: Connection, mine: Any, notification_ids: Sequence[str]) -> None:
    found = set(connection.execute(select(notifications.c.id).where(mine)).scalars())
    unknown = sorted(set(notification_ids) - found)
    if unknown:
        raise NotFound("There is no such notification.", details={"notification_ids": unknown})
