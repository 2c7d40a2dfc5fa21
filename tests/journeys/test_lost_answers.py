"""The database commits and its answer is lost: the transaction runs again, and all is as if it had not been."""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.support.cast import one_lesson
from tests.support.machine import Stage
from tutorwamp.chat.contracts import ChatChanged, DeleteMessage, EditMessage, MarkRead, React, ReadHistory, SendMessage
from tutorwamp.lessons.contracts import LessonChanged

Deed = Callable[[], Awaitable[Any]]


async def with_lost_answer(stage: Stage, deed: Deed) -> Any:
    """Do it; the first commit goes through, and its answer does not arrive."""
    dialect = stage.machine.database.engine.dialect
    commit = dialect.do_commit
    lost: list[Any] = []

    def commit_and_lose(connection: Any) -> None:
        commit(connection)
        if not lost:
            lost.append(connection)
            raise sqlite3.OperationalError("the answer was lost")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dialect, "do_commit", commit_and_lose)
        result = await deed()
    assert lost
    return result


async def test_lessons_are_made_and_changed_once(stage: Stage) -> None:
    tutor, student = await stage.given.caller("tutor"), await stage.given.caller("student")
    heard = stage.events(LessonChanged)
    service = stage.machine.lessons

    lesson = await with_lost_answer(stage, lambda: stage.given.lesson(tutor, student))
    assert await service.get(tutor, one_lesson(lesson.id)) == lesson
    live = await with_lost_answer(stage, lambda: service.start(tutor, one_lesson(lesson.id)))
    assert live.state == "live"
    ended = await with_lost_answer(stage, lambda: service.end(tutor, one_lesson(lesson.id)))
    assert await service.get(tutor, one_lesson(lesson.id)) == ended
    assert [(change.event.type, change.event.seq) for change in heard] == [("lesson.started", 1), ("lesson.ended", 2)]
    assert stage.gate.heard[-1] == ("revoke_grants", lesson.id, None, None)


async def test_what_is_said_is_said_and_told_once(stage: Stage) -> None:
    tutor, student = await stage.given.caller("tutor"), await stage.given.caller("student")
    lesson = await stage.given.lesson(tutor, student)
    heard = stage.events(ChatChanged)
    chat = stage.machine.chat

    said = await with_lost_answer(
        stage, lambda: chat.send_message(tutor, SendMessage(lesson_id=lesson.id, body="hello"))
    )
    await with_lost_answer(stage, lambda: chat.edit_message(tutor, EditMessage(message_id=said.id, body="hello all")))
    await with_lost_answer(stage, lambda: chat.react(student, React(message_id=said.id, emoji="👍", on=True)))
    mark = await with_lost_answer(stage, lambda: chat.mark_read(student, MarkRead(lesson_id=lesson.id, seq=1)))
    deleted = await with_lost_answer(stage, lambda: chat.delete_message(tutor, DeleteMessage(message_id=said.id)))

    assert [(change.event.type, change.event.seq) for change in heard] == [
        ("message.created", 1),
        ("message.updated", 2),
        ("reaction.changed", 3),
        ("read.advanced", 4),
        ("message.deleted", 5),
    ]
    assert mark.read_seq == 1
    assert (await chat.history(tutor, ReadHistory(lesson_id=lesson.id))).items == [deleted]
