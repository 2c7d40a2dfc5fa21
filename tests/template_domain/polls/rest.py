"""Polls over REST: ``/api/lessons/<id>/polls``."""

from __future__ import annotations

from typing import Final

from tutorwamp.polls import contracts
from tutorwamp.polls.service import PollsService

from tutorwamp.kernel.edges.resource import forward

POLLS_ROUTES: Final = (forward("GET", "/api/lessons/<lesson_id>/polls", contracts.LIST, PollsService.list_polls),)
