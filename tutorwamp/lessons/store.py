"""Lessons and who belongs to them. People are kept by id; the service adds their names."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Row, Select, delete, insert, select, update
from twisted.internet.defer import Deferred

from tutorwamp.accounts.contracts import Person
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
from tutorwamp.kernel.sql.columns import insert_new, lock, newest_first
from tutorwamp.kernel.sql.database import Database
from tutorwamp.kernel.sql.lanes import LARGE
from tutorwamp.kernel.sql.nodes import Nodes
from tutorwamp.kernel.sql.streams import append_one, compacted, heads_now, open_stream, read_together, set_guard
from tutorwamp.kernel.streams import Draft, Heads, Moment
from tutorwamp.lessons import writing
from tutorwamp.lessons.attendance import require_absent
from tutorwamp.lessons.contracts import (
    OPEN_STATES,
    KeptLesson,
    Lesson,
    LessonState,
    ListLessons,
    streams_of,
    topics_of,
)
from tutorwamp.lessons.errors import Overlap
from tutorwamp.lessons.tables import (
    ASIDE,
    LESSONS,
    kept_from,
    lesson_removals,
    lesson_students,
    lesson_views,
    lessons,
    row_of,
)
from tutorwamp.lessons.values import Replayed, ReplayLesson
from tutorwamp.lessons.writing import Changed, Decide, Follower, StaleVersionError

REPLAYED_CHARACTERS_AT_MOST: Final = 1024 * 1024
"""Of the events of one page; four bytes each at most, and a message between the node's processes carries 16 MiB."""


_ASIDE: Final = frozenset(column.name for column in ASIDE)

Requirement = Callable[[Connection], None]
"""What must hold in the transaction that changes a lesson; it raises where it does not."""


class LessonsStore:
    """What is remembered of lessons."""

    def __init__(self, database: Database, nodes: Nodes, *followers: Follower) -> None:
        self._database = database
        self._nodes = nodes
        self._followers = followers

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
                return kept_from([known])[0]
            if connection.execute(select(lessons.c.id).where(lessons.c.id == lesson.id)).scalar() is not None:
                return lesson.kept()  # an earlier try was committed, and only its answer was lost
            _refuse_overlap(connection, lesson)
            connection.execute(insert(lessons), {**row_of(lesson), "client_id": client_id, "digest": digest})
            _save_students(connection, lesson)
            for name in streams_of(lesson.id):
                open_stream(connection, name, lesson.version)
            return lesson.kept()

        return self._database.write("lessons.add", thd)

    def change(
        self,
        before: Lesson,
        after: Lesson,
        draft: Callable[[Lesson], Draft],
        *,
        if_tutor_absent: bool = False,
        only_if: Requirement | None = None,
    ) -> Deferred[Changed]:
        """Replace a lesson by its next version and write that into its state stream, with hands and timer as they are.

        Raises StaleVersionError where ``before`` is not what is kept, Overlap, or, with ``if_tutor_absent``,
        PresentElsewhereError where the tutor is in the lesson on another node: that one knows when they have gone.
        Raises what ``only_if`` raises.
        """
        columns = {name: value for name, value in row_of(after).items() if name not in _ASIDE}

        def thd(connection: Connection) -> Changed:
            lock(connection, f"tutor:{after.tutor.id}")
            if if_tutor_absent:
                require_absent(connection, after.id, after.tutor.id, self._nodes.id, draft(after).at)
            if only_if is not None:
                only_if(connection)
            is_same = (lessons.c.id == before.id) & (lessons.c.version == before.version)
            aside = connection.execute(update(lessons).where(is_same).values(columns).returning(*ASIDE)).one_or_none()
            if aside is None:
                raise StaleVersionError
            if (before.starts_at, before.ends_at) != (after.starts_at, after.ends_at):
                _refuse_overlap(connection, after)
            if before.students != after.students:
                _replace_students(connection, before, after)
            if after.state not in OPEN_STATES:
                connection.execute(delete(lesson_views).where(lesson_views.c.lesson_id == after.id))
            final = writing.keep_aside(connection, after, aside)
            set_guard(connection, streams_of(after.id), final.guard)
            made = draft(final)
            changed = Changed(append_one(connection, made), before, final)
            followed = [event for follow in self._followers for event in follow(connection, final, made)]
            return replace(changed, followed=tuple(followed))

        return self._database.write("lessons.change", thd)

    def revise(
        self,
        lesson_id: str,
        people: Mapping[str, Person],
        decide: Decide,
        draft: Callable[[Lesson], Draft],
        *,
        gone: tuple[str, datetime] | None = None,
    ) -> Deferred[Changed]:
        """Change a lesson's hands or timer as they are now, whoever else does; no event where nothing changed.

        ``people``: the lesson's; where somebody is missing, StaleVersionError. ``gone``: who has left, and when; where
        they are in the lesson on another node, PresentElsewhereError. Raises what ``decide`` raises.
        """

        def thd(connection: Connection) -> Changed:
            if gone is not None:
                require_absent(connection, lesson_id, gone[0], self._nodes.id, gone[1])
            return writing.revise(connection, lesson_id, people, decide, draft)

        return self._database.write("lessons.revise", thd)

    def attend(self, lesson_id: str, now: datetime, *, there: bool) -> Deferred[None]:
        """L25: note whether a lesson's tutor counts as there. Raises NotFound or PresentElsewhereError."""

        def thd(connection: Connection) -> None:
            writing.attend(connection, lesson_id, there=there, node=self._nodes.id, now=now)

        return self._database.write("lessons.attend", thd)

    def unaccounted(self) -> Deferred[list[tuple[str, str]]]:
        """Lessons and people who count as there, and have no session there on any node."""
        return self._database.read("lessons.unaccounted", writing.unaccounted)

    def by_id(self, lesson_id: str) -> Deferred[KeptLesson | None]:
        """One lesson."""

        def thd(connection: Connection) -> KeptLesson | None:
            rows = connection.execute(LESSONS.where(lessons.c.id == lesson_id)).all()
            return next(iter(kept_from(rows)), None)

        return self._database.read("lessons.by_id", thd)

    def by_ids(self, lesson_ids: Sequence[str]) -> Deferred[list[KeptLesson]]:
        """Those of these lessons that there are."""
        query = LESSONS.where(lessons.c.id.in_(lesson_ids))
        return self._database.read("lessons.by_ids", lambda connection: kept_from(connection.execute(query).all()))

    def members(self, lesson_ids: Sequence[str]) -> Deferred[dict[str, set[str]]]:
        """The tutors and students of those of these lessons that are open."""
        tutors = select(lessons.c.id, lessons.c.tutor_id).where(
            lessons.c.id.in_(lesson_ids), lessons.c.state.in_([str(state) for state in OPEN_STATES])
        )
        students = select(lesson_students.c.lesson_id, lesson_students.c.student_id).where(
            lesson_students.c.lesson_id.in_(lesson_ids)
        )

        def thd(connection: Connection) -> dict[str, set[str]]:
            found = {lesson_id: {tutor_id} for lesson_id, tutor_id in connection.execute(tutors)}
            for lesson_id, student_id in connection.execute(students):
                if lesson_id in found:
                    found[lesson_id].add(student_id)
            return found

        return self._database.read("lessons.members", thd)

    def page(self, caller: Caller, asked: ListLessons) -> Deferred[tuple[list[KeptLesson], str | None]]:
        """The caller's lessons, newest start first, in one query whatever their number. Raises Invalid (cursor)."""
        query = _filtered(_of(caller, LESSONS), asked)

        def thd(connection: Connection) -> tuple[list[KeptLesson], str | None]:
            rows = connection.execute(query).all()
            found = kept_from(rows[: asked.limit])
            more = len(rows) > asked.limit
            return found, cursor_from(to_ms(found[-1].starts_at), found[-1].id) if more else None

        return self._database.read("lessons.page", thd)

    def starting(self, after: datetime, before: datetime) -> Deferred[list[KeptLesson]]:
        """The scheduled lessons that start within this time, the soonest first."""
        begins = lessons.c.starts_at
        query = LESSONS.where(begins > after, begins <= before, lessons.c.state == LessonState.SCHEDULED.value)

        def thd(connection: Connection) -> list[KeptLesson]:
            return kept_from(connection.execute(query.order_by(begins, lessons.c.id)).all())

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
        LESSONS.where(lessons.c.tutor_id == tutor_id, lessons.c.client_id == client_id)
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
    if rows:
        connection.execute(insert(lesson_students), rows)


def _replace_students(connection: Connection, before: Lesson, after: Lesson) -> None:
    """Save them, and who was taken off (L31)."""
    connection.execute(delete(lesson_students).where(lesson_students.c.lesson_id == after.id))
    _save_students(connection, after)
    were, are = {student.id for student in before.students}, {student.id for student in after.students}
    back = (lesson_removals.c.lesson_id == after.id) & lesson_removals.c.user_id.in_(are - were)
    connection.execute(delete(lesson_removals).where(back))
    removed = [{"lesson_id": after.id, "user_id": user_id} for user_id in sorted(were - are)]
    insert_new(connection, lesson_removals, removed)
