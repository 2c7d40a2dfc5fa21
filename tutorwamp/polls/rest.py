"""Polls over REST: ``/api/lessons/<id>/polls…``."""

from __future__ import annotations

from typing import Final

from tutorwamp.kernel.contracts import Caller
from tutorwamp.kernel.edges.arguments import check
from tutorwamp.kernel.edges.resource import Request, Route, forward
from tutorwamp.lessons.contracts import OneLesson
from tutorwamp.polls import contracts
from tutorwamp.polls.contracts import ANSWER, ANSWERS, CLOSE, AnswerPoll, Answers, ClosePoll, OnePoll, Poll
from tutorwamp.polls.service import PollsService

POLLS: Final = "/api/lessons/<lesson_id>/polls"
POLL: Final = f"{POLLS}/<poll_id>"


async def _answer(polls: PollsService, caller: Caller, request: Request, lesson_id: str, poll_id: str) -> Poll:
    """Answer, in place of what one has answered before."""
    return await polls.answer(caller, request.body(AnswerPoll, poll_id=poll_id), lesson_id=_lesson_id(lesson_id))


async def _close(polls: PollsService, caller: Caller, request: Request, lesson_id: str, poll_id: str) -> Poll:
    """Take no more answers; with `show` everybody sees the votes."""
    asked = request.body_if_any(ClosePoll, poll_id=poll_id)
    return await polls.close_poll(caller, asked, lesson_id=_lesson_id(lesson_id))


async def _answers(polls: PollsService, caller: Caller, request: Request, lesson_id: str, poll_id: str) -> Answers:
    """What was answered, and by whom."""
    return await polls.answers(caller, request.query(OnePoll, poll_id=poll_id), lesson_id=_lesson_id(lesson_id))


def _lesson_id(text: str) -> str:
    return check(OneLesson, {"lesson_id": text}).lesson_id


POLLS_ROUTES: Final = (
    forward("GET", POLLS, contracts.LIST, PollsService.list_polls),
    forward(
        "POST",
        POLLS,
        contracts.OPEN,
        PollsService.open_poll,
        "Ask everybody in the lesson: 201 and the poll.",
        read=Request.creation,
        status=201,
    ),
    # Procedures know a poll by its id alone; a path names its lesson as well.
    Route("POST", f"{POLL}/answer", _answer, asks=AnswerPoll, gives=Poll, line=ANSWER.cost.line),
    Route("POST", f"{POLL}/close", _close, asks=ClosePoll, gives=Poll, line=CLOSE.cost.line),
    Route("GET", f"{POLL}/answers", _answers, asks=OnePoll, gives=Answers, line=ANSWERS.cost.line),
)
