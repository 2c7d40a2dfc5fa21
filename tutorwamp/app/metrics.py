"""What this process has counted, as Prometheus reads it. Counters of domains are made where they count."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Final

from prometheus_client import Counter
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from tutorwamp.app.assembly import Machine
from tutorwamp.kernel.metrics.pages import page_of
from tutorwamp.kernel.sql.database import Counts
from tutorwamp.kernel.sql.writers import Writers

RESTARTS: Final = "_TUTORWAMP_RESTARTS"
"""An environment variable of a node's processes: how often the supervisor has started the node again."""

_restarts = Counter("tutorwamp_node_restarts", "How often the node was started again since `tutorwamp up`.")
_restarts.inc(int(os.environ.get(RESTARTS, "0")))

_COUNTED: Final = (
    ("tutorwamp_database_transactions", "Transactions, by name.", "transactions"),
    ("tutorwamp_database_queries", "Queries in them.", "queries"),
    ("tutorwamp_database_retries", "Transactions that were tried again.", "retries"),
    ("tutorwamp_database_waited_seconds", "Time they waited for a thread and a connection.", "waited_s"),
    ("tutorwamp_database_ran_seconds", "Time they ran.", "ran_s"),
)


class DatabaseCollector(Collector):
    """What transactions have cost, by their names."""

    def __init__(self, counts: Counts) -> None:
        self._counts = counts

    def collect(self) -> Iterator[Metric]:
        """One counter for each figure."""
        by_name = dict(self._counts.by_name)
        for name, meaning, figure in _COUNTED:
            family = CounterMetricFamily(name, meaning, labels=["transaction"])
            for transaction, counted in by_name.items():
                family.add_metric([transaction], getattr(counted, figure))
            yield family


class LaneCollector(Collector):
    """How long writes wait, by their lanes."""

    def __init__(self, writers: Writers) -> None:
        self._writers = writers

    def collect(self) -> Iterator[Metric]:
        """One gauge."""
        family = GaugeMetricFamily(
            "tutorwamp_database_write_wait_seconds",
            "How long the first write of a lane has been in it.",
            labels=["lane"],
        )
        for lane, wait_s in self._writers.waits_s().items():
            family.add_metric([lane], wait_s)
        yield family


def page(machine: Machine) -> bytes:
    """All of it, as text."""
    database = machine.database
    return page_of((DatabaseCollector(database.counts), LaneCollector(database.writers)))
