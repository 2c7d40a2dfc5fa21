"""Lessons and who belongs to them. People are kept by id; the service adds their names."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    Column,
    Connection,
    ForeignKey,
    Index,
    Integer,
    Row,
    Select,
    String,
    Table,
    Text,
    cast,
    delete,
    func,
    insert,
    select,
    update,
)
from twisted.internet.defer import Deferred

from tutorwamp.kernel.contracts import (
    SEQ_AT_MOST,
    AuthRole,
    Caller,
    StreamEvent,
    cursor_from,
    cursor_parts,
    from_ms,
    to_ms,
)
from tutorwamp.kernel.errors import Conflict, Invalid
from tutorwamp.kernel.sql.columns import InstantColumn, lock, metadata, newest_first
from tutorwamp.kernel.sql.database import Database
from tutorwamp.kernel.sql.lanes import LARGE
from tutorwamp.kernel.sql.nodes import Nodes
from tutorwamp.kernel.sql.streams import append_one, compacted, heads_now, open_stream, read_together, set_guard
from tutorwamp.kernel.streams import Draft, Heads, Moment
from tutorwamp.lessons.attendance import require_absent
from tutorwamp.lessons.contracts import (
    OPEN_STATES,
    KeptLesson,
    Lesson,
    LessonFields,
    LessonState,
    ListLessons,
    Replayed,
    ReplayLesson,
    streams_of,
    topics_of,
)
from tutorwamp.lessons.errors import Overlap

REPLAYED_CHARACTERS_AT_MOST: Final = 1024 * 1024
"""Of the events of one page; four bytes each at most, and a message between the node's processes carries 16 MiB."""

lessons = Table(
    "lessons",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("title", String(200), nullable=False),
    Column("subject", String(100)),
    Column("state", String(12), nullable=False),
    Column("tutor_id", String(36), ForeignKey("users.id"), nullable=False),
    Column("starts_at", InstantColumn, nullable=False),
    Column("ends_at", InstantColumn, nullable=False),
    Column("started_at", InstantColumn),
    Column("ended_at", InstantColumn),
    Column("pen", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("created_at", InstantColumn, nullable=False),
    Column("client_id", String(64)),
    Column("digest", String(64)),
    Index("ix_lessons_tutor", "tutor_id", "starts_at", "id"),
    Index("ix_lessons_starts_at", "starts_at", "id"),
    Index("uq_lessons_client_id", "tutor_id", "client_id", unique=True),
)

lesson_students = Table(
    "lesson_students",
    metadata,
    Column("lesson_id", String(36), ForeignKey("lessons.id"), primary_key=True),
    Column("student_id", String(36), ForeignKey("users.id"), primary_key=True),
    Column("position", Integer, nullable=False),
    Index("ix_lesson_students_student_id", "student_id", "lesson_id"),
)


_member = lesson_students.alias()
_LESSONS: Final = select(
    lessons,
    select(func.aggregate_strings(cast(_member.c.position, String) + ":" + _member.c.student_id, ","))
    .where(_member.c.lesson_id == lessons.c.id)
    .scalar_subquery()
    .label("students"),
)
"""Lessons with their students as one text, ``0:<id>,1:<id>``: one query for a page, whatever its length."""


class StaleVersionError(Exception):
    """The lesson has changed since it was read: read it again, then decide again."""


class LessonsStore:
    """What is remembered of lessons."""

    def __init__(self, database: Database, nodes: Nodes) -> None:
        self._database = database
        self._nodes = nodes

    def add(self, lesson: Lesson, client_id: str | None, digest: str) -> Deferred[KeptLesson]:
        """Keep a new lesson with its empty streams; an earlier one with the same client_id is returned instead.

        Raises Overlap, or Conflict where the client_id came with other content.
        """

        def thd(connection: Connection) -> KeptLesson:
            lock(connection, f"tutor:{lesson.tutor.id}")
            known = _by_client_id(connection, lesson.tutor.id, client_id)
            if known is not None:
                if known.digest != digest:
                    raise Conflict("This client_id was used before, with other content.")
                return _kept([known])[0]
            if connection.execute(select(lessons.c.id).where(lessons.c.id == lesson.id)).scalar() is not None:
                return lesson.kept()  # an earlier try was committed, and only its answer was lost
            _refuse_overlap(connection, lesson)
            connection.execute(insert(lessons), {**_row(lesson), "client_id": client_id, "digest": digest})
            _save_students(connection, lesson)
            for name in streams_of(lesson.id):
                open_stream(connection, name, lesson.version)
            return lesson.kept()

        return self._database.write("lessons.add", thd)

    def change(
        self, before: Lesson, after: Lesson, draft: Draft, *, if_tutor_absent: bool = False
    ) -> Deferred[StreamEvent]:
        """Replace a lesson by its next version and write that into its state stream.

        Raises StaleVersionError where ``before`` is not what is kept, Overlap, or, with ``if_tutor_absent``,
        PresentElsewhereError where the tutor is in the lesson on another node: that one knows when they have gone.
        """

        def thd(connection: Connection) -> StreamEvent:
            lock(connection, f"tutor:{after.tutor.id}")
            if if_tutor_absent:
                require_absent(connection, after.id, after.tutor.id, self._nodes.id, draft.at)
            changed = connection.execute(
                update(lessons)
                .where(lessons.c.id == before.id, lessons.c.version == before.version)
                .values(_row(after))
            )
            if changed.rowcount != 1:
                raise StaleVersionError
            if (before.starts_at, before.ends_at) != (after.starts_at, after.ends_at):
                _refuse_overlap(connection, after)
            if before.students != after.students:
                connection.execute(delete(lesson_students).where(lesson_students.c.lesson_id == after.id))
                _save_students(connection, after)
            set_guard(connection, streams_of(after.id), after.version)
            return append_one(connection, draft)

        return self._database.write("lessons.change", thd)

    def by_id(self, lesson_id: str) -> Deferred[KeptLesson | None]:
        """One lesson."""

        def thd(connection: Connection) -> KeptLesson | None:
            rows = connection.execute(_LESSONS.where(lessons.c.id == lesson_id)).all()
            return next(iter(_kept(rows)), None)

        return self._database.read("lessons.by_id", thd)

    def by_ids(self, lesson_ids: Sequence[str]) -> Deferred[list[KeptLesson]]:
        """Those of these lessons that there are."""
        query = _LESSONS.where(lessons.c.id.in_(lesson_ids))
        return self._database.read("lessons.by_ids", lambda connection: _kept(connection.execute(query).all()))

    def page(self, caller: Caller, asked: ListLessons) -> Deferred[tuple[list[KeptLesson], str | None]]:
        """The caller's lessons, newest start first, in one query whatever their number. Raises Invalid (cursor)."""
        query = _filtered(_of(caller, _LESSONS), asked)

        def thd(connection: Connection) -> tuple[list[KeptLesson], str | None]:
            rows = connection.execute(query).all()
            found = _kept(rows[: asked.limit])
            more = len(rows) > asked.limit
            return found, cursor_from(to_ms(found[-1].starts_at), found[-1].id) if more else None

        return self._database.read("lessons.page", thd)

    def starting(self, after: datetime, before: datetime) -> Deferred[list[KeptLesson]]:
        """The scheduled lessons that start within this time, the soonest first."""
        begins = lessons.c.starts_at
        query = _LESSONS.where(begins > after, begins <= before, lessons.c.state == LessonState.SCHEDULED.value)

        def thd(connection: Connection) -> list[KeptLesson]:
            return _kept(connection.execute(query.order_by(begins, lessons.c.id)).all())

        return self._database.read("lessons.starting", thd)

    def ids_of(self, caller: Caller, among: Iterable[str] | None = None) -> Deferred[list[str]]:
        """The ids of the caller's lessons: of all, or of those among these."""
        query = _of(caller, select(lessons.c.id))
        query = query if among is None else query.where(lessons.c.id.in_(list(among)))
        return self._database.read("lessons.ids_of", lambda connection: list(connection.execute(query).scalars()))

    def heads(self, lesson_id: str) -> Deferred[Heads]:
        """The positions of a lesson's streams."""
        return self._database.read("lessons.heads", heads_now, streams_of(lesson_id))

    def replay(self, asked: ReplayLesson) -> Deferred[Replayed]:
        """A page of the lesson's streams on one clock. Raises Invalid (after)."""
        after = None if asked.after is None else _moment(asked.lesson_id, asked.after)
        names = streams_of(asked.lesson_id)

        def thd(connection: Connection) -> Replayed:
            events, more = read_together(connection, names, after, asked.limit, REPLAYED_CHARACTERS_AT_MOST)
            cursor = _replay_cursor(events[-1]) if more else None
            return Replayed(items=events, next_cursor=cursor, compacted=compacted(connection, names))

        return self._database.read("lessons.replay", thd, lane=LARGE)


def _replay_cursor(event: StreamEvent) -> str:
    return cursor_from(to_ms(event.at), event.stream.rpartition(".")[2], event.seq)


def _moment(lesson_id: str, cursor: str) -> Moment:
    """Where a page of a replay ended. Raises Invalid."""
    try:
        at_ms, stream, seq = cursor_parts(cursor, 3)
        name = topics_of(lesson_id)[stream]
        return Moment(from_ms(int(at_ms)), name, max(0, min(int(seq), SEQ_AT_MOST)))
    except (ValueError, OverflowError, KeyError) as error:
        raise Invalid("Bad cursor.", details=[{"loc": ["after"], "msg": "not a cursor of this replay"}]) from error


def _of(caller: Caller, query: Select[Any]) -> Select[Any]:
    """Only the caller's lessons (rule L1, as SQL)."""
    if caller.role is AuthRole.ADMIN:
        return query
    if caller.role is AuthRole.TUTOR:
        return query.where(lessons.c.tutor_id == caller.user_id)
    return query.join(lesson_students, lesson_students.c.lesson_id == lessons.c.id).where(
        lesson_students.c.student_id == caller.user_id
    )


def _filtered(query: Select[Any], asked: ListLessons) -> Select[Any]:
    if asked.state is not None:
        query = query.where(lessons.c.state == str(asked.state))
    if asked.starts_after is not None:
        query = query.where(lessons.c.starts_at > asked.starts_after)
    if asked.starts_before is not None:
        query = query.where(lessons.c.starts_at < asked.starts_before)
    return newest_first(query, lessons.c.starts_at, lessons.c.id, asked.limit, asked.cursor)


def _by_client_id(connection: Connection, tutor_id: str, client_id: str | None) -> Row[Any] | None:
    if client_id is None:
        return None
    return connection.execute(
        _LESSONS.where(lessons.c.tutor_id == tutor_id, lessons.c.client_id == client_id)
    ).one_or_none()


def _refuse_overlap(connection: Connection, lesson: Lesson) -> None:
    other = connection.execute(
        select(lessons.c.id)
        .where(
            lessons.c.tutor_id == lesson.tutor.id,
            lessons.c.id != lesson.id,
            lessons.c.starts_at < lesson.ends_at,
            lessons.c.ends_at > lesson.starts_at,
            lessons.c.state.in_([str(state) for state in OPEN_STATES]),
        )
        .limit(1)
    ).scalar()
    if other is not None:
        raise Overlap("The tutor has another lesson at that time.", details={"lesson_id": other})


def _save_students(connection: Connection, lesson: Lesson) -> None:
    rows = [
        {"lesson_id": lesson.id, "student_id": student.id, "position": position}
        for position, student in enumerate(lesson.students)
    ]
    connection.execute(insert(lesson_students), rows)


_IN_BOTH: Final = [name for name in LessonFields.model_fields if name in lessons.c]
"""The fields that have a column of their name. The tutor's is ``tutor_id``; students are rows of their own."""


def _row(lesson: Lesson) -> dict[str, Any]:
    same = {name: getattr(lesson, name) for name in _IN_BOTH}
    return {**same, "state": str(lesson.state), "pen": json.dumps(lesson.pen), "tutor_id": lesson.tutor.id}


def _kept(rows: Iterable[Row[Any]]) -> list[KeptLesson]:
    """Rows of ``_LESSONS``, whose values were checked when they came."""
    return [
        KeptLesson.model_construct(
            **{name: getattr(row, name) for name in _IN_BOTH}
            | {"state": LessonState(row.state), "pen": json.loads(row.pen)},
            tutor=row.tutor_id,
            students=_student_ids(row.students),
        )
        for row in rows
    ]


def _student_ids(text: str) -> list[str]:
    """In their order, which the database does not promise for what it joins."""
    placed = (one.split(":") for one in text.split(","))
    return [student_id for _, student_id in sorted((int(position), student_id) for position, student_id in placed)]
