"""Boards are opened page by page or as a whole, one consistent read each, and nobody reads the elements on the way."""

from __future__ import annotations

import json
import zlib
from typing import Any

import pytest
from pydantic import ValidationError
from pydantic_core import to_json
from sqlalchemy import event, update
from twisted.internet.defer import Deferred, ensureDeferred

from tests.board.desk import Desk, meanwhile
from tests.board.easel import Easel, append, delete, put
from tests.board.test_rest import asking_as
from tests.kernel.edges.loopback import Loopback
from tests.support.asking import told
from tests.support.machine import Stage
from tests.support.refused import refused
from tutorwamp.board import reading
from tutorwamp.board.contracts import OPEN, PAGES_AT_MOST, OpenBoard
from tutorwamp.board.store import BoardStore
from tutorwamp.board.tables import snapshots
from tutorwamp.board.writing import Ticked
from tutorwamp.kernel.contracts import new_id
from tutorwamp.kernel.edges.arguments import check
from tutorwamp.kernel.errors import Invalid, NotFound

ODD = 'a line,\nanother, "quoted" \\n \u2028 é 日本 \U0001f600'


async def drawn(easel: Easel) -> list[str]:
    """Three pages, things on the first two; their ids."""
    pages = [easel.page, *[str((await easel.add_page(easel.anna)).page) for _ in range(2)]]
    words = easel.element("text", x=0.5, y=1.0, text=ODD, size=20.0)
    shapes = [easel.rect(page=pages[number % 2]) for number in range(5)]
    await easel.submit(easel.anna, put(words), *map(put, shapes), put(easel.rect()), put(shapes[0], 1))
    await easel.submit(easel.tutor, delete(shapes[1], 1), put({**shapes[2], "page": pages[1]}, 1))
    return pages


async def test_B25_with_pages_only_their_elements_are_given_in_the_order_of_drawing(
    stage_on_both: Stage, easel: Easel
) -> None:
    pages = await drawn(easel)
    whole = (await easel.open()).plain()
    assert [one["id"] for one in whole["pages"]] == pages
    assert whole["elements"][0]["text"] == ODD
    for wanted in ([], pages[:1], pages[1:2], pages[2:], pages[::-1], pages[:2]):
        opened = (await easel.open(easel.ben, pages=wanted)).plain()
        assert opened == {**whole, "elements": [one for one in whole["elements"] if one["page"] in wanted]}
    assert [len((await easel.open(pages=[page])).elements) for page in pages] == [4, 2, 0]


async def test_B25_what_names_no_pages_of_the_board_is_refused(stage: Stage, easel: Easel) -> None:
    pages = await drawn(easel)
    for unknown in ([new_id()], [*pages, new_id()]):
        await refused(NotFound, easel.open(pages=unknown))
    await easel.remove_page(easel.anna, pages[1])
    await refused(NotFound, easel.open(pages=pages[1:]))
    outsider = await stage.given.caller()
    for named in ([], pages[:1], [new_id()]):
        await refused(NotFound, easel.open(outsider, pages=named))


@pytest.mark.parametrize(
    "pages",
    [[new_id()] * 2, [new_id() for _ in range(PAGES_AT_MOST + 1)], "x", {}, 7, [None], [[]], ["x"], [new_id().upper()]],
)
def test_B25_no_list_of_different_pages_is_invalid(pages: Any) -> None:
    with pytest.raises(Invalid) as refusal:
        check(OpenBoard, {"lesson_id": new_id(), "pages": pages})
    details: Any = refusal.value.details
    assert all(fault["loc"][0] == "pages" for fault in details)


def test_the_fewer_pages_the_less_it_costs() -> None:
    few = [[], [new_id()], [new_id() for _ in range(PAGES_AT_MOST)], None]
    assert [OPEN.cost.units(OpenBoard(lesson_id=new_id(), pages=pages)) for pages in few] == [0, 1, 4, 4]


async def test_B25_over_rest_commas_stand_between_the_pages(stage: Stage, site: Loopback, easel: Easel) -> None:
    pages, asking = await drawn(easel), asking_as(site, easel, easel.ben)
    for wanted in (pages[:1], pages[:2], []):
        answered = await asking("GET", f"?pages={','.join(wanted)}")
        assert (answered.status, answered.json) == (200, (await easel.open(pages=wanted)).plain())
    assert told(await asking("GET", f"?pages={new_id()}")) == (404, "not_found")
    for bad in ("x", f"{pages[0]},", f"{pages[0]},{pages[0]}", f"{pages[0]}&pages={pages[1]}"):
        assert told(await asking("GET", f"?pages={bad}")) == (422, "invalid")


@pytest.mark.parametrize("named", [False, True])
async def test_B25_a_board_of_any_size_is_three_queries(stage: Stage, easel: Easel, *, named: bool) -> None:
    await drawn(easel)
    store, counted = BoardStore(easel.machine.database), []
    for _ in range(2):
        await easel.submit(easel.anna, *(put(easel.rect()) for _ in range(100)))
        statements: list[str] = []

        def note(_connection: Any, _cursor: Any, statement: str, *_: Any, into: list[str] = statements) -> None:
            into.append(statement)

        event.listen(easel.machine.database.engine, "before_cursor_execute", note)
        await store.read(easel.lesson.id, easel.stream, [easel.page] if named else None)
        event.remove(easel.machine.database.engine, "before_cursor_execute", note)
        counted.append(sum(one.startswith("SELECT") for one in statements))
    assert counted == [3, 3]


async def test_B25_who_writes_meanwhile_is_wholly_in_it_or_not_at_all(
    stage_on_both: Stage, elsewhere: Easel, desk: Desk, easel: Easel
) -> None:
    pages = await drawn(easel)
    other, extra = Desk(elsewhere), easel.rect()

    def deed() -> Deferred[list[Ticked]]:
        return ensureDeferred(other.commit(other.tick(other.asked(easel.tutor, put(extra)))))

    before = (await easel.open()).plain()
    for _ in range(2):
        with meanwhile(easel.machine, "SELECT board_elements", elsewhere.machine, deed):
            opened = (await easel.open(pages=pages[:1])).plain()
        is_there = extra["id"] in {one["id"] for one in opened["elements"]}
        assert opened["head"] == before["head"] + is_there
        then = (await easel.at(opened["head"])).plain()
        assert opened["elements"] == [one for one in then["elements"] if one["page"] == pages[0]]
        extra, before = easel.rect(), (await easel.open()).plain()


async def test_B19_B26_a_snapshot_is_read_line_by_line_and_so_is_an_older_node_s(
    stage_on_both: Stage, easel: Easel
) -> None:
    pages = await drawn(easel)
    stroke, store = easel.stroke(), BoardStore(easel.machine.database)
    await easel.submit(easel.anna, put(stroke))
    then = (await easel.open()).plain()
    await store.snapshot(easel.lesson.id, easel.stream)
    await easel.submit(easel.anna, append(stroke, 1, [3.5, 3.5]))
    grown = (await easel.open()).plain()
    await easel.remove_page(easel.anna, pages[1])
    (kept,) = await easel.machine.database.read("test.kept", lambda c: c.execute(snapshots.select()).all())
    text = zlib.decompress(kept.state)
    assert json.loads(text) == then
    assert text.count(b"\n") == len(then["elements"]) + 1
    for state in (text, to_json({**then, "elements": list(then["elements"])})):
        older = update(snapshots).values(state=zlib.compress(state))
        await easel.machine.database.write("test.older", lambda c, older=older: c.execute(older))
        assert (await easel.at(then["head"])).plain() == then
        assert (await easel.at(grown["head"])).plain() == grown
        assert (await easel.at(grown["head"] + 1)).plain() == (await easel.open()).plain()


async def test_B25_nobody_reads_the_elements_on_the_way(easel: Easel, monkeypatch: pytest.MonkeyPatch) -> None:
    await drawn(easel)

    def nobody(_: object) -> None:
        raise AssertionError("an element was read")

    monkeypatch.setattr(reading, "from_json", lambda text: [easel.page] if "kind" not in text else nobody(text))
    assert len((await easel.open()).elements) == 6


def test_what_opens_a_board_is_a_value_of_its_own() -> None:
    with pytest.raises(ValidationError):
        OpenBoard(lesson_id=new_id(), page=new_id())  # type: ignore[call-arg]  # what is tested
