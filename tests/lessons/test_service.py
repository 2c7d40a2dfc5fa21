"""What happens to lessons: who may, in what order, and what others are told."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, insert
from twisted.internet.defer import Deferred, gatherResults

from tests.support.machine import Stage
from tests.support.refused import refused
from tutorwamp.accounts.contracts import User
from tutorwamp.app.assembly import Machine
from tutorwamp.kernel.contracts import Caller, new_id
from tutorwamp.kernel.errors import Conflict, Forbidden, Invalid, NotFound
from tutorwamp.kernel.sql.streams import read_since
from tutorwamp.lessons.contracts import (
    CancelLesson,
    CreateLesson,
    Lesson,
    LessonChanged,
    ListLessons,
    SetPen,
    UpdateLesson,
)
from tutorwamp.lessons.errors import Overlap, WrongState
from tutorwamp.lessons.store import lesson_students, lessons

HOUR = timedelta(hours=1)


def planned(stage: Stage, *student_ids: str, **more: Any) -> CreateLesson:
    begins = stage.clock() + HOUR
    values = {"title": "Roots", "student_ids": list(student_ids), "starts_at": begins, "ends_at": begins + HOUR}
    return CreateLesson.model_validate({**values, **more})


def changed(lesson: Lesson, **more: Any) -> UpdateLesson:
    return UpdateLesson(lesson_id=lesson.id, version=lesson.version, **more)


async def opened(stage: Stage) -> tuple[Caller, Caller, Caller, Lesson]:
    """A tutor, two students, and their lesson."""
    given = stage.given
    tutor, anna, ben = await given.caller("tutor"), await given.caller(), await given.caller()
    return tutor, anna, ben, await given.lesson(tutor, anna, ben)


async def stored_events(machine: Machine, stream: str) -> list[dict[str, Any]]:
    def thd(connection: Connection) -> list[dict[str, Any]]:
        return [event.plain() for event in read_since(connection, stream, 0, 1000)]

    return await machine.database.read("test.events", thd)


# planning


async def test_L9_tutors_and_admins_plan_and_are_its_tutor(stage: Stage) -> None:
    anna = await stage.given.caller()
    for role in ("tutor", "admin"):
        tutor = await stage.given.caller(role)
        lesson = await stage.machine.lessons.create(tutor, planned(stage, anna.user_id))
        assert (lesson.tutor.id, lesson.tutor.role, lesson.state, lesson.version) == (
            tutor.user_id,
            role,
            "scheduled",
            1,
        )
        assert lesson == await stage.machine.lessons.get(anna, lesson.id)
    await refused(Forbidden, stage.machine.lessons.create(anna, planned(stage, anna.user_id)))


async def test_L8_only_active_students_are_invited(stage: Stage) -> None:
    tutor, anna, colleague = [await stage.given.caller(role) for role in ("tutor", "student", "tutor")]
    gone: User = await stage.given.user()
    await stage.machine.accounts.deactivate(gone.email)
    for stranger in (new_id(), colleague.user_id, tutor.user_id, gone.id):
        error = await refused(Invalid, stage.machine.lessons.create(tutor, planned(stage, anna.user_id, stranger)))
        assert error.details == [{"loc": ["student_ids", 1], "msg": "there is no such student"}]
    assert (await stage.machine.lessons.list_lessons(tutor, ListLessons())).items == []


async def test_L11_a_repeated_create_is_answered_like_the_first(stage: Stage) -> None:
    tutor, anna = await stage.given.caller("tutor"), await stage.given.caller()
    asked = planned(stage, anna.user_id, client_id="one")
    first = await stage.machine.lessons.create(tutor, asked)
    assert await stage.machine.lessons.create(tutor, asked) == first
    await refused(
        Conflict, stage.machine.lessons.create(tutor, planned(stage, anna.user_id, client_id="one", title="Other"))
    )
    await refused(Overlap, stage.machine.lessons.create(tutor, planned(stage, anna.user_id, client_id="two")))


async def test_L1_a_stranger_sees_nothing_of_a_lesson_whatever_is_asked(stage: Stage) -> None:
    tutor, _, _, lesson = await opened(stage)
    service = stage.machine.lessons
    attempts: list[Callable[[Caller, str], Awaitable[object]]] = [
        service.get,
        service.start,
        service.end,
        lambda who, which: service.cancel(who, CancelLesson(lesson_id=which)),
        lambda who, which: service.update(who, UpdateLesson(lesson_id=which, version=1, title="Mine")),
        lambda who, which: service.update(who, UpdateLesson(lesson_id=which, version=1, student_ids=[new_id()])),
        service.join,
        service.leave,
    ]
    for stranger in (await stage.given.caller("tutor"), await stage.given.caller()):
        for attempt in attempts:
            theirs = await refused(NotFound, attempt(stranger, lesson.id))
            nowhere = await refused(NotFound, attempt(stranger, new_id()))
            assert (theirs.message, theirs.details) == (nowhere.message, nowhere.details)
    assert await service.get(tutor, lesson.id) == lesson
    assert stage.gate.heard == []


async def test_L2_a_student_changes_nothing(stage: Stage) -> None:
    tutor, anna, _, lesson = await opened(stage)
    service = stage.machine.lessons
    for attempt in (
        service.start(anna, lesson.id),
        service.end(anna, lesson.id),
        service.cancel(anna, CancelLesson(lesson_id=lesson.id)),
        service.update(anna, changed(lesson, title="Mine")),
        service.update(anna, changed(lesson, student_ids=[new_id()])),
    ):
        await refused(Forbidden, attempt)
    assert await service.get(tutor, lesson.id) == lesson


async def test_L2_an_admin_does_what_its_tutor_may(stage: Stage) -> None:
    _, _, _, lesson = await opened(stage)
    admin, service = await stage.given.caller("admin"), stage.machine.lessons
    assert (await service.update(admin, changed(lesson, title="Roots"))).title == "Roots"
    assert (await service.start(admin, lesson.id)).state == "live"
    assert (await service.join(admin, lesson.id)).participants[0].person.role == "admin"
    assert (await service.end(admin, lesson.id)).tutor == lesson.tutor


# changing


async def test_L4_to_L6_from_planned_to_over_with_an_event_for_each_step(stage_on_both: Stage) -> None:
    stage = stage_on_both
    tutor, _, _, lesson = await opened(stage)
    heard, service = stage.events(LessonChanged), stage.machine.lessons
    await refused(WrongState, service.end(tutor, lesson.id))
    live = await service.start(tutor, lesson.id)
    assert (live.state, live.started_at, live.ended_at) == ("live", stage.clock(), None)
    await refused(WrongState, service.start(tutor, lesson.id))
    await refused(WrongState, service.cancel(tutor, CancelLesson(lesson_id=lesson.id)))
    started_at = stage.clock()
    stage.clock.turn(hours=1)
    over = await service.end(tutor, lesson.id)
    assert (over.state, over.started_at, over.ended_at, over.version) == ("ended", started_at, stage.clock(), 3)
    for attempt in (
        service.start(tutor, lesson.id),
        service.end(tutor, lesson.id),
        service.update(tutor, changed(over, title="Late")),
        service.join(tutor, lesson.id),
    ):
        assert (await refused(WrongState, attempt)).details == {"state": "ended"}
    assert [(one.event.seq, one.event.type, one.before, one.after) for one in heard] == [
        (1, "lesson.started", lesson, live),
        (2, "lesson.ended", live, over),
    ]
    kept = await stored_events(stage.machine, heard[0].event.stream)
    assert kept == [one.event.plain() for one in heard]
    assert [one["data"]["state"] for one in kept] == ["live", "ended"]
    assert await service.get(tutor, lesson.id) == over


async def test_L6_a_cancelled_lesson_says_why_and_is_closed(stage: Stage) -> None:
    tutor, anna, _, lesson = await opened(stage)
    heard, service = stage.events(LessonChanged), stage.machine.lessons
    off = await service.cancel(tutor, CancelLesson(lesson_id=lesson.id, reason="Snow"))
    assert [(one.event.type, one.event.data) for one in heard] == [
        ("lesson.cancelled", {**off.plain(), "reason": "Snow"})
    ]
    await refused(WrongState, service.join(anna, lesson.id))
    await refused(WrongState, service.cancel(tutor, CancelLesson(lesson_id=lesson.id)))
    again = await service.create(
        tutor, planned(stage, anna.user_id, starts_at=lesson.starts_at, ends_at=lesson.ends_at)
    )
    assert again.state == "scheduled"


async def test_L7_a_stale_version_is_told_the_current_lesson(stage: Stage) -> None:
    tutor, _, _, lesson = await opened(stage)
    service = stage.machine.lessons
    current = await service.update(tutor, changed(lesson, title="Roots"))
    error = await refused(Conflict, service.update(tutor, changed(lesson, title="Powers")))
    assert error.details == {"version": 2, "lesson": current.plain()}
    assert await service.get(tutor, lesson.id) == current


async def test_L7_nothing_new_is_no_change(stage: Stage) -> None:
    tutor, _, _, lesson = await opened(stage)
    heard = stage.events(LessonChanged)
    assert await stage.machine.lessons.update(tutor, changed(lesson, title=lesson.title)) == lesson
    assert heard == []


async def test_L10_a_lesson_is_not_moved_onto_another(stage: Stage) -> None:
    tutor, anna, _, lesson = await opened(stage)
    other = await stage.given.lesson(tutor, anna)
    error = await refused(
        Overlap,
        stage.machine.lessons.update(tutor, changed(lesson, starts_at=other.starts_at, ends_at=other.ends_at)),
    )
    assert (error.uri, error.details) == ("tutorwamp.error.lesson.overlap", {"lesson_id": other.id})
    longer = await stage.machine.lessons.update(tutor, changed(lesson, ends_at=lesson.ends_at + HOUR))
    assert longer.ends_at == lesson.ends_at + HOUR


async def test_L12_of_two_machines_that_start_one_lesson_one_does(stage_on_both: Stage, other_on_both: Machine) -> None:
    tutor, _, _, lesson = await opened(stage_on_both)
    heard = stage_on_both.events(LessonChanged)
    other_on_both.events.listen(LessonChanged, heard.append)
    machines = (stage_on_both.machine, other_on_both) * 3
    outcomes = [outcome_of(machine.lessons.start(tutor, lesson.id)) for machine in machines]
    named = [type(outcome).__name__ for outcome in await gatherResults(outcomes)]
    assert sorted(named) == ["Lesson"] + ["WrongState"] * 5
    assert [one.event.seq for one in heard] == [1]


def outcome_of(attempt: Any) -> Any:
    """A running attempt whose error is its result."""
    return Deferred.fromCoroutine(attempt).addErrback(lambda failure: failure.value)


# lists


async def test_L18_a_page_costs_two_queries_however_many_lessons_there_are(
    stage_on_both: Stage, other_on_both: Machine
) -> None:
    stage = stage_on_both
    tutor, anna, ben, lesson = await opened(stage)
    costs = {}
    for total in (10, 1_000):
        await fill(stage, tutor, [anna, ben], total)
        for caller in (tutor, anna, await stage.given.caller("admin")):
            before = stage.machine.database.counts.queries()
            page = await stage.machine.lessons.list_lessons(caller, ListLessons(limit=100))
            costs[total, caller.role] = stage.machine.database.counts.queries() - before
            assert len(page.items) == min(100, total)
            assert {len(one.students) for one in page.items} == {2}
    assert set(costs.values()) == {1}, "the people are in memory"
    before = stage.machine.database.counts.queries()
    await other_on_both.lessons.list_lessons(tutor, ListLessons(limit=100))
    assert other_on_both.database.counts.queries() == 2
    await stage.machine.lessons.get(tutor, lesson.id)
    assert stage.machine.database.counts.queries() - before == 1


async def fill(stage: Stage, tutor: Caller, students: list[Caller], total: int) -> None:
    """Make it so many lessons, straight into the tables."""
    known = (await stage.machine.lessons.list_lessons(tutor, ListLessons(limit=100))).items
    like = known[0]
    made = [(new_id(), like.ends_at + number * HOUR) for number in range(total - len(known))]

    def thd(connection: Connection) -> None:
        connection.execute(
            insert(lessons),
            [
                {"id": lesson_id, "title": "Roots", "subject": None, "state": "scheduled", "tutor_id": tutor.user_id,
                 "starts_at": begins, "ends_at": begins + HOUR, "pen": "[]", "version": 1, "created_at": begins}
                for lesson_id, begins in made
            ],
        )  # fmt: skip
        connection.execute(
            insert(lesson_students),
            [
                {"lesson_id": lesson_id, "student_id": student.user_id, "position": position}
                for lesson_id, _ in made
                for position, student in enumerate(students)
            ],
        )

    await stage.machine.database.write("test.fill", thd)


# memory


async def test_L17_a_writer_is_admitted_from_memory_and_a_no_is_asked_again(
    stage_on_both: Stage, other_on_both: Machine
) -> None:
    stage = stage_on_both
    tutor, anna, _, lesson = await opened(stage)
    service, elsewhere = stage.machine.lessons, other_on_both.lessons
    assert (await service.admit_writer(anna, lesson.id)).guard == 1
    before = stage.machine.database.counts.queries()
    assert (await service.admit_writer(tutor, lesson.id)).moderates
    assert stage.machine.database.counts.queries() == before
    await elsewhere.start(tutor, lesson.id)
    assert (await service.admit_writer(anna, lesson.id)).guard == 1
    service.forget(lesson.id)
    assert (await service.admit_writer(anna, lesson.id)).guard == 2
    await elsewhere.end(tutor, lesson.id)
    service.forget(lesson.id)
    await refused(WrongState, service.admit_writer(anna, lesson.id))


async def test_L1_whose_lessons_are_whose(stage: Stage) -> None:
    tutor, anna, _, lesson = await opened(stage)
    service = stage.machine.lessons
    assert [await service.lesson_ids(one) for one in (tutor, anna)] == [[lesson.id]] * 2
    assert await service.lesson_ids(await stage.given.caller()) == []
    assert await service.lesson_ids(await stage.given.caller("admin")) is None


async def test_L19_its_tutor_gives_the_pen_and_everybody_is_told(stage_on_both: Stage) -> None:
    given, lessons = stage_on_both.given, stage_on_both.machine.lessons
    tutor, anna, ben = await given.caller("tutor"), await given.caller(), await given.caller()
    lesson = await given.lesson(tutor, anna, ben)
    heard = stage_on_both.events(LessonChanged)
    after = await lessons.set_pen(tutor, SetPen(lesson_id=lesson.id, student_ids=[anna.user_id]))
    assert (after.pen, await lessons.get(ben, lesson.id)) == ([anna.user_id], after)
    (changed,) = heard
    assert (changed.event.type, changed.event.data["pen"]) == ("pen.changed", [anna.user_id])
    await lessons.set_pen(await given.caller("admin"), SetPen(lesson_id=lesson.id, student_ids=[anna.user_id]))
    assert len(heard) == 1
    for caller, error in ((anna, Forbidden), (await given.caller("tutor"), NotFound)):
        with pytest.raises(error):
            await lessons.set_pen(caller, SetPen(lesson_id=lesson.id, student_ids=[]))
