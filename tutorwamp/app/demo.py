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


async def prepare(machine: Machine) -> str:
    """Make what is not there yet; the lines that tell a person how to enter."""
    tutor, *students = [await _person(machine, *person) for person in PEOPLE]
    caller = Caller(tutor.id, tutor.role)
    live = (await machine.lessons.list_lessons(caller, ListLessons(state=LessonState.LIVE))).items
    now = utc_now()
    if live and live[0].ends_at <= now:
        await machine.lessons.end(caller, OneLesson(lesson_id=live[0].id))
        live = []
    if not live:
        planned = CreateLesson(
            title="Fractions without fear",
            subject="Mathematics",
            student_ids=[student.id for student in students],
            starts_at=now,
            ends_at=now + LASTS,
        )
        lesson = await machine.lessons.create(caller, planned)
        live = [await machine.lessons.start(caller, OneLesson(lesson_id=lesson.id))]
    lines = [f'The demo lesson "{live[0].title}" ({live[0].id}) is live. Log in with password {PASSWORD} as']
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
