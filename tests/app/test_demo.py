"""The demo: there once, however often it is asked for."""

from __future__ import annotations

import pytest_twisted

from tests.support.machine import Stage
from tutorwamp.accounts.contracts import LogIn
from tutorwamp.app.demo import PASSWORD, PEOPLE, prepare
from tutorwamp.kernel.contracts import Caller
from tutorwamp.lessons.contracts import LessonState, ListLessons


@pytest_twisted.ensureDeferred
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

    await machine.lessons.end(tutor, lesson.id)
    second = await prepare(machine)
    assert second != first
    assert await prepare(machine) == second
    live = (await machine.lessons.list_lessons(tutor, ListLessons(state=LessonState.LIVE))).items
    assert [one.id in second for one in live] == [True]
