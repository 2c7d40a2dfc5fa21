"""Seeing a board and drawing on it."""

from __future__ import annotations

import re
import subprocess
import sys
from textwrap import indent
from typing import Any

import pytest
from twisted.internet.defer import gatherResults

from tests.client.board.model import PAGE
from tests.client.board.server import BoardServer
from tests.client.board.talk import BOX, Arrive, box, doing, put, told
from tests.support.node import ROOT
from tests.support.refused import refused
from tutorwamp.client import Rejected
from tutorwamp.kernel.errors import Action


async def test_B18_two_people_have_the_same_board(server: BoardServer, arrive: Arrive) -> None:
    server.draw(put("first"), by="somebody before")
    ada, bob = [await (await arrive(name)).board() for name in ("ada", "bob")]
    assert ada.state() == bob.state() == server.model.state()

    answer = await ada.put(BOX)
    assert (answer["seq"], answer["rejected"]) == (2, [])
    assert ada.elements[answer["applied"][0]]["page"] == PAGE
    answer = await bob.submit([put("a"), put("a", version=1, x=7), put("b", version=9)])
    assert answer["applied"] == ["a", "a"]
    assert [(one["id"], one["error"]) for one in answer["rejected"]] == [("b", "tutorwamp.error.board.stale")]
    await bob.delete("first")
    page = (await ada.add_page())["page"]
    await ada.put(box("b", page=page))
    await bob.add_page("page-3")
    await bob.remove_page("page-3")
    answer = await bob.clear(page)
    await ada.caught_up(answer["seq"])
    assert ada.state() == bob.state() == server.model.state()
    assert (ada.pages, ada.head) == ((PAGE, page), 9)
    assert set(ada.elements) == set(bob.elements) >= {"a"}
    assert "first" not in ada.elements
    assert (await ada.at(1))["elements"][0]["id"] == "first"
    assert await ada.export("svg", page=page) == {"media_type": "image/svg", "data": f"drawn: {page}".encode()}


async def test_a_board_is_one_however_often_it_is_asked_for(server: BoardServer, arrive: Arrive) -> None:
    lesson = await arrive()
    first, second = await gatherResults([doing(lesson.board()), doing(lesson.board())])
    assert first is second is await lesson.board()
    heard = told(first, "board.changed")
    server.draw(put("a"))
    await heard  # would fail, were it told twice
    assert len(server.asked("open")) == 1


async def test_B7_a_rejected_change_is_raised_with_the_element_as_it_is(server: BoardServer, arrive: Arrive) -> None:
    board = await (await arrive()).board()
    await board.put(box("a", x=1))
    with pytest.raises(Rejected) as caught:
        await board.put(box("a", x=2))
    assert (caught.value.uri, caught.value.action) == ("tutorwamp.error.board.stale", Action.RELOAD)
    assert caught.value.details == {"version": 1}
    assert caught.value.element == board.elements["a"]
    server.model.pen = False
    with pytest.raises(Rejected) as caught:
        await board.delete("a")
    assert (caught.value.uri, caught.value.action) == ("tutorwamp.error.board.no_pen", Action.STOP)
    await refused("tutorwamp.error.not_found", board.delete("unknown"))


def test_B7_what_to_do_about_a_rejection_is_known_without_the_server() -> None:
    program = """if True:
        from tutorwamp.client import Rejected
        for name in ("board.stale", "board.no_pen", "board.locked", "board.full", "too_large"):
            rejection = {"error": f"tutorwamp.error.{name}", "message": "", "details": {}, "element": None}
            print(Rejected(rejection).action)
    """
    command = [sys.executable, "-Wignore", "-c", program]
    output = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout  # noqa: S603 - ours
    assert output.split() == ["reload", "stop", "stop", "fix", "fix"]


async def test_every_submission_has_a_client_id_of_its_own(server: BoardServer, arrive: Arrive) -> None:
    board = await (await arrive()).board()
    await board.put(BOX)
    await board.add_page("page-2")
    await board.clear()
    await board.undo()
    await board.remove_page("page-2")
    ids = [arguments["client_id"] for verb, arguments in server.calls if verb not in ("open", "at")]
    assert len(set(ids)) == len(ids) == 5


async def test_on_change_tells_each_event_when_the_board_shows_it(server: BoardServer, arrive: Arrive) -> None:
    board = await (await arrive()).board()
    seen: list[tuple[int, str | None, list[str]]] = []
    board.on_change(lambda event: seen.append((event["seq"], event.type, list(board.elements))))
    await board.put(box("a"))
    await board.clear()
    assert seen == [(1, "board.changed", ["a"]), (2, "board.cleared", [])]


async def test_the_example_of_the_documentation_runs(
    server: BoardServer, arrive: Arrive, capsys: pytest.CaptureFixture[str]
) -> None:
    page = (ROOT / "docs" / "client.md").read_text()
    (example,) = re.findall(r"## The board\n.*?```py\n(.*?)```", page, re.DOTALL)
    names: dict[str, Any] = {}
    exec("async def example(lesson):\n" + indent(example + "return board", "    "), names)  # noqa: S102  # our own
    board = await doing(names["example"](await arrive()))
    assert [(element["kind"], element["x"]) for element in board.elements.values()] == [("rect", 40)]
    assert capsys.readouterr().out.startswith("board.changed at 1\nboard.changed at 2\n")
