"""The REST root: every domain's door on one Klein app, health, metrics and the reference."""

from __future__ import annotations

from functools import partial
from typing import Any, Final, cast

from prometheus_client import CONTENT_TYPE_LATEST
from twisted.internet.protocol import ServerFactory
from twisted.web.server import Site

from tutorwamp.app.assembly import DOMAINS, Machine
from tutorwamp.app.health import HEALTH_ROUTES, HealthResource
from tutorwamp.app.metrics import noted
from tutorwamp.kernel.edges.admission import Admission
from tutorwamp.kernel.edges.app import make_app, mount
from tutorwamp.kernel.edges.intake import BoundedRequest, Channel
from tutorwamp.kernel.edges.origins import FromGate
from tutorwamp.kernel.edges.resource import Answer, Request, Route, routed_to
from tutorwamp.kernel.metrics.aside import aside
from tutorwamp.kernel.metrics.pages import page_of_all
from tutorwamp.kernel.metrics.sockets import ask_all, worker_name
from tutorwamp.kernel.reactor import running_reactor
from tutorwamp.kernel.tokens import gate_word
from tutorwamp.reference.pages import REFERENCE_ROUTES


async def _metrics(machine: Machine, _request: Request) -> Answer:
    """What the node's processes have counted."""
    name, reactor = worker_name(), running_reactor()
    own = aside(noted(machine), reactor)
    others = await ask_all(machine.settings.node.node_dir, reactor, but=name)
    pages = {name: await own, **others}
    body = await aside(lambda: page_of_all(pages), reactor)
    return Answer(body, headers={"content-type": CONTENT_TYPE_LATEST})


METRICS_ROUTES: Final = (Route("GET", "/metrics", _metrics, gives=CONTENT_TYPE_LATEST, public=True),)
"""For Prometheus, on this process's own port. The gate passes ``/api`` only, so nobody outside may ask."""
PROBES: Final = frozenset(route.name for route in (*HEALTH_ROUTES, *METRICS_ROUTES))
"""What machines ask all day long; nobody wants to read of it."""


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
    gate = machine.settings.gate
    admission = Admission(key, gate.request_body_limit, machine.clock, file_limit=gate.file_bytes)
    resource = FromGate(app.resource(), gate_word(key))
    site: Any = Site(resource, partial(BoundedRequest, admission))
    site.protocol = Channel
    site.displayTracebacks = False
    site.log = lambda _request: None  # a call has a line of its own; Twisted's tells the query, and what people search
    return cast("ServerFactory", site)  # Twisted types its own Site as none
