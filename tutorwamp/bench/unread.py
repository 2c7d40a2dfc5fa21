"""``tutorwamp bench unread``: the unread count over REST, from SQL and from the cache, in one run.

A node of its own. In each round people who were never asked about are asked about once (SQL, and the count goes into
the cache), then again (the cache); so both are measured in turn, by the same requests over the same connections to the
REST process's own port, as a proxy in front would make them.
"""

from __future__ import annotations

import re
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from sqlalchemy import Connection, insert
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.protocol import Factory, Protocol

from tutorwamp.app.assembly import Machine
from tutorwamp.app.settings import Settings
from tutorwamp.bench.node import on_node
from tutorwamp.bench.people import add_people
from tutorwamp.kernel.contracts import AuthRole, new_id, utc_now
from tutorwamp.kernel.reactor import running_reactor
from tutorwamp.kernel.sql.streams import append_one, ensure_streams
from tutorwamp.notifications.contracts import Kind, NotificationRead, stream_of
from tutorwamp.notifications.tables import notifications
from tutorwamp.notifications.writing import reading

CONNECTIONS: Final = 16
UNREAD: Final = 20
"""Of each person; as many again are read."""
_QUERIES: Final = re.compile(
    rb"^tutorwamp_database_queries_total"
    rb'\{[^}]*transaction="(?:notifications\.count|accounts\.by_id)"[^}]*\} ([0-9.e+]+)$',
    re.MULTILINE,
)
"""Those of our questions; what the node asks by itself meanwhile is none of their cost."""


_CHUNK: Final = re.compile(rb"(?:^|\r\n)[0-9a-f]+\r\n")
"""What stands before each chunk; neither JSON on one line nor metrics look like it."""


@dataclass(frozen=True)
class Way:
    """One way to the count. Medians over the rounds."""

    name: str
    requests_per_s: float
    queries_per_request: float


@dataclass(frozen=True)
class Result:
    """``ratio``: cached to uncached, the median of the rounds' own ratios."""

    people: int
    rounds: int
    ways: list[Way]
    ratio: float


def run(people: int, rounds: int) -> Result:
    """Run the benchmark; progress goes to standard error. Takes the process's only reactor."""

    async def measure(settings: Settings, tokens: list[str]) -> Result:
        return await _measure(settings.node.rest_port, tokens, people, rounds)

    return on_node(lambda machine: _prepare(machine, people * (rounds + 1)), measure)


async def _prepare(machine: Machine, people: int) -> list[str]:
    """People with notifications; their access tokens."""
    added = await add_people(machine, [AuthRole.STUDENT] * people)
    now = utc_now()

    def thd(connection: Connection) -> None:
        read = NotificationRead(notification_ids=[], read_at=now, unread_count=UNREAD)
        told = {"kind": Kind.LESSON_CHANGED.value, "lesson_id": new_id(), "title": "T", "body": "B", "data": "{}"}
        for user_id in (one.caller.user_id for one in added):
            connection.execute(
                insert(notifications),
                [
                    {"id": new_id(), "user_id": user_id, "source": f"bench {number}", "in_app": True, "created_at": now,
                     "read_at": None if number < UNREAD else now, **told}
                    for number in range(2 * UNREAD)
                ],
            )  # fmt: skip
            ensure_streams(connection, [stream_of(user_id)])
            actor = {"id": user_id, "name": "B", "role": str(AuthRole.STUDENT)}
            append_one(connection, replace(reading(actor, now), data=lambda _seq: read.plain()))

    await machine.database.write("bench.notifications", thd)
    return [one.token for one in added]


async def _measure(port: int, tokens: Sequence[str], people: int, rounds: int) -> Result:
    endpoint = TCP4ClientEndpoint(running_reactor(), "127.0.0.1", port)
    askers: list[Any] = [await endpoint.connect(Factory.forProtocol(Asker)) for _ in range(CONNECTIONS)]
    found: dict[str, list[tuple[float, float]]] = {"uncached": [], "cached": []}
    for number in range(rounds + 1):
        asked = tokens[number * people : (number + 1) * people]
        for measured in found.values():
            before = await _queries(askers[0])
            began_s = time.perf_counter()
            await gatherResults(
                [Deferred.fromCoroutine(_fetch_all(one, asked[place::CONNECTIONS])) for place, one in enumerate(askers)]
            )
            rate = people / (time.perf_counter() - began_s)
            if number:  # the first round warms up
                measured.append((rate, (await _queries(askers[0]) - before) / people))
        print(f"round {number} of {rounds}", file=sys.stderr)  # noqa: T201  # a command's progress
    for one in askers:
        one.transport.loseConnection()
    ways = [
        Way(name, statistics.median(rate for rate, _ in rows), statistics.median(queries for _, queries in rows))
        for name, rows in found.items()
    ]
    ratios = [cached / uncached for (uncached, _), (cached, _) in zip(*found.values(), strict=True)]
    return Result(people, rounds, ways, statistics.median(ratios))


async def _fetch_all(asker: Asker, tokens: Sequence[str]) -> None:
    for token in tokens:
        answer = await asker.fetch("/api/notifications/unread-count", token)
        if answer != b'{"unread_count": %d}' % UNREAD:
            raise AssertionError(f"wrong answer: {answer!r}")


async def _queries(asker: Asker) -> float:
    return sum(map(float, _QUERIES.findall(await asker.fetch("/metrics"))))


class Asker(Protocol):
    """One connection that is kept; one request at a time."""

    def connectionMade(self) -> None:  # noqa: N802  # Twisted's name
        """Nothing is asked yet."""
        self._received = b""
        self._answer: Deferred[bytes] = Deferred()

    def fetch(self, path: str, token: str | None = None) -> Deferred[bytes]:
        """The body of the answer."""
        self._answer = Deferred()
        bearer = f"authorization: Bearer {token}\r\n" if token else ""
        self.transport.write(f"GET {path} HTTP/1.1\r\nhost: x\r\n{bearer}\r\n".encode())  # type: ignore[union-attr]  # connected
        return self._answer

    def dataReceived(self, data: bytes) -> None:  # noqa: N802  # Twisted's name
        """More of an answer."""
        # Klein's answers come in chunks, the last of which is empty.
        self._received += data
        if self._received.endswith(b"\r\n0\r\n\r\n"):
            chunks, self._received = self._received.partition(b"\r\n\r\n")[2], b""
            self._answer.callback(b"".join(_CHUNK.split(chunks)[1:-1]))


def lines(result: Result) -> Iterator[str]:
    """The table."""
    yield f"{result.people} people a round, {result.rounds} rounds, {CONNECTIONS} connections; medians"
    yield f"{'':10}{'requests/s':>12}{'queries':>10}"
    for way in result.ways:
        yield f"{way.name:10}{way.requests_per_s:12.0f}{way.queries_per_request:10.2f}"
    yield f"cached to uncached: {result.ratio:.2f} x"
