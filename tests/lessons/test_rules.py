"""The numbered rules of docs/rules/lessons.md, without anything around them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tutorwamp.accounts.contracts import Person
from tutorwamp.kernel.contracts import AuthRole, Caller, new_id
from tutorwamp.kernel.errors import Conflict, Forbidden, Invalid
from tutorwamp.lessons import rules
from tutorwamp.lessons.contracts import OPEN_STATES, Lesson, LessonState, UpdateLesson
from tutorwamp.lessons.errors import WrongState

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
TUTOR = Person(id=new_id(), name="Tina", role=AuthRole.TUTOR)
ANNA = Person(id=new_id(), name="Anna", role=AuthRole.STUDENT)
BEN = Person(id=new_id(), name="Ben", role=AuthRole.STUDENT)
STATES = list(LessonState)


def caller(person: Person) -> Caller:
    return Caller(person.id, person.role)


ADMIN = Caller(new_id(), AuthRole.ADMIN)
STRANGERS = [Caller(new_id(), AuthRole.TUTOR), Caller(new_id(), AuthRole.STUDENT)]


def lesson(state: LessonState = LessonState.SCHEDULED, **more: Any) -> Lesson:
    values: dict[str, Any] = {
        "id": new_id(),
        "title": "Fractions",
        "subject": None,
        "state": state,
        "tutor": TUTOR,
        "students": [ANNA, BEN],
        "starts_at": NOW,
        "ends_at": NOW + HOUR,
        "started_at": None,
        "ended_at": None,
        "pen": [ANNA.id, BEN.id],
        "version": 4,
        "created_at": NOW,
    }
    return Lesson(**{**values, **more})


def update(before: Lesson, students: list[Person] | None = None, **asked: Any) -> Lesson:
    ids = None if students is None else [student.id for student in students]
    return rules.update(
        before, UpdateLesson(lesson_id=before.id, student_ids=ids, **{"version": before.version, **asked}), students
    )


def test_L1_a_lesson_is_known_to_its_tutor_its_students_and_admins() -> None:
    assert all(rules.belongs(one, lesson()) for one in (caller(TUTOR), caller(ANNA), caller(BEN), ADMIN))
    assert not any(rules.belongs(one, lesson()) for one in STRANGERS)


def test_L2_its_tutor_and_admins_moderate() -> None:
    for one in (caller(TUTOR), ADMIN):
        rules.require_moderator(one, lesson())
    for one in (caller(ANNA), *STRANGERS):
        with pytest.raises(Forbidden):
            rules.require_moderator(one, lesson())


@pytest.mark.parametrize("state", STATES)
def test_L3_open_is_scheduled_live_or_interrupted(state: LessonState) -> None:
    if state in ("scheduled", "live", "interrupted"):
        rules.require_open(lesson(state))
    else:
        with pytest.raises(WrongState) as refused:
            rules.require_open(lesson(state))
        assert refused.value.details == {"state": state}


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize(
    ("change", "allowed", "after"),
    [
        pytest.param(lambda it: rules.start(it, NOW), ["scheduled"], {"state": "live", "started_at": NOW}, id="L4"),
        pytest.param(
            lambda it: rules.end(it, NOW), ["live", "interrupted"], {"state": "ended", "ended_at": NOW}, id="L5"
        ),
        pytest.param(rules.cancel, ["scheduled"], {"state": "cancelled"}, id="L6"),
    ],
)
def test_L4_to_L6_a_lesson_goes_one_way(
    state: LessonState, change: Callable[[Lesson], Lesson], allowed: list[str], after: dict[str, Any]
) -> None:
    before = lesson(state)
    if state in allowed:
        assert change(before) == before.model_copy(update={"version": 5, **after})
    else:
        with pytest.raises(WrongState) as refused:
            change(before)
        assert refused.value.details == {"state": state}


def test_L7_what_is_given_changes_and_the_rest_stays() -> None:
    before = lesson()
    later: dict[str, Any] = {"starts_at": NOW + HOUR, "ends_at": NOW + 2 * HOUR}
    assert update(before, title="Roots", **later) == before.model_copy(update={"title": "Roots", "version": 5, **later})


def test_L7_nothing_changes_where_everything_is_so_already() -> None:
    before = lesson(LessonState.LIVE)
    assert update(before) is before
    assert update(before, [ANNA, BEN], title="Fractions", starts_at=NOW) is before


def test_L7_a_stale_version_is_told_the_current_lesson() -> None:
    before = lesson()
    for version in (3, 5):
        with pytest.raises(Conflict) as refused:
            update(before, version=version)
        assert refused.value.uri == "tutorwamp.error.conflict"
        assert refused.value.details == {"version": 4, "lesson": before.plain()}


@pytest.mark.parametrize("state", STATES)
def test_L7_only_an_open_lesson_changes_whatever_version_is_shown(state: LessonState) -> None:
    if state in ("scheduled", "live", "interrupted"):
        assert update(lesson(state), title="Roots").title == "Roots"
    else:
        for version in (3, 4):
            with pytest.raises(WrongState):
                update(lesson(state), version=version)


def test_L7_once_started_its_start_stays_and_its_end_may_move() -> None:
    for state in (LessonState.LIVE, LessonState.INTERRUPTED):
        with pytest.raises(WrongState):
            update(lesson(state), starts_at=NOW - HOUR)
        assert update(lesson(state), ends_at=NOW + 2 * HOUR).ends_at == NOW + 2 * HOUR


@pytest.mark.parametrize(
    "times", [{"ends_at": NOW}, {"starts_at": NOW + HOUR}, {"starts_at": NOW + HOUR, "ends_at": NOW}]
)
def test_L7_it_still_ends_after_it_starts(times: dict[str, Any]) -> None:
    with pytest.raises(Invalid) as refused:
        update(lesson(), **times)
    assert refused.value.details == [{"loc": ["ends_at"], "msg": "must be later than starts_at"}]


def test_L7_who_is_removed_loses_the_pen() -> None:
    after = update(lesson(), [BEN])
    assert (after.students, after.pen, after.version) == ([BEN], [BEN.id], 5)


def test_L7_the_order_of_the_students_counts() -> None:
    after = update(lesson(), [BEN, ANNA])
    assert (after.students, after.pen, after.version) == ([BEN, ANNA], [ANNA.id, BEN.id], 5)


def test_L8_students_come_back_in_the_order_asked_for() -> None:
    assert rules.require_students([BEN.id, ANNA.id], [TUTOR, ANNA, BEN]) == [BEN, ANNA]


def test_L8_every_stranger_is_named_by_place() -> None:
    with pytest.raises(Invalid) as refused:
        rules.require_students([new_id(), ANNA.id, TUTOR.id], [TUTOR, ANNA])
    details: Any = refused.value.details
    assert [fault["loc"] for fault in details] == [["student_ids", 0], ["student_ids", 2]]


def test_L19_the_pen_goes_to_students_of_the_lesson_only() -> None:
    before = lesson(pen=[])
    after = rules.set_pen(before, [BEN.id])
    assert (after.pen, after.version) == ([BEN.id], before.version + 1)
    with pytest.raises(Invalid) as refused:
        rules.set_pen(before, [ANNA.id, new_id(), TUTOR.id])
    assert isinstance(refused.value.details, list)
    assert [fault["loc"] for fault in refused.value.details] == [["student_ids", 1], ["student_ids", 2]]


def test_L19_the_same_pen_in_another_order_is_nothing_new() -> None:
    before = lesson(pen=[ANNA.id, BEN.id])
    assert rules.set_pen(before, [BEN.id, ANNA.id]) is before
    assert rules.set_pen(before, []).pen == []


@pytest.mark.parametrize("state", STATES)
def test_L19_the_pen_is_given_in_an_open_lesson(state: LessonState) -> None:
    before = lesson(state, pen=[])
    if state in OPEN_STATES:
        assert rules.set_pen(before, [ANNA.id]).pen == [ANNA.id]
    else:
        with pytest.raises(WrongState):
            rules.set_pen(before, [ANNA.id])
