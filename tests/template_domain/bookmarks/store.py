"""The bookmarks that were made."""

from __future__ import annotations

from sqlalchemy import Column, Connection, String, Table, Text, insert, select
from tutorwamp.bookmarks.contracts import Bookmark
from twisted.internet.defer import Deferred

from tutorwamp.kernel.contracts import StreamEvent
from tutorwamp.kernel.sql.columns import InstantColumn, metadata
from tutorwamp.kernel.sql.database import Database
from tutorwamp.kernel.sql.streams import append_one
from tutorwamp.kernel.streams import Draft

bookmarks = Table(
    "bookmarks",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("lesson_id", String(36), nullable=False, index=True),
    Column("label", Text, nullable=False),
    Column("made_at", InstantColumn, nullable=False),
)


class BookmarksStore:
    """The door to SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, bookmark: Bookmark, draft: Draft) -> Deferred[StreamEvent]:
        """Keep a bookmark, and the event that tells of it."""

        def thd(connection: Connection) -> StreamEvent:
            event = append_one(connection, draft)
            connection.execute(insert(bookmarks), bookmark.model_dump())
            return event

        return self._database.write("bookmarks.add", thd)

    def of_lesson(self, lesson_id: str) -> Deferred[list[Bookmark]]:
        """The lesson's bookmarks, oldest first."""
        query = select(bookmarks).where(bookmarks.c.lesson_id == lesson_id).order_by(bookmarks.c.id)

        def thd(connection: Connection) -> list[Bookmark]:
            return [Bookmark(**row) for row in connection.execute(query).mappings()]

        return self._database.read("bookmarks.of_lesson", thd)
