"""Who was there, and for how long: a record of every session's stay in a lesson, that can be checked row by row."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import BigInteger, Column, Connection, ForeignKey, Index, String, Table, select, update
from twisted.internet.defer import Deferred

from tutorwamp.kernel.sql.columns import InstantColumn, insert_new, metadata
from tutorwamp.kernel.sql.database import Database
from tutorwamp.kernel.sql.nodes import Nodes, living

attendance = Table(
    "lesson_attendance",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("lesson_id", String(36), ForeignKey("lessons.id"), nullable=False),
    Column("session", BigInteger, nullable=False),
    Column("since", InstantColumn, nullable=False),
    Column("user_id", String(36), ForeignKey("users.id"), nullable=False),
    Column("joined_at", InstantColumn, nullable=False),
    Column("seen_at", InstantColumn, nullable=False),
    Column("left_at", InstantColumn),
    Column("cause", String(12)),
    Column("node", String(36)),
    Index("ix_lesson_attendance_lesson", "lesson_id", "since"),
    Index("ix_lesson_attendance_user", "user_id", "lesson_id"),
)
Index(
    "ix_lesson_attendance_open",
    attendance.c.left_at,
    sqlite_where=attendance.c.left_at.is_(None),
    postgresql_where=attendance.c.left_at.is_(None),
)


@dataclass(frozen=True)
class Stay:
    """One session's stay. ``left_at`` null: it is there; ``seen_at`` is when that was last known for certain.

    ``cause`` of its end: left, lost, removed, over, or crash (then ``left_at`` is when it was last seen).
    ``node``: where the session is; only that node speaks for it while it lives.
    """

    id: str
    lesson_id: str
    session: int
    since: datetime
    user_id: str
    joined_at: datetime
    seen_at: datetime
    left_at: datetime | None = None
    cause: str | None = None
    node: str | None = None


CRASHED: Final = "crash"
"""The cause of an end that nobody saw."""
SEEN_LATE_BY: Final = timedelta(seconds=15)
"""Who is there is noted every ten seconds; the rest is a busy database."""


class PresentElsewhereError(Exception):
    """The person is in the lesson on another node."""


_UNENDED: Final = attendance.c.left_at.is_(None)


class AttendanceStore:
    """The door to the record."""

    def __init__(self, database: Database, nodes: Nodes) -> None:
        self._database = database
        self._nodes = nodes

    def save(self, stays: Sequence[Stay]) -> Deferred[None]:
        """Keep stays that begin (no ``left_at``) or end, in their order; what is kept already is kept once."""

        def thd(connection: Connection) -> None:
            for stay in stays:
                if stay.left_at is None:
                    insert_new(connection, attendance, [{**vars(stay), "node": self._nodes.id}])
                else:
                    ended = {"left_at": stay.left_at, "seen_at": stay.left_at, "cause": stay.cause}
                    connection.execute(update(attendance).where(attendance.c.id == stay.id).values(ended))

        return self._database.write("lessons.attendance", thd)

    def seen(self, now: datetime) -> Deferred[None]:
        """Everybody who is on this node is there still."""
        mine = _UNENDED & (attendance.c.node == self._nodes.id)

        def thd(connection: Connection) -> None:
            connection.execute(update(attendance).where(mine).values(seen_at=now))

        return self._database.write("lessons.seen", thd)

    def close_orphaned(self, now: datetime, *, own: bool) -> Deferred[list[Stay]]:
        """End the stays of nodes that are dead, when they were last seen; which they were.

        ``own``: this node's former ones too, at its start.
        """

        def thd(connection: Connection) -> list[Stay]:
            spoken_for = living(connection, now) | {self._nodes.id}
            if own:
                spoken_for.remove(self._nodes.id)
            orphaned = _UNENDED & (attendance.c.node.is_(None) | attendance.c.node.not_in(sorted(spoken_for)))
            stays = [Stay(**row._asdict()) for row in connection.execute(select(attendance).where(orphaned))]
            if stays:
                ended = {"left_at": attendance.c.seen_at, "cause": CRASHED}
                connection.execute(update(attendance).where(orphaned).values(ended))
            return stays

        return self._database.write("lessons.close_orphaned", thd)

    def taught_by(self, tutor_id: str, user_ids: Sequence[str]) -> Deferred[set[str]]:
        """Those of these people who were ever in a lesson of this tutor."""
        lessons = metadata.tables["lessons"]
        query = (
            select(attendance.c.user_id)
            .join(lessons, lessons.c.id == attendance.c.lesson_id)
            .where(attendance.c.user_id.in_(user_ids), lessons.c.tutor_id == tutor_id)
            .distinct()
        )
        return self._database.read("lessons.taught", lambda connection: set(connection.execute(query).scalars()))

    def covers(self, when: Collection[tuple[str, datetime]]) -> Deferred[set[tuple[str, datetime]]]:
        """Those of these people and moments at which the person was in some lesson, or perhaps was.

        Of a node that died nobody knows how long after it was last seen a session of it was still there.
        """
        moments: dict[str, list[datetime]] = {}
        for user_id, at in when:
            moments.setdefault(user_id, []).append(at)
        first, last = min(at for _, at in when), max(at for _, at in when)
        theirs = select(attendance).where(
            attendance.c.user_id.in_(sorted(moments)),
            attendance.c.since <= last,
            attendance.c.seen_at >= first - SEEN_LATE_BY,
        )

        def thd(connection: Connection) -> set[tuple[str, datetime]]:
            found: set[tuple[str, datetime]] = set()
            for row in connection.execute(theirs):
                is_exact = row.left_at is not None and row.cause != CRASHED
                until = row.seen_at if is_exact else row.seen_at + SEEN_LATE_BY
                found |= {(row.user_id, at) for at in moments[row.user_id] if row.since <= at <= until}
            return found

        return self._database.read("lessons.covers", thd)

    def stays(self, lesson_id: str) -> Deferred[list[Stay]]:
        """All stays in a lesson, in the order they began."""

        def thd(connection: Connection) -> list[Stay]:
            query = select(attendance).where(attendance.c.lesson_id == lesson_id).order_by(attendance.c.since)
            return [Stay(**row._asdict()) for row in connection.execute(query)]

        return self._database.read("lessons.stays", thd)


def require_absent(connection: Connection, lesson_id: str, user_id: str, node: str, now: datetime) -> None:
    """Raise PresentElsewhereError where somebody is in a lesson on another node that lives than this one."""
    others = living(connection, now) - {node}
    if others:
        there = _UNENDED & (attendance.c.lesson_id == lesson_id) & (attendance.c.user_id == user_id)
        query = select(attendance.c.id).where(there, attendance.c.node.in_(sorted(others))).limit(1)
        if connection.execute(query).first() is not None:
            raise PresentElsewhereError


def connected(stays: Iterable[Stay], now: datetime) -> timedelta:
    """How long somebody was there with any session: stays that overlap count once."""
    total, until = timedelta(), None
    for stay in sorted(stays, key=lambda one: one.since):
        ends = stay.left_at or now
        begins = stay.since if until is None else max(stay.since, until)
        if ends > begins:
            total += ends - begins
        until = ends if until is None else max(until, ends)
    return total
