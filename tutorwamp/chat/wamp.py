"""Chat over WAMP: ``tutorwamp.chat.…``, and the topic ``tutorwamp.lesson.<id>.chat``."""

from __future__ import annotations

from typing import Final

from tutorwamp.chat import contracts
from tutorwamp.chat.contracts import ChatChanged
from tutorwamp.chat.reports.contracts import REPORT
from tutorwamp.chat.reports.service import ReportsService
from tutorwamp.chat.service import ChatService
from tutorwamp.kernel.edges.component import Publisher, serve
from tutorwamp.kernel.events import Events

CHAT_PROCEDURES: Final = (
    serve(contracts.SEND, ChatService.say),
    serve(contracts.EDIT, ChatService.edit_message),
    serve(contracts.DELETE, ChatService.delete_message),
    serve(contracts.REACT, ChatService.react),
    serve(contracts.HISTORY, ChatService.history),
    serve(contracts.SEARCH, ChatService.search),
    serve(contracts.MARK_READ, ChatService.mark_read),
)
REPORTS_PROCEDURES: Final = (serve(REPORT, ReportsService.report),)


def publish_chat(events: Events, publisher: Publisher) -> None:
    """Publish what chat announces."""
    events.listen(ChatChanged, lambda changed: publisher.publish_stream_event(changed.event))
