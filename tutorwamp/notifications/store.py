"""What is remembered of notifications, and how far the lessons' streams were turned into them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import CompoundSelect, Connection, Row, and_, func, insert, literal, or_, select, tuple_, update
from twisted.internet.defer import Deferred

from tutorwamp.kernel.contracts import StreamEvent, cursor_from, from_ms, place_in, to_ms
from tutorwamp.kernel.database import Database, InstantColumn, lock, put
from tutorwamp.kernel.errors import Invalid, NotFound
from tutorwamp.kernel.streams import (
    Draft,
    already_written,
    append,
    append_one,
    ensure_streams,
    heads,
    key_for,
    locked,
    read_since,
    streams,
)
from tutorwamp.notifications.contracts import (
    Addressed,
    Choices,
    Kind,
    ListNotifications,
    Notification,
    NotificationCreated,
    NotificationRead,
    Outbox,
    stream_of,
)
from tutorwamp.notifications.rules import Told, with_choices
from tutorwamp.notifications.tables import is_unread, notifications, preferences, progress

EVENTS_AT_ONCE: Final = 300
"""Of a lesson's stream, turned in one transaction."""
CHAT_QUIET_FOR: Final = timedelta(minutes=15)
"""N6, for who has chat off in-app and so cannot read it: a push for each conversation, not for each sentence."""


@dataclass(frozen=True)
class Turning:
    """A lesson's stream, as far as it is not turned into notifications. ``seq`` null: nothing of it was ever."""

    stream: str
    seq: int | None
    members: tuple[str, ...] | None
    """Null: nobody knows who they were."""
    events: tuple[StreamEvent, ...]

    @property
    def next_seq(self) -> int:
        """Where it will be once these events are turned."""
        return self.events[-1].seq if self.events else (self.seq or 0)


@dataclass(frozen=True)
class Counted:
    """How many a person has not read, as of the event ``seq`` of their stream."""

    seq: int
    unread: int


class OvertakenError(Exception):
    """Another process has turned this stream meanwhile: look again."""


@dataclass(frozen=True)
class New:
    """A notification to be kept, under an id made before the first try."""

    id: str
    told: Told


class NotificationsStore:
    """The door to SQL."""

    def __init__(self, database: Database, outbox: Outbox | None = None) -> None:
        self._database = database
        self._outbox = outbox

    # Turning streams into notifications

    def turning(self, stream: str) -> Deferred[Turning]:
        """What of a lesson's stream is still to be turned, a part of it where it is much."""

        def thd(connection: Connection) -> Turning:
            row = connection.execute(select(progress).where(progress.c.stream == stream)).one_or_none()
            seq = None if row is None else row.seq
            events = read_since(connection, stream, seq or 0, EVENTS_AT_ONCE)
            members = None if row is None else json.loads(row.members)
            return Turning(stream, seq, None if members is None else tuple(members), tuple(events))

        return self._database.read("notifications.turning", thd)

    def behind(self, limit: int) -> Deferred[list[str]]:
        """Lessons' streams that have gone on since they were turned, or never were."""
        state, chat = (f"tutorwamp.lesson.%.{kind}" for kind in ("state", "chat"))
        query = (
            select(streams.c.name)
            .outerjoin(progress, progress.c.stream == streams.c.name)
            .where(
                or_(
                    and_(streams.c.name.like(state), progress.c.stream.is_(None)),
                    and_(
                        or_(streams.c.name.like(state), streams.c.name.like(chat)),
                        streams.c.head > func.coalesce(progress.c.seq, 0),
                    ),
                )
            )
            .order_by(streams.c.name)
            .limit(limit)
        )

        def thd(connection: Connection) -> list[str]:
            return list(connection.execute(query).scalars())

        return self._database.read("notifications.behind", thd)

    def add(
        self, new: Sequence[New], now: datetime, *, turned: Turning | None = None, members: Sequence[str] = ()
    ) -> Deferred[list[StreamEvent]]:
        """Keep notifications and write them into their people's streams; ``turned``: what they were made of.

        What is known already (N3) is left out. Answers the events. Raises OvertakenError.
        """

        def thd(connection: Connection) -> list[StreamEvent]:
            if turned is not None:
                lock(connection, f"notify {turned.stream}")
                if _overtaken(connection, turned):
                    return _written(connection, new)
                row = {"stream": turned.stream, "seq": turned.next_seq, "members": json.dumps(list(members))}
                put(connection, progress, [row])
            return self._insert(connection, new, now)

        return self._database.write("notifications.add", thd)

    def _insert(self, connection: Connection, new: Sequence[New], now: datetime) -> list[StreamEvent]:
        users = sorted({one.told.user_id for one in new})
        if not users:
            return []
        ensure_streams(connection, map(stream_of, users))
        locked(connection, map(stream_of, users))  # from here on nobody else changes their counts
        fresh = _fresh(connection, new, now)
        if not fresh:
            return _written(connection, new)
        chosen = _choices(connection, users)
        rows = [_columns(one, now, in_app=chosen[one.told.user_id][one.told.kind]["in_app"]) for one in fresh]
        counts = _unread(connection, users)
        connection.execute(insert(notifications), rows)
        if self._outbox is not None:
            self._outbox.enqueue(connection, [Addressed(one.id, one.told.user_id, one.told.kind) for one in fresh])
        drafts = []
        for row in rows:
            if row["in_app"]:
                counts[row["user_id"]] = counts.get(row["user_id"], 0) + 1
                drafts.append(_created(row, counts[row["user_id"]], now))
        return [event for event in append(connection, drafts) if isinstance(event, StreamEvent)]

    # Reading

    def page(self, user_id: str, asked: ListNotifications) -> Deferred[tuple[list[Notification], str | None]]:
        """A person's notifications, newest first. Raises Invalid (cursor)."""
        query = select(notifications).where(notifications.c.user_id == user_id, notifications.c.in_app)
        if asked.unread_only:
            query = query.where(is_unread)
        if asked.cursor is not None:
            query = query.where(tuple_(notifications.c.created_at, notifications.c.id) < _after(asked.cursor))
        query = query.order_by(notifications.c.created_at.desc(), notifications.c.id.desc()).limit(asked.limit + 1)

        def thd(connection: Connection) -> tuple[list[Notification], str | None]:
            found = [_notification(row) for row in connection.execute(query)]
            shown = found[: asked.limit]
            more = len(found) > asked.limit
            return shown, cursor_from(to_ms(shown[-1].created_at), shown[-1].id) if more else None

        return self._database.read("notifications.page", thd)

    def count(self, user_id: str) -> Deferred[Counted]:
        """How many are unread, and of when that is; one moment."""

        def thd(connection: Connection) -> Counted:
            name = stream_of(user_id)
            seq = heads(connection, [name]).get(name, 0)
            return Counted(seq, _unread(connection, [user_id]).get(user_id, 0))

        return self._database.read("notifications.count", thd)

    def mark_read(
        self, actor: Mapping[str, Any], notification_ids: Sequence[str] | None, now: datetime
    ) -> Deferred[tuple[Counted, StreamEvent | None]]:
        """Mark a person's notifications as read, null: all. No event where nothing was unread. Raises NotFound."""
        user_id = str(actor["id"])
        draft = Draft(
            stream=stream_of(user_id),
            guard=None,
            type="notification.read",
            at=now,
            actor=actor,
            key=key_for(None),
            digest="",
            subject=user_id,
            data=lambda _seq: {},
        )

        def thd(connection: Connection) -> tuple[Counted, StreamEvent | None]:
            ensure_streams(connection, [draft.stream])
            head = locked(connection, [draft.stream])[draft.stream].head
            mine = notifications.c.user_id == user_id
            if notification_ids is not None:
                mine = and_(mine, notifications.c.id.in_(notification_ids))
                _require_all(connection, mine, notification_ids)
            changed = connection.execute(update(notifications).where(mine, is_unread).values(read_at=now)).rowcount
            unread = _unread(connection, [user_id]).get(user_id, 0)
            if changed == 0:
                return Counted(head, unread), already_written(connection, draft)
            which = None if notification_ids is None else list(notification_ids)
            told = NotificationRead(notification_ids=which, read_at=now, unread_count=unread)
            event = append_one(connection, replace(draft, data=lambda _seq: told.plain()))
            return Counted(event.seq, unread), event

        return self._database.write("notifications.mark_read", thd)

    # Preferences

    def choices(self, user_id: str) -> Deferred[Choices]:
        """How a person wants to be told."""
        return self._database.read("notifications.choices", lambda connection: _choices(connection, [user_id])[user_id])

    def choose(self, user_id: str, chosen: Choices) -> Deferred[Choices]:
        """Change what is given; all of it afterwards."""
        rows = [
            {"user_id": user_id, "kind": kind, "channel": channel, "enabled": enabled}
            for kind, channels in chosen.items()
            for channel, enabled in channels.items()
        ]

        def thd(connection: Connection) -> Choices:
            put(connection, preferences, rows)
            return _choices(connection, [user_id])[user_id]

        return self._database.write("notifications.choose", thd)


def _overtaken(connection: Connection, turned: Turning) -> bool:
    """Whether an earlier try of this very transaction was committed. Raises OvertakenError where another was."""
    row = connection.execute(select(progress.c.seq).where(progress.c.stream == turned.stream)).scalar_one_or_none()
    if row == turned.seq:
        return False
    if connection.get_execution_options().get("tried", 1) > 1 and row == turned.next_seq:
        return True
    raise OvertakenError(turned.stream)


def _written(connection: Connection, new: Sequence[New]) -> list[StreamEvent]:
    """The events of an earlier try, of which only the answer was lost."""
    if connection.get_execution_options().get("tried", 1) == 1:
        return []
    drafts = (_created(_columns(one, from_ms(0), in_app=True), 0, from_ms(0)) for one in new)
    found = (already_written(connection, draft) for draft in drafts)  # by its key: the rest of a draft does not matter
    return [event for event in found if event is not None]


def _fresh(connection: Connection, new: Sequence[New], now: datetime) -> list[New]:
    """N3, N6: without those that are there already, and what is said where something is unread already."""
    # Two lists, not one of pairs: for pairs SQLite reads the whole index. What it finds too much is no pair of ours.
    known_query = select(notifications.c.user_id, notifications.c.source).where(
        notifications.c.user_id.in_(sorted({one.told.user_id for one in new})),
        notifications.c.source.in_(sorted({one.told.source for one in new})),
    )
    known = {(row.user_id, row.source) for row in connection.execute(known_query)}
    talked = {(row.user_id, row.lesson_id) for row in connection.execute(_talked(new, now))}
    fresh: list[New] = []
    for one in new:
        told = one.told
        where = (told.user_id, told.data["lesson_id"])
        if (told.user_id, told.source) in known or (told.kind is Kind.CHAT_MESSAGE and where in talked):
            continue
        known.add((told.user_id, told.source))
        if told.kind is Kind.CHAT_MESSAGE:
            talked.add(where)
        fresh.append(one)
    return fresh


def _talked(new: Sequence[New], now: datetime) -> CompoundSelect[Any]:
    """N6: who was told of which lesson's chat and has not read it, or cannot, and was told just now."""
    said = select(notifications.c.user_id, notifications.c.lesson_id).where(
        notifications.c.user_id.in_(sorted({one.told.user_id for one in new})),
        notifications.c.lesson_id.in_(sorted({one.told.data["lesson_id"] for one in new})),
        notifications.c.kind == Kind.CHAT_MESSAGE.value,
    )
    just_now = said.where(notifications.c.in_app.is_(False), notifications.c.created_at > now - CHAT_QUIET_FOR)
    return said.where(is_unread).union_all(just_now)  # each half has its index


def _unread(connection: Connection, users: Sequence[str]) -> dict[str, int]:
    query = (
        select(notifications.c.user_id, func.count())
        .where(notifications.c.user_id.in_(users), is_unread)
        .group_by(notifications.c.user_id)
    )
    return {row[0]: row[1] for row in connection.execute(query)}


def _choices(connection: Connection, users: Sequence[str]) -> dict[str, Choices]:
    chosen: dict[str, list[tuple[str, str, bool]]] = {user_id: [] for user_id in users}
    for row in connection.execute(select(preferences).where(preferences.c.user_id.in_(users))):
        chosen[row.user_id].append((row.kind, row.channel, row.enabled))
    return {user_id: with_choices(one) for user_id, one in chosen.items()}


def _require_all(connection: Connection, mine: Any, notification_ids: Sequence[str]) -> None:
    found = set(connection.execute(select(notifications.c.id).where(mine)).scalars())
    unknown = sorted(set(notification_ids) - found)
    if unknown:
        raise NotFound("There is no such notification.", details={"notification_ids": unknown})


def _columns(new: New, now: datetime, *, in_app: bool) -> dict[str, Any]:
    told = new.told
    return {
        "id": new.id,
        "user_id": told.user_id,
        "kind": told.kind.value,
        "source": told.source,
        "lesson_id": told.data["lesson_id"],
        "title": told.title,
        "body": told.body,
        "data": json.dumps(told.data, ensure_ascii=False),
        "in_app": in_app,
        "created_at": now,
        "read_at": None,
    }


def _created(row: Mapping[str, Any], unread: int, now: datetime) -> Draft:
    shown = Notification(
        id=row["id"],
        kind=Kind(row["kind"]),
        title=row["title"],
        body=row["body"],
        data=json.loads(row["data"]),
        created_at=row["created_at"],
        read_at=None,
    )
    return Draft(
        stream=stream_of(row["user_id"]),
        guard=None,
        type="notification.created",
        at=now,
        actor=None,
        key=row["id"],  # the actor is the system: nobody else can choose its keys
        digest="",
        subject=row["id"],
        data=lambda _seq: NotificationCreated(notification=shown, unread_count=unread).plain(),
    )


def _notification(row: Row[Any]) -> Notification:
    return Notification(
        id=row.id,
        kind=Kind(row.kind),
        title=row.title,
        body=row.body,
        data=json.loads(row.data),
        created_at=row.created_at,
        read_at=row.read_at,
    )


def _after(cursor: str) -> Any:
    try:
        at, notification_id = place_in(cursor)
    except ValueError:
        raise Invalid("Bad cursor.", details=[{"loc": ["cursor"], "msg": "not a cursor of this list"}]) from None
    return tuple_(literal(at, InstantColumn), literal(notification_id))
