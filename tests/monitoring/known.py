"""Which metrics there are: name, kind, meaning and labels, as the code has them and a node tells them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from prometheus_client import REGISTRY, CollectorRegistry
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.metrics_core import Metric

from tutorwamp.app.assembly import Machine
from tutorwamp.app.metrics import collectors
from tutorwamp.gate.contracts import Status
from tutorwamp.gate.counts import GateCollector, gate_registry, traffic
from tutorwamp.kernel.metrics import calls  # noqa: F401  # it counts calls, whose metrics are known then
from tutorwamp.kernel.metrics.process import Build, Pauses
from tutorwamp.kernel.metrics.turns import Turns
from tutorwamp.kernel.recurring import recurring

NEVER_S: Final = 1e9
OURS: Final = "tutorwamp_"
LIBRARYS: Final = (
    "process_cpu_seconds",
    "process_resident_memory_bytes",
    "process_open_fds",
    "process_max_fds",
    "process_start_time_seconds",
)
"""Those of the library that the page names."""
SERIES: Final = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count"), "info": ("_info",), "gauge": ("",)}


@dataclass
class Known:
    """One metric; ``labels`` without those of its buckets."""

    name: str
    kind: str
    meaning: str
    labels: set[str] = field(default_factory=set)

    @property
    def shown(self) -> str:
        """As one looks for it."""
        return self.name + {"counter": "_total", "info": "_info"}.get(self.kind, "")

    def series(self) -> dict[str, set[str]]:
        """The names of its samples with their labels."""
        own = self.labels | {"process"}
        return {self.name + suffix: own | ({"le"} if suffix == "_bucket" else set()) for suffix in SERIES[self.kind]}


def known(machine: Machine) -> dict[str, Known]:
    """All there are, by name. What shows its labels only with a sample is given one."""
    found: dict[str, Known] = {}
    machine.database.counts.of("sample")
    machine.sessions.session_joined({"session": 1, "authrole": "student"})
    loop = recurring.every(NEVER_S, "sample", _nothing)
    status = Status(expected=[], missing=[], still=[], late=[], sessions=0, granted=0)
    parts = (*collectors(machine), traffic, GateCollector(status, 1), Build(), Pauses(), Turns())
    for registry in (REGISTRY, gate_registry, *parts):
        for family in registry.collect():
            _add(found, family)
    loop.stop()
    recurring.forget("sample")
    machine.sessions.session_left(1)
    for registry in (REGISTRY, gate_registry):
        _add_labels(found, registry)
    up = Known("tutorwamp_process_up", "gauge", "Whether the process answered in time.")
    return {**found, up.name: up}


async def _nothing() -> None:
    """Is done again and again."""


def _add(found: dict[str, Known], family: Metric) -> None:
    if family.name.startswith(OURS) or family.name in LIBRARYS:
        one = found.setdefault(family.name, Known(family.name, family.type, family.documentation))
        one.labels |= {label for sample in family.samples for label in sample.labels} - {"le"}


def _add_labels(found: dict[str, Known], registry: CollectorRegistry) -> None:
    """Of those that have not counted anything yet."""
    for collector in list(registry._collector_to_names):  # there is no public way
        if isinstance(collector, MetricWrapperBase) and collector._name in found:  # the same
            found[collector._name].labels |= set(collector._labelnames)  # the same
