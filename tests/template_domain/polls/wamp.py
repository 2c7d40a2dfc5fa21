"""Polls over WAMP: ``tutorwamp.poll.…``, and the topic ``tutorwamp.lesson.<id>.polls``."""

from __future__ import annotations

from tutorwamp.polls import contracts
from tutorwamp.polls.contracts import OpenPoll, Poll, Polls, PollsChanged
from tutorwamp.polls.service import PollsService

from tutorwamp.kernel.contracts import Caller
from tutorwamp.kernel.edges.component import Publisher, serves
from tutorwamp.kernel.events import Events
from tutorwamp.lessons.contracts import OneLesson


class PollsDoor:
    """The WAMP door of polls."""

    def __init__(self, polls: PollsService) -> None:
        self._polls = polls

    @serves(contracts.OPEN)
    async def open(self, caller: Caller, asked: OpenPoll) -> Poll:
        """Ask everybody in the lesson."""
        return await self._polls.open_poll(caller, asked)

    @serves(contracts.LIST)
    async def list(self, caller: Caller, asked: OneLesson) -> Polls:
        """What was asked."""
        return await self._polls.list_polls(caller, asked.lesson_id)


def publish_polls(events: Events, publisher: Publisher) -> None:
    """Publish what polls announce."""
    events.listen(PollsChanged, lambda changed: publisher.publish_stream_event(changed.event))
