"""Chat over REST: ``/api/lessons/<id>/messages…``."""

from __future__ import annotations

from typing import Final

from tutorwamp.chat import contracts
from tutorwamp.chat.contracts import CHANGED, DeleteMessage, EditMessage, Message
from tutorwamp.chat.service import ChatService
from tutorwamp.kernel.contracts import Caller
from tutorwamp.kernel.edges.arguments import check
from tutorwamp.kernel.edges.resource import Request, Route, forward
from tutorwamp.lessons.contracts import OneLesson

MESSAGES: Final = "/api/lessons/<lesson_id>/messages"
MESSAGE: Final = f"{MESSAGES}/<message_id>"


async def _edit(chat: ChatService, caller: Caller, request: Request, lesson_id: str, message_id: str) -> Message:
    """Mend one's own words."""
    asked = request.body(EditMessage, message_id=message_id)
    return await chat.edit_message(caller, asked, lesson_id=_lesson_id(lesson_id))


async def _delete(chat: ChatService, caller: Caller, request: Request, lesson_id: str, message_id: str) -> Message:
    """Take a message away; the answer is what stays of it."""
    asked = request.body_if_any(DeleteMessage, message_id=message_id)
    return await chat.delete_message(caller, asked, lesson_id=_lesson_id(lesson_id))


def _lesson_id(text: str) -> str:
    return check(OneLesson, {"lesson_id": text}).lesson_id


CHAT_ROUTES: Final = (
    forward("GET", MESSAGES, contracts.HISTORY, ChatService.history, "A lesson's messages, newest first."),
    forward(
        "POST",
        MESSAGES,
        contracts.SEND,
        ChatService.send_message,
        "Say something: 201 and the message.",
        read=Request.creation,
        status=201,
    ),
    # Procedures know a message by its id alone; a path names its lesson as well.
    Route("PATCH", MESSAGE, _edit, asks=EditMessage, gives=Message, line=CHANGED.line),
    Route("DELETE", MESSAGE, _delete, asks=DeleteMessage, gives=Message, line=CHANGED.line),
)
