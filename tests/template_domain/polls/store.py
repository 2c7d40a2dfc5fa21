"""The polls that were opened."""

from __future__ import annotations

from sqlalchemy import Column, Connection, String, Table, Text, insert, select
from tutorwamp.polls.contracts import Poll
from twisted.internet.defer import Deferred

from tutorwamp.kernel.contracts import StreamEvent
from tutorwamp.kernel.sql.columns import InstantColumn, metadata
from tutorwamp.kernel.sql.database import Database
from tutorwamp.kernel.sql.streams import append_one
from tutorwamp.kernel.streams import Draft

polls = Table(
    "polls",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("lesson_id", String(36), nullable=False, index=True),
    Column("question", Text, nullable=False),
    Column("opened_at", InstantColumn, nullable=False),
)


class PollsStore:
    """The door to SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, poll: Poll, draft: Draft) -> Deferred[StreamEvent]:
        """Keep a poll, and the event that tells of it."""

        def thd(connection: Connection) -> StreamEvent:
            event = append_one(connection, draft)
            connection.execute(insert(polls), poll.model_dump())
            return event

        return self._database.write("polls.add", thd)

    def of_lesson(self, lesson_id: str) -> Deferred[list[Poll]]:
        """The lesson's polls, oldest first."""
        query = select(polls).where(polls.c.lesson_id == lesson_id).order_by(polls.c.id)

        def thd(connection: Connection) -> list[Poll]:
            return [Poll(**row) for row in connection.execute(query).mappings()]

        return self._database.read("polls.of_lesson", thd)
