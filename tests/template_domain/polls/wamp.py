"""Polls over WAMP: ``tutorwamp.poll.…``, and the topic ``tutorwamp.lesson.<id>.polls``."""

from __future__ import annotations

from typing import Final

from tutorwamp.polls import contracts
from tutorwamp.polls.contracts import PollsChanged
from tutorwamp.polls.service import PollsService

from tutorwamp.kernel.edges.component import Publisher, serve
from tutorwamp.kernel.events import Events

POLLS_PROCEDURES: Final = (
    serve(contracts.OPEN, PollsService.open_poll),
    serve(contracts.LIST, PollsService.list_polls),
)


def publish_polls(events: Events, publisher: Publisher) -> None:
    """Publish what polls announce."""
    events.listen(PollsChanged, lambda changed: publisher.publish_stream_event(changed.event))
