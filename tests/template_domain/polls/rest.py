"""Polls over REST: ``/api/lessons/<id>/polls``."""

from __future__ import annotations

from tutorwamp.polls import contracts
from tutorwamp.polls.contracts import Polls
from tutorwamp.polls.service import PollsService

from tutorwamp.accounts.contracts import Authenticator
from tutorwamp.kernel.edges.resource import Request, route
from tutorwamp.lessons.contracts import OneLesson


class PollsResource:
    """The REST door of polls."""

    def __init__(self, authenticator: Authenticator, polls: PollsService) -> None:
        self._authenticator = authenticator
        self._polls = polls

    @route("/api/lessons/<lesson_id>/polls", "GET", serves=contracts.LIST)
    async def list(self, request: Request, lesson_id: str) -> Polls:
        """What was asked in a lesson, oldest first."""
        caller = await request.caller(self._authenticator)
        return await self._polls.list_polls(caller, request.query(OneLesson, lesson_id=lesson_id).lesson_id)
