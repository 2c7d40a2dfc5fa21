"""What is to be sent, kept until it is: written in the transaction that makes a notification, taken by one process.

A delivery is taken for a minute: its ``due_at`` is when it becomes due again, whatever becomes of who took it. What was
taken is told by that instant: each taking sets a later one, so that who took too long ago can write nothing any more.

At most once for each notification and device: a delivery is marked as being sent, durably, just before it is. Where the
process dies after that nobody knows whether it arrived, and it is not sent again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, Select, case, delete, exists, func, select, update
from twisted.internet.defer import Deferred

from tutorwamp.kernel.contracts import Clock
from tutorwamp.kernel.sql.columns import insert_new
from tutorwamp.kernel.sql.database import Database
from tutorwamp.notifications.contracts import Addressed, Channel, Choices, Kind
from tutorwamp.notifications.push.batch import EMAIL, KEPT, TAKEN_FOR, Batch
from tutorwamp.notifications.push.contracts import Delivery, Subscribe, Subscribed
from tutorwamp.notifications.push.tables import deliveries, subscriptions
from tutorwamp.notifications.tables import notifications
from tutorwamp.notifications.writing import choices_of

SUBSCRIPTIONS_AT_MOST: Final = 20
"""Of a person: browsers leave dead ones behind; the oldest goes."""

_IS_TARGET = subscriptions.c.digest == deliveries.c.target
_IS_STILL_THEIRS = subscriptions.c.user_id == notifications.c.user_id
"""A browser that somebody else has registered meanwhile must not get what was meant for its last person."""


def digest_of(endpoint: str) -> str:
    """A key for an endpoint."""
    return hashlib.sha256(endpoint.encode()).hexdigest()


@dataclass(frozen=True)
class Due:
    """How many deliveries are due and have not been sent, and since when the first of them is."""

    count: int
    since: datetime | None


class PushQueue:
    """The door to SQL. ``channels``: those that have a provider; others are not queued."""

    def __init__(
        self, database: Database, channels: Collection[Channel], clock: Clock, *, limited: bool = True
    ) -> None:
        self._database = database
        self._channels = frozenset(channels)
        self._clock = clock
        self._limited = limited

    # Putting in

    def enqueue(self, connection: Connection, addressed: Sequence[Addressed]) -> None:
        """See notifications.contracts.Outbox."""
        if not self._channels or not addressed:
            return
        targets: dict[str, list[tuple[Channel, str]]] = {one.user_id: [] for one in addressed}
        if Channel.WEB_PUSH in self._channels:
            query = select(subscriptions.c.user_id, subscriptions.c.digest)
            for row in connection.execute(query.where(subscriptions.c.user_id.in_(list(targets)))):
                targets[row.user_id].append((Channel.WEB_PUSH, row.digest))
        if Channel.EMAIL in self._channels:
            for mine in targets.values():
                mine.append((Channel.EMAIL, EMAIL))
        chosen = choices_of(connection, list(targets))
        batch = Batch(connection, addressed, self._clock(), limited=self._limited)
        for one in addressed:
            for channel, target in targets[one.user_id]:
                if chosen[one.user_id][one.kind][channel]:
                    batch.put(one, channel, target)
        insert_new(connection, deliveries, batch.rows)

    # Taking out

    async def take_due(self, at_most: int) -> list[Delivery]:
        """Deliveries that are due, nobody else's for TAKEN_FOR; what is too old is given up.

        Each person's and each lesson's first before anybody's second, and of these the earliest first.
        Where there is nothing to do, which is most seconds, nothing is written.
        """
        now = self._clock()
        is_due = (deliveries.c.state == "waiting") & (deliveries.c.due_at <= now)
        is_old = deliveries.c.queued_at <= now - KEPT
        something = select(exists().where(is_due) | exists().where(is_old))
        if not await self._database.read("push.look", lambda connection: connection.execute(something).scalar()):
            return []
        columns = (
            deliveries.c.id.label("delivery_id"),
            notifications.c.user_id,
            deliveries.c.channel,
            deliveries.c.target,
            subscriptions.c.endpoint,
            subscriptions.c.p256dh,
            subscriptions.c.auth,
            notifications.c.id.label("notification_id"),
            notifications.c.kind,
            notifications.c.title,
            notifications.c.body,
            notifications.c.data,
            notifications.c.created_at,
            notifications.c.read_at,
            deliveries.c.tries,
            deliveries.c.more,
            subscriptions.c.created_at.label("registered_at"),
            deliveries.c.due_at.label("taken_until"),
        )
        source = deliveries.join(notifications, notifications.c.id == deliveries.c.notification_id).outerjoin(
            subscriptions, _IS_TARGET & _IS_STILL_THEIRS
        )
        fair = select(_in_turn(is_due).limit(at_most).subquery().c.id)
        due = select(deliveries.c.id).where(deliveries.c.id.in_(fair), is_due).with_for_update(skip_locked=True)

        def thd(connection: Connection) -> list[Delivery]:
            connection.execute(delete(deliveries).where(is_old))
            ids = list(connection.execute(due).scalars())
            connection.execute(update(deliveries).where(deliveries.c.id.in_(ids)).values(due_at=now + TAKEN_FOR))
            rows: Any = connection.execute(select(*columns).select_from(source).where(deliveries.c.id.in_(ids)))
            return [_delivery(row) for row in rows]

        return await self._database.write("push.take_due", thd)

    def due(self) -> Deferred[Due]:
        """What is due and nobody's just now."""
        is_due = (deliveries.c.state == "waiting") & (deliveries.c.due_at <= self._clock())
        query = select(func.count(), func.min(deliveries.c.due_at)).where(is_due)

        def thd(connection: Connection) -> Due:
            count, since = connection.execute(query).one()
            return Due(count, since)

        return self._database.read("push.due", thd)

    def begin(self, delivery: Delivery) -> Deferred[bool]:
        """Mark it as being sent: from now on it may have arrived. False where it is somebody else's meanwhile."""
        return self._set(delivery, state="sending")

    def done(self, delivery: Delivery) -> Deferred[bool]:
        """It needs nothing more."""
        return self._set(delivery, state="done")

    def pass_over(self, delivery: Delivery) -> Deferred[bool]:
        """It was not wanted after all, and counts for nothing."""
        return self._set(delivery, state="unsent")

    def later(self, delivery: Delivery, due_at: datetime) -> Deferred[bool]:
        """It was not sent, and is tried again."""
        return self._set(delivery, state="waiting", due_at=due_at, tries=delivery.tries + 1)

    def _set(self, delivery: Delivery, **values: Any) -> Deferred[bool]:
        # Not by state: a commit whose answer was lost is made again, and finds what it wrote itself.
        is_ours = (deliveries.c.id == delivery.delivery_id) & (deliveries.c.due_at == delivery.taken_until)

        def thd(connection: Connection) -> bool:
            return connection.execute(update(deliveries).where(is_ours).values(**values)).rowcount == 1

        return self._database.write("push.set", thd)

    def choices(self, user_ids: Collection[str]) -> Deferred[dict[str, Choices]]:
        """How these people want to be told."""
        return self._database.read("push.choices", lambda connection: choices_of(connection, user_ids))

    # Devices

    def subscribe(self, user_id: str, asked: Subscribe) -> Deferred[Subscribed]:
        """Keep a device; one that was somebody else's is this person's now."""
        now, digest = self._clock(), digest_of(asked.endpoint)

        def thd(connection: Connection) -> Subscribed:
            connection.execute(delete(subscriptions).where(subscriptions.c.digest == digest))
            mine = select(subscriptions.c.digest).where(subscriptions.c.user_id == user_id)
            newest_first = mine.order_by(subscriptions.c.created_at.desc(), subscriptions.c.digest)
            old = list(connection.execute(newest_first.offset(SUBSCRIPTIONS_AT_MOST - 1)).scalars())
            connection.execute(delete(subscriptions).where(subscriptions.c.digest.in_(old)))
            row = {"digest": digest, "endpoint": asked.endpoint, "user_id": user_id, "created_at": now}
            insert_new(connection, subscriptions, [{**row, "p256dh": asked.keys.p256dh, "auth": asked.keys.auth}])
            return Subscribed(endpoint=asked.endpoint, created_at=now)

        return self._database.write("push.subscribe", thd)

    def unsubscribe(self, endpoint: str, *, user_id: str | None = None) -> Deferred[None]:
        """Forget a device; with ``user_id`` only where it is that person's."""
        which = subscriptions.c.digest == digest_of(endpoint)
        if user_id is not None:
            which &= subscriptions.c.user_id == user_id

        def thd(connection: Connection) -> None:
            connection.execute(delete(subscriptions).where(which))

        return self._database.write("push.unsubscribe", thd)


def _delivery(row: Row[Any]) -> Delivery:
    return Delivery(
        delivery_id=row.delivery_id,
        user_id=row.user_id,
        channel=Channel(row.channel),
        target=row.endpoint or row.target,
        p256dh=row.p256dh or "",
        auth=row.auth or "",
        notification_id=row.notification_id,
        kind=Kind(row.kind),
        title=row.title,
        body=row.body,
        data=json.loads(row.data),
        created_at=row.created_at,
        read_at=row.read_at,
        tries=row.tries,
        registered_at=row.registered_at,
        taken_until=row.taken_until,
        more=row.more,
    )


def _in_turn(is_due: ColumnElement[bool]) -> Select[Any]:
    by_time = deliveries.c.due_at, deliveries.c.id
    of_person = func.row_number().over(partition_by=notifications.c.user_id, order_by=by_time)
    of_lesson = func.row_number().over(partition_by=notifications.c.lesson_id, order_by=by_time)
    source = deliveries.join(notifications, notifications.c.id == deliveries.c.notification_id)
    numbers = (of_person.label("of_person"), of_lesson.label("of_lesson"))
    due = select(deliveries.c.id, deliveries.c.due_at, *numbers).select_from(source).where(is_due).subquery()
    rank = case((due.c.of_person > due.c.of_lesson, due.c.of_person), else_=due.c.of_lesson)
    return select(due.c.id).order_by(rank, due.c.due_at, due.c.id)
