"""What may become of a lesson: pure, no I/O, time passed in. The numbers are those of docs/rules/lessons.md."""

from __future__ import annotations

from collections.abc import Set
from datetime import datetime, timedelta
from typing import Final

from tutorwamp.accounts.contracts import Person
from tutorwamp.kernel.contracts import AuthRole, Caller
from tutorwamp.kernel.errors import Conflict, Forbidden, Invalid, NotFound
from tutorwamp.lessons.contracts import OPEN_STATES, Lesson, LessonState, UpdateLesson
from tutorwamp.lessons.errors import LessonFull, Muted, WrongState
from tutorwamp.lessons.values import STUDENTS_AT_MOST, Hand, RaiseHand, SetRules, SetTimer, Timer

TIMER_AT_MOST: Final = timedelta(hours=24)
"""What runs longer is no part of a lesson; and a wrong year is noticed."""


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
        stay = {student.id for student in students}
        changes["pen"] = [holder for holder in lesson.pen if holder in stay]
        muted = [person for person in lesson.rules.muted if person in stay]
        changes["rules"] = lesson.rules.model_copy(update={"muted": muted})
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
    _require_members(lesson, "student_ids", student_ids, "Only the lesson's students are given the pen.")
    if set(student_ids) == set(lesson.pen):
        return lesson
    return _next(lesson, pen=list(student_ids))


def set_rules(lesson: Lesson, asked: SetRules) -> Lesson:
    """L24: in an open lesson; what is given changes. Raises WrongState or Invalid."""
    require_open(lesson)
    _require_members(lesson, "muted", asked.muted or [], "Only the lesson's students are muted.")
    given = {name: value for name in ("chat", "unattended") if (value := getattr(asked, name)) is not None}
    if asked.muted is not None and set(asked.muted) != set(lesson.rules.muted):
        given["muted"] = list(asked.muted)
    changed = lesson.rules.model_copy(update=given)
    return lesson if changed == lesson.rules else _next(lesson, rules=changed)


def silence(caller: Caller, lesson: Lesson) -> Muted | None:
    """L24: why somebody may not write in the chat, who belongs to the lesson; null: they may."""
    if moderates(caller, lesson):
        return None
    if caller.user_id in lesson.rules.muted:
        return Muted("The tutor has muted you in this lesson.", details={"rule": "muted"})
    if lesson.rules.chat == "tutors":
        return Muted("Only the tutor writes in this lesson.", details={"rule": "chat"})
    return shut_out(caller, lesson)


def shut_out(caller: Caller, lesson: Lesson) -> Muted | None:
    """L25: why somebody may neither write nor draw while nobody attends to them; null: not for that reason."""
    if moderates(caller, lesson) or not lesson.is_shut:
        return None
    return Muted("Nobody writes or draws here while the tutor is away.", details={"rule": "unattended"})


def raise_hand(caller: Caller, lesson: Lesson, asked: RaiseHand, now: datetime) -> Lesson:
    """L26: a student raises their own hand, and it is lowered by them or by who moderates.

    Raises WrongState or Forbidden.
    """
    require_open(lesson)
    of = asked.user_id or caller.user_id
    if asked.up:
        person = next((student for student in lesson.students if student.id == caller.user_id), None)
        if person is None or of != caller.user_id:
            raise Forbidden("The lesson's students raise their own hands.")
        if any(hand.person.id == of for hand in lesson.hands):
            return lesson
        # Calls are dated when they come, and written in another order where they wait for one another or nodes differ.
        since = max([now, *(hand.at for hand in lesson.hands)])
        return lesson.model_copy(update={"hands": [*lesson.hands, Hand[Person](person=person, at=since)]})
    if asked.all or of != caller.user_id:
        require_moderator(caller, lesson)
    return lower(lesson, {hand.person.id for hand in lesson.hands} if asked.all else {of})


def lower(lesson: Lesson, user_ids: Set[str]) -> Lesson:
    """L26: without these people's hands; the same lesson where none of them is up."""
    staying = [hand for hand in lesson.hands if hand.person.id not in user_ids]
    return lesson if len(staying) == len(lesson.hands) else lesson.model_copy(update={"hands": staying})


def set_timer(lesson: Lesson, asked: SetTimer, now: datetime) -> Lesson:
    """L27: in an open lesson, within a day from now; the same again is nothing new. Raises WrongState or Invalid."""
    require_open(lesson)
    timer = None if asked.ends_at is None else Timer(title=asked.title, ends_at=asked.ends_at)
    if timer == lesson.timer:
        return lesson
    if timer is not None and not now < timer.ends_at <= now + TIMER_AT_MOST:
        raise Invalid(
            "The timer must end within a day from now.",
            details=[{"loc": ["ends_at"], "msg": "must be later than now, and 24 hours later at most"}],
        )
    return lesson.model_copy(update={"timer": timer})


def tidied(lesson: Lesson) -> Lesson:
    """L25 to L27: a lesson that is over has neither hands nor timer, and nobody attends to it."""
    if lesson.state in OPEN_STATES:
        return lesson
    return lesson.model_copy(update={"hands": [], "timer": None, "attended": False})


def take_in(lesson: Lesson, caller: Caller, person: Person) -> Lesson:
    """L30: who has the code of an open lesson becomes the last of its students; who belongs to it does already.

    Raises NotFound, Forbidden or LessonFull.
    """
    if lesson.state not in OPEN_STATES:
        raise NotFound("There is no such invitation.")
    if belongs(caller, lesson):
        return lesson
    if person.role is not AuthRole.STUDENT:
        raise Forbidden("Only students accept invitations.")
    if len(lesson.students) >= STUDENTS_AT_MOST:
        raise LessonFull("The lesson is full.", details={"students_at_most": STUDENTS_AT_MOST})
    return _next(lesson, students=[*lesson.students, person])


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


def _require_members(lesson: Lesson, where: str, user_ids: list[str], message: str) -> None:
    students = {student.id for student in lesson.students}
    faults = [
        {"loc": [where, place], "msg": "not a student of this lesson"}
        for place, user_id in enumerate(user_ids)
        if user_id not in students
    ]
    if faults:
        raise Invalid(message, details=faults)


def _require(lesson: Lesson, *states: LessonState) -> None:
    if lesson.state not in states:
        raise WrongState(f"The lesson is {lesson.state}.", details={"state": lesson.state})


def _next(lesson: Lesson, **changes: object) -> Lesson:
    return lesson.model_copy(update={**changes, "version": lesson.version + 1})
