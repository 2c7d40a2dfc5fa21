from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from twisted.internet.defer import Deferred

from tests.client.room import Enter, Person, Room, made
from tests.client.talk import WELCOME, Connect, Tickets, opened, patiently
from tests.support.machine import PASSWORD
from tests.support.node import Node
from tests.support.people import planned_lesson
from tutorwamp.client import Backoff, Client, Connection
from tutorwamp.kernel.contracts import new_id


@pytest.fixture(scope="session")
def router() -> Iterator[Node]:
    """One router for all tests, with nothing of ours on it; who kills it starts it again."""
    with Node(config=Path(__file__).with_name("router.yaml")).running(rest=False) as router:
        yield router


@pytest.fixture
def enter(node: Node) -> Iterator[Enter]:
    """Makes a tutor, a student and their lesson, both connected; closes what it made."""
    clients: list[Client] = []

    async def connected(person: Person) -> Client:
        client = Client(node.url, backoff=Backoff(first_ceiling_s=0.05, ceiling_cap_s=0.2))
        await client.log_in(person.email, PASSWORD)
        clients.append(client)
        await client.open()
        return client

    async def make() -> Room:
        tutor, student = await made(node, "Tina", "tutor"), await made(node, "Stan", "student")
        tina, stan = await connected(tutor), await connected(student)
        lesson = await planned_lesson(tina.call_until_answered, student.user, client_id=new_id())
        return Room(tina, stan, lesson["id"], {"tutor": tutor, "student": student})

    yield lambda: patiently(Deferred.fromCoroutine(make()))
    for client in clients:
        pytest_twisted.blockon(Deferred.fromCoroutine(client.close()))


@pytest.fixture
def connect(router: Node) -> Iterator[Connect]:
    """Makes connections that come back at once and are closed after the test."""
    made: list[Connection] = []

    def make(tickets: Tickets | None = None, *, url: str | None = None, **options: Any) -> Connection:
        options.setdefault("backoff", Backoff(first_ceiling_s=0.05, ceiling_cap_s=0.2))
        made.append(Connection(url or router.ws_url, tickets or Tickets(WELCOME), **options))
        return made[-1]

    yield make
    for connection in made:
        pytest_twisted.blockon(Deferred.fromCoroutine(connection.close()))


@pytest_twisted.async_fixture
async def connection(connect: Connect) -> Connection:
    """Ada's, open."""
    made = connect()
    await opened(made)
    return made
