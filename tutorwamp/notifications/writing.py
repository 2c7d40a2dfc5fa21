"""What a transaction reads and writes of notifications: rows, choices, and the events that tell of them."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import CompoundSelect, Connection, and_, func, select, union_all, update

from tutorwamp.kernel.contracts import StreamEvent
from tutorwamp.kernel.sql.streams import append_one
from tutorwamp.kernel.streams import Draft, key_for
from tutorwamp.notifications.contracts import (
    Addressed,
    Choices,
    Kind,
    Notification,
    NotificationCreated,
    NotificationRead,
    stream_of,
)
from tutorwamp.notifications.rules import NotificationDraft, with_choices
from tutorwamp.notifications.tables import is_unread, notifications, preferences

CHAT_QUIET_FOR: Final = timedelta(minutes=15)
"""N6, for who has chat off in-app and so cannot read it: a push for each conversation, not for each sentence."""

UNSENT_FOR: Final = timedelta(days=1)
"""P2: a push that has waited for longer is given up; nobody has to know whether it is needed still."""


@dataclass(frozen=True)
class Counted:
    """How many a person has not read, as of the event ``seq`` of their stream."""

    seq: int
    unread: int


@dataclass(frozen=True)
class New:
    """A notification to be kept, under an id made before the first try."""

    id: str
    notification: NotificationDraft

    @property
    def addressed(self) -> Addressed:
        """As those who send it on see it."""
        notification = self.notification
        return Addressed(self.id, notification.user_id, notification.kind, notification.tutor_id, notification.is_known)


@dataclass(frozen=True)
class Seen:
    """Notifications that a person has no need of any more: they have read what is told of."""

    notification_ids: tuple[str, ...]
    draft: Draft


def reading(actor: Mapping[str, Any], now: datetime) -> Draft:
    """A draft of the event that says what a person has read; made before the first try."""
    user_id = str(actor["id"])
    return Draft(
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


def mark(
    connection: Connection, draft: Draft, notification_ids: Sequence[str] | None, head: int
) -> tuple[Counted, StreamEvent | None]:
    """Mark as read, null: all, in a stream that is locked at ``head``; no event where nothing was unread."""
    mine = notifications.c.user_id == draft.subject
    if notification_ids is not None:
        mine = and_(mine, notifications.c.id.in_(notification_ids))
    change = update(notifications).where(mine, is_unread).values(read_at=draft.at)
    changed = connection.execute(change).rowcount > 0
    unread = unread_counts(connection, [draft.subject]).get(draft.subject, 0)
    if not changed:
        return Counted(head, unread), None
    which = None if notification_ids is None else list(notification_ids)
    data = NotificationRead(notification_ids=which, read_at=draft.at, unread_count=unread)
    event = append_one(connection, replace(draft, data=lambda _seq: data.plain()))
    return Counted(event.seq, unread), event


def suppress(connection: Connection, seen: Sequence[Seen], now: datetime) -> None:
    """Those of them that are off in-app are read as well: nobody is told, and no push goes out any more."""
    ids = [notification_id for one in seen for notification_id in one.notification_ids]
    if ids:
        rest = update(notifications).where(notifications.c.id.in_(ids), notifications.c.read_at.is_(None))
        connection.execute(rest.values(read_at=now))


@dataclass(frozen=True)
class Told:
    """N6: what some people were told of the chat of some lessons."""

    unread: dict[tuple[str, str], list[tuple[int, str]]]
    """By person and lesson what they have not read: the message's number and the notification's id."""
    until: dict[tuple[str, str], datetime | None]
    """Until when they need not be told more of that chat; null: it is not over."""

    def enough(self, user_id: str, lesson_id: str, now: datetime) -> bool:
        """Whether somebody is not to be told what is said in a lesson at this instant."""
        key = (user_id, lesson_id)
        until = self.until.get(key, now)
        return until is None or until > now

    def read(self, lesson_id: str, read_up_to: Mapping[str, int]) -> dict[str, list[str]]:
        """By person the notifications of a lesson's chat that are unread, of messages that they have read there."""
        found = {
            user_id: [one for seq, one in self.unread.get((user_id, lesson_id), ()) if seq <= up_to]
            for user_id, up_to in read_up_to.items()
        }
        return {user_id: ids for user_id, ids in found.items() if ids}

    @classmethod
    def of(cls, rows: Iterable[Any], now: datetime) -> Told:
        """Made of the rows of ``told_query``."""
        told = cls({}, {})
        for row in rows:
            key = (row.user_id, row.lesson_id)
            if row.read_at is None:
                told.unread.setdefault(key, []).append((json.loads(row.data)["seq"], row.id))
            until = row.read_at if row.in_app else row.created_at + CHAT_QUIET_FOR
            before = told.until.get(key, until)
            told.until[key] = None if until is None or before is None else max(until, before)
        return told


def told_query(
    user_ids: Collection[str], lesson_ids: Collection[str], now: datetime, since: datetime | None
) -> CompoundSelect[Any]:
    """The notifications of ``Told``; ``since``: those as well that were read after that instant."""
    n = notifications.c
    said = select(n.user_id, n.lesson_id, n.id, n.data, n.in_app, n.created_at, n.read_at).where(
        n.user_id.in_(sorted(user_ids)),
        n.lesson_id.in_(sorted(lesson_ids)),
        n.kind == Kind.CHAT_MESSAGE.value,
    )
    parts = [said.where(is_unread), said.where(n.in_app.is_(False), n.created_at > now - UNSENT_FOR)]
    if since is not None and since < now:
        parts.append(said.where(n.in_app, n.read_at > since))
    return union_all(*parts)  # each has its index


def fresh(connection: Connection, new: Sequence[New], now: datetime) -> list[New]:
    """N3, N6: without those that are there already, and what is said where something is unread already."""
    # Two lists, not one of pairs: for pairs SQLite reads the whole index. What it finds too much is no pair of ours.
    known_query = select(notifications.c.user_id, notifications.c.source).where(
        notifications.c.user_id.in_(sorted({one.notification.user_id for one in new})),
        notifications.c.source.in_(sorted({one.notification.source for one in new})),
    )
    known = {(row.user_id, row.source) for row in connection.execute(known_query)}
    chats = [one.notification for one in new if one.notification.kind is Kind.CHAT_MESSAGE]
    told = _told(connection, chats, now) if chats else Told({}, {})
    kept: list[New] = []
    for one in new:
        notification = one.notification
        key = (notification.user_id, notification.data["lesson_id"])
        is_chat = notification.kind is Kind.CHAT_MESSAGE
        if (notification.user_id, notification.source) in known or (
            is_chat and told.enough(*key, notification.since(now))
        ):
            continue
        known.add((notification.user_id, notification.source))
        if is_chat:
            told.until[key] = None
        kept.append(one)
    return kept


def _told(connection: Connection, chats: Sequence[NotificationDraft], now: datetime) -> Told:
    lessons = {one.data["lesson_id"] for one in chats}
    query = told_query({one.user_id for one in chats}, lessons, now, min(one.since(now) for one in chats))
    return Told.of(connection.execute(query), now)


def unread_counts(connection: Connection, users: Sequence[str]) -> dict[str, int]:
    """By person; who has read everything is left out."""
    query = (
        select(notifications.c.user_id, func.count())
        .where(notifications.c.user_id.in_(users), is_unread)
        .group_by(notifications.c.user_id)
    )
    return {row[0]: row[1] for row in connection.execute(query)}


def columns(new: New, now: datetime, *, in_app: bool) -> dict[str, Any]:
    """A row of a new notification."""
    notification = new.notification
    return {
        "id": new.id,
        "user_id": notification.user_id,
        "kind": notification.kind.value,
        "source": notification.source,
        "lesson_id": notification.data["lesson_id"],
        "title": notification.title,
        "body": notification.body,
        "data": json.dumps(notification.data, ensure_ascii=False),
        "in_app": in_app,
        "created_at": now,
        "read_at": None,
    }


def shown(row: Mapping[str, Any]) -> Notification:
    """Such a row as its person sees it."""
    same = {name: row[name] for name in Notification.model_fields}
    return Notification(**same | {"kind": Kind(row["kind"]), "data": json.loads(row["data"])})


def created(row: Mapping[str, Any], unread: int, now: datetime) -> Draft:
    """The event that tells of such a row, with the count it makes."""
    notification = shown(row)
    return Draft(
        stream=stream_of(row["user_id"]),
        guard=None,
        type="notification.created",
        at=now,
        actor=None,
        key=row["id"],  # the actor is the system: nobody else can choose its keys
        digest="",
        subject=row["id"],
        data=lambda _seq: NotificationCreated(notification=notification, unread_count=unread).plain(),
    )


def choices_of(connection: Connection, user_ids: Collection[str]) -> dict[str, Choices]:
    """N8: how these people want to be told."""
    chosen: dict[str, list[tuple[str, str, bool]]] = {user_id: [] for user_id in user_ids}
    for row in connection.execute(select(preferences).where(preferences.c.user_id.in_(list(user_ids)))):
        chosen[row.user_id].append((row.kind, row.channel, row.enabled))
    return {user_id: with_choices(one) for user_id, one in chosen.items()}
