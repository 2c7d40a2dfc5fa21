"""``/api/health`` as REST answers it; where it does not, the gate does (``gate/health.py``)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from twisted.internet import defer
from twisted.internet.defer import Deferred

from tutorwamp.app.assembly import Machine
from tutorwamp.gate.contracts import STATUS, Health, State, Status
from tutorwamp.gate.health import able, alive, health_of
from tutorwamp.kernel.edges.resource import Answer, Request, Route
from tutorwamp.kernel.errors import TutorwampError
from tutorwamp.kernel.reactor import running_reactor
from tutorwamp.kernel.seldom import Seldom
from tutorwamp.kernel.sql.probe import ANSWERED_WITHIN_S


class HealthResource:
    """``/api/health``: for load balancers, supervisors and people."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._pictures = Seldom(machine.pictures.is_there, ANSWERED_WITHIN_S, running_reactor())

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


ALSO: Final = "The same, under the name orchestrators ask for."
HEALTH_ROUTES: Final = (
    Route("GET", "/api/health/live", HealthResource.live, gives=Health, public=True),
    Route("GET", "/api/health", HealthResource.health, gives=Health, public=True),
    Route("GET", "/api/health/ready", HealthResource.health, gives=Health, public=True, meaning=ALSO),
)
