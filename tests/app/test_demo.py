"""The demo: there once, however often it is asked for."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.cast import one_lesson
from tests.support.machine import Stage
from tutorwamp.accounts.contracts import LogIn
from tutorwamp.app.demo import PASSWORD, PEOPLE, prepare
from tutorwamp.kernel.contracts import Caller
from tutorwamp.kernel.errors import Conflict
from tutorwamp.lessons.contracts import LessonState, ListLessons


async def test_asking_again_changes_nothing(stage_on_both: Stage) -> None:
    machine = stage_on_both.machine
    first = await prepare(machine)
    assert await prepare(machine) == first
    tokens = await machine.accounts.log_in(LogIn(email=PEOPLE[0][0], password=PASSWORD))
    tutor = Caller(tokens.user.id, tokens.user.role)
    (lesson,) = (await machine.lessons.list_lessons(tutor, ListLessons())).items
    assert lesson.state is LessonState.LIVE
    assert len(lesson.students) == 2
    assert lesson.id in first

    await machine.lessons.end(tutor, one_lesson(lesson.id))
    second = await prepare(machine)
    assert second != first
    assert await prepare(machine) == second
    live = (await machine.lessons.list_lessons(tutor, ListLessons(state=LessonState.LIVE))).items
    assert [one.id in second for one in live] == [True]


async def test_a_lesson_whose_tutor_has_left_waits_for_them(stage: Stage) -> None:
    machine = stage.machine
    await prepare(machine)
    tutor = (await machine.accounts.log_in(LogIn(email=PEOPLE[0][0], password=PASSWORD))).user
    seen = Caller(tutor.id, tutor.role)
    (lesson,) = (await machine.lessons.list_lessons(seen, ListLessons())).items
    await machine.lessons.join(replace(seen, session=1), one_lesson(lesson.id))
    machine.lessons.session_left(1)
    stage.clock.turn(minutes=5)
    await machine.lessons.pass_time()
    told = await prepare(machine)
    assert f"({lesson.id}) is live again when its tutor comes." in told


async def test_somebody_who_was_changed_is_named_with_a_way_out(stage: Stage) -> None:
    await prepare(stage.machine)
    await stage.machine.accounts.deactivate(PEOPLE[2][0])
    with pytest.raises(Conflict, match=r"^student2@demo\.example is closed .* new --data folder$"):
        await prepare(stage.machine)
