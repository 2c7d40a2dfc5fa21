"""Polls over WAMP: ``tutorwamp.poll.…``, and the topic ``tutorwamp.lesson.<id>.polls``."""

from __future__ import annotations

from typing import Final

from tutorwamp.kernel.edges.component import Publisher, serve
from tutorwamp.kernel.events import Events
from tutorwamp.polls import contracts
from tutorwamp.polls.contracts import PollsChanged
from tutorwamp.polls.service import PollsService

POLLS_PROCEDURES: Final = (
    serve(contracts.OPEN, PollsService.open_poll),
    serve(contracts.ANSWER, PollsService.answer),
    serve(contracts.CLOSE, PollsService.close_poll),
    serve(contracts.LIST, PollsService.list_polls),
    serve(contracts.ANSWERS, PollsService.answers),
)


def publish_polls(events: Events, publisher: Publisher) -> None:
    """Publish what polls announce."""
    events.listen(PollsChanged, lambda changed: publisher.publish_stream_event(changed.event))
