"""What happens to invite codes: they are made, and accepted."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import Protocol

from twisted.internet.defer import Deferred, DeferredLock

from tutorwamp.kernel.contracts import Caller, Clock
from tutorwamp.kernel.errors import NotFound
from tutorwamp.kernel.log.lines import get_logger
from tutorwamp.lessons.contracts import Admission, Lesson
from tutorwamp.lessons.invites.codes import digest, new_code
from tutorwamp.lessons.invites.contracts import AcceptInvitation, Invitation, InviteToLesson
from tutorwamp.lessons.invites.store import InvitesStore
from tutorwamp.lessons.invites.throttle import GuessThrottle
from tutorwamp.lessons.rules import require_moderator, require_open
from tutorwamp.lessons.store import Requirement

log = get_logger(__name__)


class Lessons(Protocol):
    """What is needed of the lessons themselves."""

    async def admit(self, caller: Caller, lesson_id: str, *, fresh: bool) -> Admission:
        """Raise NotFound unless the caller belongs to the lesson."""
        ...

    async def take_in(self, caller: Caller, lesson_id: str, only_if: Requirement) -> Lesson:
        """Make the caller one of the lesson's students."""
        ...


class InvitesService:
    """Everything that happens to invite codes."""

    def __init__(
        self, store: InvitesStore, lessons: Lessons, throttle: GuessThrottle, *, page_url: str, clock: Clock
    ) -> None:
        self._store = store
        self._lessons = lessons
        self._throttle = throttle
        self._page_url = page_url
        self._clock = clock
        self._turns = DeferredLock()  # a class that comes at once does not overtake itself

    async def invite(self, caller: Caller, asked: InviteToLesson) -> Invitation:
        """Make a code; the one before is worth nothing from now on. Raises NotFound, Forbidden or WrongState."""
        lesson = (await self._lessons.admit(caller, asked.lesson_id, fresh=True)).lesson
        require_moderator(caller, lesson)
        require_open(lesson)
        code = new_code(secrets.randbelow)
        expires_at = self._clock() + timedelta(seconds=asked.ttl_s)
        await self._store.replace(lesson.id, digest(code), expires_at)
        return Invitation(code=code, url=f"{self._page_url}/#invite={code}", expires_at=expires_at)

    async def accept(self, caller: Caller, asked: AcceptInvitation, address: str | None = None) -> Lesson:
        """Join a lesson's students. Raises NotFound, Forbidden, LessonFull or RateLimited.

        ``address``: where the caller comes from, as far as it is known.
        """
        self._throttle.begin(caller.user_id, address)
        try:
            lesson = await self._turns.run(lambda: Deferred.fromCoroutine(self._accept(caller, digest(asked.code))))
        except NotFound:
            log.info("a wrong invite code", user_id=caller.user_id)
            raise
        except BaseException:
            self._throttle.take_back(caller.user_id, address)
            raise
        self._throttle.take_back(caller.user_id, address)
        return lesson

    async def _accept(self, caller: Caller, code_digest: str) -> Lesson:
        now = self._clock()
        # Before the lesson is looked at: who was removed hears nothing of it, not even that it is full.
        lesson_id = await self._store.lesson_of(code_digest, caller.user_id, now)
        return await self._lessons.take_in(caller, lesson_id, self._store.invites(code_digest, caller.user_id, now))
