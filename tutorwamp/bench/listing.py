"""``tutorwamp bench lesson-list``: a person's lessons over REST, beside the smallest answer that REST gives.

The requests go over the same connections to the REST process's own port, in turn: one page of fifty lessons, of
somebody who has many, and ``/api/health/live``, which asks the router and no database.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.protocol import Factory

from tutorwamp.app.assembly import Machine
from tutorwamp.app.settings import Settings
from tutorwamp.bench.node import on_node
from tutorwamp.bench.people import add_people
from tutorwamp.bench.unread import CONNECTIONS, Asker
from tutorwamp.kernel.contracts import AuthRole, utc_now
from tutorwamp.kernel.reactor import running_reactor
from tutorwamp.lessons.contracts import CreateLesson

PAGE: Final = 50
PATHS: Final = {"floor": "/api/health/live", "lesson list": f"/api/lessons?limit={PAGE}"}


@dataclass(frozen=True)
class Way:
    """Medians over the rounds."""

    name: str
    requests_per_s: float
    to_floor: float
    p50_ms: float
    """One request at a time on each connection."""


def run(lessons: int, requests: int, rounds: int) -> list[Way]:
    """Run the benchmark; progress goes to standard error. Takes the process's only reactor."""

    async def prepare(machine: Machine) -> str:
        tutor, student = await add_people(machine, [AuthRole.TUTOR, AuthRole.STUDENT])
        now = utc_now()
        for number in range(lessons):
            begins = now + timedelta(hours=1 + number)
            ends, students = begins + timedelta(minutes=45), [student.caller.user_id]
            planned = CreateLesson(title=f"Lesson {number}", student_ids=students, starts_at=begins, ends_at=ends)
            await machine.lessons.create(tutor.caller, planned)
        return tutor.token

    async def measure(settings: Settings, token: str) -> list[Way]:
        return await _measure(settings.node.rest_port, token, min(lessons, PAGE), requests, rounds)

    return on_node(prepare, measure)


async def _measure(port: int, token: str, expected: int, requests: int, rounds: int) -> list[Way]:
    endpoint = TCP4ClientEndpoint(running_reactor(), "127.0.0.1", port)
    askers: list[Any] = [await endpoint.connect(Factory.forProtocol(Asker)) for _ in range(CONNECTIONS)]
    rates: dict[str, list[float]] = {name: [] for name in PATHS}
    p50s: dict[str, list[float]] = {name: [] for name in PATHS}
    page = json.loads(await askers[0].fetch(PATHS["lesson list"], token))
    if len(page["items"]) != expected:
        raise AssertionError(f"{len(page['items'])} lessons, and not {expected}")
    for number in range(rounds + 1):
        for name, path in PATHS.items():
            times: list[float] = []
            began_s = time.perf_counter()
            share = requests // CONNECTIONS
            await gatherResults([Deferred.fromCoroutine(_ask(one, path, token, share, times)) for one in askers])
            if number:  # the first round warms up
                rates[name].append(len(times) / (time.perf_counter() - began_s))
                p50s[name].append(statistics.median(times) * 1000)
        print(f"round {number} of {rounds}", file=sys.stderr)  # noqa: T201  # a command's progress
    for one in askers:
        one.transport.loseConnection()
    return [
        Way(
            name,
            statistics.median(rates[name]),
            statistics.median(one / floor for one, floor in zip(rates[name], rates["floor"], strict=True)),
            statistics.median(p50s[name]),
        )
        for name in PATHS
    ]


async def _ask(asker: Asker, path: str, token: str, requests: int, times: list[float]) -> None:
    for _ in range(requests):
        began_s = time.perf_counter()
        await asker.fetch(path, token)
        times.append(time.perf_counter() - began_s)


def lines(rows: Sequence[Way]) -> Iterator[str]:
    """The rows for a person."""
    yield f"{'':<12} {'requests/s':>11} {'x floor':>8} {'p50 ms':>8}"
    for row in rows:
        yield f"{row.name:<12} {row.requests_per_s:>11.0f} {row.to_floor:>8.2f} {row.p50_ms:>8.2f}"
