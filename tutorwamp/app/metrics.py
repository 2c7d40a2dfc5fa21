"""What a process with components counts, as Prometheus reads it. Counters of domains are made where they count."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from prometheus_client import Counter
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from tutorwamp.app.assembly import Machine
from tutorwamp.kernel.metrics.pages import noted_page
from tutorwamp.kernel.sql.database import Database
from tutorwamp.lessons.service import LessonsService
from tutorwamp.sessions.service import SessionsService

RESTARTS: Final = "_TUTORWAMP_RESTARTS"
"""An environment variable of a node's processes: how often the supervisor has started the node again."""

_restarts = Counter("tutorwamp_node_restarts", "How often the node was started again since `tutorwamp up`.")
_restarts.inc(int(os.environ.get(RESTARTS, "0")))

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


class PeopleCollector(Collector):
    """Who is where, and for how long nothing was heard. Other containers than theirs see nobody."""

    def __init__(self, lessons: LessonsService, sessions: SessionsService) -> None:
        self._lessons = lessons
        self._sessions = sessions

    def collect(self) -> Iterator[Metric]:
        """Gauges."""
        lessons, people = self._lessons.occupied()
        yield GaugeMetricFamily("tutorwamp_lessons_occupied", "Lessons with people in them.", value=lessons)
        yield GaugeMetricFamily("tutorwamp_people_in_lessons", "People in lessons.", value=people)
        silent_s = self._sessions.silent_s()
        if silent_s is None:
            return
        last_s, longest_s = silent_s
        meaning = "Since the last heartbeat of anybody."
        yield GaugeMetricFamily("tutorwamp_heartbeat_last_age_seconds", meaning, value=last_s)
        meaning = "Since the last heartbeat of the session that is silent for longest; 0: there is none."
        yield GaugeMetricFamily("tutorwamp_heartbeat_oldest_age_seconds", meaning, value=longest_s)


class DiskCollector(Collector):
    """What is left on the disk of the data folder."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir

    def collect(self) -> Iterator[Metric]:
        """Two gauges; none where there is no folder."""
        try:
            found = shutil.disk_usage(self._data_dir)
        except OSError:
            return
        yield GaugeMetricFamily("tutorwamp_data_free_bytes", "Free on the data folder's disk.", value=found.free)
        yield GaugeMetricFamily("tutorwamp_data_size_bytes", "Size of the data folder's disk.", value=found.total)


def _by(name: str, meaning: str, label: str, values: dict[str, float]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, meaning, labels=[label])
    for one, value in values.items():
        family.add_metric([one], value)
    return family


def collectors(machine: Machine) -> list[Collector]:
    """Of what this machine knows; counters are the process's."""
    return [
        DatabaseCollector(machine.database),
        PeopleCollector(machine.lessons, machine.sessions),
        DiskCollector(machine.settings.node.data_dir),
    ]


def noted(machine: Machine) -> Callable[[], bytes]:
    """All of it as it is now, to be written in any thread."""
    return noted_page(collectors(machine))
