"""What a process is and how its memory is cleaned up: the build, and the pauses of Python's garbage collection.

Memory, processor time and open files come with the library (``process_…``).
"""

from __future__ import annotations

import gc
import platform
import time
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from importlib import metadata
from typing import Any, Final

from prometheus_client.core import HistogramMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import REGISTRY, Collector

from tutorwamp import __version__

PAUSES_S: Final = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)
_LIBRARIES: Final = ("crossbar", "autobahn", "twisted", "sqlalchemy")


class Tally:
    """A histogram that one thread counts, or a place where no lock may be taken: a garbage collection is one."""

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0

    def observe(self, value: float) -> None:
        """One more."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self._sum += value

    def add_to(self, family: HistogramMetricFamily, labels: Sequence[str]) -> None:
        """As the library wants it: each bucket with all below it."""
        total = 0
        buckets: list[tuple[str, float]] = []
        for bound, count in zip((*map(str, self._bounds), "+Inf"), list(self._counts), strict=True):
            total += count
            buckets.append((bound, total))
        family.add_metric(labels, buckets, self._sum)


class Build(Collector):
    """Which program runs here."""

    def __init__(self) -> None:
        versions = {name: metadata.version(name) for name in _LIBRARIES}
        self._what = {"version": __version__, "python": platform.python_version(), **versions}

    def collect(self) -> Iterator[Metric]:
        """One sample, always 1."""
        yield InfoMetricFamily("tutorwamp_build", "The versions that run.", value=self._what)


class Pauses(Collector):
    """How long the garbage collections took, by generation; nothing else is done meanwhile."""

    def __init__(self) -> None:
        self._tallies = [Tally(PAUSES_S) for _ in range(3)]
        self._began_s = 0.0

    def noticed(self, phase: str, what: dict[str, Any]) -> None:
        """Told by Python, in whichever thread it happens; only one collects at a time."""
        if phase == "start":
            self._began_s = time.perf_counter()
        else:
            self._tallies[what["generation"]].observe(time.perf_counter() - self._began_s)

    def collect(self) -> Iterator[Metric]:
        """One histogram."""
        family = HistogramMetricFamily(
            "tutorwamp_gc_pause_seconds", "How long garbage collections took.", labels=["generation"]
        )
        for generation, tally in enumerate(self._tallies):
            tally.add_to(family, [str(generation)])
        yield family


def watch_process() -> None:
    """Count it from now on; once a process."""
    pauses = Pauses()
    gc.callbacks.append(pauses.noticed)
    REGISTRY.register(pauses)
    REGISTRY.register(Build())
