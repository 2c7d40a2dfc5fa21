"""``tutorwamp bench watched``: what it costs chat that a node is logged, counted and traced.

A node with everything off and one with everything on as it is by default run side by side; with ``--traced`` calls of
the second are traced as well, so many of a hundred. Rounds of ``chat.send`` alternate between them, so that the
machine's moods hit both; medians are told. Two nodes only: what a third one exports later would be counted in another's
round.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, Final

import treq
from twisted.internet.defer import Deferred

from tutorwamp.app import demo
from tutorwamp.app.settings import Settings
from tutorwamp.bench.chat import BODY, Contender, member, one_by_one, rate
from tutorwamp.bench.node import on_nodes, processes
from tutorwamp.kernel.contracts import new_id

OFF: Final = {
    "TUTORWAMP_REQUEST_LOGGING": "off",
    "TUTORWAMP_SLOW_QUERY_LOGGING": "off",
    "TUTORWAMP_METRICS": "off",
    "TUTORWAMP_TRACING_URL": "",
}
ON: Final = {
    "TUTORWAMP_REQUEST_LOGGING": "on",
    "TUTORWAMP_SLOW_QUERY_LOGGING": "on",
    "TUTORWAMP_METRICS": "on",
    "TUTORWAMP_TRACING_URL": "",
}


@dataclass(frozen=True)
class Watched:
    """Medians over the rounds of one node; ``of_off``: its rate beside the one with everything off, round by round."""

    name: str
    calls_per_s: float
    of_off: float
    p50_ms: float
    cpu_ms: float


class _Collector(BaseHTTPRequestHandler):
    """Takes traces, and forgets them."""

    def do_POST(self) -> None:  # the library's name
        """One batch."""
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


def run(rounds: int, calls: int, *, traced: int | None) -> list[Watched]:
    """Run the benchmark; progress goes to standard error. Takes the process's only reactor.

    ``traced``: so many of a hundred calls, for which the extra is needed; none where it is null.
    """
    with ThreadingHTTPServer(("127.0.0.1", 0), _Collector) as collector:
        Thread(target=collector.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{collector.server_port}/v1/traces"
        tracing = {"TUTORWAMP_TRACING_URL": url, "TUTORWAMP_TRACING_PERCENT": str(traced)}
        variants = {"off": OFF, "on": ON if traced is None else {**ON, **tracing}}

        async def measure(nodes: Sequence[Settings]) -> list[Watched]:
            return await _measure(dict(zip(variants, nodes, strict=True)), rounds, calls)

        try:
            return on_nodes(list(variants.values()), demo.prepare, measure)
        finally:
            collector.shutdown()


async def _measure(nodes: dict[str, Settings], rounds: int, calls: int) -> list[Watched]:
    contenders = {name: await _contender(name, settings) for name, settings in nodes.items()}
    rates: dict[str, list[float]] = {name: [] for name in nodes}
    p50s: dict[str, list[float]] = {name: [] for name in nodes}
    cpu: dict[str, list[float]] = {name: [] for name in nodes}
    for number in range(rounds + 1):
        for name, contender in contenders.items():
            before_s = sum(process.cpu_s for process in processes())
            per_s = await rate(contender, calls)
            used_s = sum(process.cpu_s for process in processes()) - before_s
            times = await one_by_one(contender, calls // 10)
            page = await treq.get(f"http://127.0.0.1:{nodes[name].node.rest_port}/metrics")
            await page.content()
            if number:  # the first round warms up
                rates[name].append(per_s)
                cpu[name].append(used_s / calls * 1000)
                p50s[name].append(statistics.median(times) * 1000)
                print(f"round {number} {name}: {per_s:.0f}/s", file=sys.stderr)  # noqa: T201  # progress
    return [
        Watched(
            name,
            statistics.median(rates[name]),
            statistics.median(one / off for one, off in zip(rates[name], rates["off"], strict=True)),
            statistics.median(p50s[name]),
            statistics.median(cpu[name]),
        )
        for name in nodes
    ]


async def _contender(name: str, settings: Settings) -> Contender:
    sender, receiver = await member(settings, 0), await member(settings, 1)
    lesson_id = (await sender.call("tutorwamp.lesson.list"))["items"][0]["id"]
    await sender.join(lesson_id)
    heard = await receiver.join(lesson_id)

    def send(_number: int) -> Any:
        said = {"lesson_id": lesson_id, "body": BODY, "client_id": new_id()}
        return Deferred.fromCoroutine(sender.call("tutorwamp.chat.send", **said))

    contender = Contender(name, send)
    await heard.on("message.created", contender.hear)
    return contender


def lines(rows: Sequence[Watched]) -> Iterator[str]:
    """The rows for a person."""
    yield f"{'':<4} {'calls/s':>9} {'x off':>7} {'p50 ms':>8} {'cpu ms':>7}"
    for row in rows:
        yield f"{row.name:<4} {row.calls_per_s:>9.0f} {row.of_off:>7.3f} {row.p50_ms:>8.2f} {row.cpu_ms:>7.3f}"
