"""What may become of a lesson: pure, no I/O, time passed in. The numbers are those of docs/rules/lessons.md."""

from __future__ import annotations

from datetime import datetime

from tutorwamp.accounts.contracts import Person
from tutorwamp.kernel.contracts import AuthRole, Caller
from tutorwamp.kernel.errors import Conflict, Forbidden, Invalid
from tutorwamp.lessons.contracts import OPEN_STATES, Lesson, LessonState, UpdateLesson
from tutorwamp.lessons.errors import WrongState


def belongs(caller: Caller, lesson: Lesson) -> bool:
    """L1: a lesson is known to its tutor, its students and admins."""
    return moderates(caller, lesson) or any(student.id == caller.user_id for student in lesson.students)


def moderates(caller: Caller, lesson: Lesson) -> bool:
    """L2: its tutor and admins change a lesson and moderate what is said in it."""
    return caller.role is AuthRole.ADMIN or caller.user_id == lesson.tutor.id


def require_moderator(caller: Caller, lesson: Lesson) -> None:
    """L2. Raises Forbidden."""
    if not moderates(caller, lesson):
        raise Forbidden("Only the lesson's tutor may do this.")


def require_open(lesson: Lesson) -> None:
    """L3: joined and written to only while scheduled, live or interrupted. Raises WrongState."""
    if lesson.state not in OPEN_STATES:
        raise WrongState(f"The lesson is {lesson.state}.", details={"state": lesson.state})


def start(lesson: Lesson, now: datetime) -> Lesson:
    """L4: scheduled → live. Raises WrongState."""
    _require(lesson, LessonState.SCHEDULED)
    return _next(lesson, state=LessonState.LIVE, started_at=now)


def end(lesson: Lesson, now: datetime) -> Lesson:
    """L5: live or interrupted → ended. Raises WrongState."""
    _require(lesson, LessonState.LIVE, LessonState.INTERRUPTED)
    return _next(lesson, state=LessonState.ENDED, ended_at=now)


def cancel(lesson: Lesson) -> Lesson:
    """L6: scheduled → cancelled. Raises WrongState."""
    _require(lesson, LessonState.SCHEDULED)
    return _next(lesson, state=LessonState.CANCELLED)


def interrupt(lesson: Lesson) -> Lesson:
    """L20: live → interrupted, when its tutor has been gone for the grace time; any other state stays."""
    return _next(lesson, state=LessonState.INTERRUPTED) if lesson.state is LessonState.LIVE else lesson


def go_on(lesson: Lesson) -> Lesson:
    """L20: interrupted → live, when its tutor is back; any other state stays."""
    return _next(lesson, state=LessonState.LIVE) if lesson.state is LessonState.INTERRUPTED else lesson


def update(lesson: Lesson, asked: UpdateLesson, students: list[Person] | None) -> Lesson:
    """L7: an open lesson can be changed by who knows its version; once started, its start stays.

    Returns the same lesson where nothing would change. Raises Conflict, WrongState or Invalid.
    """
    require_open(lesson)
    if asked.version != lesson.version:
        raise Conflict(
            "The lesson has changed meanwhile.", details={"version": lesson.version, "lesson": lesson.plain()}
        )
    changes: dict[str, object] = {
        name: value
        for name in ("title", "subject", "starts_at", "ends_at")
        if (value := getattr(asked, name)) is not None and value != getattr(lesson, name)
    }
    if "starts_at" in changes:
        _require(lesson, LessonState.SCHEDULED)
    if students is not None and [student.id for student in students] != [student.id for student in lesson.students]:
        changes["students"] = students
        changes["pen"] = [holder for holder in lesson.pen if any(student.id == holder for student in students)]
    if not changes:
        return lesson
    changed = _next(lesson, **changes)
    if changed.ends_at <= changed.starts_at:
        raise Invalid(
            "The lesson must end after it starts.",
            details=[{"loc": ["ends_at"], "msg": "must be later than starts_at"}],
        )
    return changed


def set_pen(lesson: Lesson, student_ids: list[str]) -> Lesson:
    """L19: in an open lesson its students, and nobody else, can be given the pen. Raises WrongState or Invalid."""
    require_open(lesson)
    students = {student.id for student in lesson.students}
    faults = [
        {"loc": ["student_ids", place], "msg": "not a student of this lesson"}
        for place, student_id in enumerate(student_ids)
        if student_id not in students
    ]
    if faults:
        raise Invalid("Only the lesson's students are given the pen.", details=faults)
    if set(student_ids) == set(lesson.pen):
        return lesson
    return _next(lesson, pen=list(student_ids))


def require_students(asked_ids: list[str], found: list[Person]) -> list[Person]:
    """L8: a lesson's students are active people of the role student. Raises Invalid, naming the place."""
    by_id = {person.id: person for person in found if person.role is AuthRole.STUDENT}
    faults = [
        {"loc": ["student_ids", place], "msg": "there is no such student"}
        for place, student_id in enumerate(asked_ids)
        if student_id not in by_id
    ]
    if faults:
        raise Invalid("Some students do not exist.", details=faults)
    return [by_id[student_id] for student_id in asked_ids]


def _require(lesson: Lesson, *states: LessonState) -> None:
    if lesson.state not in states:
        raise WrongState(f"The lesson is {lesson.state}.", details={"state": lesson.state})


def _next(lesson: Lesson, **changes: object) -> Lesson:
    return lesson.model_copy(update={**changes, "version": lesson.version + 1})
