"""Reports, with the words as they read when they were reported."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update
from twisted.internet.defer import Deferred

from tutorwamp.chat.reports.contracts import KeptReport, ReportState, ResolutionFields
from tutorwamp.chat.reports.tables import reports
from tutorwamp.chat.tables import messages
from tutorwamp.chat.writing import files_in
from tutorwamp.kernel.contracts import Page, cursor_from, to_ms
from tutorwamp.kernel.sql.columns import lock, newest_first
from tutorwamp.kernel.sql.database import Database


@dataclass(frozen=True)
class NewReport:
    """What is said of a message."""

    id: str
    message_id: str
    reporter_id: str
    reason: str
    at: datetime


class ReportsStore:
    """What is remembered of reports."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def lesson_of(self, message_id: str) -> Deferred[str | None]:
        """Where a message was said."""
        query = select(messages.c.lesson_id).where(messages.c.id == message_id)
        return self._database.read("reports.lesson_of", lambda one: one.execute(query).scalar())

    def of(self, message_id: str, reporter_id: str) -> Deferred[str | None]:
        """The id of this person's report of this message."""
        return self._database.read("reports.of", _of, message_id, reporter_id)

    def keep(self, new: NewReport) -> Deferred[str]:
        """Keep a message as it reads now; the report's id. Where this person has reported it already, that one's."""

        def thd(connection: Connection) -> str:
            lock(connection, f"report {new.message_id} {new.reporter_id}")
            if (known := _of(connection, new.message_id, new.reporter_id)) is not None:
                return known
            said = connection.execute(select(messages).where(messages.c.id == new.message_id)).one()
            names = [one.name for one in files_in(said.files)]
            row = {
                "id": new.id, "state": "open", "message_id": said.id, "lesson_id": said.lesson_id,
                "author_id": said.author_id, "reporter_id": new.reporter_id, "reason": new.reason, "body": said.body,
                "files": json.dumps(names, ensure_ascii=False), "said_at": said.created_at,
                "edited_at": said.edited_at, "created_at": new.at, "muted": False, "deactivated": False,
            }  # fmt: skip
            connection.execute(insert(reports), row)
            return new.id

        return self._database.write("reports.keep", thd)

    def page(self, state: ReportState | None, limit: int, cursor: str | None) -> Deferred[Page[KeptReport]]:
        """Reports, newest first. Raises Invalid (cursor)."""
        query = select(reports) if state is None else select(reports).where(reports.c.state == state)
        query = newest_first(query, reports.c.created_at, reports.c.id, limit, cursor)

        def thd(connection: Connection) -> Page[KeptReport]:
            found = [_report(row) for row in connection.execute(query)]
            items = found[:limit]
            return Page(items=items, next_cursor=_after(items[-1]) if len(found) > limit else None)

        return self._database.read("reports.page", thd)

    def by_id(self, report_id: str) -> Deferred[KeptReport | None]:
        """One report."""
        return self._database.read("reports.by_id", _by_id, report_id)

    def resolve(self, report_id: str, done: ResolutionFields[str]) -> Deferred[KeptReport | None]:
        """Note what was done about it; what was done before stays done."""

        def thd(connection: Connection) -> KeptReport | None:
            before = _by_id(connection, report_id, locked=True)
            if before is None:
                return None
            earlier = before.resolution
            values = {
                "state": "resolved", "resolved_by": done.by, "resolved_at": done.at, "note": done.note,
                "muted": done.muted or (earlier is not None and earlier.muted),
                "deactivated": done.deactivated or (earlier is not None and earlier.deactivated),
            }  # fmt: skip
            connection.execute(update(reports).where(reports.c.id == report_id).values(values))
            return _by_id(connection, report_id)

        return self._database.write("reports.resolve", thd)


def _after(last: KeptReport) -> str:
    return cursor_from(to_ms(last.created_at), last.id)


def _of(connection: Connection, message_id: str, reporter_id: str) -> str | None:
    mine = (reports.c.message_id == message_id) & (reports.c.reporter_id == reporter_id)
    found: str | None = connection.execute(select(reports.c.id).where(mine)).scalar()
    return found


def _by_id(connection: Connection, report_id: str, *, locked: bool = False) -> KeptReport | None:
    query = select(reports).where(reports.c.id == report_id)
    row = connection.execute(query.with_for_update() if locked else query).one_or_none()
    return None if row is None else _report(row)


def _report(row: Row[Any]) -> KeptReport:
    resolution = None
    if row.resolved_by is not None:
        resolution = ResolutionFields[str](
            by=row.resolved_by, at=row.resolved_at, note=row.note, muted=row.muted, deactivated=row.deactivated
        )
    return KeptReport(
        id=row.id,
        state=row.state,
        message_id=row.message_id,
        lesson_id=row.lesson_id,
        author=row.author_id,
        reporter=row.reporter_id,
        reason=row.reason,
        body=row.body,
        files=json.loads(row.files),
        said_at=row.said_at,
        edited_at=row.edited_at,
        created_at=row.created_at,
        resolution=resolution,
    )
