"""A server that does what a test says, over a real router, and people who arrive in its lesson."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import pytest_twisted
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from tests.client.board.server import BoardServer
from tests.client.board.talk import Arrive
from tests.client.talk import Tickets, opened
from tests.support.node import Node
from tutorwamp.client import Backoff, Board, Connection, Lesson
from tutorwamp.client.streams import Streams


@pytest.fixture(scope="package")
def board_router() -> Iterator[Node]:
    with Node(config=Path(__file__).with_name("router.yaml")).running(rest=False) as router:
        yield router


@pytest.fixture
def server(board_router: Node) -> Iterator[BoardServer]:
    server = BoardServer()
    pytest_twisted.blockon(Deferred.fromCoroutine(server.start(board_router.ws_url)))
    yield server
    pytest_twisted.blockon(Deferred.fromCoroutine(server.stop()))


@pytest.fixture
def arrive(board_router: Node, server: BoardServer) -> Iterator[Arrive]:
    """Lets somebody into the server's lesson, and back in after a loss."""
    made: list[Connection] = []

    async def entered(name: str, clock: Clock | None) -> Lesson:
        backoff = Backoff(first_ceiling_s=0.05, ceiling_cap_s=0.2)
        connection = Connection(board_router.ws_url, Tickets(f"welcome:{name}"), backoff=backoff, clock=clock)
        made.append(connection)
        lesson = Lesson(connection, Streams(connection), server.lesson_id)
        connection.on_arrival(lesson.enter_again)
        await opened(connection)
        return lesson

    yield lambda name="ada", clock=None: Deferred.fromCoroutine(entered(name, clock))
    for connection in made:
        pytest_twisted.blockon(Deferred.fromCoroutine(connection.close()))


@pytest.fixture
def clock() -> Clock:
    """Of whoever has ``board``."""
    return Clock()


@pytest_twisted.async_fixture
async def board(arrive: Arrive, clock: Clock) -> Board:
    """Somebody's, who has just come and whose clock a test turns."""
    return await (await arrive(clock=clock)).board()
