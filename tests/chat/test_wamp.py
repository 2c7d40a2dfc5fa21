"""The WAMP door of chat: what it serves, and what it publishes."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from autobahn.wamp.exception import ApplicationError
from twisted.internet.defer import Deferred

from tests.support.doors import Paper, names_of, try_all
from tests.support.machine import Stage
from tutorwamp.chat import contracts
from tutorwamp.chat.contracts import DELETE, EDIT, REACT, ChatChanged
from tutorwamp.chat.wamp import CHAT_PROCEDURES, publish_chat
from tutorwamp.kernel.contracts import Caller, Procedure, new_id
from tutorwamp.kernel.edges.component import Served, _endpoint, served_by
from tutorwamp.kernel.errors import NotFound
from tutorwamp.kernel.limits import CallLimits, LimitSettings

SOME_ID = new_id()

CONTRACT = {
    "tutorwamp.chat.send": contracts.SendMessage,
    "tutorwamp.chat.edit": contracts.EditMessage,
    "tutorwamp.chat.delete": contracts.DeleteMessage,
    "tutorwamp.chat.react": contracts.React,
    "tutorwamp.chat.history": contracts.ReadHistory,
    "tutorwamp.chat.search": contracts.SearchMessages,
    "tutorwamp.chat.mark_read": contracts.MarkRead,
}
"""The public contract's names, spelled out: they are fixed."""


def test_the_door_serves_the_contracts_names() -> None:
    assert names_of(CHAT_PROCEDURES) == CONTRACT


async def test_every_procedure_answers_and_every_change_goes_out_on_the_chat_topic(stage: Stage) -> None:
    paper, heard = Paper(), stage.events(ChatChanged)
    publish_chat(stage.machine.events, paper)
    tutor, anna = await stage.given.caller("tutor"), await stage.given.caller()
    lesson = await stage.given.lesson(tutor, anna)
    said = await stage.machine.chat.send_message(tutor, contracts.SendMessage(lesson_id=lesson.id, body="Welcome"))
    steps = {
        "send": contracts.SendMessage(lesson_id=lesson.id, body="Hello"),
        "edit": contracts.EditMessage(message_id=said.id, body="Welcome!"),
        "react": contracts.React(message_id=said.id, emoji="👍", on=True),
        "delete": contracts.DeleteMessage(message_id=said.id),
        "history": contracts.ReadHistory(lesson_id=lesson.id),
        "search": contracts.SearchMessages(query="hello"),
        "mark_read": contracts.MarkRead(lesson_id=lesson.id, seq=2),
    }
    await try_all(served_by(stage.machine.chat, CHAT_PROCEDURES), tutor, steps)
    topic = f"tutorwamp.lesson.{lesson.id}.chat"
    assert paper.published == [(topic, one.event.plain()) for one in heard]
    assert [event["type"] for _, event in paper.published] == [
        "message.created",
        "message.created",
        "message.updated",
        "reaction.changed",
        "message.deleted",
        "read.advanced",
    ]
    assert [event["seq"] for _, event in paper.published] == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize(
    ("procedure", "asked"),
    [
        (EDIT, {"message_id": SOME_ID, "body": "x"}),
        (DELETE, {"message_id": SOME_ID}),
        (REACT, {"message_id": SOME_ID, "emoji": "👍", "on": True}),
    ],
    ids=lambda one: getattr(one, "uri", ""),
)
async def test_S14_of_one_persons_changes_one_is_made_at_a_time(
    procedure: Procedure[Any, Any], asked: dict[str, Any]
) -> None:
    """Each writes all events about its message anew, and everybody's writes wait for it."""
    begun: list[Deferred[Any]] = []

    async def change(_caller: Caller, _arguments: Any) -> Any:
        begun.append(Deferred())
        return await begun[-1]

    endpoint = _endpoint(Served(procedure, change), CallLimits(LimitSettings(), lambda: 0.0))
    ada: Any = SimpleNamespace(caller_authid="ada", caller_authrole="student", caller=1)
    ben: Any = SimpleNamespace(caller_authid="ben", caller_authrole="student", caller=2)
    calls = [endpoint(details=who, arguments=((), asked)) for who in (ada, ada, ben)]
    assert len(begun) == 2  # Ada's first and Ben's
    for number in range(3):
        begun[number].errback(NotFound("There is no such message."))
    for call in calls:
        with pytest.raises(ApplicationError):
            await call
