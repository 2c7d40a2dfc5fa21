"""``/api/health`` as REST answers it; where it does not, the gate does (``gate/health.py``)."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Final

from twisted.internet import defer
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from tutorwamp.app.assembly import Machine
from tutorwamp.gate.contracts import STATUS, Health, State, Status
from tutorwamp.gate.health import able, alive, health_of
from tutorwamp.kernel.edges.resource import Answer, Request, Route
from tutorwamp.kernel.errors import TutorwampError
from tutorwamp.kernel.reactor import running_reactor
from tutorwamp.kernel.sql.probe import ANSWERED_WITHIN_S

ASKED_EVERY_S: Final = 5.0
"""Somebody else's storage, which may cost something; anybody may ask for health, as often as they like."""


class HealthResource:
    """``/api/health``: for load balancers, supervisors and people."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._pictures = Seldom(machine.pictures.is_there, running_reactor())

    async def live(self, _request: Request) -> Answer:
        """200 where every process shows life, else 503: the router, and the process of each component that has come."""
        return _answer(health_of(await self._router(alive)))

    async def health(self, _request: Request) -> Answer:
        """200 where calls work, else 503, with the state of each dependency."""
        # All at once: whoever asks the gate is answered within two seconds.
        router, cache = Deferred.fromCoroutine(self._router(able)), Deferred.fromCoroutine(self._cache())
        pictures = Deferred.fromCoroutine(self._pictures.answer())
        found = health_of({"database": await self._database(), **self._writers(), **await router})
        # Without these nearly everything is answered all the same: they are told, and make nobody stay away.
        spared: dict[str, State] = {"pictures": "ok" if await pictures else "down", **await cache}
        return _answer(Health(status=found.status, dependencies={**found.dependencies, **spared}))

    async def _database(self) -> State:
        """Whether it can be read and written, and is the one we opened."""
        read = self._machine.database.ping().addTimeout(ANSWERED_WITHIN_S, running_reactor())
        try:
            works = await self._machine.probe.works()
            await read
        except Exception:  # noqa: BLE001  # whatever it is, the answer is "down"
            return "down"
        return "ok" if works and self._machine.database.file.is_itself() else "down"

    def _writers(self) -> dict[str, State]:
        """The kinds of writes that do not get through, by name; where all do, nothing is said."""
        return {f"writes of {lane}": "down" for lane in self._machine.database.writers.stuck()}

    async def _cache(self) -> dict[str, State]:
        if self._machine.settings.cache.redis_url is None:
            return {}
        asked = Deferred.fromCoroutine(self._machine.cache.is_there())
        try:
            there = await asked.addTimeout(ANSWERED_WITHIN_S, running_reactor())
        except defer.TimeoutError:
            there = False
        return {"cache": "ok" if there else "down"}

    async def _router(self, told: Callable[[Status], dict[str, State]]) -> dict[str, State]:
        """The router, and each component the gate waits for, as the gate knows them."""
        asked = Deferred.fromCoroutine(self._machine.publisher.call(STATUS.uri))
        try:
            status = STATUS.result.model_validate(await asked.addTimeout(ANSWERED_WITHIN_S, running_reactor()))
        except (TutorwampError, defer.TimeoutError):
            return {"router": "down"}
        return told(status)


def _answer(health: Health) -> Answer:
    return Answer(health, status=200 if health.status == "ok" else 503)


class Seldom:
    """A question that is asked every five seconds at most; who asks meanwhile shares its answer."""

    def __init__(self, ask: Callable[[], Coroutine[Any, Any, bool]], clock: IReactorTime) -> None:
        self._ask = ask
        self._clock = clock
        self._asked_at_s = float("-inf")
        self._answer = False
        self._waiting: list[Deferred[None]] | None = None
        """Who waits for the answer under way; None where none is."""

    async def answer(self) -> bool:
        """The last answer, or the one under way; False where it does not come in time, or fails."""
        if self._waiting is None and self._clock.seconds() - self._asked_at_s >= ASKED_EVERY_S:
            self._waiting, self._asked_at_s = [], self._clock.seconds()
            asked = Deferred.fromCoroutine(self._ask())
            asked.addErrback(lambda _: False).addCallback(self._answered)
        if self._waiting is not None:
            waiting: Deferred[None] = Deferred()
            self._waiting.append(waiting)
            try:
                await waiting.addTimeout(ANSWERED_WITHIN_S, self._clock)
            except defer.TimeoutError:
                return False
        return self._answer

    def _answered(self, answer: bool) -> None:  # a callback has one positional value
        self._answer = answer
        waiting, self._waiting = self._waiting or [], None
        for one in waiting:
            if not one.called:
                one.callback(None)


ALSO: Final = "The same, under the name orchestrators ask for."
HEALTH_ROUTES: Final = (
    Route("GET", "/api/health/live", HealthResource.live, gives=Health, public=True),
    Route("GET", "/api/health", HealthResource.health, gives=Health, public=True),
    Route("GET", "/api/health/ready", HealthResource.health, gives=Health, public=True, meaning=ALSO),
)
