"""The cast talks."""

from __future__ import annotations

from typing import Any

from tests.support.cast import Cast
from tutorwamp.chat.contracts import (
    CHAT_TOPIC,
    ChatChanged,
    DeleteMessage,
    EditMessage,
    MarkRead,
    Message,
    React,
    ReadHistory,
    ReadMark,
    SearchMessages,
    SendMessage,
)
from tutorwamp.kernel.contracts import Caller, Page


class Room(Cast):
    """What people say in their lesson."""

    TOPIC, CHANGED = CHAT_TOPIC, ChatChanged

    async def send(self, caller: Caller, body: str, **more: Any) -> Message:
        asked = SendMessage.model_validate({"lesson_id": self.lesson.id, "body": body, **more})
        return await self.machine.chat.send_message(caller, asked)

    async def edit(self, caller: Caller, message: Message, body: str) -> Message:
        return await self.machine.chat.edit_message(caller, EditMessage(message_id=message.id, body=body))

    async def delete(self, caller: Caller, message: Message) -> Message:
        return await self.machine.chat.delete_message(caller, DeleteMessage(message_id=message.id))

    async def react(self, caller: Caller, message: Message, emoji: str = "👍", *, on: bool = True) -> Message:
        return await self.machine.chat.react(caller, React(message_id=message.id, emoji=emoji, on=on))

    async def mark_read(self, caller: Caller, seq: int) -> ReadMark:
        return await self.machine.chat.mark_read(caller, MarkRead(lesson_id=self.lesson.id, seq=seq))

    async def history(self, caller: Caller, **more: Any) -> Page[Message]:
        return await self.machine.chat.history(caller, ReadHistory(lesson_id=self.lesson.id, **more))

    async def search(self, caller: Caller, query: str, **more: Any) -> list[str | None]:
        """The bodies found."""
        page = await self.machine.chat.search(caller, SearchMessages(query=query, **more))
        return [message.body for message in page.items]

    def told(self) -> list[tuple[int, str]]:
        """Number and type of what was announced since the last look."""
        told = [(one.event.seq, one.event.type) for one in self.heard]
        self.heard.clear()
        return told
