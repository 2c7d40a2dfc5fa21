"""B40: what the tutor has locked stays as it is."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from tests.board.desk import Desk
from tests.board.easel import Easel, append, delete, put
from tests.board.test_exchange import bring, export
from tests.board.test_rules import ANNA, BEN, TINA, board, box, refused, stroke
from tests.board.test_rules import append as take_append
from tests.board.test_rules import delete as take_delete
from tests.board.test_rules import put as take_put
from tests.support.machine import Stage
from tests.support.refused import refused as refused_call
from tutorwamp.board.contracts import Submitted
from tutorwamp.board.errors import Locked, NoPen, Stale
from tutorwamp.board.writing import Accepted, PageWish

TUTOR = replace(TINA, moderates=True)
LOCKED = "tutorwamp.error.board.locked"


def test_B40_only_who_moderates_locks_unlocks_and_changes_what_is_locked() -> None:
    on, element = board(), stroke()
    refused(Locked, on, take_put, {**element, "locked": True}, by=ANNA)
    take_put(on, element)
    refused(Locked, on, take_put, {**element, "locked": True}, 1, by=ANNA)
    told = take_put(on, {**element, "locked": True}, 1, by=TUTOR)
    assert told["element"]["locked"] is True
    assert told["element"]["author"] == ANNA.person
    for change, arguments in (
        (take_put, (element, 2)),
        (take_put, ({**element, "locked": True}, 2)),
        (take_append, (element, 2, [3.0, 3.0])),
        (take_delete, (element, 2)),
    ):
        refused(Locked, on, change, *arguments, by=ANNA)
    take_append(on, element, 2, [3.0, 3.0], by=TUTOR)
    assert "locked" not in take_put(on, element, 3, by=TUTOR)["element"]
    take_delete(on, element, 4, by=ANNA)


def test_B40_that_it_is_locked_is_said_whatever_version_is_named_but_not_without_the_pen() -> None:
    on, element = board(), {**box(), "locked": True}
    take_put(on, element, by=TUTOR)
    refused(Locked, on, take_put, {**element, "locked": False}, by=ANNA)
    refused(Locked, on, take_delete, element, 7, by=ANNA)
    refused(Stale, on, take_delete, element, 7, by=TUTOR)
    refused(NoPen, on, take_delete, element, 1, by=BEN)


def test_B40_what_was_locked_and_is_gone_can_be_drawn_again_without_the_lock() -> None:
    on, element = board(), {**box(), "locked": True}
    take_put(on, element, by=TUTOR)
    take_delete(on, element, 1, by=TUTOR)
    refused(Locked, on, take_put, element, 2, by=ANNA)
    take_put(on, {**element, "locked": False}, 2, by=ANNA)


@pytest.mark.parametrize("page", [True, False])
async def test_B40_a_page_with_something_locked_is_cleared_and_removed_by_who_moderates_only(
    stage_on_both: Stage, desk: Desk, *, page: bool
) -> None:
    easel = desk.easel
    (second,) = await desk.outcomes(desk.wished(easel.tutor, PageWish("page.added", easel.anna.user_id)))
    assert isinstance(second, Accepted)
    words = easel.element("text", x=0.0, y=0.0, text='"locked":true', size=9.0)
    await desk.outcomes(desk.asked(easel.anna, put(words)))
    wishes = [PageWish("board.cleared", easel.page if page else None), PageWish("page.removed", easel.page)]
    asked = desk.asked(easel.tutor, put(easel.rect(locked=True)), put(easel.rect()), moderates=True)
    await desk.outcomes(asked)
    before = await easel.open()
    for wish in wishes:
        (no,) = await desk.outcomes(desk.wished(easel.anna, wish))
        assert isinstance(no, Locked)
    assert await easel.open() == before
    other = easel.anna.user_id
    (done,) = await desk.outcomes(desk.wished(easel.anna, PageWish("page.removed", other)))
    assert isinstance(done, Accepted)
    for wish in wishes[:1]:
        (done,) = await desk.outcomes(desk.wished(easel.tutor, wish, moderates=True))
        assert isinstance(done, Accepted)
    await desk.outcomes(desk.asked(easel.anna, put(words | {"id": easel.lesson.tutor.id})))
    (done,) = await desk.outcomes(desk.wished(easel.anna, PageWish("board.cleared", None)))
    assert isinstance(done, Accepted), "what a text says locks nothing"
    await desk.sums()


def errors(answer: Submitted) -> list[str]:
    return [one.error for one in answer.rejected]


async def test_B40_a_student_with_the_pen_is_told_and_history_keeps_the_lock(stage_on_both: Stage) -> None:
    easel = await Easel.meets(stage_on_both)
    sheet, note = easel.rect(locked=True), easel.stroke(locked=True)
    assert errors(await easel.submit(easel.tutor, put(sheet))) == []
    answer = await easel.submit(
        easel.anna, put(note), put(sheet, 1), delete(sheet, 1), append(sheet, 1, [0.0, 0.0]), put(easel.rect())
    )
    assert errors(answer) == [LOCKED] * 4
    assert len(answer.applied) == 1
    assert (answer.rejected[2].element or {})["locked"] is True
    await refused_call(Locked, easel.clear(easel.anna))
    admin = await stage_on_both.given.caller("admin")
    seq = (await easel.submit(admin, put({**sheet, "locked": False}, 1))).seq
    assert [one.get("locked") for one in (await easel.open()).elements] == [None, None]
    assert [one.get("locked") for one in (await easel.at(seq - 1)).elements] == [True, None]


async def test_B37_B40_excalidraws_lock_is_ours_where_who_imports_may_lock(easel: Easel) -> None:
    await easel.submit(easel.tutor, put(easel.rect(locked=True)), put(easel.stroke()))
    scene: dict[str, Any] = json.loads((await export(easel, "excalidraw")).data)
    assert [one["locked"] for one in scene["elements"]] == [True, False]
    brought = await bring(easel, easel.tutor, scene)
    assert (brought.left_out, brought.rejected) == ([], [])
    by_anna = await bring(easel, easel.anna, scene)
    assert [one.reason for one in by_anna.left_out] == ["Nothing is locked any more: only the lesson's tutor locks."]
    assert by_anna.rejected == []
    assert [one.get("locked") for one in (await easel.open()).elements] == [True, None, True, None, None, None]
