"""The tables of lessons, and how a lesson is a row of them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Final

from sqlalchemy import (
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    Row,
    String,
    Table,
    Text,
    cast,
    false,
    func,
    literal_column,
    select,
    true,
)

from tutorwamp.kernel.contracts import from_ms, to_ms
from tutorwamp.kernel.sql.columns import InstantColumn, metadata
from tutorwamp.lessons.contracts import KeptLesson, Lesson, LessonFields, LessonState
from tutorwamp.lessons.values import Hand, Rules, Timer

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
    Column("rules", Text, nullable=False, server_default="{}"),
    Column("hands", Text, nullable=False, server_default="[]"),
    Column("timer", Text),
    Column("attended", Boolean, nullable=False, server_default=false()),
    Column("version", Integer, nullable=False),
    Column("created_at", InstantColumn, nullable=False),
    Column("client_id", String(64)),
    Column("digest", String(64)),
    Index("ix_lessons_tutor", "tutor_id", "starts_at", "id"),
    Index("ix_lessons_starts_at", "starts_at", "id"),
    Index("uq_lessons_client_id", "tutor_id", "client_id", unique=True),
)
ATTENDED: Final = lessons.c.attended.is_(true())
HAS_HANDS: Final = lessons.c.hands != literal_column("'[]'")
Index("ix_lessons_attended", lessons.c.id, sqlite_where=ATTENDED, postgresql_where=ATTENDED)
Index("ix_lessons_hands", lessons.c.id, sqlite_where=HAS_HANDS, postgresql_where=HAS_HANDS)

lesson_students = Table(
    "lesson_students",
    metadata,
    Column("lesson_id", String(36), ForeignKey("lessons.id"), primary_key=True),
    Column("student_id", String(36), ForeignKey("users.id"), primary_key=True),
    Column("position", Integer, nullable=False),
    Index("ix_lesson_students_student_id", "student_id", "lesson_id"),
)

lesson_removals = Table(
    "lesson_removals",
    metadata,
    Column("lesson_id", String(36), ForeignKey("lessons.id"), primary_key=True),
    Column("user_id", String(36), ForeignKey("users.id"), primary_key=True),
)
"""L31: who was taken off a lesson, until they are named again."""

lesson_views = Table(
    "lesson_views",
    metadata,
    Column("lesson_id", String(36), ForeignKey("lessons.id"), primary_key=True),
    Column("view", Text),
    Column("at", InstantColumn, nullable=False),
)
"""L33: what the tutor leads everybody to, while the lesson is open."""

_member = lesson_students.alias()
LESSONS: Final = select(
    lessons,
    select(func.aggregate_strings(cast(_member.c.position, String) + ":" + _member.c.student_id, ","))
    .where(_member.c.lesson_id == lessons.c.id)
    .scalar_subquery()
    .label("students"),
)
"""Lessons with their students as one text, ``0:<id>,1:<id>``: one query for a page, whatever its length."""


IN_BOTH: Final = [name for name in LessonFields.model_fields if name in lessons.c]
"""The fields that have a column of their name. The tutor's is ``tutor_id``; students are rows of their own."""
ASIDE: Final = (lessons.c.hands, lessons.c.timer, lessons.c.attended)
"""What changes without a new version."""


def row_of(lesson: Lesson) -> dict[str, Any]:
    """A lesson's columns by name."""
    same = {name: getattr(lesson, name) for name in IN_BOTH}
    texts = {
        "state": str(lesson.state),
        "pen": json.dumps(lesson.pen),
        "rules": json.dumps(lesson.rules.plain()),
        "hands": json.dumps([[hand.person.id, to_ms(hand.at)] for hand in lesson.hands]),
        "timer": None if lesson.timer is None else json.dumps([lesson.timer.title, to_ms(lesson.timer.ends_at)]),
    }
    return {**same, **texts, "tutor_id": lesson.tutor.id}


def kept_from(rows: Iterable[Row[Any]]) -> list[KeptLesson]:
    """Rows of ``LESSONS``, whose values were checked when they came."""
    return [
        KeptLesson.model_construct(
            **{name: getattr(row, name) for name in IN_BOTH}
            | {
                "state": LessonState(row.state),
                "pen": json.loads(row.pen),
                "rules": Rules.model_construct(**json.loads(row.rules)),
                "hands": hands_from(row.hands),
                "timer": timer_from(row.timer),
            },
            tutor=row.tutor_id,
            students=_student_ids(row.students),
        )
        for row in rows
    ]


def hands_from(text: str) -> list[Hand[str]]:
    """A lesson's raised hands, of their column."""
    return [Hand[str].model_construct(person=user_id, at=from_ms(at_ms)) for user_id, at_ms in json.loads(text)]


def timer_from(text: str | None) -> Timer | None:
    """A lesson's timer, of its column."""
    if text is None:
        return None
    title, ends_ms = json.loads(text)
    return Timer.model_construct(title=title, ends_at=from_ms(ends_ms))


def _student_ids(text: str | None) -> list[str]:
    """In their order, which the database does not promise for what it joins; null where there are none."""
    placed = (one.split(":") for one in text.split(",")) if text else ()
    return [student_id for _, student_id in sorted((int(position), student_id) for position, student_id in placed)]
