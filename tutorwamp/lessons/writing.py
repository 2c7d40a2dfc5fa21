"""What changes in a lesson without a new version: hands, the timer, and whether its tutor counts as there.

It is judged in the transaction that writes it, one after the other: thirty hands that go up at once make no conflicts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Row, exists, select, update

from tutorwamp.accounts.contracts import Person
from tutorwamp.kernel.contracts import StreamEvent
from tutorwamp.kernel.errors import NotFound
from tutorwamp.kernel.sql.columns import lock
from tutorwamp.kernel.sql.streams import append_one, set_guard
from tutorwamp.kernel.streams import Draft
from tutorwamp.lessons import rules
from tutorwamp.lessons.attendance import attendance, require_absent
from tutorwamp.lessons.contracts import OPEN_STATES, KeptLesson, Lesson, streams_of
from tutorwamp.lessons.tables import (
    ASIDE,
    ATTENDED,
    HAS_HANDS,
    LESSONS,
    hands_from,
    kept_from,
    lessons,
    row_of,
    timer_from,
)
from tutorwamp.lessons.values import Hand

Decide = Callable[[Lesson], Lesson]
"""What becomes of a lesson; the same one where nothing does. Raises what refuses it."""


class StaleVersionError(Exception):
    """The lesson has changed since it was read: read it again, then decide again."""


@dataclass(frozen=True)
class Changed:
    """A lesson before and after, and the event that says so; null where nothing changed."""

    event: StreamEvent | None
    before: Lesson
    after: Lesson
    followed: tuple[StreamEvent, ...] = ()
    """Those of other domains."""


Follower = Callable[[Connection, Lesson, Draft], list[StreamEvent]]
"""What another domain does in the transaction that gives a lesson its next version; its events."""


def keep_aside(connection: Connection, lesson: Lesson, row: Row[Any]) -> Lesson:
    """The lesson with hands, timer and attendance as its locked row has them, or, by the rules, must have now."""
    people = {student.id: student for student in lesson.students}
    hands = [
        Hand[Person](person=people[hand.person], at=hand.at) for hand in hands_from(row.hands) if hand.person in people
    ]
    aside = {"hands": hands, "timer": timer_from(row.timer), "attended": row.attended}
    final = rules.tidied(lesson.model_copy(update=aside))
    if _aside(final) != row._asdict():
        _save_aside(connection, final)
    return final


def revise(
    connection: Connection,
    lesson_id: str,
    people: Mapping[str, Person],
    decide: Decide,
    draft: Callable[[Lesson], Draft],
) -> Changed:
    """Decide on the lesson as it is now, and write what becomes of it."""
    kept = _locked(connection, lesson_id)
    if not people.keys() >= {kept.tutor, *kept.students}:
        raise StaleVersionError
    before = kept.with_people(people)
    after = decide(before)
    if after is before:
        return Changed(None, before, before)
    _save_aside(connection, after)
    return Changed(append_one(connection, draft(after)), before, after)


def attend(connection: Connection, lesson_id: str, *, there: bool, node: str, now: datetime) -> None:
    """L25: note whether the lesson's tutor counts as there, and guard its streams accordingly.

    Raises PresentElsewhereError where the tutor is not here but in the lesson on another node.
    """
    tutor_id = connection.execute(select(lessons.c.tutor_id).where(lessons.c.id == lesson_id)).scalar()
    if tutor_id is None:
        raise NotFound("There is no such lesson.")
    lock(connection, f"tutor:{tutor_id}")  # so a tutor who comes to one node while they leave another is not missed
    if not there:
        require_absent(connection, lesson_id, tutor_id, node, now)
    before = _locked(connection, lesson_id)
    after = before.model_copy(update={"attended": there})
    if there == before.attended or before.state not in OPEN_STATES:
        return
    connection.execute(update(lessons).where(lessons.c.id == lesson_id).values(attended=there))
    if after.guard != before.guard:
        set_guard(connection, streams_of(lesson_id), after.guard)


def unaccounted(connection: Connection) -> list[tuple[str, str]]:
    """Lessons and people who count as there, as tutor or by a raised hand, and have no session there on any node."""
    stays = attendance.c.left_at.is_(None) & (attendance.c.lesson_id == lessons.c.id)
    tutor_there = exists().where(stays, attendance.c.user_id == lessons.c.tutor_id)
    query = select(lessons.c.id, lessons.c.tutor_id).where(ATTENDED, ~tutor_there)
    found = [(lesson_id, user_id) for lesson_id, user_id in connection.execute(query)]
    raised = {
        (lesson_id, hand.person)
        for lesson_id, text in connection.execute(select(lessons.c.id, lessons.c.hands).where(HAS_HANDS))
        for hand in hands_from(text)
    }
    if raised:
        there = select(attendance.c.lesson_id, attendance.c.user_id).where(
            attendance.c.left_at.is_(None), attendance.c.lesson_id.in_({lesson_id for lesson_id, _ in raised})
        )
        found += sorted(raised - {(lesson_id, user_id) for lesson_id, user_id in connection.execute(there)})
    return found


_LOCK: Final = select(lessons.c.id).with_for_update(key_share=True)
"""So that nobody else changes the lesson; rows that refer to it, such as messages, are written all the same."""


def _locked(connection: Connection, lesson_id: str) -> KeptLesson:
    """A lesson that nobody else changes until the transaction ends. Raises NotFound."""
    if connection.execute(_LOCK.where(lessons.c.id == lesson_id)).first() is None:
        raise NotFound("There is no such lesson.")
    # In a statement of its own: one that waited for the lock sees the students as they were before it.
    return kept_from(connection.execute(LESSONS.where(lessons.c.id == lesson_id)).all())[0]


def _save_aside(connection: Connection, lesson: Lesson) -> None:
    connection.execute(update(lessons).where(lessons.c.id == lesson.id).values(_aside(lesson)))


def _aside(lesson: Lesson) -> dict[str, Any]:
    columns = row_of(lesson)
    return {column.name: columns[column.name] for column in ASIDE}
