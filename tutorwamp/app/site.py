"""The REST root: every domain's door on one Klein app, and health."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from functools import partial
from typing import Any, Final, cast

from prometheus_client import CONTENT_TYPE_LATEST
from twisted.internet import defer
from twisted.internet.defer import Deferred
from twisted.internet.protocol import ServerFactory
from twisted.web.resource import IResource, Resource
from twisted.web.server import Site

from tutorwamp.app.assembly import DOMAINS, Machine
from tutorwamp.app.metrics import page
from tutorwamp.gate.contracts import STATUS, Health, State, Status
from tutorwamp.gate.health import able, alive, health_of
from tutorwamp.kernel.edges.app import make_app, mount
from tutorwamp.kernel.edges.intake import Admission, BoundedRequest, Channel
from tutorwamp.kernel.edges.origins import CrossOrigin
from tutorwamp.kernel.edges.resource import Answer, Request, Route, routed_to
from tutorwamp.kernel.errors import TutorwampError
from tutorwamp.kernel.metrics.pages import page_of_all
from tutorwamp.kernel.metrics.sockets import ask_all, worker_name
from tutorwamp.kernel.reactor import running_reactor
from tutorwamp.kernel.sql.probe import ANSWERED_WITHIN_S
from tutorwamp.kernel.tokens import GATE_HEADER, gate_word
from tutorwamp.reference.pages import REFERENCE_ROUTES


class HealthResource:
    """``/api/health``: for load balancers, supervisors and people."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    async def live(self, _request: Request) -> Answer:
        """200 where every process shows life, else 503: the router, and the process of each component that has come."""
        return _answer(health_of(await self._router(alive)))

    async def health(self, _request: Request) -> Answer:
        """200 where calls work, else 503, with the state of each dependency."""
        # All at once: whoever asks the gate is answered within two seconds.
        router, cache = Deferred.fromCoroutine(self._router(able)), Deferred.fromCoroutine(self._cache())
        found = health_of({"database": await self._database(), **self._writers(), **await router})
        # Without it everything is answered all the same: it is told, and makes nobody stay away.
        return _answer(Health(status=found.status, dependencies={**found.dependencies, **await cache}))

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


async def _metrics(machine: Machine, _request: Request) -> Answer:
    """What the node's processes have counted."""
    name = worker_name()
    others = await ask_all(machine.settings.node.node_dir, running_reactor(), but=name)
    body = page_of_all({name: page(machine), **others})
    return Answer(body, headers={"content-type": CONTENT_TYPE_LATEST})


ALSO: Final = "The same, under the name orchestrators ask for."
HEALTH_ROUTES: Final = (
    Route("GET", "/api/health/live", HealthResource.live, gives=Health, public=True),
    Route("GET", "/api/health", HealthResource.health, gives=Health, public=True),
    Route("GET", "/api/health/ready", HealthResource.health, gives=Health, public=True, meaning=ALSO),
)
METRICS_ROUTES: Final = (Route("GET", "/metrics", _metrics, gives=CONTENT_TYPE_LATEST, public=True),)
PROBES: Final = frozenset(route.name for route in (*HEALTH_ROUTES, *METRICS_ROUTES))
"""What machines ask all day long; nobody wants to read of it."""
"""For Prometheus, on this process's own port. The gate passes ``/api`` only, so nobody outside may ask."""


class FromGate(Resource):
    """Lets only the gate say where a request comes from; whoever comes past it is at the address of the connection."""

    isLeaf = True  # noqa: N815  # Twisted's name

    def __init__(self, inner: IResource, word: bytes) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Twisted's
        self._inner = inner
        self._word = word

    def render(self, request: Any) -> Any:
        """Twisted asks this for every method."""
        if not hmac.compare_digest(request.getHeader(GATE_HEADER.encode()) or b"", self._word):
            request.requestHeaders.removeHeader(b"x-forwarded-for")
        return self._inner.render(request)


def make_site(machine: Machine) -> ServerFactory:
    """Everything REST answers."""
    app = make_app()
    table = (
        *routed_to(HealthResource(machine), HEALTH_ROUTES),
        *routed_to(machine, METRICS_ROUTES),
        *routed_to(None, REFERENCE_ROUTES),
        *(route for domain in DOMAINS for route in domain.rest(machine)),
    )
    mount(app, table, machine.accounts.authenticate, machine.limits)
    node = machine.settings.node
    key = node.signing_key()
    admission = Admission(key, machine.settings.gate.request_body_limit, machine.clock)
    resource = FromGate(CrossOrigin(app.resource(), node.allowed_origins), gate_word(key))
    site: Any = Site(resource, partial(BoundedRequest, admission))
    site.protocol = Channel
    site.displayTracebacks = False
    site.log = lambda _request: None  # a call has a line of its own; Twisted's tells the query, and what people search
    return cast("ServerFactory", site)  # Twisted types its own Site as none
