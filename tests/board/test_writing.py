"""What one transaction does with the ticks of several boards, on both engines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, func, select
from twisted.internet.defer import Deferred, gatherResults

from tests.board.desk import GUARD, Desk, meanwhile
from tests.board.easel import Easel, append, delete, put
from tests.kernel.sql.test_streams import answer_lost_once
from tests.support.machine import Stage
from tutorwamp.app.assembly import Machine
from tutorwamp.board import rules
from tutorwamp.board.errors import Full, NoPen
from tutorwamp.board.store import BoardStore
from tutorwamp.board.tables import answers
from tutorwamp.board.writing import Accepted, MalformedChange, PageWish
from tutorwamp.kernel.contracts import new_id
from tutorwamp.kernel.errors import Conflict, Invalid, NotFound
from tutorwamp.kernel.streams import StaleGuardError, UnknownStreamError


def kinds(outcomes: Sequence[Any]) -> list[type]:
    return [type(outcome) for outcome in outcomes]


async def rows(machine: Machine, table: Any) -> int:
    def thd(connection: Connection) -> int:
        return connection.execute(select(func.count()).select_from(table)).scalar_one()

    return await machine.database.read("test.rows", thd)


async def test_B8_B20_every_submission_of_a_tick_has_its_own_outcome(stage_on_both: Stage, desk: Desk) -> None:
    easel = desk.easel
    stroke, box, lost = easel.stroke(), easel.rect(), easel.rect(page=new_id())
    malformed = MalformedChange(box["id"], Invalid("no", details=[{"loc": ["x"], "msg": "\0"}]))
    mixed = [malformed, rules.read_change(put(box))]
    outcomes = await desk.outcomes(
        desk.asked(easel.anna, put(stroke), put(lost), append(stroke, 1, [2.0, 2.0]), append(stroke, 1, [3.0, 3.0])),
        desk.asked(easel.ben, delete(stroke, 2)),
        desk.wished(easel.tutor, mixed, key="k", digest="d"),
        desk.asked(easel.tutor, put(box), key="k", digest="other"),
        desk.wished(easel.tutor, mixed, key="k", digest="d"),
        desk.asked(easel.anna, put(easel.rect()), guard=GUARD - 1),
        desk.asked(easel.tutor, append(stroke, 2, [4.0, 4.0]), delete(box, 1)),
    )
    assert kinds(outcomes) == [Accepted, Accepted, Accepted, Conflict, Accepted, StaleGuardError, Accepted]
    first, second, third, _, again, _, last = outcomes
    assert isinstance(first, Accepted)
    assert isinstance(second, Accepted)
    assert isinstance(third, Accepted)
    assert isinstance(last, Accepted)
    assert (first.seq, first.applied) == (1, [stroke["id"], stroke["id"]])
    assert [(one.index, one.id, one.error.rpartition(".")[2], one.details) for one in first.refused] == [
        (1, lost["id"], "not_found", {}),
        (3, stroke["id"], "stale", {"version": 2}),
    ]
    (opened,) = (await easel.open()).elements
    assert (opened["id"], opened["version"]) == (stroke["id"], 3)
    # B7: as it is now, also for those who were refused before it changed once more
    assert [one.element for one in first.refused] == [None, opened]
    assert [(one.error, one.element) for one in second.refused] == [("tutorwamp.error.board.no_pen", opened)]
    assert (third.seq, third.applied, third.refused[0].details) == (1, [box["id"]], malformed.error.details)
    assert third == again
    assert (last.seq, last.applied) == (1, [stroke["id"], box["id"]])
    await desk.sums()


async def test_B22_who_is_overtaken_once_waits_with_all_that_follows(stage_on_both: Stage, desk: Desk) -> None:
    anna, tutor = desk.easel.anna, desk.easel.tutor
    outcomes = await desk.outcomes(
        desk.asked(anna, put(desk.easel.rect())),
        desk.asked(anna, put(desk.easel.rect()), guard=GUARD - 1),
        desk.asked(tutor, put(desk.easel.rect())),
        desk.asked(anna, put(desk.easel.rect())),
        desk.asked(tutor, put(desk.easel.rect()), guard=GUARD + 1),
        desk.asked(tutor, put(desk.easel.rect())),
    )
    stale = StaleGuardError
    assert kinds(outcomes) == [Accepted, stale, Accepted, stale, stale, stale]
    assert len((await desk.easel.open()).elements) == 2


async def test_the_boards_of_one_batch_are_judged_and_numbered_each_for_itself(
    stage_on_both: Stage, desk: Desk
) -> None:
    easel = desk.easel
    lesson = await stage_on_both.given.lesson(easel.tutor, easel.anna)
    other = easel.in_lesson(lesson)
    element = easel.rect()
    there = {**element, "page": other.page}
    ticks = [
        desk.tick(desk.asked(easel.anna, put(element))),
        desk.tick(desk.asked(easel.tutor, put(there), guard=1), lesson_id=other.lesson.id, stream=other.stream),
        desk.tick(desk.asked(easel.anna, put(element)), lesson_id=new_id(), stream="nowhere"),
    ]
    first, second, third = await desk.commit(*ticks)
    assert [kinds(one.outcomes) for one in (first, second, third)] == [[Accepted], [Accepted], [UnknownStreamError]]
    assert first.event is not None
    assert second.event is not None
    assert third.event is None
    assert (first.event.stream, first.event.seq, first.authors) == (easel.stream, 1, [easel.anna.user_id])
    assert (second.event.stream, second.event.seq, second.authors) == (other.stream, 1, [easel.tutor.user_id])
    assert [one["author"]["id"] for one in (await easel.open()).elements] == [easel.anna.user_id]
    assert [one["author"]["id"] for one in (await other.open()).elements] == [easel.tutor.user_id]
    ticks = [
        desk.tick(desk.asked(easel.anna, put({**element, "color": "#111111"}, 1), put(easel.rect()))),
        desk.tick(desk.asked(easel.tutor, put(there, 1)), lesson_id=other.lesson.id, stream=other.stream),
    ]
    ticks[1] = replace(ticks[1], submissions=[replace(ticks[1].submissions[0], guard=1)])
    await desk.commit(*ticks)
    assert [one["color"] for one in (await easel.open()).elements] == ["#111111", element["color"]]
    assert [one["color"] for one in (await other.open()).elements] == [element["color"]]
    await desk.sums()
    await Desk(other).sums()


async def test_B15_the_actor_is_the_person_where_all_changes_are_one_persons(stage_on_both: Stage, desk: Desk) -> None:
    easel = desk.easel
    element = easel.rect()
    (ticked,) = await desk.commit(
        desk.tick(desk.asked(easel.anna, put(element)), desk.asked(easel.ben, delete(element, 1)))
    )
    assert ticked.event is not None
    assert (ticked.event.actor or {})["id"] == easel.anna.user_id
    (ticked,) = await desk.commit(
        desk.tick(desk.asked(easel.anna, put(easel.rect())), desk.asked(easel.tutor, delete(element, 1)))
    )
    assert ticked.event is not None
    assert (ticked.event.actor, ticked.authors) == (None, [easel.anna.user_id, easel.tutor.user_id])


async def test_a_tick_that_changes_nothing_is_no_event_and_is_answered_with_the_head(
    stage_on_both: Stage, desk: Desk
) -> None:
    easel = desk.easel
    element = easel.rect()
    await desk.commit(desk.tick(desk.asked(easel.anna, put(element))))
    refused, unclear = desk.asked(easel.ben, put(easel.rect())), desk.asked(easel.anna, put(element))
    for submission in (refused, unclear, desk.wished(easel.anna, PageWish("board.cleared", None), may_draw=False)):
        (ticked,) = await desk.commit(desk.tick(submission))
        assert (ticked.event, ticked.authors, ticked.snapshot_due) == (None, [], False)
        (outcome,) = ticked.outcomes
        assert isinstance(outcome, NoPen) or (isinstance(outcome, Accepted) and outcome.seq == 1)
    assert len(await easel.stored()) == 1


# pages


async def test_B24_removing_and_clearing_leave_tombstones(stage_on_both: Stage, desk: Desk) -> None:
    easel, page = desk.easel, new_id()
    tutor = easel.tutor
    await desk.commit(desk.tick(desk.wished(tutor, PageWish("page.added", page))))
    here, there, gone = easel.rect(), easel.stroke(page=page), easel.rect()
    await desk.commit(desk.tick(desk.asked(tutor, put(here), put(there), put(gone), delete(gone, 1))))
    easel.stage.clock.turn(seconds=1)
    (ticked,) = await desk.commit(desk.tick(desk.wished(tutor, PageWish("page.removed", page))))
    assert ticked.event is not None
    assert (ticked.event.type, ticked.event.data, (ticked.event.actor or {})["id"]) == (
        "page.removed",
        {"page": page},
        tutor.user_id,
    )
    assert [one["id"] for one in (await easel.open()).elements] == [here["id"]]
    await desk.sums()
    (ticked,) = await desk.commit(desk.tick(desk.wished(tutor, PageWish("board.cleared", None))))
    assert ticked.event is not None
    assert ((await easel.open()).elements, [one.id for one in (await easel.open()).pages]) == ([], [easel.page])
    (ticked,) = await desk.commit(desk.tick(desk.wished(tutor, PageWish("board.cleared", None))))
    assert (ticked.event, [one.seq for one in ticked.outcomes if isinstance(one, Accepted)]) == (None, [4])
    await desk.sums()
    (outcome,) = await desk.outcomes(
        desk.asked(tutor, delete(here, 1), delete(there, 1), delete(gone, 1), put({**there, "page": easel.page}, 2))
    )
    assert isinstance(outcome, Accepted)
    assert [one.details for one in outcome.refused] == [{"version": 2}] * 3
    assert outcome.applied == [there["id"]]
    await desk.sums()


async def test_B9_B10_B13_B24_a_page_that_is_refused_changes_nothing(stage_on_both: Stage, desk: Desk) -> None:
    easel, tutor = desk.easel, desk.easel.tutor
    await desk.commit(desk.tick(desk.asked(tutor, put(easel.rect()))))
    refusals: list[tuple[PageWish, type[Exception], dict[str, Any]]] = [
        (PageWish("page.added", easel.page), Conflict, {}),
        (PageWish("page.removed", easel.page), Conflict, {}),
        (PageWish("page.removed", new_id()), NotFound, {}),
        (PageWish("board.cleared", new_id()), NotFound, {}),
        (PageWish("board.cleared", None), NoPen, {"may_draw": False}),
        (PageWish("page.added", new_id()), StaleGuardError, {"guard": 1}),
    ]
    before = await easel.open()
    for wish, error, more in refusals:
        assert kinds(await desk.outcomes(desk.wished(tutor, wish, **more))) == [error]
    assert await easel.open() == before
    for _ in range(39):
        assert kinds(await desk.outcomes(desk.wished(tutor, PageWish("page.added", new_id())))) == [Accepted]
    assert kinds(await desk.outcomes(desk.wished(tutor, PageWish("page.added", new_id())))) == [Full]
    assert await rows(easel.machine, answers) == 40


# again


@pytest.mark.parametrize("alone", [True, False])
async def test_B21_a_tick_whose_first_try_was_committed_is_answered_alike_and_told_once(
    stage_on_both: Stage, *, alone: bool, desk: Desk
) -> None:
    easel = desk.easel
    element, lost = easel.rect(), easel.rect(page=new_id())
    malformed = MalformedChange(lost["id"], Invalid("no", details=[{"loc": ["ü"], "msg": "\0"}]))
    tick = desk.tick(
        desk.asked(easel.anna, put(element), put(lost)),
        desk.wished(easel.ben, [malformed, rules.read_change(put(element))]),
        *([] if alone else [desk.asked(easel.tutor, append(element, 1, [1.0, 1.0]), delete(element, 1))]),
        desk.asked(easel.ben, put(element), guard=GUARD - 1),
    )
    wish = desk.tick(desk.wished(easel.tutor, PageWish("page.added", new_id())))
    drawn_by = [easel.anna.user_id, *([] if alone else [easel.tutor.user_id])]
    for count, (one, authors) in enumerate(((tick, drawn_by), (wish, [easel.tutor.user_id])), 1):
        with answer_lost_once(desk.database.engine) as losses:
            (first,) = await desk.commit(one)
        assert losses
        stored = await easel.stored()
        assert [event.seq for event in stored] == list(range(1, count + 1))
        assert (first.event, first.authors) == (stored[-1], authors)
        (again,) = await desk.commit(one)
        assert again.event is None
        for before, after in zip(first.outcomes, again.outcomes, strict=True):
            assert before == after if isinstance(before, Accepted) else type(before) is type(after)
    assert await easel.stored() == stored
    await desk.sums()


async def test_a_second_try_after_a_first_one_that_was_not_committed_is_like_a_first(
    stage_on_both: Stage, desk: Desk
) -> None:
    for caller, seqs in ((desk.easel.anna, [1]), (desk.easel.anna, [1, 2]), (desk.easel.ben, [1, 2])):
        with answer_lost_once(desk.database.engine, done=False) as lost:
            (ticked,) = await desk.commit(desk.tick(desk.asked(caller, put(desk.easel.rect()))))
        assert lost
        assert (ticked.event is None) == (caller is desk.easel.ben)
        assert [event.seq for event in await desk.easel.stored()] == seqs


async def test_B15_B20_an_answer_that_is_lost_on_its_way_from_the_database_costs_nothing(
    stage_on_both: Stage, easel: Easel
) -> None:
    stroke = easel.stroke()
    with answer_lost_once(easel.machine.database.engine) as lost:
        answer = await easel.submit(easel.anna, put(stroke), append(stroke, 1, [1.0, 1.0]), delete(stroke, 1))
    assert lost
    assert (answer.seq, len(answer.applied), len(answer.rejected)) == (1, 2, 1)
    assert [(one.event.seq, one.authors) for one in easel.heard] == [(1, [easel.anna.user_id])]
    with answer_lost_once(easel.machine.database.engine) as lost:
        assert (await easel.add_page(easel.tutor)).seq == 2
    assert lost
    assert [one.event for one in easel.heard] == await easel.stored()


# cost


async def test_a_tick_costs_the_same_however_much_is_in_it(stage_on_both: Stage, desk: Desk) -> None:
    easel, counts = desk.easel, desk.database.counts
    costs = set()

    def picture() -> dict[str, Any]:
        return {**easel.rect(), "kind": "image", "asset_id": new_id()}

    for size in (1, 2, 50):
        kept = [easel.rect() for _ in range(size)]
        await desk.commit(desk.tick(desk.asked(easel.tutor, *map(put, kept))))
        before = counts.of("test.commit").queries
        submissions = [desk.asked(easel.anna, put(one, 1), put(easel.rect()), put(picture())) for one in kept]
        (ticked,) = await desk.commit(desk.tick(*submissions))
        assert kinds(ticked.outcomes) == [Accepted] * size
        costs.add(counts.of("test.commit").queries - before)
    assert costs == {13}


async def test_B22_two_processes_write_one_board_in_one_order(
    stage_on_both: Stage, other_on_both: Machine, desk: Desk
) -> None:
    desks, easel = [desk, Desk(desk.easel.on(other_on_both))], desk.easel
    stroke = easel.stroke()
    await desk.commit(desk.tick(desk.asked(easel.tutor, put(stroke))))
    asked = [
        Deferred.fromCoroutine(
            desks[n % 2].commit(desk.tick(desk.asked(easel.anna, append(stroke, n // 2 + 1, [n, n]))))
        )
        for n in range(40)
    ]
    ticked = [one for (one,) in await gatherResults(asked)]
    seqs = [one.event.seq for one in ticked if one.event is not None]
    assert sorted(seqs) == list(range(2, 2 + len(seqs)))
    (opened,) = (await easel.open()).elements
    assert opened["version"] == 1 + len(seqs) == len(opened["points"]) - 1
    await desk.sums()


async def test_B4_B27_a_tombstone_that_is_being_brought_back_is_not_forgotten_meanwhile(
    stage_on_both: Stage, other_on_both: Machine, desk: Desk
) -> None:
    if stage_on_both.machine.database.engine.dialect.name == "sqlite":
        pytest.skip("SQLite has one writer at a time")
    element, elsewhere = desk.easel.rect(), BoardStore(other_on_both.database)
    await desk.commit(desk.tick(desk.asked(desk.easel.tutor, put(element), delete(element, 1))))
    later = desk.easel.stage.clock() + timedelta(hours=1)
    with meanwhile(
        desk.easel.machine, "UPDATE board_elements", other_on_both, lambda: elsewhere.compact(later)
    ) as tried:
        (ticked,) = await desk.commit(desk.tick(desk.asked(desk.easel.anna, put(element, 2))))
    assert tried == [None]
    assert ticked.event is not None
    assert [one["version"] for one in (await desk.easel.open()).elements] == [3]
    await desk.sums()
