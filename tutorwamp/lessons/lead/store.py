"""The view each open lesson is led to. Who joins is given it."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, select, update
from twisted.internet.defer import Deferred

from tutorwamp.kernel.sql.columns import insert_new
from tutorwamp.kernel.sql.database import Database
from tutorwamp.lessons.contracts import OPEN_STATES
from tutorwamp.lessons.tables import lesson_views, lessons
from tutorwamp.lessons.values import View


class ViewsStore:
    """What is remembered of views."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def save(self, lesson_id: str, view: View | None, at: datetime) -> Deferred[None]:
        """Keep a view, unless a newer one is kept or the lesson is over."""

        def thd(connection: Connection) -> None:
            state = connection.execute(select(lessons.c.state).where(lessons.c.id == lesson_id)).scalar()
            if state not in OPEN_STATES:
                return
            row = {"view": None if view is None else view.model_dump_json(), "at": at}
            mine = lesson_views.c.lesson_id == lesson_id
            changed = connection.execute(update(lesson_views).where(mine, lesson_views.c.at <= at).values(row))
            if changed.rowcount == 0:
                insert_new(connection, lesson_views, [{"lesson_id": lesson_id, **row}])

        return self._database.write("lessons.lead", thd)

    def last(self, lesson_id: str) -> Deferred[View | None]:
        """The view that is kept; null where nobody leads."""
        query = select(lesson_views.c.view).where(lesson_views.c.lesson_id == lesson_id)

        def thd(connection: Connection) -> View | None:
            kept = connection.execute(query).scalar()
            return None if kept is None else View.model_validate_json(kept)

        return self._database.read("lessons.view", thd)
