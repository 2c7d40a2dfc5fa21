"""What a database does, as Prometheus reads it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from tutorwamp.kernel.sql.database import Database

_COUNTED: Final = (
    ("tutorwamp_database_transactions", "Transactions, by name.", "transactions"),
    ("tutorwamp_database_queries", "Queries, by transaction.", "queries"),
    ("tutorwamp_database_retries", "Second and further tries, by transaction.", "retries"),
)


class DatabaseCollector(Collector):
    """What transactions have cost, by their names, and what waits, by its lane."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def collect(self) -> Iterator[Metric]:
        """Counters by transaction; gauges of what is so now."""
        by_name = dict(self._database.counts.by_name)
        for name, meaning, figure in _COUNTED:
            family = CounterMetricFamily(name, meaning, labels=["transaction"])
            for transaction, counted in by_name.items():
                family.add_metric([transaction], getattr(counted, figure))
            yield family
        waits, outages = self._database.writers.waits_s(), self._database.outages.going_on_s()
        meaning = "How long the first write of a lane has been in it."
        yield _by("tutorwamp_database_write_wait_seconds", meaning, "lane", waits)
        meaning = "Since the database does not do this kind of work; 0: it does."
        everybodys = {"reads": 0.0, "writes": 0.0}
        yield _by("tutorwamp_database_outage_seconds", meaning, "what", {**everybodys, **outages})
        meaning = "Reads that wait for their turn."
        yield GaugeMetricFamily("tutorwamp_database_reads_waiting", meaning, value=self._database.reads_waiting())
        pool: Any = self._database.engine.pool
        meaning = "Connections to the database, by whether they are in use."
        states = {"used": pool.checkedout(), "idle": pool.checkedin()}
        yield _by("tutorwamp_database_connections", meaning, "state", states)


def _by(name: str, meaning: str, label: str, values: dict[str, float]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, meaning, labels=[label])
    for one, value in values.items():
        family.add_metric([one], value)
    return family
