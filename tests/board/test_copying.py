"""B41: pages of one board as new pages of another."""

from __future__ import annotations

import json
from typing import Any

import pytest
from twisted.internet.defer import Deferred

from tests.board.easel import Easel, delete, put
from tests.board.test_exchange import picture
from tests.board.test_rest import asking_as
from tests.kernel.edges.loopback import Loopback
from tests.support.asking import told
from tests.support.cast import one_lesson
from tests.support.machine import Stage
from tests.support.refused import refused
from tutorwamp.app.assembly import Machine
from tutorwamp.board import copying, rules
from tutorwamp.board.contracts import BoardState, Brought, CopyBoard
from tutorwamp.board.errors import Full
from tutorwamp.board.rules import replay
from tutorwamp.board.writing import Tick, Ticked
from tutorwamp.kernel.contracts import Caller, instant_text, new_id
from tutorwamp.kernel.errors import Conflict, Forbidden, NotFound, RateLimited
from tutorwamp.kernel.limits import WRITTEN
from tutorwamp.lessons.errors import WrongState

BOX = {"x": 0.0, "y": 0.0, "width": 40.0, "height": 30.0}


async def second(easel: Easel) -> Easel:
    """Another lesson of the same people."""
    return easel.in_lesson(await easel.stage.given.lesson(easel.tutor, easel.anna, easel.ben))


async def copy(to: Easel, source: Easel, *, caller: Caller | None = None, **more: Any) -> Brought:
    asked = CopyBoard(lesson_id=to.lesson.id, from_lesson_id=source.lesson.id, **more)
    return await to.machine.exchange.copy(caller or to.tutor, asked)


async def keep(easel: Easel, color: str) -> str:
    return (await easel.machine.exchange.upload(easel.tutor, easel.lesson.id, picture(color))).id


async def drawn(easel: Easel) -> list[str]:
    """Two pages with all sorts of things, the third empty; something was erased, something is locked."""
    pages = [easel.page, *[str((await easel.add_page(easel.tutor)).page) for _ in range(2)]]
    sheet = easel.element("image", asset_id=await keep(easel, "red"), locked=True, **BOX)
    gone = easel.rect()
    await easel.submit(easel.tutor, put(sheet), put(gone), put(easel.rect(page=pages[1])))
    await easel.submit(easel.anna, put(easel.stroke(opacity=0.5, finished=True)), delete(gone, 1))
    await easel.submit(
        easel.tutor, put(easel.element("image", page=pages[1], asset_id=await keep(easel, "blue"), **BOX))
    )
    words = easel.element("text", x=0.0, y=0.0, text='"asset_id":"00000000-0000-0000-0000-000000000000"', size=9.0)
    await easel.submit(easel.anna, put(words))
    return pages


def looks(state: BoardState, pages: list[str]) -> list[list[dict[str, Any]]]:
    """What the pages show, without whose and which it is."""
    own = {"id", "page", "author", "created_at", "updated_at", "version", "asset_id"}
    return [
        [{name: one[name] for name in one if name not in own} for one in state.elements if one["page"] == page]
        for page in pages
    ]


async def test_B41_pages_come_as_new_last_pages_with_all_that_is_on_them(stage_on_both: Stage, easel: Easel) -> None:
    to = await second(easel)
    pages = await drawn(easel)
    before = await easel.open()
    await to.submit(to.anna, put(to.rect()))
    brought = await copy(to, easel)
    assert await easel.open() == before
    state, new = await to.open(), [page.id for page in brought.pages]
    assert [page.id for page in state.pages] == [to.page, *new]
    assert looks(state, new) == looks(before, pages)
    assert (state.head, brought.left_out) == (brought.seq, [])
    copies = [one for one in state.elements if one["page"] != to.page]
    assert not {one["id"] for one in copies} & {one["id"] for one in before.elements}
    assert {(one["author"]["name"], one["version"]) for one in copies} == {("Tina", 1)}
    assert [one.get("locked") for one in copies if one["kind"] == "image"] == [True, None]
    follower = replay(to.lesson.id)
    for event in await to.stored():
        follower.take(event.type, instant_text(event.at), event.data)
    assert follower.plain(state.head) == state.plain()


async def test_B41_the_pictures_are_the_other_lessons_own(stage: Stage, easel: Easel) -> None:
    to = await second(easel)
    await drawn(easel)
    await copy(to, easel)
    shown = [one["asset_id"] for one in (await to.open()).elements if one["kind"] == "image"]
    theirs = [one["asset_id"] for one in (await easel.open()).elements if one["kind"] == "image"]
    assert len({*shown, *theirs}) == 4
    for gone in theirs:
        await stage.machine.pictures.delete(gone)
    for asset_id, color in zip(shown, ("red", "blue"), strict=True):
        _, content = await stage.machine.exchange.picture(to.ben, to.lesson.id, asset_id)
        assert content == picture(color)
    again = await copy(to, easel, pages=[easel.page])
    assert again.left_out == [], "the lesson has the same picture already"


async def test_B41_a_picture_that_is_lost_is_left_out_and_told(stage: Stage, easel: Easel) -> None:
    to = await second(easel)
    lost = await keep(easel, "red")
    await easel.submit(easel.tutor, put(easel.element("image", asset_id=lost, **BOX)), put(easel.rect()))
    await stage.machine.pictures.delete(lost)
    brought = await copy(to, easel)
    assert [(one.id, one.kind) for one in brought.left_out] == [(lost, "file")]
    assert [one["kind"] for one in (await to.open()).elements] == ["rect"]


async def test_B41_named_pages_come_in_the_order_they_are_named(easel: Easel) -> None:
    to = await second(easel)
    pages = await drawn(easel)
    before = await easel.open()
    brought = await copy(to, easel, pages=[pages[1], pages[0]])
    new = [page.id for page in brought.pages]
    assert looks(await to.open(), new) == looks(before, [pages[1], pages[0]])
    await refused(NotFound, copy(to, easel, pages=[new_id()]))
    twice = await copy(easel, easel, pages=[pages[0]])
    assert looks(await easel.open(), [pages[0]]) == looks(await easel.open(), [page.id for page in twice.pages])


async def test_B41_is_for_the_tutor_of_both_and_for_admins(stage: Stage, easel: Easel) -> None:
    to, other = await second(easel), await Easel.meets(stage)
    await easel.submit(easel.tutor, put(easel.rect()))
    await refused(Forbidden, copy(to, easel, caller=easel.anna))
    await refused(NotFound, copy(other, easel))
    await refused(NotFound, copy(to, other))
    await refused(NotFound, copy(to, easel, caller=other.tutor))
    taught = other.in_lesson(await stage.given.lesson(other.tutor, easel.anna))
    await refused(Forbidden, copy(taught, other, caller=easel.anna))
    assert len((await copy(other, easel, caller=await stage.given.caller("admin"))).pages) == 1


async def test_B21_B41_what_is_over_is_copied_from_and_not_to_but_for_a_repetition(stage: Stage, easel: Easel) -> None:
    to = await second(easel)
    await easel.submit(easel.tutor, put(easel.rect()))
    for step in (stage.machine.lessons.start, stage.machine.lessons.end):
        await step(easel.tutor, one_lesson(easel.lesson.id))
    first = await copy(to, easel, client_id="once")
    for step in (stage.machine.lessons.start, stage.machine.lessons.end):
        await step(to.tutor, one_lesson(to.lesson.id))
    assert await copy(to, easel, client_id="once") == first
    await refused(WrongState, copy(to, easel))
    await refused(WrongState, copy(to, easel, client_id="twice"))
    await refused(Conflict, copy(to, easel, pages=[easel.page], client_id="once"))


async def test_B21_B41_a_copy_that_was_broken_off_goes_on_with_the_source_as_it_was(
    stage_on_both: Stage, easel: Easel, other_on_both: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    to = await second(easel)
    monkeypatch.setattr(copying, "PORTION_ELEMENTS_AT_MOST", 1)
    elements = [easel.rect() for _ in range(6)]
    await easel.submit(easel.tutor, *map(put, elements))
    before = await easel.open()
    commit, left = stage_on_both.machine.board._store.commit, [2]

    def dying(tick: Tick) -> Deferred[Ticked]:
        if tick.lesson_id == to.lesson.id:
            left[0] -= 1
            if left[0] < 0:
                raise ConnectionError
        return commit(tick)

    # What a killed process leaves: some portions are written, and no more.
    monkeypatch.setattr(stage_on_both.machine.board._store, "commit", dying)
    with pytest.raises(ConnectionError):
        await copy(to, easel, client_id="once")
    part = await to.open()
    assert 0 < len(part.elements) < 6
    elsewhere = to.on(other_on_both)
    await easel.on(other_on_both).submit(easel.tutor, delete(elements[0], 1), put(easel.rect()))
    brought = await copy(elsewhere, easel, client_id="once")
    state, new = await elsewhere.open(), [page.id for page in brought.pages]
    assert looks(state, new) == looks(before, [easel.page])
    assert await copy(elsewhere, easel, client_id="once") == brought
    assert await elsewhere.open() == state


async def test_B10_B12_B41_what_there_is_no_room_for_is_refused_before_anything_is_drawn(
    easel: Easel, monkeypatch: pytest.MonkeyPatch
) -> None:
    to = await second(easel)
    for _ in range(20):
        await easel.add_page(easel.tutor)
        await to.add_page(easel.tutor)
    await easel.submit(easel.tutor, put(easel.rect()))
    before = await to.open()
    assert (await refused(Full, copy(to, easel))).details == {"pages_at_most": 40}
    monkeypatch.setattr(rules, "BOARD_WEIGHT_AT_MOST", 300)
    await refused(Full, copy(to, easel, pages=[easel.page]))
    assert await to.open() == before


async def test_B41_nobody_waits_long_for_a_portion(easel: Easel) -> None:
    """However much is copied: a tick has three portions at most, which bounds what others wait for the writer."""
    to = await second(easel)
    for _ in range(4):
        await easel.submit(easel.tutor, *(put(easel.rect()) for _ in range(200)))
    long = [[0.5, 0.25]] * 500
    await easel.submit(easel.tutor, *(put(easel.stroke(*long)) for _ in range(90)))
    await copy(to, easel)
    told = [event for event in await to.stored() if event.type == "board.changed"]
    assert sum(len(event.data["changes"]) for event in told) == 890
    assert max(len(event.data["changes"]) for event in told) <= 300
    assert max(len(json.dumps(event.data, separators=(",", ":"))) for event in told) < 250_000


async def test_B41_what_is_brought_counts_as_written(easel: Easel) -> None:
    to = await second(easel)
    await easel.submit(easel.tutor, *(put(easel.rect()) for _ in range(10)))
    easel.machine.limits.write(easel.tutor.user_id, WRITTEN.burst - 1000)
    await refused(RateLimited, copy(to, easel))
    assert len((await to.open()).pages) == 1
    easel.stage.clock.turn(seconds=60)
    assert len((await copy(to, easel)).pages) == 1


async def test_B41_over_rest_the_key_makes_it_once(site: Loopback, easel: Easel) -> None:
    to = await second(easel)
    await drawn(easel)
    asking, wanted = asking_as(site, to, to.tutor), {"from_lesson_id": easel.lesson.id}
    first = await asking("POST", "/copy", wanted, Idempotency_Key="once")
    assert first.status == 200
    assert (await asking("POST", "/copy", wanted, Idempotency_Key="once")).json == first.json
    assert len((await to.open()).pages) == 4
    for bad in ({}, {**wanted, "pages": []}, {**wanted, "pages": [easel.page] * 2}, {**wanted, "more": 1}):
        assert told(await asking("POST", "/copy", bad)) == (422, "invalid")
    assert told(await asking_as(site, to, to.anna)("POST", "/copy", wanted)) == (403, "forbidden")
    assert told(await asking("POST", "/copy", {"from_lesson_id": new_id()})) == (404, "not_found")
