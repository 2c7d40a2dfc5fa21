"""The WAMP door of lessons: what it serves, and what it publishes."""

from __future__ import annotations

from tests.support.cast import one_lesson
from tests.support.doors import Paper, names_of, try_all
from tests.support.machine import Stage
from tutorwamp.kernel.edges.component import served_by
from tutorwamp.lessons.contracts import (
    PRESENCE_TOPIC,
    STATE_TOPIC,
    CancelLesson,
    CreateLesson,
    ListLessons,
    OneLesson,
    SetPen,
    UpdateLesson,
)
from tutorwamp.lessons.values import RaiseHand, ReplayLesson, SetRules, SetTimer
from tutorwamp.lessons.wamp import LESSONS_PROCEDURES, publish_lessons

CONTRACT = {
    "tutorwamp.lesson.create": CreateLesson,
    "tutorwamp.lesson.get": OneLesson,
    "tutorwamp.lesson.list": ListLessons,
    "tutorwamp.lesson.update": UpdateLesson,
    "tutorwamp.lesson.cancel": CancelLesson,
    "tutorwamp.lesson.start": OneLesson,
    "tutorwamp.lesson.end": OneLesson,
    "tutorwamp.lesson.join": OneLesson,
    "tutorwamp.lesson.leave": OneLesson,
    "tutorwamp.lesson.set_pen": SetPen,
    "tutorwamp.lesson.set_rules": SetRules,
    "tutorwamp.lesson.raise_hand": RaiseHand,
    "tutorwamp.lesson.set_timer": SetTimer,
    "tutorwamp.lesson.attendance": OneLesson,
    "tutorwamp.lesson.replay": ReplayLesson,
}
"""The public contract's names, spelled out: they are fixed."""


def test_the_door_serves_the_contracts_names() -> None:
    assert names_of(LESSONS_PROCEDURES) == CONTRACT


async def test_every_procedure_of_the_door_answers_with_its_result(stage: Stage) -> None:
    tutor, anna = await stage.given.caller("tutor"), await stage.given.caller()
    lesson = await stage.given.lesson(tutor, anna)
    spare = await stage.given.lesson(tutor, anna)
    asked = CreateLesson(title="Roots", student_ids=[anna.user_id], starts_at=lesson.ends_at, ends_at=spare.starts_at)
    one = OneLesson(lesson_id=lesson.id)
    steps = {
        "create": asked,
        "get": one,
        "list": ListLessons(),
        "update": UpdateLesson(lesson_id=lesson.id, version=1, title="Roots"),
        "cancel": CancelLesson(lesson_id=spare.id),
        "start": one,
        "join": one,
        "leave": one,
        "set_pen": SetPen(lesson_id=lesson.id, student_ids=[anna.user_id]),
        "set_rules": SetRules(lesson_id=lesson.id, chat="tutors"),
        "raise_hand": RaiseHand(lesson_id=lesson.id, up=False, all=True),
        "set_timer": SetTimer(lesson_id=lesson.id, ends_at=None),
        "attendance": one,
        "replay": ReplayLesson(lesson_id=lesson.id),
        "end": one,
    }
    await try_all(served_by(stage.machine.lessons, LESSONS_PROCEDURES), tutor, steps)


async def test_changes_go_out_on_state_and_comings_and_goings_on_presence(stage: Stage) -> None:
    paper, events = Paper(), stage.machine.events
    publish_lessons(events, paper)
    tutor, anna = await stage.given.caller("tutor"), await stage.given.caller()
    lesson = await stage.given.lesson(tutor, anna)
    joined = await stage.machine.lessons.join(anna, one_lesson(lesson.id))
    live = await stage.machine.lessons.start(tutor, one_lesson(lesson.id))
    actor = (await stage.machine.accounts.person(tutor.user_id)).plain()
    at = "2026-11-23T09:00:00.000Z"
    assert paper.published == [
        (
            PRESENCE_TOPIC.of(lesson.id),
            {"type": "participant.joined", "at": at, "participant": joined.participants[0].plain()},
        ),
        (
            STATE_TOPIC.of(lesson.id),
            {
                "stream": STATE_TOPIC.of(lesson.id),
                "seq": 1,
                "type": "lesson.started",
                "at": at,
                "actor": actor,
                "data": live.plain(),
            },
        ),
    ]
