"""What is remembered of lessons, on both engines."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, select
from twisted.internet.defer import Deferred, DeferredList, maybeDeferred

from tests.support.machine import Stage
from tests.support.refused import refused
from tutorwamp.accounts.contracts import Person
from tutorwamp.app.assembly import Machine
from tutorwamp.kernel.contracts import Caller, cursor_from, new_id
from tutorwamp.kernel.errors import Conflict, Invalid
from tutorwamp.kernel.sql.streams import streams
from tutorwamp.kernel.streams import Draft, key_for
from tutorwamp.lessons import rules
from tutorwamp.lessons.contracts import STATE_TOPIC, KeptLesson, Lesson, LessonState, ListLessons, streams_of
from tutorwamp.lessons.errors import Overlap
from tutorwamp.lessons.store import LessonsStore
from tutorwamp.lessons.writing import StaleVersionError

HOUR = timedelta(hours=1)


class School:
    """A tutor, two students, and lessons made by hand."""

    def __init__(self, stage: Stage, people: list[Person]) -> None:
        self.stage = stage
        self.store = LessonsStore(stage.machine.database, stage.machine.nodes)
        self.tutor, self.anna, self.ben = people
        self.caller = Caller(self.tutor.id, self.tutor.role)

    def lesson(self, starts_at: datetime | None = None, *, hours: float = 1, **more: Any) -> Lesson:
        begins = starts_at or self.stage.clock()
        values: dict[str, Any] = {
            "id": new_id(),
            "title": "Fractions",
            "subject": None,
            "state": LessonState.SCHEDULED,
            "tutor": self.tutor,
            "students": [self.anna, self.ben],
            "starts_at": begins,
            "ends_at": begins + hours * HOUR,
            "started_at": None,
            "ended_at": None,
            "pen": [],
            "version": 1,
            "created_at": self.stage.clock(),
        }
        return Lesson(**{**values, **more})

    async def add(self, lesson: Lesson, client_id: str | None = None, digest: str = "same") -> KeptLesson:
        return await self.store.add(lesson, client_id, digest)

    def draft(self, after: Lesson) -> Draft:
        return Draft(
            STATE_TOPIC.of(after.id), None, "lesson.updated", after.created_at, None, key_for(None), "", after.id,
            lambda seq: {"seq": seq},
        )  # fmt: skip

    async def change(self, before: Lesson, **changes: Any) -> Lesson:
        after = before.model_copy(update={**changes, "version": before.version + 1})
        await self.store.change(before, after, self.draft)
        return after

    async def guards(self, lesson_id: str) -> list[tuple[int, int]]:
        """Head and guard of each of the lesson's streams."""

        def thd(connection: Connection) -> list[tuple[int, int]]:
            query = select(streams.c.head, streams.c.guard).where(streams.c.name.in_(streams_of(lesson_id)))
            return sorted((row.head, row.guard) for row in connection.execute(query))

        return await self.stage.machine.database.read("test.guards", thd)


async def opened(stage: Stage) -> School:
    users = [await stage.given.user(role) for role in ("tutor", "student", "student")]
    return School(stage, [user.person for user in users])


async def test_a_lesson_comes_back_as_it_went_in(stage_on_both: Stage) -> None:
    school = await opened(stage_on_both)
    lesson = school.lesson(subject="Größen ≠ Zahlen", students=[school.ben, school.anna], pen=[school.anna.id])
    added = await school.add(lesson)
    assert added == await school.store.by_id(lesson.id)
    assert (added.subject, added.students, added.pen) == (
        "Größen ≠ Zahlen",
        [school.ben.id, school.anna.id],
        [school.anna.id],
    )
    assert (added.starts_at, added.started_at, added.version) == (lesson.starts_at, None, 1)
    assert await school.guards(lesson.id) == [(0, 1)] * len(streams_of(lesson.id))
    assert (await school.store.heads(lesson.id)).by_name == dict.fromkeys(streams_of(lesson.id), 0)
    assert await school.store.by_id(new_id()) is None


async def test_L11_a_repeated_client_id_finds_the_first_lesson(stage_on_both: Stage) -> None:
    school = await opened(stage_on_both)
    first = await school.add(school.lesson(), "one")
    assert await school.add(school.lesson(), "one") == first
    error = await refused(Conflict, school.add(school.lesson(), "one", "other content"))
    assert error.uri == "tutorwamp.error.conflict"
    records, _ = await school.store.page(school.caller, ListLessons())
    assert records == [first]


async def test_L11_a_client_id_is_its_tutors_own(stage_on_both: Stage) -> None:
    school = await opened(stage_on_both)
    colleague = (await stage_on_both.given.user("tutor")).person
    first = await school.add(school.lesson(), "one")
    other = await school.add(school.lesson(tutor=colleague), "one", "other content")
    assert first.id != other.id
    assert other.tutor == colleague.id


@pytest.mark.parametrize(
    ("starts_after_min", "minutes", "clashes"),
    [
        (-60, 60, False),
        (60, 60, False),
        (-60, 61, True),
        (59, 60, True),
        (15, 15, True),
        (-15, 90, True),
        (0, 60, True),
    ],
)
async def test_L10_a_tutor_is_in_one_lesson_at_a_time(
    stage: Stage, starts_after_min: int, minutes: int, clashes: bool
) -> None:
    school = await opened(stage)
    first = await school.add(school.lesson())
    second = school.lesson(first.starts_at + timedelta(minutes=starts_after_min), hours=minutes / 60)
    if not clashes:
        assert (await school.add(second)).id == second.id
        return
    with pytest.raises(Overlap) as refused:
        await school.add(second)
    assert refused.value.details == {"lesson_id": first.id}
    assert await school.store.by_id(second.id) is None


async def test_L10_what_is_over_or_somebody_elses_is_in_nobodys_way(stage_on_both: Stage) -> None:
    school = await opened(stage_on_both)
    colleague = (await stage_on_both.given.user("tutor")).person
    for state in (LessonState.ENDED, LessonState.CANCELLED):
        await school.add(school.lesson(state=state))
    await school.add(school.lesson(tutor=colleague))
    await school.add(school.lesson())
    for state in (LessonState.LIVE, LessonState.INTERRUPTED):
        await school.add(tomorrow := school.lesson(stage_on_both.clock() + 24 * HOUR, state=state))
        with pytest.raises(Overlap):
            await school.add(school.lesson(tomorrow.starts_at))
        await school.change(tomorrow, state=LessonState.ENDED)


async def test_L10_two_machines_that_race_for_one_hour_make_one_lesson(
    stage_on_both: Stage, other_on_both: Machine
) -> None:
    school = await opened(stage_on_both)
    stores = [school.store, LessonsStore(other_on_both.database, other_on_both.nodes)]
    for day in range(5):
        begins = stage_on_both.clock() + day * 24 * HOUR
        outcomes = await together([store.add(school.lesson(begins), None, "") for store in stores * 4])
        assert sorted(type(outcome).__name__ for outcome in outcomes) == ["KeptLesson"] + ["Overlap"] * 7
    records, _ = await school.store.page(school.caller, ListLessons())
    assert len(records) == 5


async def test_L11_two_machines_that_repeat_one_client_id_make_one_lesson(
    stage_on_both: Stage, other_on_both: Machine
) -> None:
    school = await opened(stage_on_both)
    stores = [school.store, LessonsStore(other_on_both.database, other_on_both.nodes)]
    outcomes = await together([store.add(school.lesson(), "one", "same") for store in stores * 4])
    assert all(outcome == outcomes[0] for outcome in outcomes)
    assert isinstance(outcomes[0], KeptLesson)


async def together(asked: list[Deferred[Any]]) -> list[Any]:
    """All results, or what was raised in their places."""
    outcomes = await DeferredList(asked, consumeErrors=True)
    return [result if fine else result.value for fine, result in outcomes]


async def test_L12_a_change_is_kept_with_its_event_and_guard(stage_on_both: Stage) -> None:
    school = await opened(stage_on_both)
    lesson = school.lesson()
    first = await school.add(lesson)
    after = lesson.model_copy(update={"title": "Roots", "students": [school.ben], "version": 2})
    event = (await school.store.change(lesson, after, school.draft)).event
    assert event is not None
    assert (event.stream, event.seq, event.data) == (STATE_TOPIC.of(lesson.id), 1, {"seq": 1})
    assert await school.store.by_id(lesson.id) == first.model_copy(
        update={"title": "Roots", "students": [school.ben.id], "version": 2}
    )
    assert await school.guards(lesson.id) == [*[(0, 2)] * (len(streams_of(lesson.id)) - 1), (1, 2)]


async def test_L12_of_several_who_change_one_version_one_wins(stage_on_both: Stage, other_on_both: Machine) -> None:
    school = await opened(stage_on_both)
    lesson = school.lesson()
    await school.add(lesson)
    titles = [f"Title {number}" for number in range(8)]
    asked = []
    for number, title in enumerate(titles):
        machine = (school.stage.machine, other_on_both)[number % 2]
        store = LessonsStore(machine.database, machine.nodes)
        after = lesson.model_copy(update={"title": title, "version": 2})
        asked.append(store.change(lesson, after, school.draft))
    outcomes = await together(asked)
    winners = [title for title, outcome in zip(titles, outcomes, strict=True) if not isinstance(outcome, Exception)]
    assert [type(one) for one in outcomes].count(StaleVersionError) == 7
    kept = await school.store.by_id(lesson.id)
    assert kept is not None
    assert ([kept.title], kept.version) == (winners, 2)
    assert (await school.guards(lesson.id))[-1] == (1, 2)


async def test_L10_a_lesson_is_not_moved_onto_another_and_nothing_of_the_try_stays(stage_on_both: Stage) -> None:
    school = await opened(stage_on_both)
    lesson = school.lesson()
    first = await school.add(lesson)
    await school.add(school.lesson(lesson.ends_at))
    with pytest.raises(Overlap):
        await school.change(lesson, ends_at=lesson.ends_at + HOUR, title="Roots")
    assert await school.store.by_id(lesson.id) == first
    assert await school.guards(lesson.id) == [(0, 1)] * len(streams_of(lesson.id))
    assert (await school.change(lesson, title="Roots")).version == 2


async def test_L18_a_walk_through_the_pages_meets_every_lesson_once_newest_first(stage_on_both: Stage) -> None:
    school = await opened(stage_on_both)
    begins = stage_on_both.clock()
    # Seven at the very same time (they are over, so they may), that only their ids tell apart.
    for _ in range(7):
        await school.add(school.lesson(begins, state=LessonState.ENDED))
    for day in (2, 1, 3):
        await school.add(school.lesson(begins + day * 24 * HOUR))
    whole, rest = await school.store.page(school.caller, ListLessons())
    assert (len(whole), rest) == (10, None)
    assert whole == sorted(whole, key=lambda record: (record.starts_at, record.id), reverse=True)
    for limit in (1, 3, 5, 10):
        assert await walk(school.store, school.caller, limit) == whole


async def walk(store: LessonsStore, caller: Caller, limit: int, **filters: Any) -> list[KeptLesson]:
    found: list[KeptLesson] = []
    cursor = None
    for _ in range(100):
        records, cursor = await store.page(caller, ListLessons(limit=limit, cursor=cursor, **filters))
        assert 0 < len(records) <= limit
        found += records
        if cursor is None:
            return found
    raise AssertionError("the walk does not end")


async def test_L18_the_filters_are_exclusive_and_go_together(stage_on_both: Stage) -> None:
    school = await opened(stage_on_both)
    begins = stage_on_both.clock()
    days = [begins + day * 24 * HOUR for day in range(4)]
    states = [LessonState.ENDED, LessonState.CANCELLED, LessonState.SCHEDULED, LessonState.SCHEDULED]
    ids = []
    for day, state in zip(days, states, strict=True):
        ids.append((await school.add(school.lesson(day, state=state))).id)

    async def found(**filters: Any) -> list[int]:
        records, _ = await school.store.page(school.caller, ListLessons(**filters))
        return [ids.index(record.id) for record in records]

    assert await found(state="scheduled") == [3, 2]
    assert await found(starts_after=days[1]) == [3, 2]
    assert await found(starts_before=days[1]) == [0]
    assert await found(starts_after=days[0], starts_before=days[3], state="cancelled") == [1]
    assert await found(starts_after=days[3]) == []
    assert [ids.index(one.id) for one in await walk(school.store, school.caller, 1, starts_before=days[3])] == [2, 1, 0]


async def test_L18_everybody_sees_their_own_and_an_admin_all(stage_on_both: Stage) -> None:
    school = await opened(stage_on_both)
    given = stage_on_both.given
    colleague, admin = (await given.user("tutor")).person, await given.caller("admin")
    ours = await school.add(school.lesson(students=[school.anna]))
    theirs = await school.add(school.lesson(students=[school.ben], tutor=colleague))
    expected = {
        school.caller: {ours.id},
        Caller(colleague.id, colleague.role): {theirs.id},
        Caller(school.anna.id, school.anna.role): {ours.id},
        Caller(school.ben.id, school.ben.role): {theirs.id},
        admin: {ours.id, theirs.id},
        await given.caller(): set(),
        await given.caller("tutor"): set(),
    }
    for caller, ids in expected.items():
        records, _ = await school.store.page(caller, ListLessons())
        assert {record.id for record in records} == ids
        assert set(await school.store.ids_of(caller)) == ids


GARBAGE = [
    *("a", "_", "-" * 199, cursor_from("x"), cursor_from("now", "x"), cursor_from(1, 2, 3)),
    *(cursor_from("9" * 40, "x"), cursor_from(5, "\0"), cursor_from("²", "x"), cursor_from(-(10**17), "x")),
]


async def test_L18_garbage_is_not_a_cursor(stage_on_both: Stage) -> None:
    school = await opened(stage_on_both)
    for cursor in GARBAGE:
        error = await refused(Invalid, maybeDeferred(school.store.page, school.caller, ListLessons(cursor=cursor)))
        assert error.details == [{"loc": ["cursor"], "msg": "not a cursor of this list"}]


async def test_years_far_away_are_kept_exactly(stage_on_both: Stage) -> None:
    school = await opened(stage_on_both)
    for text in ("0001-01-01T00:00:00.001+00:00", "1969-12-31T23:59:59.999+00:00", "9999-12-31T22:00:00+00:00"):
        added = await school.add(school.lesson(datetime.fromisoformat(text)))
        assert added == await school.store.by_id(added.id)
    assert len(await walk(school.store, school.caller, 1)) == 3


async def test_rules_and_store_agree_on_whose_lesson_it_is(stage_on_both: Stage) -> None:
    school = await opened(stage_on_both)
    given = stage_on_both.given
    admin = await given.user("admin")
    lessons = [
        school.lesson(students=[school.anna]),
        school.lesson(students=[school.anna, school.ben], tutor=admin.person),
    ]
    for lesson in lessons:
        await school.add(lesson)
    for person in (school.tutor, school.anna, school.ben, admin.person):
        caller = Caller(person.id, person.role)
        assert set(await school.store.ids_of(caller)) == {
            lesson.id for lesson in lessons if rules.belongs(caller, lesson)
        }
