"""Attendance, tutors who are away, and what a crash leaves: on both engines, with a clock to turn."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from tests.lessons.test_service_rooms import opened, told
from tests.support.machine import Stage, TurnedClock
from tests.support.refused import refused
from tutorwamp.app.assembly import Machine
from tutorwamp.kernel.contracts import Caller, new_id
from tutorwamp.kernel.errors import Forbidden, Unavailable
from tutorwamp.lessons.attendance import Stay, connected
from tutorwamp.lessons.contracts import Lesson, LessonChanged, LessonState, PresenceChanged


def lose(machine: Machine, *callers: Caller) -> None:
    for caller in callers:
        assert caller.session is not None
        machine.lessons.session_left(caller.session)


def types(heard: list[Any]) -> list[str]:
    told = [change.event.type.removeprefix("lesson.") for change in heard]
    heard.clear()
    return told


async def state(stage: Stage, tutor: Caller, lesson: Lesson) -> LessonState:
    return (await stage.machine.lessons.get(tutor, lesson.id)).state


async def test_L20_a_lesson_without_its_tutor_is_interrupted_after_the_grace_time_and_goes_on_with_it(
    stage_on_both: Stage,
) -> None:
    stage, lessons = stage_on_both, stage_on_both.machine.lessons
    tutor, anna, _, lesson = await opened(stage)
    await lessons.start(tutor, lesson.id)
    for caller in (tutor, anna):
        await lessons.join(caller, lesson.id)
    heard = stage.events(LessonChanged)
    lose(stage.machine, tutor)
    stage.clock.turn(seconds=29)
    await lessons.pass_time()
    assert types(heard) == []
    stage.clock.turn(seconds=1)
    await lessons.pass_time()
    assert [(one.event.type, one.event.actor) for one in heard] == [("lesson.interrupted", None)]
    heard.clear()
    joined = await lessons.join(stage.given.again(tutor), lesson.id)
    assert (joined.lesson.state, types(heard)) == (LessonState.LIVE, ["continued"])
    stage.clock.turn(hours=1)
    await lessons.pass_time()
    assert (types(heard), await state(stage, tutor, lesson)) == ([], LessonState.LIVE)


async def test_L20_a_tutor_who_leaves_has_the_same_time_and_one_who_is_back_in_it_interrupts_nothing(
    stage: Stage,
) -> None:
    lessons = stage.machine.lessons
    tutor, _, _, lesson = await opened(stage)
    await lessons.start(tutor, lesson.id)
    await lessons.join(tutor, lesson.id)
    heard = stage.events(LessonChanged)
    await lessons.leave(tutor, lesson.id)
    stage.clock.turn(seconds=29)
    await lessons.pass_time()
    await lessons.join(stage.given.again(tutor), lesson.id)
    stage.clock.turn(seconds=29)
    await lessons.pass_time()
    assert types(heard) == []


async def test_L20_students_admins_and_lessons_that_are_not_live_interrupt_nothing(stage: Stage) -> None:
    lessons = stage.machine.lessons
    tutor, anna, _, lesson = await opened(stage)
    admin = await stage.given.caller("admin")
    heard = stage.events(LessonChanged)
    await lessons.join(tutor, lesson.id)
    lose(stage.machine, tutor)
    stage.clock.turn(minutes=5)
    await lessons.pass_time()
    tutor = stage.given.again(tutor)
    await lessons.start(tutor, lesson.id)
    for caller in (tutor, anna, admin):
        await lessons.join(caller, lesson.id)
    lose(stage.machine, anna, admin)
    stage.clock.turn(minutes=5)
    await lessons.pass_time()
    await lessons.end(tutor, lesson.id)
    stage.clock.turn(minutes=5)
    await lessons.pass_time()
    assert types(heard) == ["started", "ended"]


@pytest.mark.parametrize("hours", [-1, 1])
async def test_L16_L20_a_clock_that_is_set_ends_no_place_and_keeps_none(stage: Stage, hours: int) -> None:
    lessons, clock = stage.machine.lessons, stage.clock
    tutor, anna, _, lesson = await opened(stage)
    await lessons.start(tutor, lesson.id)
    for caller in (tutor, anna):
        await lessons.join(caller, lesson.id)
    moved, changed = stage.events(PresenceChanged), stage.events(LessonChanged)
    lose(stage.machine, tutor, anna)
    clock.now += timedelta(hours=hours)
    clock.turn(seconds=29)
    await lessons.pass_time()
    assert (told(moved), types(changed)) == (["Tina reconnecting", "Anna reconnecting"], [])
    clock.turn(seconds=1)
    await lessons.pass_time()
    assert (told(moved), types(changed)) == (["Tina left", "Anna left"], ["interrupted"])


class AwayFor:
    """The database fails where a statement says so, until it is back."""

    def __init__(self, stage: Stage, statement: str, parameter: str = "") -> None:
        self._statement, self._parameter = statement, parameter
        self._engine = stage.machine.database.engine
        event.listen(self._engine, "before_cursor_execute", self._fail)

    def _fail(self, _connection: object, _cursor: object, statement: str, parameters: object, *_: object) -> None:
        if statement.startswith(self._statement) and self._parameter in str(parameters):
            raise OperationalError(statement, None, Exception("gone"))

    def back(self) -> None:
        event.remove(self._engine, "before_cursor_execute", self._fail)


async def test_L20_a_lesson_is_interrupted_later_where_the_database_is_away_and_the_others_at_once(
    stage_on_both: Stage,
) -> None:
    stage, lessons = stage_on_both, stage_on_both.machine.lessons
    rooms = [await opened(stage) for _ in range(3)]
    for tutor, _, _, lesson in rooms:
        await lessons.start(tutor, lesson.id)
        await lessons.join(tutor, lesson.id)
    away = AwayFor(stage, "UPDATE lessons", rooms[0][3].id)
    lose(stage.machine, *(tutor for tutor, *_ in rooms))
    stage.clock.turn(seconds=30)
    await lessons.pass_time()
    assert [await state(stage, tutor, lesson) for tutor, _, _, lesson in rooms] == [
        "live",
        "interrupted",
        "interrupted",
    ]
    await lessons.pass_time()
    away.back()
    await lessons.pass_time()
    assert await state(stage, rooms[0][0], rooms[0][3]) == "interrupted"
    heard = stage.events(LessonChanged)
    await lessons.pass_time()
    assert types(heard) == [], "each once"


async def test_L20_a_tutor_who_is_back_before_the_write_interrupts_nothing(stage_on_both: Stage) -> None:
    stage, lessons = stage_on_both, stage_on_both.machine.lessons
    tutor, _, _, lesson = await opened(stage)
    await lessons.start(tutor, lesson.id)
    await lessons.join(tutor, lesson.id)
    heard = stage.events(LessonChanged)
    away = AwayFor(stage, "UPDATE lessons")
    lose(stage.machine, tutor)
    stage.clock.turn(seconds=30)
    await lessons.pass_time()
    away.back()
    await lessons.join(stage.given.again(tutor), lesson.id)
    stage.clock.turn(minutes=5)
    await lessons.pass_time()
    assert (types(heard), await state(stage, tutor, lesson)) == ([], "live")


async def test_L20_a_tutor_who_goes_while_the_database_is_away_is_missed(stage_on_both: Stage) -> None:
    stage, lessons = stage_on_both, stage_on_both.machine.lessons
    tutor, _, _, lesson = await opened(stage)
    await lessons.start(tutor, lesson.id)
    await lessons.join(tutor, lesson.id)
    await stage.machine.lessons.note_presence()
    lessons.forget(lesson.id)  # as by memory that is full
    away = AwayFor(stage, "SELECT lessons")
    lose(stage.machine, tutor)
    await refused(Unavailable, lessons.lesson(lesson.id))
    away.back()
    stage.clock.turn(seconds=30)
    await lessons.pass_time()
    assert await state(stage, tutor, lesson) == "interrupted"


async def test_L21_attendance_is_the_time_of_real_connections(stage_on_both: Stage) -> None:
    stage, lessons, clock = stage_on_both, stage_on_both.machine.lessons, stage_on_both.clock
    tutor, anna, ben, lesson = await opened(stage)
    began = clock()
    phone = stage.given.again(anna)
    await lessons.join(anna, lesson.id)
    clock.turn(minutes=10)
    await lessons.join(phone, lesson.id)
    await lessons.join(tutor, lesson.id)
    clock.turn(minutes=10)
    lose(stage.machine, anna)
    clock.turn(minutes=10)
    lose(stage.machine, phone)
    clock.turn(minutes=10)
    await lessons.pass_time()
    back = stage.given.again(anna)
    await lessons.join(back, lesson.id)
    clock.turn(minutes=5)
    attended = {one.person.id: one for one in (await lessons.attendance(tutor, lesson.id)).items}
    assert list(attended) == [anna.user_id, tutor.user_id]
    assert (attended[anna.user_id].connected_s, attended[tutor.user_id].connected_s) == (35 * 60, 35 * 60)
    assert attended[anna.user_id].first_joined_at == began
    assert attended[anna.user_id].last_left_at is None
    await lessons.leave(back, lesson.id)
    attended = {one.person.id: one for one in (await lessons.attendance(tutor, lesson.id)).items}
    assert attended[anna.user_id].last_left_at == clock()
    for caller in (anna, ben):
        await refused(Forbidden, lessons.attendance(caller, lesson.id))


async def test_L22_a_crash_costs_the_record_some_seconds_and_keeps_the_places(
    stage_on_both: Stage, other_on_both: Machine
) -> None:
    stage, clock = stage_on_both, stage_on_both.clock
    tutor, anna, _, lesson = await opened(stage)
    await stage.machine.lessons.start(tutor, lesson.id)
    for caller in (tutor, anna):
        await stage.machine.lessons.join(caller, lesson.id)
    clock.turn(seconds=50)
    await stage.machine.lessons.note_presence()
    clock.turn(seconds=9)
    # The node is killed here; the other machine is the new one.
    clock.turn(minutes=2)
    heard: list[PresenceChanged] = []
    changed: list[LessonChanged] = []
    other_on_both.events.listen(PresenceChanged, heard.append)
    other_on_both.events.listen(LessonChanged, changed.append)
    await other_on_both.lessons.recover()
    attended = (await other_on_both.lessons.attendance(tutor, lesson.id)).items
    assert [one.connected_s for one in attended] == [50, 50]
    assert [one.state for one in other_on_both.lessons.participants(lesson.id)] == ["reconnecting"] * 2
    await other_on_both.lessons.join(stage.given.again(anna), lesson.id)
    clock.turn(seconds=30)
    await other_on_both.lessons.pass_time()
    assert told(heard) == ["Anna joined", "Tina left"]
    assert types(changed) == ["interrupted"]


async def test_L21_what_the_database_could_not_be_told_is_told_when_it_is_back(stage_on_both: Stage) -> None:
    """Found by the chaos harness: PostgreSQL died while somebody left, and they seemed to be there ever after."""
    stage, lessons, clock = stage_on_both, stage_on_both.machine.lessons, stage_on_both.clock
    tutor, anna, _, lesson = await opened(stage)
    await lessons.join(anna, lesson.id)
    await lessons.note_presence()
    away = True

    def fail(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if away and statement.startswith("UPDATE lesson_attendance"):
            raise OperationalError(statement, None, Exception("gone"))

    event.listen(stage.machine.database.engine, "before_cursor_execute", fail)
    clock.turn(minutes=10)
    lose(stage.machine, anna)
    again = stage.given.again(anna)
    await lessons.join(again, lesson.id)
    await refused(Unavailable, lessons.note_presence())
    away = False
    clock.turn(minutes=10)
    await lessons.leave(again, lesson.id)
    clock.turn(minutes=10)
    await lessons.note_presence()
    event.remove(stage.machine.database.engine, "before_cursor_execute", fail)
    (attended,) = (await lessons.attendance(tutor, lesson.id)).items
    assert attended.connected_s == 20 * 60
    assert attended.last_left_at == clock() - timedelta(minutes=10)


def stay(clock: TurnedClock, begins: int, ends: int | None) -> Stay:
    since = clock() + timedelta(seconds=begins)
    left_at = None if ends is None else clock() + timedelta(seconds=ends)
    return Stay(new_id(), "lesson", 1, since, "anna", since, since, left_at)


@settings(max_examples=200)
@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), max_size=6), st.booleans())
def test_L21_stays_that_overlap_count_once(spans: list[tuple[int, int]], there: bool) -> None:
    clock = TurnedClock()
    stays = [stay(clock, begins, begins + length) for begins, length in spans]
    stays += [stay(clock, 40, None)] if there else []
    now = clock() + timedelta(seconds=120)
    seconds = {second for begins, length in spans for second in range(begins, begins + length)}
    seconds |= set(range(40, 120)) if there else set()
    assert connected(stays, now) == timedelta(seconds=len(seconds))
