"""Attendance, tutors who are away, and what a crash leaves: on both engines, with a clock to turn."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from tests.lessons.hall import Hall
from tests.support.cast import one_lesson
from tests.support.machine import Stage, TurnedClock
from tests.support.refused import refused
from tutorwamp.app.assembly import Machine
from tutorwamp.kernel.contracts import new_id
from tutorwamp.kernel.errors import Forbidden, Unavailable
from tutorwamp.lessons.attendance import Stay, connected
from tutorwamp.lessons.contracts import LessonState


async def test_L20_a_lesson_without_its_tutor_is_interrupted_after_the_grace_time_and_goes_on_with_it(
    stage_on_both: Stage, hall: Hall
) -> None:
    await hall.start()
    await hall.join(hall.tutor, hall.anna)
    hall.lose(hall.tutor)
    await hall.pass_time(seconds=29)
    assert hall.types() == ["started"]
    await hall.pass_time(seconds=1)
    assert [(one.event.type, one.event.actor) for one in hall.heard] == [("lesson.interrupted", None)]
    joined = await hall.join(hall.again(hall.tutor))
    assert (joined.lesson.state, hall.types()) == (LessonState.LIVE, ["interrupted", "continued"])
    await hall.pass_time(hours=1)
    assert (hall.types(), await hall.state()) == ([], LessonState.LIVE)
    assert hall.lessons._presence.abandoned() == []


async def test_L20_a_tutor_who_leaves_has_the_same_time_and_one_who_is_back_in_it_interrupts_nothing(
    hall: Hall,
) -> None:
    await hall.start()
    await hall.join(hall.tutor)
    await hall.lessons.leave(hall.tutor, one_lesson(hall.lesson.id))
    await hall.pass_time(seconds=29)
    await hall.join(hall.again(hall.tutor))
    await hall.pass_time(seconds=29)
    assert hall.types() == ["started"]


async def test_L20_students_admins_and_lessons_that_are_not_live_interrupt_nothing(stage: Stage, hall: Hall) -> None:
    admin = await stage.given.caller("admin")
    await hall.join(hall.tutor)
    hall.lose(hall.tutor)
    await hall.pass_time(minutes=5)
    tutor = hall.again(hall.tutor)
    await hall.start()
    await hall.join(tutor, hall.anna, admin)
    hall.lose(hall.anna, admin)
    await hall.pass_time(minutes=5)
    await hall.lessons.end(tutor, one_lesson(hall.lesson.id))
    await hall.pass_time(minutes=5)
    assert hall.types() == ["started", "ended"]


@pytest.mark.parametrize("hours", [-1, 1])
async def test_L16_L20_a_clock_that_is_set_ends_no_place_and_keeps_none(stage: Stage, hours: int, hall: Hall) -> None:
    await hall.start()
    await hall.join(hall.tutor, hall.anna)
    assert (hall.told(), hall.types()) == (["Tina joined", "Anna joined"], ["started"])
    hall.lose(hall.tutor, hall.anna)
    stage.clock.now += timedelta(hours=hours)
    await hall.pass_time(seconds=29)
    assert (hall.told(), hall.types()) == (["Tina reconnecting", "Anna reconnecting"], [])
    await hall.pass_time(seconds=1)
    assert (hall.told(), hall.types()) == (["Tina left", "Anna left"], ["interrupted"])


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
    halls = [await Hall.meets(stage_on_both) for _ in range(3)]
    for hall in halls:
        await hall.start()
        await hall.join(hall.tutor)
    away = AwayFor(stage_on_both, "UPDATE lessons", halls[0].lesson.id)
    for hall in halls:
        hall.lose(hall.tutor)
    await hall.pass_time(seconds=30)
    assert [await hall.state() for hall in halls] == ["live", "interrupted", "interrupted"]
    await hall.pass_time()
    away.back()
    await hall.pass_time()
    assert await halls[0].state() == "interrupted"
    assert hall.types() == ["started"] * 3 + ["interrupted"] * 3
    await hall.pass_time()
    assert hall.types() == [], "each once"


async def test_L20_a_tutor_who_is_back_before_the_write_interrupts_nothing(stage_on_both: Stage, hall: Hall) -> None:
    await hall.start()
    await hall.join(hall.tutor)
    away = AwayFor(stage_on_both, "UPDATE lessons")
    hall.lose(hall.tutor)
    await hall.pass_time(seconds=30)
    away.back()
    await hall.join(hall.again(hall.tutor))
    await hall.pass_time(minutes=5)
    assert (hall.types(), await hall.state()) == (["started"], "live")


async def test_L20_a_tutor_who_goes_while_the_database_is_away_is_missed(stage_on_both: Stage, hall: Hall) -> None:
    await hall.start()
    await hall.join(hall.tutor)
    await hall.lessons.note_presence()
    hall.lessons.forget(hall.lesson.id)  # as by memory that is full
    away = AwayFor(stage_on_both, "SELECT lessons")
    hall.lose(hall.tutor)
    await refused(Unavailable, hall.lessons.lessons([hall.lesson.id], fresh=True))
    away.back()
    await hall.pass_time(seconds=30)
    assert await hall.state() == "interrupted"


async def test_L21_attendance_is_the_time_of_real_connections(stage_on_both: Stage, hall: Hall) -> None:
    clock, began = stage_on_both.clock, stage_on_both.clock()
    anna, phone = hall.anna.user_id, hall.again(hall.anna)
    await hall.join(hall.anna)
    clock.turn(minutes=10)
    await hall.join(phone, hall.tutor)
    clock.turn(minutes=10)
    hall.lose(hall.anna)
    clock.turn(minutes=10)
    hall.lose(phone)
    await hall.pass_time(minutes=10)
    back = hall.again(hall.anna)
    await hall.join(back)
    clock.turn(minutes=5)
    first, second = await hall.attended()
    assert (first.person.id, second.person.id) == (anna, hall.tutor.user_id)
    assert (first.connected_s, second.connected_s) == (35 * 60, 35 * 60)
    assert (first.first_joined_at, first.last_left_at) == (began, None)
    await hall.lessons.leave(back, one_lesson(hall.lesson.id))
    assert (await hall.attended())[0].last_left_at == clock()
    for caller in (hall.anna, hall.ben):
        await refused(Forbidden, hall.lessons.attendance(caller, one_lesson(hall.lesson.id)))


async def test_L22_a_crash_costs_the_record_some_seconds_and_keeps_the_places(
    stage_on_both: Stage, other_on_both: Machine, hall: Hall
) -> None:
    clock = stage_on_both.clock
    await hall.start()
    await hall.join(hall.tutor, hall.anna)
    clock.turn(seconds=50)
    await hall.lessons.note_presence()
    clock.turn(seconds=9)
    # The node is killed here; the other machine is the new one.
    clock.turn(minutes=2)
    anew = hall.on(other_on_both)
    await anew.lessons.recover()
    assert [one.connected_s for one in await anew.attended()] == [50, 50]
    assert [one.state for one in anew.lessons.participants(hall.lesson.id)] == ["reconnecting"] * 2
    await anew.join(hall.again(hall.anna))
    await anew.pass_time(seconds=30)
    assert (anew.told(), anew.types()) == (["Anna joined", "Tina left"], ["interrupted"])


async def test_L21_what_the_database_could_not_be_told_is_told_when_it_is_back(
    stage_on_both: Stage, hall: Hall
) -> None:
    """Found by the chaos harness: PostgreSQL died while somebody left, and they seemed to be there ever after."""
    clock = stage_on_both.clock
    await hall.join(hall.anna)
    await hall.lessons.note_presence()
    away = AwayFor(stage_on_both, "UPDATE lesson_attendance")
    clock.turn(minutes=10)
    hall.lose(hall.anna)
    again = hall.again(hall.anna)
    await hall.join(again)
    await refused(Unavailable, hall.lessons.note_presence())
    away.back()
    clock.turn(minutes=10)
    await hall.lessons.leave(again, one_lesson(hall.lesson.id))
    clock.turn(minutes=10)
    await hall.lessons.note_presence()
    (attended,) = await hall.attended()
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
