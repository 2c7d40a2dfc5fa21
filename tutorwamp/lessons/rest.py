"""Lessons over REST: ``/api/lessons…``. Its ETag begins with its version, for ``If-None-Match`` and ``If-Match``."""

from __future__ import annotations

import hashlib
from typing import Final

from tutorwamp.kernel.contracts import Caller
from tutorwamp.kernel.edges.resource import Request, Route, forward
from tutorwamp.lessons import contracts
from tutorwamp.lessons.contracts import Lesson
from tutorwamp.lessons.invites import contracts as invites
from tutorwamp.lessons.invites.contracts import AcceptInvitation
from tutorwamp.lessons.invites.service import InvitesService
from tutorwamp.lessons.service import LessonsService

LESSONS: Final = "/api/lessons"
LESSON: Final = f"{LESSONS}/<lesson_id>"


def _tag(lesson: Lesson) -> dict[str, str]:
    """Hands and the timer change without a version: what shows them has another tag, of the same version."""
    aside = "" if not lesson.hands and lesson.timer is None else f"-{_digest_of_aside(lesson)}"
    return {"etag": f'"{lesson.version}{aside}"'}


def _digest_of_aside(lesson: Lesson) -> str:
    return hashlib.blake2b(lesson.model_dump_json(include={"hands", "timer"}).encode(), digest_size=6).hexdigest()


def _tag_and_location(lesson: Lesson) -> dict[str, str]:
    return {**_tag(lesson), "location": f"{LESSONS}/{lesson.id}"}


LESSONS_ROUTES: Final[tuple[Route[LessonsService], ...]] = (
    forward("GET", LESSONS, contracts.LIST, LessonsService.list_lessons, "The caller's lessons, newest start first."),
    forward(
        "POST",
        LESSONS,
        contracts.CREATE,
        LessonsService.create,
        "Plan a lesson: 201 and the lesson.",
        read=Request.creation,
        headers=_tag_and_location,
        status=201,
    ),
    forward("GET", LESSON, contracts.GET, LessonsService.get, headers=_tag),
    forward(
        "PATCH",
        LESSON,
        contracts.UPDATE,
        LessonsService.update,
        "Change what is given. `version` or `If-Match` says what the caller has seen.",
        read=Request.change,
        headers=_tag,
    ),
    forward("POST", f"{LESSON}/start", contracts.START, LessonsService.start, read=Request.body_if_any, headers=_tag),
    forward("POST", f"{LESSON}/end", contracts.END, LessonsService.end, read=Request.body_if_any, headers=_tag),
    forward(
        "POST", f"{LESSON}/cancel", contracts.CANCEL, LessonsService.cancel, read=Request.body_if_any, headers=_tag
    ),
    forward("POST", f"{LESSON}/rules", contracts.SET_RULES, LessonsService.set_rules, headers=_tag),
    forward("POST", f"{LESSON}/hand", contracts.RAISE_HAND, LessonsService.raise_hand, headers=_tag),
    forward("POST", f"{LESSON}/timer", contracts.SET_TIMER, LessonsService.set_timer, headers=_tag),
    forward("GET", f"{LESSON}/replay", contracts.REPLAY, LessonsService.replay),
    forward("GET", f"{LESSON}/attendance", contracts.ATTENDANCE, LessonsService.attendance),
)


async def _accept(service: InvitesService, caller: Caller, request: Request) -> Lesson:
    """Join a lesson's students with an invite code."""
    return await service.accept(caller, request.body(AcceptInvitation), request.address)


INVITES_ROUTES: Final = (
    forward("POST", f"{LESSON}/invite", invites.INVITE, InvitesService.invite, read=Request.body_if_any),
    Route("POST", f"{LESSONS}/accept", _accept, asks=AcceptInvitation, gives=Lesson, headers=_tag),
)
