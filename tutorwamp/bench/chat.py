"""``tutorwamp bench chat``: chat.send beside the same router alone.

The node has the floor component (``floor.py``) in a second container. Two members of one lesson are connected
from this process; rounds of floor and chat alternate, so that the machine's moods hit both, and medians of rounds are
told.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any, Final

from twisted.internet import reactor, task
from twisted.internet.defer import Deferred, gatherResults

from tutorwamp.app import demo
from tutorwamp.app.settings import Settings
from tutorwamp.bench import floor
from tutorwamp.bench.node import on_node, processes
from tutorwamp.client import Client, Event
from tutorwamp.kernel.contracts import new_id

IN_FLIGHT: Final = 64
"""Calls under way at once in the rate rounds; the figure of design.md section 8."""
BODY: Final = "What is three quarters of two thirds? " * 2
"""76 characters: a sentence, as people write."""


@dataclass(frozen=True)
class Measured:
    """Medians over the rounds of one contender."""

    name: str
    calls_per_s: float
    """Acknowledged, with IN_FLIGHT under way, and delivered to the other member."""
    p50_ms: float
    """One call in flight."""
    p99_ms: float
    cpu_ms: float
    """Processor time of all the node's processes for one call of a rate round; steadier than the clock."""


@dataclass
class Contender:
    """What is called, and where its events arrive."""

    name: str
    call: Callable[[int], Awaitable[Any]]
    heard: int = 0
    delivers: bool = True

    def hear(self, _event: Event) -> None:
        """Count a delivery."""
        self.heard += 1


def run(rounds: int, calls: int) -> list[Measured]:
    """Run the benchmark; progress goes to standard error. Takes the process's only reactor."""

    async def measure(settings: Settings, _: str) -> list[Measured]:
        return await _measure(settings, rounds, calls)

    return on_node(demo.prepare, measure, with_floor=True)


async def _measure(settings: Settings, rounds: int, calls: int) -> list[Measured]:
    sender, receiver = await member(settings, 0), await member(settings, 1)
    lesson_id = (await sender.call("tutorwamp.lesson.list"))["items"][0]["id"]
    await sender.join(lesson_id)
    heard_lesson = await receiver.join(lesson_id)
    for client in (sender, receiver):
        await client.call(floor.ENTER, lesson_id=lesson_id)
    arguments = {"lesson_id": lesson_id, "body": BODY}
    contenders = [
        Contender("RPC only", lambda _: sender.call(floor.ECHO, **arguments), delivers=False),
        Contender("floor", lambda _: sender.call(floor.SAY, **arguments, client_id=new_id())),
        Contender("chat.send", lambda _: sender.call("tutorwamp.chat.send", **arguments, client_id=new_id())),
    ]
    await receiver.connection.subscribe(floor.topic_of(lesson_id), contenders[1].hear)
    await heard_lesson.on("message.created", contenders[2].hear)
    rates: dict[str, list[float]] = {contender.name: [] for contender in contenders}
    cpu: dict[str, list[float]] = {contender.name: [] for contender in contenders}
    latencies: dict[str, list[list[float]]] = {contender.name: [] for contender in contenders}
    for number in range(rounds + 1):
        for contender in contenders:
            cpu_before_s = _node_cpu_s()
            per_s = await rate(contender, calls)
            cpu_s = _node_cpu_s() - cpu_before_s
            times = await one_by_one(contender, calls // 10)
            if number:  # the first round warms up
                rates[contender.name].append(per_s)
                cpu[contender.name].append(cpu_s / calls * 1000)
                latencies[contender.name].append(times)
                print(f"round {number} {contender.name}: {per_s:.0f}/s", file=sys.stderr)  # noqa: T201  # progress
    for client in (sender, receiver):
        await client.close()
    return [
        Measured(
            name,
            statistics.median(rates[name]),
            statistics.median(statistics.median(times) for times in latencies[name]) * 1000,
            statistics.median(statistics.quantiles(times, n=100)[98] for times in latencies[name]) * 1000,
            statistics.median(cpu[name]),
        )
        for name in rates
    ]


async def member(settings: Settings, who: int) -> Client:
    """One of the demonstration's people, connected."""
    client = Client(f"http://127.0.0.1:{settings.node.port}")
    await client.log_in(demo.PEOPLE[who][0], demo.PASSWORD)
    await client.open()
    return client


async def rate(contender: Contender, calls: int) -> float:
    """Acknowledged and delivered calls in a second."""
    contender.heard = 0
    began_at = time.monotonic()
    cooperator = task.Cooperator()
    work = (Deferred.fromCoroutine(_awaited(contender.call(number))) for number in range(calls))
    await gatherResults([cooperator.coiterate(work) for _ in range(IN_FLIGHT)], consumeErrors=True)
    while contender.delivers and contender.heard < calls:
        await task.deferLater(reactor, 0.001)
    return calls / (time.monotonic() - began_at)


async def one_by_one(contender: Contender, calls: int) -> list[float]:
    """Seconds from call to answer, one in flight."""
    times = []
    for number in range(calls):
        began_at = time.monotonic()
        await contender.call(number)
        times.append(time.monotonic() - began_at)
    return times


def _node_cpu_s() -> float:
    """Seconds of processor time of all processes below this one."""
    return sum(process.cpu_s for process in processes())


async def _awaited(answer: Awaitable[Any]) -> Any:
    return await answer


def as_rows(measured: list[Measured]) -> list[dict[str, Any]]:
    """The results with their ratios to the floor (rate) and to the bare RPC (latency)."""
    rpc, base = measured[0], measured[1]
    return [
        {
            **asdict(contender),
            "rate_to_floor": contender.calls_per_s / base.calls_per_s,
            "p50_to_rpc": contender.p50_ms / rpc.p50_ms,
        }
        for contender in measured
    ]


def lines(rows: list[dict[str, Any]]) -> Iterator[str]:
    """The rows for a person."""
    yield f"{'':<10} {'calls/s':>9} {'x floor':>8} {'p50 ms':>8} {'p99 ms':>8} {'x RPC':>6} {'cpu ms':>7}"
    for row in rows:
        yield (
            f"{row['name']:<10} {row['calls_per_s']:>9.0f} {row['rate_to_floor']:>8.2f} {row['p50_ms']:>8.2f} "
            f"{row['p99_ms']:>8.2f} {row['p50_to_rpc']:>6.2f} {row['cpu_ms']:>7.3f}"
        )
