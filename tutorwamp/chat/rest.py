"""Chat over REST: ``/api/lessons/<id>/messages…``."""

from __future__ import annotations

from tutorwamp.accounts.contracts import Authenticator
from tutorwamp.chat import contracts
from tutorwamp.chat.contracts import DeleteMessage, EditMessage, Message, ReadHistory, SendMessage
from tutorwamp.chat.service import ChatService
from tutorwamp.kernel.contracts import Page
from tutorwamp.kernel.edges.arguments import check
from tutorwamp.kernel.edges.resource import Answer, Request, route
from tutorwamp.lessons.contracts import OneLesson


class ChatResource:
    """The REST door of chat."""

    def __init__(self, authenticator: Authenticator, chat: ChatService) -> None:
        self._authenticator = authenticator
        self._chat = chat

    @route("/api/lessons/<lesson_id>/messages", "GET", serves=contracts.HISTORY)
    async def history(self, request: Request, lesson_id: str) -> Page[Message]:
        """A lesson's messages, newest first."""
        caller = await request.caller(self._authenticator)
        return await self._chat.history(caller, request.query(ReadHistory, lesson_id=lesson_id))

    @route("/api/lessons/<lesson_id>/messages", "POST", serves=contracts.SEND, status=201)
    async def send(self, request: Request, lesson_id: str) -> Answer:
        """Say something: 201 and the message."""
        caller = await request.caller(self._authenticator)
        asked = request.creation(SendMessage, lesson_id=lesson_id)
        return Answer(await self._chat.send_message(caller, asked), status=201)

    @route("/api/lessons/<lesson_id>/messages/<message_id>", "PATCH", serves=contracts.EDIT)
    async def edit(self, request: Request, lesson_id: str, message_id: str) -> Message:
        """Mend one's own words."""
        caller = await request.caller(self._authenticator)
        asked = request.body(EditMessage, message_id=message_id)
        return await self._chat.edit_message(caller, asked, lesson_id=_lesson_id(lesson_id))

    @route("/api/lessons/<lesson_id>/messages/<message_id>", "DELETE", serves=contracts.DELETE)
    async def delete(self, request: Request, lesson_id: str, message_id: str) -> Message:
        """Take a message away; the answer is what stays of it."""
        caller = await request.caller(self._authenticator)
        asked = request.body_if_any(DeleteMessage, message_id=message_id)
        return await self._chat.delete_message(caller, asked.message_id, lesson_id=_lesson_id(lesson_id))


def _lesson_id(text: str) -> str:
    return check(OneLesson, {"lesson_id": text}).lesson_id
