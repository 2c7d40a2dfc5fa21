"""The board end to end below the doors: who draws what, what they are answered, and what others are told."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Connection
from twisted.internet.defer import gatherResults

from tests.board.easel import Easel, append, delete, put
from tests.support.cast import one_lesson, under_way
from tests.support.machine import Stage
from tests.support.refused import refused
from tutorwamp.app.assembly import Machine
from tutorwamp.board import rules
from tutorwamp.board.contracts import BoardAt, BoardChanged, BoardState, OpenBoard, Plain, SubmitChanges, Submitted
from tutorwamp.board.errors import Full, NoPen
from tutorwamp.board.store import KeptPicture
from tutorwamp.board.tables import elements, pictures
from tutorwamp.kernel.contracts import new_id
from tutorwamp.kernel.errors import Conflict, Invalid, NotFound, Unavailable
from tutorwamp.lessons.contracts import CancelLesson
from tutorwamp.lessons.errors import WrongState


def errors(answer: Submitted) -> list[str]:
    """The last word of each rejection's error."""
    return [one.error.rpartition(".")[2] for one in answer.rejected]


def quick(easel: Easel) -> Easel:
    """The same without waiting for a tick, for tests that do one thing after another."""
    easel.machine.board._ticks._tick_s = 0
    return easel


def ids(state: BoardState) -> list[str]:
    return [element["id"] for element in state.elements]


# ticks


async def test_B15_B18_B25_B26_changes_of_one_tick_are_one_event_and_history_replays(
    stage_on_both: Stage, easel: Easel
) -> None:
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


async def test_B15_B17_an_event_says_who_did_what_and_when(stage: Stage, easel: Easel) -> None:
    anna = (await stage.machine.accounts.person(easel.anna.user_id)).plain()
    stroke, box = easel.stroke(), easel.rect(opacity=0.5)
    await easel.submit(easel.anna, put(stroke), put(box))
    stage.clock.turn(seconds=1)
    await gatherResults(
        [
            under_way(easel.submit(easel.tutor, append(stroke, 1, [2.0, 2.0]))),
            under_way(easel.submit(easel.anna, delete(box, 1))),
        ]
    )
    created = {"author": anna, "created_at": "2026-11-23T09:00:00.000Z", "updated_at": "2026-11-23T09:00:00.000Z"}
    first, second = [one.event.plain() for one in easel.heard]
    changes = [
        {"op": "put", "by": anna["id"], "element": {**element, "version": 1, **created}} for element in (stroke, box)
    ]
    assert first == {
        "stream": easel.stream,
        "seq": 1,
        "type": "board.changed",
        "at": "2026-11-23T09:00:00.000Z",
        "actor": anna,
        "data": {"changes": changes},
    }
    points = [[2.0, 2.0]]
    assert (second["actor"], second["at"]) == (None, "2026-11-23T09:00:01.000Z")
    assert second["data"]["changes"] == [
        {"op": "append", "by": easel.tutor.user_id, "id": stroke["id"], "version": 2, "points": points},
        {"op": "delete", "by": anna["id"], "id": box["id"], "version": 2},
    ]
    (grown,) = (await easel.open()).elements
    at = {"version": 2, "updated_at": "2026-11-23T09:00:01.000Z", "points": stroke["points"] + points}
    assert grown == {**stroke, **created, **at}
    assert easel.heard[0].authors == [anna["id"]]


async def test_B7_a_rejection_says_why_and_shows_the_element_as_it_is_now(stage_on_both: Stage) -> None:
    easel = quick(await Easel.meets(stage_on_both))
    stroke, box, nowhere = easel.stroke(), easel.rect(), new_id()
    await easel.submit(easel.anna, put(stroke), put(box), delete(box, 1))
    answer = await easel.submit(
        easel.tutor,
        put({**stroke, "color": "red"}, 1),
        put(stroke, 7),
        delete(box, 1),
        delete(easel.rect(id=nowhere), 1),
        append(stroke, 1, [5.0, 5.0]),
        put(easel.rect(page=nowhere)),
        {"op": "append", "id": stroke["id"], "version": 2, "points": [[0, 0]] * 501},
    )
    assert answer.applied == [stroke["id"]]
    assert errors(answer) == ["invalid", "stale", "stale", "stale", "not_found", "too_large"]
    details: list[Any] = [one.details for one in answer.rejected]
    assert details[0][0]["loc"] == ["element", "stroke", "color"]
    assert details[1:4] == [{"version": 1}, {"version": 2}, {"version": None}]
    now = (await easel.open()).elements[0]
    assert now["version"] == 2
    assert [one.element for one in answer.rejected] == [now, now, None, None, None, now]
    assert all(one.message for one in answer.rejected)


async def test_B20_where_nothing_is_applied_the_answer_is_the_head_and_nobody_is_told(stage: Stage) -> None:
    easel = quick(await Easel.meets(stage))
    assert (await easel.submit(easel.anna, delete(easel.rect(), 1))).seq == 0
    await easel.submit(easel.anna, put(easel.rect()))
    answer = await easel.submit(easel.ben, put(easel.rect()))
    assert (answer.seq, answer.applied, errors(answer)) == (1, [], ["no_pen"])
    assert (await easel.clear(easel.tutor)).seq == 2
    assert (await easel.clear(easel.tutor)).seq == 2
    assert [one.event.seq for one in easel.heard] == [1, 2]


# the pen


async def test_B9_the_tutor_an_admin_and_who_has_the_pen_draw(stage_on_both: Stage) -> None:
    easel = quick(await Easel.meets(stage_on_both))
    admin = await stage_on_both.given.caller("admin")
    for caller in (easel.tutor, easel.anna, admin):
        assert errors(await easel.submit(caller, put(easel.rect()))) == []
        page = (await easel.add_page(caller)).page
        assert page is not None
        await easel.clear(caller, page)
        await easel.remove_page(caller, page)
    before = await easel.open()
    assert errors(await easel.submit(easel.ben, put(easel.rect()), delete(before.elements[0], 1))) == ["no_pen"] * 2
    for attempt in (easel.add_page(easel.ben), easel.clear(easel.ben), easel.remove_page(easel.ben, easel.page)):
        assert (await refused(NoPen, attempt)).uri == "tutorwamp.error.board.no_pen"
    assert await easel.open(easel.ben) == before


async def test_B9_a_stroke_whose_author_loses_the_pen_ends_there(easel: Easel, elsewhere: Easel) -> None:
    stroke = easel.stroke()
    await easel.submit(easel.anna, put(stroke))
    under_the_pen = [under_way(easel.submit(easel.anna, append(stroke, n, [n, n]))) for n in (1, 2)]
    await gatherResults(under_the_pen)
    await elsewhere.give_pen(easel.ben)  # this machine does not hear of it, and lets her in from memory
    answer = await easel.submit(easel.anna, append(stroke, 3, [9.0, 9.0]))
    assert errors(answer) == ["no_pen"]
    assert answer.rejected[0].element == (await easel.open()).elements[0]
    assert len(answer.rejected[0].element["points"]) == 4
    assert errors(await easel.submit(easel.anna, append(stroke, 3, [9.0, 9.0]))) == ["no_pen"]
    assert errors(await easel.submit(easel.ben, append(stroke, 3, [5.0, 5.0]))) == []
    await elsewhere.give_pen(easel.anna)
    assert errors(await easel.submit(easel.anna, append(stroke, 4, [6.0, 6.0]))) == []


# outsiders, and when


async def test_B23_to_outsiders_the_board_does_not_exist(stage: Stage) -> None:
    easel = quick(await Easel.meets(stage))
    await easel.submit(easel.anna, put(easel.rect()), client_id="one")
    board, change = stage.machine.board, delete(easel.rect(), 1)
    for stranger in (await stage.given.caller("tutor"), await stage.given.caller()):
        for caller, lesson_id in ((stranger, easel.lesson.id), (easel.tutor, new_id())):
            there = Easel(
                stage, easel.machine, easel.lesson.model_copy(update={"id": lesson_id}), caller, caller, caller
            )
            for attempt in (
                board.open(caller, OpenBoard(lesson_id=lesson_id)),
                board.at(caller, BoardAt(lesson_id=lesson_id, seq=9)),
                board.submit(caller, SubmitChanges(lesson_id=lesson_id, changes=[change], client_id="one")),
                board.submit(caller, SubmitChanges(lesson_id=lesson_id, changes=[change])),
                there.add_page(caller),
                there.remove_page(caller, easel.page),
                there.clear(caller, client_id="one"),
                board.require_member(caller, lesson_id),
                board.require_pen(caller, lesson_id),
            ):
                error = await refused(NotFound, attempt)
                assert (error.message, error.details) == ("There is no such lesson.", {})
    assert len(await easel.stored()) == 1


@pytest.mark.parametrize("over", ["ended", "cancelled"])
async def test_B23_what_is_over_is_read_and_not_drawn_on(
    stage_on_both: Stage, other_on_both: Machine, over: str
) -> None:
    easel = quick(await Easel.meets(stage_on_both))
    await easel.submit(easel.anna, put(easel.rect()))
    lessons = other_on_both.lessons
    if over == "ended":
        await lessons.start(easel.tutor, one_lesson(easel.lesson.id))
        assert errors(await easel.submit(easel.anna, put(easel.rect()))) == []
        await lessons.end(easel.tutor, one_lesson(easel.lesson.id))
    else:
        await lessons.cancel(easel.tutor, CancelLesson(lesson_id=easel.lesson.id))
    before = await easel.open(easel.ben)
    for attempt in (
        easel.submit(easel.anna, put(easel.rect())),
        easel.submit(easel.tutor, put(easel.rect()), client_id="new"),
        easel.add_page(easel.tutor),
        easel.clear(easel.tutor, client_id="new"),
        easel.remove_page(easel.anna, easel.page),
        easel.machine.board.require_pen(easel.tutor, easel.lesson.id),
    ):
        error = await refused(WrongState, attempt)
        assert error.details == {"state": over}
    assert await easel.open(easel.ben) == before
    assert (await easel.at(before.head)).elements == before.elements


# pages


async def test_B24_pages_come_and_go_with_what_is_on_them(stage_on_both: Stage) -> None:
    easel = quick(await Easel.meets(stage_on_both))
    chosen = new_id()
    assert (await easel.add_page(easel.tutor, chosen)).model_dump() == {"seq": 1, "page": chosen, "changed": True}
    made = await easel.add_page(easel.anna)
    assert made.seq == 2
    assert made.page is not None
    kept, moved, gone = easel.rect(), easel.rect(), easel.rect(page=chosen)
    await easel.submit(easel.anna, put(kept), put(moved), put(gone), put({**moved, "page": chosen}, 1))
    assert [page.id for page in (await easel.open()).pages] == [easel.page, chosen, made.page]
    assert (await easel.remove_page(easel.tutor, chosen)).model_dump() == {"seq": 4, "page": chosen, "changed": True}
    assert ids(await easel.open()) == [kept["id"]]
    assert (await easel.clear(easel.tutor, made.page)).seq == 4
    assert (await easel.clear(easel.tutor, easel.page)).model_dump() == {"seq": 5, "page": easel.page, "changed": True}
    await easel.remove_page(easel.tutor, easel.page)
    assert (await easel.open()).model_dump() == {"pages": [{"id": made.page}], "elements": [], "head": 6}
    for attempt, error in (
        (easel.remove_page(easel.tutor, made.page), Conflict),
        (easel.add_page(easel.tutor, made.page), Conflict),
        (easel.remove_page(easel.tutor, chosen), NotFound),
        (easel.clear(easel.tutor, chosen), NotFound),
    ):
        await refused(error, attempt)
    assert errors(await easel.submit(easel.anna, put({**moved, "page": chosen}, 3))) == ["not_found"]
    assert errors(await easel.submit(easel.anna, put({**moved, "page": made.page}, 3))) == []
    told = [(one.event.type, one.event.data["page"]) for one in easel.heard if one.event.type != "board.changed"]
    assert told == [
        ("page.added", chosen),
        ("page.added", made.page),
        ("page.removed", chosen),
        ("board.cleared", easel.page),
        ("page.removed", easel.page),
    ]


# limits


async def filled(easel: Easel, count: int) -> None:
    """So many elements on the first page, straight into the tables."""
    (one,) = [put(easel.rect())]
    await easel.submit(easel.tutor, one)

    def thd(connection: Connection) -> None:
        row = connection.execute(elements.select().where(elements.c.lesson_id == easel.lesson.id)).one()._asdict()
        rows = [{**row, "id": new_id(), "place": number} for number in range(2, count + 1)]
        connection.execute(elements.insert(), rows)
        connection.exec_driver_sql(
            f"UPDATE boards SET placed = {count}, weight = weight * {count}, pages = '{{\"{easel.page}\": {count}}}'"  # noqa: S608  # our own numbers
        )

    await easel.machine.database.write("test.fill", thd)


async def test_B10_a_page_holds_four_thousand_elements(stage: Stage) -> None:
    easel = quick(await Easel.meets(stage))
    await filled(easel, rules.PAGE_ELEMENTS_AT_MOST - 1)
    last, more = easel.rect(), easel.rect()
    answer = await easel.submit(easel.anna, put(last), put(more))
    assert (answer.applied, errors(answer)) == ([last["id"]], ["full"])
    assert answer.rejected[0].details == {"elements_at_most": 4_000}
    opened = await easel.open()
    assert len(opened.elements) == 4_000
    assert ids(opened)[-1] == last["id"]
    page = (await easel.add_page(easel.anna)).page
    assert errors(await easel.submit(easel.anna, put({**more, "page": page}), delete(last, 1), put(easel.rect()))) == []
    for _ in range(38):
        await easel.add_page(easel.anna)
    assert (await refused(Full, easel.add_page(easel.anna))).details == {"pages_at_most": 40}


async def test_B13_an_image_shows_a_picture_of_this_lesson(stage: Stage) -> None:
    easel = quick(await Easel.meets(stage))
    other = await stage.given.lesson(easel.tutor, easel.anna)
    here, there = [
        KeptPicture(new_id(), lesson.id, easel.anna.user_id, "image/png", 7, 1, 1, "a" * 64, stage.clock())
        for lesson in (easel.lesson, other)
    ]
    rows = [vars(here), vars(there)]
    await stage.machine.database.write("test.fill", lambda connection: connection.execute(pictures.insert(), rows))

    def image(picture: KeptPicture) -> Plain:
        return {**easel.rect(), "kind": "image", "asset_id": picture.id}

    shown = image(here)
    answer = await easel.submit(easel.anna, put(image(there)), put(shown), put({**shown, "asset_id": there.id}, 1))
    assert (answer.applied, errors(answer)) == ([shown["id"]], ["invalid", "invalid"])
    assert answer.rejected[1].element == (await easel.open()).elements[0]


async def test_B26_nobody_looks_beyond_the_head(stage: Stage) -> None:
    easel = quick(await Easel.meets(stage))
    await easel.submit(easel.anna, put(easel.rect()))
    assert (await easel.at(1, easel.ben)) == await easel.open(easel.ben)
    await refused(Invalid, easel.at(2))


async def test_B19_a_board_on_which_much_happens_keeps_snapshots(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "SNAPSHOT_EVENTS_AT_LEAST", 3)
    easel = quick(await Easel.meets(stage))
    element = easel.rect()
    await easel.submit(easel.anna, put(element))
    for version in range(1, 7):
        await easel.submit(easel.anna, put(element, version))
        while easel.machine.board._snapshots_under_way:
            await easel.machine.database.write("test.wait", lambda _: None)

    def thd(connection: Connection) -> list[int]:
        return list(connection.exec_driver_sql("SELECT seq FROM board_snapshots ORDER BY seq").scalars())

    assert await stage.machine.database.read("test.snapshots", thd) == [3, 6]
    assert (await easel.at(7)).elements == (await easel.open()).elements


async def test_what_goes_wrong_with_the_database_is_answered_and_told_to_nobody(stage: Stage) -> None:
    easel = quick(await Easel.meets(stage))
    heard = stage.events(BoardChanged)

    def away(*_: Any) -> None:
        raise Unavailable("away")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tutorwamp.board.writing.locked", away)
        await refused(Unavailable, easel.submit(easel.anna, put(easel.rect())))
    assert heard == []
    assert (await easel.submit(easel.anna, put(easel.rect()))).seq == 1
