"""The board end to end below the doors: on both engines, with real ticks."""

from __future__ import annotations

import pytest_twisted
from twisted.internet.defer import gatherResults

from tests.board.easel import Easel, append, delete, put
from tests.chat.room import under_way
from tests.support.machine import Stage


@pytest_twisted.ensureDeferred
async def test_B15_B18_B25_B26_changes_of_one_tick_are_one_event_and_history_replays(stage_on_both: Stage) -> None:
    easel = await Easel.set_up(stage_on_both)
    stroke, box = easel.stroke(), easel.rect(fill="#ffffff")
    answers = await gatherResults(
        [
            under_way(easel.submit(easel.anna, put(stroke))),
            under_way(easel.submit(easel.tutor, put(box))),
            under_way(easel.submit(easel.anna, append(stroke, 1, [2.0, 2.0]), append(stroke, 2, [3.0, 3.0, 0.5]))),
            under_way(easel.submit(easel.ben, delete(box, 1))),
        ]
    )
    assert [answer.seq for answer in answers] == [1, 1, 1, 1]
    assert [len(answer.applied) for answer in answers] == [1, 1, 2, 0]
    assert answers[3].rejected[0].error == "tutorwamp.error.board.no_pen"
    assert answers[3].rejected[0].element["kind"] == "rect"
    (event,) = await easel.stored()
    assert [change["op"] for change in event.data["changes"]] == ["put", "put"]
    told = {change["element"]["id"]: change["element"] for change in event.data["changes"]}
    assert (told[stroke["id"]]["version"], told[box["id"]]["version"]) == (3, 1)
    assert len(easel.heard) == 1
    opened = await easel.open(easel.ben)
    assert opened.plain() == (await easel.at(1)).plain()
    assert (await easel.at(0)).plain() == {"pages": [{"id": easel.lesson.id}], "elements": [], "head": 0}
