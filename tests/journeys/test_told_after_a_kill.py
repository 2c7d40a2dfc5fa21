"""kill -9 right after something was said: who was away is told, once, and nobody who has heard it."""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Iterator

import pytest
from sqlalchemy import func, select

from tests.support.people import PythonPerson, planned_lesson, register
from tests.support.supervised import Supervised
from tests.support.waiting import until
from tutorwamp.kernel.sql.database import make_engine
from tutorwamp.notifications.contracts import Kind
from tutorwamp.notifications.tables import notifications

MESSAGES = 20
LOOKED_WITHIN_S = 60.0
"""The container's start, and the first look a quarter of a minute later; a busy machine takes its time."""


@pytest.fixture
def supervised() -> Iterator[Supervised]:
    with Supervised(env={"TUTORWAMP_RATE_LIMITS": "off"}) as made:
        yield made


@pytest.mark.alone
async def test_N3_N6_kill_9_before_it_is_told_tells_who_was_away_and_nobody_else(supervised: Supervised) -> None:
    emails, users = zip(*[await register(supervised, name, "student") for name in ("Anna", "Ben", "Cem")], strict=True)
    tutor_email, _ = await register(supervised, "Tina", "tutor")
    tutor, anna = await PythonPerson.enter(supervised, tutor_email), await PythonPerson.enter(supervised, emails[0])
    lesson_id = (await planned_lesson(tutor.call, *users))["id"]
    for person in (tutor, anna):
        await person.join(lesson_id)
    topic = f"tutorwamp.lesson.{lesson_id}.chat"
    for number in range(MESSAGES):
        await tutor.call("tutorwamp.chat.send", lesson_id=lesson_id, body=f"message {number}")
    await anna.heard_until(lambda: len(anna.heard[topic]) == MESSAGES)
    killed = supervised.pids()["container"]
    os.kill(killed, signal.SIGKILL)
    for person in (tutor, anna):
        await person.close()  # nobody is back when the next process looks

    told = select(notifications.c.user_id, func.count()).where(notifications.c.kind == Kind.CHAT_MESSAGE.value)
    engine = make_engine(f"sqlite:///{supervised.data_dir / 'tutorwamp.sqlite3'}", create=False)

    def counted() -> Counter[str]:
        with engine.connect() as connection:
            rows = connection.execute(told.group_by(notifications.c.user_id)).all()
        return Counter({row.user_id: row[1] for row in rows})

    try:
        away = [user["id"] for user in users[1:]]
        await until(lambda: counted().keys() >= set(away), "a notification for who was away", within_s=LOOKED_WITHIN_S)
        assert counted() == dict.fromkeys(away, 1)
    finally:
        engine.dispose()
