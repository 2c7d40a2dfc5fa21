"""What a test of the board's client says and waits for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from twisted.internet.defer import Deferred

from tests.client.board.model import PAGE, Plain
from tests.client.board.server import BoardServer
from tests.client.talk import patiently
from tutorwamp.client import Board, Connection, Event, Lesson

BOX: Plain = {"kind": "rect", "x": 0, "y": 0, "width": 8, "height": 5, "color": "#204080"}
INK: dict[str, Any] = {"color": "#c03020", "width": 3}

Arrive = Callable[..., Deferred[Lesson]]


def doing(something: Any) -> Deferred[Any]:
    return patiently(Deferred.fromCoroutine(something))


def put(element_id: str, **more: Any) -> Plain:
    return {"op": "put", "element": {"id": element_id, "page": PAGE, **BOX, **more}}


def box(element_id: str, **more: Any) -> Plain:
    return put(element_id, **more)["element"]  # type: ignore[no-any-return]  # a plain value


def cut(connection: Connection) -> None:
    assert connection._session is not None
    cast("Any", connection._session._transport).transport.abortConnection()


def told(board: Board, kind: str) -> Deferred[Event]:
    """The next event of a kind that the board tells of."""
    waiting: Deferred[Event] = Deferred()
    board.on_change(lambda event: waiting.callback(event) if event.type == kind and not waiting.called else None)
    return patiently(waiting)


async def same(board: Board, server: BoardServer, seq: int) -> None:
    """The board has come so far, and is what the server has."""
    await doing(board.caught_up(seq))
    assert board.state() == server.model.state()


async def half_open(lesson: Lesson, server: BoardServer) -> tuple[Callable[[], None], Deferred[Board]]:
    """A board whose opening is answered, but the answer is held: what lets it go, and the opening."""
    release, asked = server.hold("open"), server.next("open")
    opening = doing(lesson.board())
    await asked
    return release, opening
