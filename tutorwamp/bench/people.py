"""The people of benchmarks, and their lessons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from sqlalchemy import Connection, insert

from tutorwamp.accounts.tables import users
from tutorwamp.app.assembly import Machine
from tutorwamp.kernel.contracts import AuthRole, Caller, new_id, utc_now
from tutorwamp.kernel.tokens import sign
from tutorwamp.lessons.contracts import CreateLesson, Lesson, OneLesson

LASTS: Final = timedelta(hours=8)
"""Lessons and access tokens: longer than any benchmark."""


@dataclass(frozen=True)
class Person:
    """Who they are, and the access token they come with."""

    caller: Caller
    token: str


async def add_people(machine: Machine, roles: Sequence[AuthRole]) -> list[Person]:
    """One for each role. Nobody has a password: hashing thousands takes minutes."""
    key, now = machine.settings.node.signing_key(), utc_now()
    callers = [Caller(new_id(), role) for role in roles]
    same = {"password_hash": "nobody's", "created_at": now}

    def row(number: int, one: Caller) -> dict[str, object]:
        named = {"email": f"{number}@bench.example", "name": f"Person {number}"}
        return {"id": one.user_id, "role": str(one.role), **named, **same}

    def thd(connection: Connection) -> None:
        connection.execute(insert(users), [row(number, one) for number, one in enumerate(callers)])

    await machine.database.write("bench.people", thd)
    tokens = [
        sign(key, user_id=one.user_id, role=one.role, family_id=new_id(), now=now, lifetime=LASTS) for one in callers
    ]
    return [Person(caller, token) for caller, token in zip(callers, tokens, strict=True)]


async def live_lesson(machine: Machine, tutor: Person, students: Sequence[Person]) -> Lesson:
    """A lesson of theirs that has begun."""
    now, student_ids = utc_now(), [one.caller.user_id for one in students]
    planned = CreateLesson(title="Bench", student_ids=student_ids, starts_at=now, ends_at=now + LASTS)
    lesson = await machine.lessons.create(tutor.caller, planned)
    return await machine.lessons.start(tutor.caller, OneLesson(lesson_id=lesson.id))
