"""Leading everybody to a part of the board: told at once, kept for who joins; on both engines."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from tests.lessons.hall import Hall
from tests.lessons.test_nodes import another
from tests.support.cast import one_lesson
from tests.support.doors import Paper, names_of
from tests.support.machine import Stage
from tests.support.refused import refused
from tutorwamp.app.assembly import Machine
from tutorwamp.kernel.contracts import Caller, new_id
from tutorwamp.kernel.errors import Forbidden, NotFound, Unavailable
from tutorwamp.lessons.contracts import CancelLesson
from tutorwamp.lessons.errors import WrongState
from tutorwamp.lessons.lead.contracts import VIEW_TOPIC, LeadLesson
from tutorwamp.lessons.lead.store import ViewsStore
from tutorwamp.lessons.values import View
from tutorwamp.lessons.wamp import LEAD_PROCEDURES, publish_lessons

PAGE = new_id()


def at(x: float) -> View:
    return View(page=PAGE, x=x, y=0, width=800, height=600)


async def lead(hall: Hall, view: View | None, who: Caller | None = None) -> None:
    await hall.machine.lead.lead(who or hall.tutor, LeadLesson(lesson_id=hall.lesson.id, view=view))


async def kept(hall: Hall) -> View | None:
    return await ViewsStore(hall.machine.database).last(hall.lesson.id)


@pytest.fixture
def second(stage_on_both: Stage, tmp_path: Path) -> Iterator[Machine]:
    machine = another(stage_on_both, tmp_path / "second")
    yield machine
    machine.stop()


@pytest.mark.parametrize(
    "bad",
    [
        {"x": float("nan")},
        {"y": float("inf")},
        {"x": 1_000_001},
        {"width": 0},
        {"height": -1},
        {"page": "one"},
        {"z": 1},
        {"width": 3_000_000},
        {"x": "1"},
        {"x": True},
    ],
)
def test_L33_a_view_is_a_part_of_a_board(bad: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        View.model_validate({**at(1).plain(), **bad})
    assert View.model_validate({**at(1).plain(), "x": -0.5, "width": 0.25}).width == 0.25


async def test_L33_a_view_is_told_at_once_and_given_to_who_joins(stage_on_both: Stage, hall: Hall) -> None:
    paper = Paper()
    publish_lessons(stage_on_both.machine.events, paper)
    assert (await hall.join(hall.tutor)).view is None
    for view in (at(1), at(2), None, at(3)):
        await lead(hall, view)
        assert (await hall.join(hall.anna)).view == view
    told = [(topic, event["type"], event["view"]) for topic, event in paper.published if topic.endswith(".view")]
    views = [at(1).plain(), at(2).plain(), None, at(3).plain()]
    assert told == [(VIEW_TOPIC.of(hall.lesson.id), "view.changed", view) for view in views]
    assert hall.heard == [], "nothing of it is in a stream"


async def test_L33_it_is_written_once_a_second_at_most_and_the_last_is_kept(stage_on_both: Stage, hall: Hall) -> None:
    for x in range(5):
        await lead(hall, at(x))
    assert await kept(hall) == at(0)
    await hall.machine.lead.write()
    assert await kept(hall) == at(0)
    stage_on_both.clock.turn(seconds=1)
    await hall.machine.lead.write()
    assert await kept(hall) == at(4)
    stage_on_both.clock.turn(seconds=1)
    await lead(hall, None)
    assert await kept(hall) is None


async def test_L33_another_process_gives_it_too_and_an_older_view_replaces_none(
    stage_on_both: Stage, hall: Hall, second: Machine
) -> None:
    there = hall.on(second)
    await lead(hall, at(1))
    await lead(hall, at(2))  # waits for its second
    assert (await second.lessons.join(hall.anna, one_lesson(hall.lesson.id))).view == at(1)
    stage_on_both.clock.turn(seconds=1)
    await lead(there, at(3))
    await hall.machine.lead.write()
    assert await kept(hall) == at(3)
    assert (await hall.join(hall.ben)).view == at(3)


async def test_L33_only_its_tutor_leads_and_only_while_it_is_open(stage_on_both: Stage, hall: Hall) -> None:
    await refused(Forbidden, lead(hall, at(1), hall.anna))
    await refused(NotFound, lead(hall, at(1), await stage_on_both.given.caller("tutor")))
    await lead(hall, at(1), await stage_on_both.given.caller("admin"))
    await hall.start()
    await lead(hall, at(2))
    await hall.lessons.end(hall.tutor, one_lesson(hall.lesson.id))
    assert await kept(hall) is None
    stage_on_both.clock.turn(seconds=2)
    await hall.machine.lead.write()
    assert await kept(hall) is None
    await refused(WrongState, lead(hall, at(3)))
    await ViewsStore(hall.machine.database).save(hall.lesson.id, at(4), stage_on_both.clock())
    assert await kept(hall) is None, "what comes late is not kept"


async def test_L33_what_cannot_be_kept_is_kept_later(stage: Stage, hall: Hall, monkeypatch: pytest.MonkeyPatch) -> None:
    service = hall.machine.lead

    async def away(*_: object) -> None:
        raise Unavailable("The database is away.")

    with monkeypatch.context() as broken:
        broken.setattr(service._store, "save", away)
        await refused(Unavailable, lead(hall, at(1)))
        stage.clock.turn(seconds=1)
        await service.write()
    assert (await hall.join(hall.anna)).view == at(1)
    stage.clock.turn(seconds=1)
    await service.write()
    assert await kept(hall) == at(1)


async def test_L33_a_lesson_that_ends_while_others_are_kept_is_in_nobodys_way(
    stage: Stage, hall: Hall, monkeypatch: pytest.MonkeyPatch
) -> None:
    service, later = hall.machine.lead, hall.in_lesson(await stage.given.lesson(hall.tutor))
    for one in (hall, later):
        await lead(one, at(1))
        await lead(one, at(2))  # waits for its second
    stage.clock.turn(seconds=1)
    save = service._store.save

    async def meanwhile(*view: Any) -> None:
        await later.lessons.cancel(later.tutor, CancelLesson(lesson_id=later.lesson.id))
        await save(*view)

    with monkeypatch.context() as slow:
        slow.setattr(service._store, "save", meanwhile)
        await service.write()
    assert (await kept(hall), await kept(later)) == (at(2), None)


def test_the_doors_name_is_the_contracts() -> None:
    assert names_of(LEAD_PROCEDURES) == {"tutorwamp.lesson.lead": LeadLesson}
