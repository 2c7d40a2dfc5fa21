"""Invite codes, one for a lesson, as their digests."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Column, Connection, ForeignKey, Index, String, Table, select
from twisted.internet.defer import Deferred

from tutorwamp.kernel.errors import NotFound
from tutorwamp.kernel.sql.columns import InstantColumn, metadata, put
from tutorwamp.kernel.sql.database import Database
from tutorwamp.lessons.store import Requirement
from tutorwamp.lessons.tables import lesson_removals

lesson_invites = Table(
    "lesson_invites",
    metadata,
    Column("lesson_id", String(36), ForeignKey("lessons.id"), primary_key=True),
    Column("digest", String(64), nullable=False),
    Column("expires_at", InstantColumn, nullable=False),
    Index("uq_lesson_invites_digest", "digest", unique=True),
)


class InvitesStore:
    """What is remembered of invite codes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def replace(self, lesson_id: str, digest: str, expires_at: datetime) -> Deferred[None]:
        """Keep a lesson's code in place of the one before it."""
        row = {"lesson_id": lesson_id, "digest": digest, "expires_at": expires_at}
        return self._database.write("lessons.invite", lambda connection: put(connection, lesson_invites, [row]))

    def lesson_of(self, digest: str, user_id: str, now: datetime) -> Deferred[str]:
        """Which lesson a code is for, where it is good for this person. Raises NotFound."""
        return self._database.read("lessons.invited", lambda connection: _lesson_of(connection, digest, user_id, now))

    def invites(self, digest: str, user_id: str, now: datetime) -> Requirement:
        """That a code is still good, and that this person was not removed from its lesson. Raises NotFound."""

        def thd(connection: Connection) -> None:
            _lesson_of(connection, digest, user_id, now)

        return thd


def _lesson_of(connection: Connection, digest: str, user_id: str, now: datetime) -> str:
    good = select(lesson_invites.c.lesson_id).where(
        lesson_invites.c.digest == digest, lesson_invites.c.expires_at > now
    )
    lesson_id: str | None = connection.execute(good).scalar()
    removed = select(lesson_removals.c.user_id).where(
        lesson_removals.c.lesson_id == lesson_id, lesson_removals.c.user_id == user_id
    )
    if lesson_id is None or connection.execute(removed).first() is not None:
        raise NotFound("There is no such invitation.")
    return lesson_id
