"""Media: who enters a lesson's room on the media server, and that who was sent out of the lesson leaves it too."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, Protocol

from prometheus_client import Counter
from twisted.internet.defer import Deferred, DeferredSemaphore

from tutorwamp.accounts.contracts import People
from tutorwamp.kernel.contracts import Caller, Clock
from tutorwamp.kernel.errors import NotFound
from tutorwamp.kernel.events import Events
from tutorwamp.kernel.log.lines import get_logger
from tutorwamp.lessons.contracts import Admission, LessonChanged, LessonDirectory, OneLesson
from tutorwamp.lessons.media import rules
from tutorwamp.lessons.media.contracts import MediaAccess
from tutorwamp.lessons.media.livekit import LiveKit
from tutorwamp.lessons.media.rules import TOKEN_LIFETIME, Order
from tutorwamp.lessons.media.settings import MediaSettings
from tutorwamp.lessons.media.store import MediaStore
from tutorwamp.lessons.rules import require_open

log = get_logger(__name__)

REPEATED_AFTER_S: Final = (1.0, 4.0, 15.0, 40.0, 60.0, 60.0, 60.0, 60.0, 60.0, 60.0, 60.0, 60.0, 60.0, 60.0)
"""Pauses between the times the media server is told the same. Together they are longer than a token lives: who was sent
out comes back with the one they have."""
AT_ONCE: Final = 10
OUTCOMES: Final = ("done", "absent", "refused", "unreachable")
_ORDERS: Final = Counter("tutorwamp_media_orders", "What the media server was told, and what came of it.", ["outcome"])
ORDERED: Final = {outcome: _ORDERS.labels(outcome) for outcome in OUTCOMES}


class Lessons(LessonDirectory, Protocol):
    """What is needed of the lessons themselves."""

    async def admit(self, caller: Caller, lesson_id: str, *, fresh: bool) -> Admission:
        """Raise NotFound unless the caller belongs to the lesson."""
        ...


def media_server(settings: MediaSettings, reactor: Any) -> LiveKit | None:
    """The configured one."""
    if not settings.livekit_url or not settings.livekit_api_key or not settings.livekit_api_secret:
        return None
    return LiveKit(settings.livekit_url, settings.livekit_api_key, settings.livekit_api_secret, reactor)


class MediaService:
    """Everything that happens to media; nothing where there is no server for it."""

    def __init__(
        self,
        server: LiveKit | None,
        store: MediaStore,
        lessons: Lessons,
        people: People,
        events: Events,
        *,
        clock: Clock,
        reactor: Any,
    ) -> None:
        self._server = server
        self._store = store
        self._lessons = lessons
        self._people = people
        self._clock = clock
        self._reactor = reactor
        self._newest: dict[tuple[str, str], Order] = {}
        """The last order about each room and person, while it is repeated."""
        self._turns = DeferredSemaphore(AT_ONCE)
        if server is not None:
            events.listen(LessonChanged, self._lesson_changed)

    async def media(self, caller: Caller, asked: OneLesson) -> MediaAccess:
        """L34: how to enter the lesson's room. Raises NotFound, WrongState or Muted."""
        admission = await self._lessons.admit(caller, asked.lesson_id, fresh=True)
        if self._server is None:
            raise NotFound("This server has no media.")
        require_open(admission.lesson)
        if admission.shut_out is not None:
            raise admission.shut_out
        person, now = await self._people.person(caller.user_id), self._clock()
        token = self._server.token(
            rules.grant(caller, admission.lesson), now, TOKEN_LIFETIME, identity=person.id, name=person.name
        )
        return MediaAccess(url=self._server.url, token=token, expires_at=now + TOKEN_LIFETIME)

    async def recover(self) -> None:
        """L35: what a process that was killed may not have told: to be called at the start."""
        if self._server is not None:
            self._begin(await self._store.left_over(self._clock()))

    def _lesson_changed(self, changed: LessonChanged) -> None:
        self._begin(rules.orders(changed.before, changed.after))

    def _begin(self, orders: Iterable[Order]) -> None:
        for order in orders:
            self._newest[order.subject] = order
            self._tell(order, 0)

    def _tell(self, order: Order, turn: int) -> None:
        if self._newest.get(order.subject) is not order:
            return  # something newer is told about them
        if turn == len(REPEATED_AFTER_S):
            del self._newest[order.subject]
            return
        server = self._server
        if server is None:
            return
        telling = self._turns.run(lambda: Deferred.fromCoroutine(self._told(server, order, turn)))
        telling.addErrback(lambda failure: log.error("media failed", error=str(failure.value)))
        telling.addCallback(lambda _: self._reactor.callLater(REPEATED_AFTER_S[turn], self._tell, order, turn + 1))

    async def _told(self, server: LiveKit, order: Order, turn: int) -> None:
        try:
            lesson = (await self._lessons.lessons([order.room], fresh=True))[order.room]
            now = rules.standing(order, lesson)
            if now is None:
                return
            status = await server.obey(now, self._clock())
        except Exception as error:  # noqa: BLE001  # whatever the network does; it is told again
            outcome, why = "unreachable", repr(error)
        else:
            outcome, why = {200: "done", 404: "absent"}.get(status, "refused"), str(status)
        ORDERED[outcome].inc()
        if outcome in ("refused", "unreachable"):
            log.warning("the media server was not told", order=order.method, lesson=order.room, turn=turn, why=why)
