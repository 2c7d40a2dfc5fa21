"""A stroke that grows on everybody's board."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from twisted.internet.task import Clock

from tests.client.board.model import PAGE
from tests.client.board.server import BoardServer
from tests.client.board.talk import INK, Arrive, cut, doing
from tests.client.talk import Watcher
from tests.support.refused import refused
from tutorwamp.client import Board, CallError, Rejected
from tutorwamp.client.stroke import INTERVAL_S, POINTS_AT_MOST


def point(number: int) -> list[float]:
    return [float(number), float(-number)]


async def grown(board: Board, clock: Clock, server: BoardServer, numbers: range) -> Any:
    """A stroke through these points, all of them added at once."""
    stroke = board.stroke(**INK)
    stroke.add(*map(point, numbers))
    finishing = doing(stroke.finish())
    while not finishing.called:
        await doing(board.at(0))  # all that was sent before is answered
        clock.advance(INTERVAL_S)
    await finishing
    return stroke


async def test_B33_a_stroke_grows_while_it_is_drawn(server: BoardServer, board: Board, clock: Clock) -> None:
    stroke = board.stroke(**INK, opacity=0.5)
    asked = server.next("submit")
    stroke.add(point(0), point(1))
    first = (await asked)["changes"][0]
    assert first["element"] == {
        "id": stroke.ids[0],
        "page": PAGE,
        "kind": "stroke",
        **INK,
        "opacity": 0.5,
        "points": [point(0)],
    }
    await doing(board.caught_up(1))
    assert board.elements[stroke.ids[0]]["points"] == [point(0)]

    asked = server.next("submit")
    for number in range(2, 6):
        stroke.add(point(number))
        clock.advance(INTERVAL_S / 5)
    await doing(board.at(0))
    assert len(server.asked("submit")) == 1  # not yet: it is not long since the first
    clock.advance(INTERVAL_S / 5)
    assert (await asked)["changes"] == [
        {"op": "append", "id": stroke.ids[0], "version": 1, "points": [point(number) for number in range(1, 5)]}
    ]
    await doing(board.caught_up(2))

    asked, finishing = server.next("submit"), doing(stroke.finish())
    clock.advance(INTERVAL_S)
    last = {"op": "append", "id": stroke.ids[0], "version": 2, "points": [point(5)], "finished": True}
    assert (await asked)["changes"] == [last]
    assert (await finishing)["seq"] == 3
    assert board.elements[stroke.ids[0]]["points"] == [point(number) for number in range(6)]
    assert (await stroke.finish() or {})["seq"] == 3
    assert len(server.asked("submit")) == 3
    with pytest.raises(ValueError, match="finished"):
        stroke.add(point(6))


async def test_B33_at_most_twenty_appends_a_second_whatever_the_pen_does(
    server: BoardServer, board: Board, clock: Clock
) -> None:
    stroke = board.stroke(**INK)
    for number in range(0, 720, 3):  # for two seconds, 360 points in each
        stroke.add(*map(point, range(number, number + 3)))
        clock.advance(1 / 120)
        await doing(board.at(0))
    sent = len(server.asked("submit"))
    assert 30 <= sent <= 41
    finishing = doing(stroke.finish())
    clock.advance(INTERVAL_S)
    await finishing
    first, second = board.elements.values()
    assert first["points"] == [point(number) for number in range(POINTS_AT_MOST)]
    assert second["points"] == [point(number) for number in range(POINTS_AT_MOST - 1, 720)]


async def test_B33_what_is_drawn_before_the_answer_goes_with_the_next_append(
    server: BoardServer, board: Board, clock: Clock
) -> None:
    release, asked = server.hold("submit"), server.next("submit")
    stroke = board.stroke(**INK)
    stroke.add(point(0), point(1))
    await asked
    for number in range(2, 30):
        stroke.add(point(number))
        clock.advance(INTERVAL_S)
    await doing(board.at(0))
    assert len(server.asked("submit")) == 1
    asked = server.next("submit")
    release()
    assert len((await asked)["changes"][0]["points"]) == 28
    finishing = doing(stroke.finish())
    await doing(board.at(0))
    clock.advance(INTERVAL_S)
    await finishing
    assert board.elements[stroke.ids[0]]["points"] == [point(number) for number in range(30)]


@pytest.mark.parametrize(
    ("points", "parts"),
    [
        (1, [1]),
        (POINTS_AT_MOST - 1, [POINTS_AT_MOST - 1]),
        (POINTS_AT_MOST, [POINTS_AT_MOST]),
        (POINTS_AT_MOST + 1, [POINTS_AT_MOST, 2]),
        (2 * POINTS_AT_MOST + 9, [POINTS_AT_MOST, POINTS_AT_MOST, 11]),
    ],
)
async def test_B33_a_long_stroke_goes_on_as_a_new_one(
    server: BoardServer, board: Board, clock: Clock, points: int, parts: list[int]
) -> None:
    stroke = await grown(board, clock, server, range(points))
    assert list(board.elements) == stroke.ids
    elements = list(board.elements.values())
    assert [len(element["points"]) for element in elements] == parts
    assert all(element["finished"] for element in elements)
    for one, other in pairwise(elements):
        assert one["points"][-1] == other["points"][0]  # they touch
    through = elements[0]["points"] + [each for element in elements[1:] for each in element["points"][1:]]
    assert through == [point(number) for number in range(points)]
    assert len(board._steps) == 1  # B30: however many elements it has become
    assert (await board.undo() or {})["rejected"] == []
    assert board.elements == {}


async def test_B33_a_finished_stroke_is_on_the_board(server: BoardServer, board: Board) -> None:
    stroke = board.stroke(**INK)
    stroke.add(point(0))
    server.losing = True
    finishing = doing(stroke.finish())
    await doing(board.at(0))
    assert len(server.asked("submit")) == 1
    assert not finishing.called
    server.publish(1)
    await finishing
    assert list(board.elements) == stroke.ids


async def test_B33_a_stroke_that_was_never_drawn_is_nothing(server: BoardServer, arrive: Arrive) -> None:
    board = await (await arrive()).board()
    assert await board.stroke(**INK).finish() is None
    assert server.asked("submit") == []


async def test_B33_a_stroke_that_somebody_has_deleted_stops(server: BoardServer, board: Board, clock: Clock) -> None:
    stroke = board.stroke(**INK)
    asked = server.next("submit")
    stroke.add(point(0), point(1))
    await asked
    await doing(board.caught_up(1))
    server.draw({"op": "delete", "id": stroke.ids[0], "version": 1})
    asked = server.next("submit")
    clock.advance(INTERVAL_S)
    stroke.add(point(2))
    await asked
    await doing(board.at(0))
    assert isinstance(stroke.error, Rejected)
    assert (stroke.error.uri, stroke.error.element) == ("tutorwamp.error.board.stale", None)
    stroke.add(point(3), point(4))
    assert await refused(CallError, stroke.finish()) is stroke.error
    assert len(server.asked("submit")) == 2
    assert await board.undo() is None


async def test_B9_a_stroke_whose_author_loses_the_pen_ends_there_and_can_be_undone(
    server: BoardServer, board: Board, clock: Clock
) -> None:
    stroke = board.stroke(**INK)
    asked = server.next("submit")
    stroke.add(point(0), point(1))
    await asked
    await doing(board.caught_up(1))
    server.model.pen = False
    finishing = doing(refused(CallError, stroke.finish()))
    clock.advance(INTERVAL_S)
    assert (await finishing).uri == "tutorwamp.error.board.no_pen"
    assert board.elements[stroke.ids[0]]["points"] == [point(0)]
    server.model.pen = True
    await board.undo()
    assert board.elements == {}


async def test_B31_a_stroke_outlives_a_loss(server: BoardServer, arrive: Arrive) -> None:
    lesson = await arrive()
    board = await lesson.board()
    back = Watcher(lesson._connection).next("connected")
    release, asked = server.hold("submit"), server.next("submit")
    stroke = board.stroke(**INK)
    stroke.add(point(0), point(1), point(2))
    await asked
    again = server.next("submit")
    cut(lesson._connection)
    stroke.add(point(3))
    await again
    release()
    await doing(stroke.finish())
    await back
    assert board.state() == server.model.state()
    assert board.elements[stroke.ids[0]]["points"] == [point(number) for number in range(4)]
