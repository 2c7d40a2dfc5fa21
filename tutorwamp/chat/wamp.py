"""Chat over WAMP: ``tutorwamp.chat.…``, and the topic ``tutorwamp.lesson.<id>.chat``."""

from __future__ import annotations

from tutorwamp.chat import contracts
from tutorwamp.chat.contracts import (
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
from tutorwamp.chat.service import ChatService
from tutorwamp.kernel.contracts import Caller, Page
from tutorwamp.kernel.edges.component import Publisher, serves
from tutorwamp.kernel.events import Events


class ChatDoor:
    """The WAMP door of chat."""

    def __init__(self, chat: ChatService) -> None:
        self._chat = chat

    @serves(contracts.SEND)
    async def send(self, caller: Caller, asked: SendMessage) -> Message:
        """Say something."""
        return await self._chat.send_message(caller, asked)

    @serves(contracts.EDIT)
    async def edit(self, caller: Caller, asked: EditMessage) -> Message:
        """Mend one's own words."""
        return await self._chat.edit_message(caller, asked)

    @serves(contracts.DELETE)
    async def delete(self, caller: Caller, asked: DeleteMessage) -> Message:
        """Take a message away."""
        return await self._chat.delete_message(caller, asked.message_id)

    @serves(contracts.REACT)
    async def react(self, caller: Caller, asked: React) -> Message:
        """Put an emoji on, or take it off."""
        return await self._chat.react(caller, asked)

    @serves(contracts.HISTORY)
    async def history(self, caller: Caller, asked: ReadHistory) -> Page[Message]:
        """A lesson's messages."""
        return await self._chat.history(caller, asked)

    @serves(contracts.SEARCH)
    async def search(self, caller: Caller, asked: SearchMessages) -> Page[Message]:
        """Find messages."""
        return await self._chat.search(caller, asked)

    @serves(contracts.MARK_READ)
    async def mark_read(self, caller: Caller, asked: MarkRead) -> ReadMark:
        """Say how far one has read."""
        return await self._chat.mark_read(caller, asked)


def publish_chat(events: Events, publisher: Publisher) -> None:
    """Publish what chat announces."""

    def changed(change: ChatChanged) -> None:
        publisher.publish_stream_event(change.event)

    events.listen(ChatChanged, changed)
