"""What the media server has to be told again after a start: who was sent out, and which lessons are over."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, select
from twisted.internet.defer import Deferred

from tutorwamp.kernel.sql.database import Database
from tutorwamp.lessons.contracts import OPEN_STATES
from tutorwamp.lessons.media.rules import Order
from tutorwamp.lessons.tables import lesson_removals, lessons

NEAR: Final = timedelta(hours=12)
"""Of an open lesson's start: nobody is in the room of one that is further away."""
OVER_FOR: Final = timedelta(hours=1)
"""A node that was away for longer finds rooms that have emptied."""


class MediaStore:
    """What the database knows of it anyway."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def left_over(self, now: datetime) -> Deferred[list[Order]]:
        """What may not have been told when a process was killed."""
        near = (lessons.c.starts_at > now - NEAR) & (lessons.c.starts_at < now + NEAR)
        is_open = lessons.c.state.in_([str(state) for state in OPEN_STATES])
        removed = (
            select(lesson_removals).join(lessons, lessons.c.id == lesson_removals.c.lesson_id).where(near, is_open)
        )
        over = select(lessons.c.id).where(near, lessons.c.ended_at > now - OVER_FOR)

        def thd(connection: Connection) -> list[Order]:
            sent_out = [Order("RemoveParticipant", *row) for row in connection.execute(removed)]
            return [*sent_out, *(Order("DeleteRoom", row.id) for row in connection.execute(over))]

        return self._database.read("lessons.media", thd)
