"""What a process with components counts, as Prometheus reads it. Counters of domains are made where they count."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Final

from prometheus_client import Counter
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from tutorwamp.app.assembly import Machine
from tutorwamp.kernel.metrics.disk import DiskCollector
from tutorwamp.kernel.metrics.pages import noted_page
from tutorwamp.kernel.sql.metrics import DatabaseCollector
from tutorwamp.lessons.service import LessonsService
from tutorwamp.sessions.service import SessionsService

RESTARTS: Final = "_TUTORWAMP_RESTARTS"
"""An environment variable of a node's processes: how often the supervisor has started the node again."""

_restarts = Counter("tutorwamp_node_restarts", "How often the node was started again since `tutorwamp up`.")
_restarts.inc(int(os.environ.get(RESTARTS, "0")))


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
