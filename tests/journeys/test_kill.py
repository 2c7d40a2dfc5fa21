"""kill -9 in the middle of a lesson: the node comes back, clients return, nothing said is lost or doubled."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest
import pytest_twisted
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import Cooperator

from tests.journeys.people import PythonPerson, planned_lesson, register
from tests.journeys.test_two_people import whole_history
from tests.support.postgres import Postgres
from tests.support.supervised import Supervised
from tutorwamp.app import migrate
from tutorwamp.kernel.contracts import new_id
from tutorwamp.kernel.database import make_engine

MESSAGES = 1_000
AT_ONCE = 50
KILL_AFTER = 300
"""Acknowledged messages before the container dies."""


@pytest.fixture
def supervised(request: pytest.FixtureRequest) -> Iterator[Supervised]:
    env = {}
    if request.param == "postgresql":
        postgres: Postgres = request.getfixturevalue("postgres")
        env["TUTORWAMP_DATABASE_URL"] = postgres.create_database(f"killed{new_id()[-12:]}")
        engine = make_engine(env["TUTORWAMP_DATABASE_URL"])
        migrate.upgrade(engine)
        engine.dispose()
    made = Supervised(env=env)
    try:
        made.start()
        yield made
    finally:
        made.close()


@pytest.mark.parametrize(
    ("supervised", "victim"),
    [("sqlite", "container"), ("postgresql", "container"), ("sqlite", "router")],
    indirect=["supervised"],
)
@pytest_twisted.ensureDeferred
async def test_kill_9_while_a_thousand_messages_are_sent(supervised: Supervised, victim: str) -> None:
    tutor_email, _ = await register(supervised, "Tina", "tutor")
    student_email, student_user = await register(supervised, "Stan", "student")
    tutor = await PythonPerson.enter(supervised, tutor_email)
    student = await PythonPerson.enter(supervised, student_email)
    lesson = await planned_lesson(tutor, student_user)
    await tutor.join(lesson["id"])
    await student.join(lesson["id"])

    acknowledged: dict[str, dict[str, Any]] = {}
    killed = supervised.pids()[victim]

    async def send(number: int) -> None:
        answer = await student.client.call_until_answered(
            "tutorwamp.chat.send", lesson_id=lesson["id"], body=f"message {number}", client_id=f"m{number}"
        )
        assert f"m{number}" not in acknowledged
        acknowledged[f"m{number}"] = answer
        if len(acknowledged) == KILL_AFTER:
            os.kill(killed, signal.SIGKILL)

    numbers = iter(range(MESSAGES))
    lanes = Cooperator()
    await gatherResults(
        [lanes.coiterate(Deferred.fromCoroutine(send(number)) for number in numbers) for _ in range(AT_ONCE)],
        consumeErrors=True,
    )

    assert len(acknowledged) == MESSAGES
    assert supervised.pids()[victim] != killed
    history = await whole_history(tutor, lesson["id"])
    assert [message["seq"] for message in history] == list(range(1, MESSAGES + 1))
    assert {message["client_id"]: message for message in history} == acknowledged

    # Everything once more: the first answers again, and nothing new.
    for number in range(0, MESSAGES, 7):
        again = await student.call(
            "tutorwamp.chat.send", lesson_id=lesson["id"], body=f"message {number}", client_id=f"m{number}"
        )
        assert again == acknowledged[f"m{number}"]
    assert await whole_history(student, lesson["id"]) == history

    # Both are in the room again and hear each other.
    chat = f"tutorwamp.lesson.{lesson['id']}.chat"
    await tutor.call("tutorwamp.chat.send", lesson_id=lesson["id"], body="all there?")
    await student.heard_until(lambda: student.heard[chat][-1]["data"]["body"] == "all there?")
    assert supervised.stop() == 0
    await tutor.close()
    await student.close()
