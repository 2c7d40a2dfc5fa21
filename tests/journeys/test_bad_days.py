"""A real node whose PostgreSQL does not do its work for a while: what is told, and what comes after."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
import pytest_twisted
import treq
from autobahn.wamp.exception import ApplicationError

from tests.conftest import migrated_node
from tests.support.node import Node
from tests.support.people import bare, planned_lesson, register
from tests.support.postgres import Postgres
from tests.support.waiting import until
from tests.support.wamp import BareSession
from tutorwamp.kernel.contracts import new_id

pytestmark = pytest.mark.alone


@dataclass
class Class:
    """A node, its database's administrator, and a tutor in a lesson."""

    node: Node
    admin: psycopg.Connection
    name: str
    tutor: BareSession
    lesson_id: str

    async def send(self, body: str) -> dict[str, Any]:
        answer: dict[str, Any] = await self.tutor.ask("tutorwamp.chat.send", lesson_id=self.lesson_id, body=body)
        return answer

    async def refused(self, body: str) -> ApplicationError:
        with pytest.raises(ApplicationError) as caught:
            await self.send(body)
        return caught.value

    async def health_becomes(self, status: int) -> dict[str, Any]:
        async def told() -> Any:
            answer = await treq.get(f"{self.node.url}/api/health")
            return await answer.json() if answer.code == status else None

        found: dict[str, Any] = await until(told, f"health that says {status}")
        return found


@contextmanager
def _administered(url: str) -> Iterator[psycopg.Connection]:
    with closing(psycopg.connect(url.replace("postgresql+psycopg", "postgresql"), autocommit=True)) as connection:
        yield connection


@pytest_twisted.async_yield_fixture
async def school(postgres: Postgres) -> AsyncIterator[Class]:
    name = f"bad{new_id()[-12:]}"
    url = postgres.create_database(name, template="migrated")
    node = migrated_node(url, env={"TUTORWAMP_RATE_LIMITS": "off"})
    with node.running(), _administered(url) as admin:
        email, _ = await register(node, "Tina", "tutor")
        _, student = await register(node, "Stan", "student")
        tutor = await bare(node, email)

        lesson = await planned_lesson(tutor.ask, student)
        await tutor.ask("tutorwamp.lesson.join", lesson_id=lesson["id"])
        yield Class(node, admin, name, tutor, lesson["id"])
        tutor.leave()
        await tutor.left


async def test_a_failover_to_a_standby_keeps_peoples_words_with_them_until_it_is_over(school: Class) -> None:
    await school.send("before")
    await school.health_becomes(200)
    said_before = school.node.output.stat().st_size
    school.admin.execute(f"ALTER DATABASE {school.name} SET default_transaction_read_only = on")
    school.admin.execute("SET default_transaction_read_only = off")
    others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND pid != pg_backend_pid()"
    school.admin.execute(others, [school.name])
    error = await school.refused("meanwhile")
    assert (error.error, error.kwargs["action"]) == ("tutorwamp.error.unavailable", "retry")
    assert error.kwargs["details"]["retry_after_s"] > 0
    assert (await school.health_becomes(503))["dependencies"]["database"] == "down"
    history = await school.tutor.ask("tutorwamp.chat.history", lesson_id=school.lesson_id)
    assert [one["body"] for one in history["items"]] == ["before"], "what can be read is read"
    school.admin.execute(f"ALTER DATABASE {school.name} RESET default_transaction_read_only")
    await school.health_becomes(200)
    await school.send("after")
    told = school.node.output.read_bytes()[said_before:].decode(errors="replace")
    assert "Traceback" not in told
    assert told.count("the database does not do its work") <= 2, "one line for what cannot be done, however often"


async def test_a_lock_on_the_messages_stops_neither_the_board_nor_the_pen(school: Class) -> None:
    with school.admin.transaction():
        school.admin.execute("LOCK TABLE messages IN ACCESS EXCLUSIVE MODE")
        sending = school.refused("into the lock")
        stuck = pytest_twisted.ensureDeferred(lambda: sending)()
        page = (await school.tutor.ask("tutorwamp.board.open", lesson_id=school.lesson_id))["pages"][0]["id"]
        stroke = {"id": new_id(), "page": page, "kind": "stroke", "color": "#000000", "width": 2, "points": [[1, 1]]}
        drawn = await school.tutor.ask(
            "tutorwamp.board.submit", lesson_id=school.lesson_id, changes=[{"op": "put", "element": stroke}]
        )
        assert drawn["applied"] == [stroke["id"]]
        lesson = await school.tutor.ask("tutorwamp.lesson.get", lesson_id=school.lesson_id)
        student = lesson["students"][0]["id"]
        given = await school.tutor.ask("tutorwamp.lesson.set_pen", lesson_id=school.lesson_id, student_ids=[student])
        assert given["pen"] == [student]
        assert (await stuck).error == "tutorwamp.error.unavailable"
    await school.send("after the lock")
