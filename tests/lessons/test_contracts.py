"""What a lesson's arguments may be."""

from __future__ import annotations

from typing import Any

import pytest

from tutorwamp.kernel.contracts import new_id
from tutorwamp.kernel.edges.arguments import check
from tutorwamp.kernel.errors import Invalid
from tutorwamp.lessons.contracts import CreateLesson, ListLessons, streams_of, topics_of
from tutorwamp.lessons.values import STUDENTS_AT_MOST

ANNA = new_id()
GOOD: dict[str, Any] = {
    "title": "Fractions",
    "student_ids": [ANNA],
    "starts_at": "2026-11-24T09:00:00Z",
    "ends_at": "2026-11-24T10:00:00Z",
}


def create(**more: Any) -> CreateLesson:
    return check(CreateLesson, {**GOOD, **more})


@pytest.mark.parametrize(
    ("more", "place"),
    [
        ({"title": " \n "}, ["title"]),
        ({"title": "two\nlines"}, ["title"]),
        ({"title": "x" * 201}, ["title"]),
        ({"subject": ""}, ["subject"]),
        ({"title": "\u200b"}, ["title"]),
        ({"subject": "\u3164"}, ["subject"]),
        ({"student_ids": [new_id() for _ in range(STUDENTS_AT_MOST + 1)]}, ["student_ids"]),
        ({"student_ids": [ANNA, ANNA]}, ["student_ids"]),
        ({"student_ids": [ANNA.upper()]}, ["student_ids", 0]),
        ({"starts_at": "2026-11-24T09:00:00"}, ["starts_at"]),
        ({"starts_at": 1_795_510_800}, ["starts_at"]),
        ({"starts_at": "0001-01-01T00:00:00+01:00"}, ["starts_at"]),
        ({"ends_at": GOOD["starts_at"]}, []),
        ({"client_id": ""}, ["client_id"]),
        ({"client_id": "x" * 65}, ["client_id"]),
        ({"client_id": "\x7fours"}, ["client_id"]),
        ({"tutor_id": ANNA}, ["tutor_id"]),
    ],
)
def test_a_fault_is_named_by_its_place(more: dict[str, Any], place: list[str | int]) -> None:
    with pytest.raises(Invalid) as refused:
        create(**more)
    details: Any = refused.value.details
    assert [fault["loc"] for fault in details] == [place]


def test_texts_are_trimmed_and_instants_are_utc_milliseconds() -> None:
    asked = create(title="  Fractions ", starts_at="2026-11-24T10:00:00.123999+01:30")
    plain = asked.plain()
    assert (plain["title"], plain["starts_at"]) == ("Fractions", "2026-11-24T08:30:00.123Z")


def test_a_class_of_thirty_is_welcome() -> None:
    assert len(create(student_ids=[new_id() for _ in range(STUDENTS_AT_MOST)]).student_ids) == 30


@pytest.mark.parametrize("more", [{"limit": 0}, {"limit": 101}, {"limit": True}, {"state": "over"}, {"cursor": "%"}])
def test_a_list_is_asked_for_within_bounds(more: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        check(ListLessons, more)


def test_the_streams_of_a_lesson_are_some_of_its_topics() -> None:
    topics = topics_of(ANNA)
    kinds = ("state", "chat", "board", "polls", "presence", "typing", "cursor", "view")
    assert topics == {name: f"tutorwamp.lesson.{ANNA}.{name}" for name in kinds}
    assert streams_of(ANNA) == [topics["board"], topics["chat"], topics["polls"], topics["state"]]


@pytest.mark.parametrize("state", ["asleep", 7, b"live", ["live"], {"x": "live"}])
def test_a_bad_state_is_told_which_there_are_and_not_what_we_call_them_in_python(state: Any) -> None:
    with pytest.raises(Invalid) as refused:
        check(ListLessons, {"state": state})
    message = "must be one of scheduled, live, interrupted, ended, cancelled"
    assert refused.value.details == [{"loc": ["state"], "msg": message}]
