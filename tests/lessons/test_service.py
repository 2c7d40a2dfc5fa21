"""What happens to lessons: who may, in what order, and what others are told."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, insert
from twisted.internet.defer import gatherResults

from tests.lessons.hall import Hall
from tests.support.cast import one_lesson, under_way
from tests.support.machine import Stage
from tests.support.refused import refused
from tutorwamp.accounts.contracts import User
from tutorwamp.app.assembly import Machine
from tutorwamp.kernel.contracts import Caller, new_id
from tutorwamp.kernel.errors import Conflict, Forbidden, Invalid, NotFound
from tutorwamp.lessons.contracts import CancelLesson, CreateLesson, Lesson, ListLessons, OneLesson, SetPen, UpdateLesson
from tutorwamp.lessons.errors import Overlap, WrongState
from tutorwamp.lessons.tables import lesson_students, lessons

HOUR = timedelta(hours=1)


def planned(stage: Stage, *student_ids: str, **more: Any) -> CreateLesson:
    begins = stage.clock() + HOUR
    values = {"title": "Roots", "student_ids": list(student_ids), "starts_at": begins, "ends_at": begins + HOUR}
    return CreateLesson.model_validate({**values, **more})


def changed(lesson: Lesson, **more: Any) -> UpdateLesson:
    return UpdateLesson(lesson_id=lesson.id, version=lesson.version, **more)


# planning


async def test_L9_tutors_and_admins_plan_and_are_its_tutor(stage: Stage) -> None:
    anna = await stage.given.caller()
    for role in ("tutor", "admin"):
        tutor = await stage.given.caller(role)
        lesson = await stage.machine.lessons.create(tutor, planned(stage, anna.user_id))
        assert (lesson.tutor.id, lesson.tutor.role) == (tutor.user_id, role)
        assert (lesson.state, lesson.version) == ("scheduled", 1)
        assert lesson == await stage.machine.lessons.get(anna, one_lesson(lesson.id))
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
    for error, more in ((Conflict, {"client_id": "one", "title": "Other"}), (Overlap, {"client_id": "two"})):
        await refused(error, stage.machine.lessons.create(tutor, planned(stage, anna.user_id, **more)))


async def test_L1_a_stranger_sees_nothing_of_a_lesson_whatever_is_asked(stage: Stage, hall: Hall) -> None:
    service = hall.lessons

    def update(who: Caller, which: OneLesson, **changes: Any) -> Awaitable[object]:
        return service.update(who, UpdateLesson(lesson_id=which.lesson_id, version=1, **changes))

    attempts: list[Callable[[Caller, OneLesson], Awaitable[object]]] = [
        service.get,
        service.start,
        service.end,
        lambda who, which: service.cancel(who, CancelLesson(lesson_id=which.lesson_id)),
        lambda who, which: update(who, which, title="Mine"),
        lambda who, which: update(who, which, student_ids=[new_id()]),
        service.join,
        service.leave,
    ]
    for stranger in (await stage.given.caller("tutor"), await stage.given.caller()):
        for attempt in attempts:
            theirs = await refused(NotFound, attempt(stranger, one_lesson(hall.lesson.id)))
            nowhere = await refused(NotFound, attempt(stranger, one_lesson(new_id())))
            assert (theirs.message, theirs.details) == (nowhere.message, nowhere.details)
    assert await service.get(hall.tutor, one_lesson(hall.lesson.id)) == hall.lesson
    assert stage.gate.heard == []


async def test_L2_a_student_changes_nothing(hall: Hall) -> None:
    service, anna, lesson = hall.lessons, hall.anna, hall.lesson
    for attempt in (
        service.start(anna, one_lesson(lesson.id)),
        service.end(anna, one_lesson(lesson.id)),
        service.cancel(anna, CancelLesson(lesson_id=lesson.id)),
        service.update(anna, changed(lesson, title="Mine")),
        service.update(anna, changed(lesson, student_ids=[new_id()])),
    ):
        await refused(Forbidden, attempt)
    assert await service.get(hall.tutor, one_lesson(lesson.id)) == lesson


async def test_L2_an_admin_does_what_its_tutor_may(stage: Stage, hall: Hall) -> None:
    admin, service = await stage.given.caller("admin"), hall.lessons
    assert (await service.update(admin, changed(hall.lesson, title="Roots"))).title == "Roots"
    assert (await service.start(admin, one_lesson(hall.lesson.id))).state == "live"
    assert (await hall.join(admin)).participants[0].person.role == "admin"
    assert (await service.end(admin, one_lesson(hall.lesson.id))).tutor == hall.lesson.tutor


# changing


async def test_L4_to_L6_from_planned_to_over_with_an_event_for_each_step(stage_on_both: Stage, hall: Hall) -> None:
    clock, service, tutor, lesson = stage_on_both.clock, hall.lessons, hall.tutor, hall.lesson
    await refused(WrongState, service.end(tutor, one_lesson(lesson.id)))
    live = await service.start(tutor, one_lesson(lesson.id))
    assert (live.state, live.started_at, live.ended_at) == ("live", clock(), None)
    await refused(WrongState, service.start(tutor, one_lesson(lesson.id)))
    await refused(WrongState, service.cancel(tutor, CancelLesson(lesson_id=lesson.id)))
    started_at = clock()
    clock.turn(hours=1)
    over = await service.end(tutor, one_lesson(lesson.id))
    assert (over.state, over.started_at, over.ended_at, over.version) == ("ended", started_at, clock(), 3)
    for attempt in (
        service.start(tutor, one_lesson(lesson.id)),
        service.end(tutor, one_lesson(lesson.id)),
        service.update(tutor, changed(over, title="Late")),
        hall.join(tutor),
    ):
        assert (await refused(WrongState, attempt)).details == {"state": "ended"}
    assert [(one.event.seq, one.event.type, one.before, one.after) for one in hall.heard] == [
        (1, "lesson.started", lesson, live),
        (2, "lesson.ended", live, over),
    ]
    kept = await hall.stored()
    assert kept == [one.event for one in hall.heard]
    assert [one.data["state"] for one in kept] == ["live", "ended"]
    assert await service.get(tutor, one_lesson(lesson.id)) == over


async def test_L6_a_cancelled_lesson_says_why_and_is_closed(stage: Stage, hall: Hall) -> None:
    service, tutor, lesson = hall.lessons, hall.tutor, hall.lesson
    off = await service.cancel(tutor, CancelLesson(lesson_id=lesson.id, reason="Snow"))
    told = [(one.event.type, one.event.data) for one in hall.heard]
    assert told == [("lesson.cancelled", {**off.plain(), "reason": "Snow"})]
    await refused(WrongState, hall.join(hall.anna))
    await refused(WrongState, service.cancel(tutor, CancelLesson(lesson_id=lesson.id)))
    times = {"starts_at": lesson.starts_at, "ends_at": lesson.ends_at}
    assert (await service.create(tutor, planned(stage, hall.anna.user_id, **times))).state == "scheduled"


async def test_L7_a_stale_version_is_told_the_current_lesson(hall: Hall) -> None:
    stale = hall.lesson
    current = await hall.update(title="Roots")
    error = await refused(Conflict, hall.lessons.update(hall.tutor, changed(stale, title="Powers")))
    assert error.details == {"version": 2, "lesson": current.plain()}
    assert await hall.lessons.get(hall.tutor, one_lesson(stale.id)) == current


async def test_L7_nothing_new_is_no_change(hall: Hall) -> None:
    before = hall.lesson
    assert await hall.update(title=before.title) == before
    assert hall.heard == []


async def test_L10_a_lesson_is_not_moved_onto_another(stage: Stage, hall: Hall) -> None:
    other = await stage.given.lesson(hall.tutor, hall.anna)
    error = await refused(Overlap, hall.update(starts_at=other.starts_at, ends_at=other.ends_at))
    assert (error.uri, error.details) == ("tutorwamp.error.lesson.overlap", {"lesson_id": other.id})
    later = hall.lesson.ends_at + HOUR
    assert (await hall.update(ends_at=later)).ends_at == later


async def test_L12_of_two_machines_that_start_one_lesson_one_does(other_on_both: Machine, hall: Hall) -> None:
    there = hall.on(other_on_both)
    starts = [one.lessons.start(hall.tutor, one_lesson(hall.lesson.id)) for one in (hall, there) * 3]
    named = [type(outcome).__name__ for outcome in await gatherResults([under_way(start) for start in starts])]
    assert sorted(named) == ["Lesson"] + ["WrongState"] * 5
    assert [one.event.seq for one in hall.heard + there.heard] == [1]


# lists


async def test_L18_a_page_costs_two_queries_however_many_lessons_there_are(other_on_both: Machine, hall: Hall) -> None:
    stage, tutor, anna, ben, lesson = hall.stage, hall.tutor, hall.anna, hall.ben, hall.lesson
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
    await stage.machine.lessons.get(tutor, one_lesson(lesson.id))
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


async def test_L17_a_writer_is_admitted_from_memory_and_a_no_is_asked_again(other_on_both: Machine, hall: Hall) -> None:
    stage, tutor, anna, lesson = hall.stage, hall.tutor, hall.anna, hall.lesson
    service, elsewhere = hall.lessons, other_on_both.lessons
    assert (await service.admit_writer(anna, lesson.id)).guard == 1
    before = stage.machine.database.counts.queries()
    assert (await service.admit_writer(tutor, lesson.id)).moderates
    assert stage.machine.database.counts.queries() == before
    await elsewhere.start(tutor, one_lesson(lesson.id))
    assert (await service.admit_writer(anna, lesson.id)).guard == 1
    service.forget(lesson.id)
    assert (await service.admit_writer(anna, lesson.id)).guard == 2
    await elsewhere.end(tutor, one_lesson(lesson.id))
    service.forget(lesson.id)
    await refused(WrongState, service.admit_writer(anna, lesson.id))


async def test_L1_whose_lessons_are_whose(stage: Stage, hall: Hall) -> None:
    service = hall.lessons
    assert [await service.lesson_ids(one) for one in (hall.tutor, hall.anna)] == [[hall.lesson.id]] * 2
    assert await service.lesson_ids(await stage.given.caller()) == []
    assert await service.lesson_ids(await stage.given.caller("admin")) is None


async def test_L19_its_tutor_gives_the_pen_and_everybody_is_told(stage_on_both: Stage, hall: Hall) -> None:
    given, lessons, anna = stage_on_both.given, hall.lessons, hall.anna
    asked = SetPen(lesson_id=hall.lesson.id, student_ids=[anna.user_id])
    after = await lessons.set_pen(hall.tutor, asked)
    assert (after.pen, await lessons.get(hall.ben, one_lesson(hall.lesson.id))) == ([anna.user_id], after)
    (told,) = hall.heard
    assert (told.event.type, told.event.data["pen"]) == ("pen.changed", [anna.user_id])
    await lessons.set_pen(await given.caller("admin"), asked)
    assert len(hall.heard) == 1
    for caller, error in ((anna, Forbidden), (await given.caller("tutor"), NotFound)):
        await refused(error, lessons.set_pen(caller, SetPen(lesson_id=hall.lesson.id, student_ids=[])))
