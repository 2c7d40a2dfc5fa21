"""``tutorwamp up --demo``: a tutor, two students and a live lesson, for a first look."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from tutorwamp.accounts.contracts import LogIn, User
from tutorwamp.accounts.errors import EmailTaken
from tutorwamp.app.assembly import Machine
from tutorwamp.kernel.contracts import AuthRole, Caller, utc_now
from tutorwamp.kernel.errors import Conflict, Unauthenticated
from tutorwamp.lessons.contracts import CreateLesson, LessonState, ListLessons, OneLesson

PASSWORD: Final = "demo-lesson"  # noqa: S105  # printed on purpose
PEOPLE: Final = (
    ("tutor@demo.example", "Ada Tutor", AuthRole.TUTOR),
    ("student1@demo.example", "Ben Student", AuthRole.STUDENT),
    ("student2@demo.example", "Cleo Student", AuthRole.STUDENT),
)
LASTS: Final = timedelta(hours=8)
HOW: Final = {LessonState.LIVE: "is live", LessonState.INTERRUPTED: "is live again when its tutor comes"}
"""What a lesson that has begun is; its tutor has no other at that time."""


async def prepare(machine: Machine) -> str:
    """Make what is not there yet; the lines that tell a person how to enter."""
    tutor, *students = [await _person(machine, *person) for person in PEOPLE]
    caller = Caller(tutor.id, tutor.role)
    mine = [await machine.lessons.list_lessons(caller, ListLessons(state=state)) for state in HOW]
    begun = [lesson for page in mine for lesson in page.items]
    now = utc_now()
    if begun and begun[0].ends_at <= now:
        await machine.lessons.end(caller, OneLesson(lesson_id=begun[0].id))
        begun = []
    if not begun:
        planned = CreateLesson(
            title="Fractions without fear",
            subject="Mathematics",
            student_ids=[student.id for student in students],
            starts_at=now,
            ends_at=now + LASTS,
        )
        lesson = await machine.lessons.create(caller, planned)
        begun = [await machine.lessons.start(caller, OneLesson(lesson_id=lesson.id))]
    how = HOW[begun[0].state]
    lines = [f'The demo lesson "{begun[0].title}" ({begun[0].id}) {how}. Log in with password {PASSWORD} as']
    lines += [f"  {email:<24} {role}" for email, _, role in PEOPLE]
    return "\n".join(lines)


async def _person(machine: Machine, email: str, name: str, role: AuthRole) -> User:
    try:
        return await machine.accounts.add_user(email, PASSWORD, name, role)
    except EmailTaken:
        try:
            return (await machine.accounts.log_in(LogIn(email=email, password=PASSWORD))).user
        except Unauthenticated as error:
            raise Conflict(f"{email} is closed or has another password; use --demo with a new --data folder") from error
