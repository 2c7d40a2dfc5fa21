"""What a process does again and again. Whatever fails, it goes on, is counted, and one knows when it last went well."""

from __future__ import annotations

import time
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, Final

from prometheus_client import REGISTRY, Counter
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.python.failure import Failure

from tutorwamp.kernel.log.lines import get_logger

log = get_logger(__name__)

LATE_AFTER_ROUNDS: Final = 3
LATE_AFTER_AT_LEAST_S: Final = 60.0
"""Work that has not gone well for so long, and for so many rounds, is late: a restart of the database is shorter."""

failures = Counter("tutorwamp_recurring_failures", "Recurring work that failed and will be done again.", ["work"])


class Recurring:
    """All recurring work of a process. ``now_s``: a clock that never goes back; ``reactor``: Twisted's where unset."""

    def __init__(self, now_s: Callable[[], float] = time.monotonic, reactor: IReactorTime | None = None) -> None:
        self._now_s = now_s
        self._reactor = reactor
        self._went_well_at: dict[str, float] = {}
        self._due_every: dict[str, float] = {}

    def every(
        self, interval_s: float, name: str, work: Callable[[], Coroutine[Any, Any, object]], *, now: bool = False
    ) -> LoopingCall:
        """Do it again and again; where it fails it is logged, and done again next time."""
        self._went_well_at[name], self._due_every[name] = self._now_s(), interval_s
        failures.labels(name)  # known from the beginning: Prometheus sees no growth in the first of a kind

        async def once() -> None:
            await work()
            if name in self._went_well_at:
                self._went_well_at[name] = self._now_s()

        def failed(failure: Failure) -> None:
            failures.labels(name).inc()
            log.warning("recurring work failed", work=name, error=repr(failure.value))

        loop = LoopingCall(lambda: Deferred.fromCoroutine(once()).addErrback(failed))
        loop.clock = self._reactor or loop.clock
        loop.start(interval_s, now=now)
        return loop

    def forget(self, name: str) -> None:
        """It is not done any more."""
        self._went_well_at.pop(name, None)

    def ages_s(self) -> dict[str, float]:
        """How long ago each last went well."""
        now_s = self._now_s()
        # A copy: metrics are written in a thread.
        return {name: now_s - at_s for name, at_s in dict(self._went_well_at).items()}

    def intervals_s(self) -> dict[str, float]:
        """How often each of them is due."""
        return {name: self._due_every[name] for name in dict(self._went_well_at)}

    def late(self) -> list[str]:
        """What should have gone well again by now."""
        return [
            name
            for name, age_s in self.ages_s().items()
            if age_s > max(LATE_AFTER_AT_LEAST_S, LATE_AFTER_ROUNDS * self._due_every[name])
        ]


recurring = Recurring()
"""This process's."""


class _Ages(Collector):
    def collect(self) -> Iterator[Metric]:
        family = GaugeMetricFamily(
            "tutorwamp_recurring_age_seconds", "Since recurring work last went well.", labels=["work"]
        )
        for name, age_s in recurring.ages_s().items():
            family.add_metric([name], age_s)
        yield family
        intervals = GaugeMetricFamily(
            "tutorwamp_recurring_interval_seconds", "How often recurring work is due.", labels=["work"]
        )
        for name, interval_s in recurring.intervals_s().items():
            intervals.add_metric([name], interval_s)
        yield intervals


REGISTRY.register(_Ages())
