"""Taking back what one has done oneself."""

from __future__ import annotations

from twisted.internet.defer import gatherResults

from tests.client.board.model import PAGE
from tests.client.board.server import BoardServer
from tests.client.board.talk import Arrive, box, doing, put
from tutorwamp.client import Board
from tutorwamp.client.board import CHANGES_AT_MOST


async def test_B30_undo_takes_back_ones_own_step_by_step(server: BoardServer, arrive: Arrive) -> None:
    board = await (await arrive()).board()
    server.draw(put("theirs", x=1))
    await doing(board.caught_up(1))
    await board.submit([put("a"), put("b")])
    await board.put(box("theirs", version=1, x=2))
    await board.put(box("a", version=1, x=3))
    await board.delete("a")
    seen = []
    while (answer := await board.undo()) is not None:
        assert answer["rejected"] == []
        seen.append({one: element["x"] for one, element in board.elements.items()})
    assert seen == [
        {"theirs": 2, "b": 0, "a": 3},
        {"theirs": 2, "b": 0, "a": 0},
        {"theirs": 1, "b": 0, "a": 0},
        {"theirs": 1},
    ]


async def test_B30_undo_knows_what_was_before_also_when_events_come_after_answers(
    server: BoardServer, board: Board
) -> None:
    server.losing = True
    putting = [doing(board.put(box("a"))), doing(board.put(box("a", version=1, x=5)))]
    undoing = [doing(board.undo()), doing(board.undo())]
    for seq in (1, 2, 3, 4):
        await doing(board.at(0))
        assert len(server.asked("submit")) == seq  # each waits for the event of the one before
        server.publish(seq)
        await doing(board.caught_up(seq))
        if seq == 3:
            assert board.elements["a"]["x"] == 0
    await gatherResults(putting + undoing)
    assert board.elements == {}


async def test_B30_what_somebody_else_has_changed_is_left_alone_and_the_one_before_is_taken(
    server: BoardServer, arrive: Arrive
) -> None:
    board = await (await arrive()).board()
    await board.put(box("a"))
    await board.put(box("b"))
    await board.put(box("c"))
    await board.delete("c")
    server.draw(put("b", version=1, x=9))
    server.draw(put("c", version=2), {"op": "delete", "id": "c", "version": 3})
    await doing(board.caught_up(6))
    assert (await board.undo() or {})["applied"] == ["a"]
    assert board.elements == {"b": server.model.elements[0]}
    assert board.elements["b"]["x"] == 9
    assert await board.undo() is None


async def test_B30_without_the_pen_an_undo_is_kept_for_later(server: BoardServer, arrive: Arrive) -> None:
    board = await (await arrive()).board()
    await board.put(box("a"))
    server.model.pen = False
    assert [one["error"] for one in (await board.undo() or {})["rejected"]] == ["tutorwamp.error.board.no_pen"]
    server.model.pen = True
    await board.undo()
    assert board.elements == {}


async def test_B30_what_was_cleared_comes_back_however_much_it_was(server: BoardServer, arrive: Arrive) -> None:
    board = await (await arrive()).board()
    for first in range(0, CHANGES_AT_MOST + 3, 50):
        server.draw(*[put(f"e{number}") for number in range(first, min(first + 50, CHANGES_AT_MOST + 3))])
    await board.add_page("page-2")
    server.draw(put("elsewhere", page="page-2"))
    await board.clear(PAGE)
    assert list(board.elements) == ["elsewhere"]
    answer = await board.undo() or {}
    assert (len(answer["applied"]), answer["rejected"]) == (CHANGES_AT_MOST + 3, [])
    assert answer["seq"] == len(server.model.events)
    assert len(board.elements) == CHANGES_AT_MOST + 4
    assert [len(arguments["changes"]) for arguments in server.asked("submit")] == [CHANGES_AT_MOST, 3]


async def test_B30_a_clear_of_nothing_undoes_nobody(server: BoardServer, arrive: Arrive) -> None:
    board = await (await arrive()).board()
    server.draw(put("a"))
    server.draw({"op": "delete", "id": "a", "version": 1})
    await doing(board.caught_up(2))
    await board.clear()
    assert await board.undo() is None
    assert board.elements == {}
