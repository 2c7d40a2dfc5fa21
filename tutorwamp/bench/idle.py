"""``tutorwamp bench idle``: how long a node takes to be ready, and what it costs when nobody is there.

The node is ``tutorwamp up`` as an operator runs it, supervisor included. It starts once to make its data folder, then
the start that counts; its memory is looked at from the first moment to the last.
"""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tutorwamp.bench.node import free_port, processes

LOOK_EVERY_S: Final = 0.2
"""At its memory: a look takes the kernel a few milliseconds a process, which would slow the start."""
READY_WITHIN_S: Final = 120.0
"""A busy machine takes twenty; one that takes longer has no figure."""
SETTLED_AFTER_S: Final = 5.0
"""From ready on: what a start leaves to be done is done by then."""
SUPERVISOR: Final = "supervisor"


@dataclass(frozen=True)
class Costs:
    """Of one process, or of all."""

    cpu_s: float
    pss_mib: float
    """Pages that several processes have count for each by its share, so that the sum is what the machine gives."""
    rss_mib: float


@dataclass(frozen=True)
class Idle:
    """What was found."""

    ready_s: float
    ready_cpu_s: float
    """Of all processes, until it was ready."""
    peak_pss_mib: float
    peak_rss_mib: float
    watched_s: float
    cpu_percent: dict[str, float]
    """Of one core, by process, while nobody was there."""
    pss_mib: dict[str, float]
    rss_mib: dict[str, float]


def run(seconds: float) -> Idle:
    """Start a node twice, and watch the second for so long."""
    with tempfile.TemporaryDirectory(prefix="tw-bench-") as folder:
        with _up(Path(folder)) as making:
            _watched(making, until_ready=True)
        began_at = time.monotonic()
        with _up(Path(folder)) as node:
            peak = _watched(node, until_ready=True)
            ready_s, ready = time.monotonic() - began_at, _costs()
            peak = _larger(peak, _watched(node, SETTLED_AFTER_S))
            before, since = _costs(), time.monotonic()
            peak = _larger(peak, _watched(node, seconds))
            after, watched_s = _costs(), time.monotonic() - since
    return Idle(
        ready_s=ready_s,
        ready_cpu_s=_sum(ready).cpu_s,
        peak_pss_mib=peak.pss_mib,
        peak_rss_mib=peak.rss_mib,
        watched_s=watched_s,
        cpu_percent={name: (one.cpu_s - before[name].cpu_s) / watched_s * 100 for name, one in after.items()},
        pss_mib={name: one.pss_mib for name, one in after.items()},
        rss_mib={name: one.rss_mib for name, one in after.items()},
    )


@contextlib.contextmanager
def _up(folder: Path) -> Iterator[int]:
    """One that runs until the end of the ``with``; the descriptor by which it says that it is ready."""
    command = [sys.executable, "-m", "tutorwamp", "up", f"--port={free_port()}", f"--data={folder}"]
    environment = {**os.environ, "TUTORWAMP_REST_PORT": str(free_port())}
    heard, says = os.pipe()
    with subprocess.Popen(command, env=environment, stdout=says) as node:  # noqa: S603  # our own arguments
        os.close(says)
        try:
            yield heard
        finally:
            node.terminate()
            os.close(heard)


def _watched(node: int, seconds: float = READY_WITHIN_S, *, until_ready: bool = False) -> Costs:
    """Look at its memory for so long, or until it says that it is ready; the most that it had."""
    peak, until, said = Costs(0, 0, 0), time.monotonic() + seconds, b""
    while (left := until - time.monotonic()) > 0:
        with contextlib.suppress(OSError):  # one has ended while we looked
            peak = _larger(peak, _sum(_costs()))
        if select.select([node], [], [], min(LOOK_EVERY_S, left))[0]:
            come = os.read(node, 4096)
            if not come:
                raise SystemExit("the node ended")
            said += come
        if until_ready and b"ready http" in said:
            return peak
    if until_ready:
        raise SystemExit(f"the node was not ready after {seconds:g} s")
    return peak


def _costs() -> dict[str, Costs]:
    """By process; the container's helpers count as its own do."""
    found: dict[str, Costs] = {}
    for process in processes():
        name = SUPERVISOR if process.kind == "other" and SUPERVISOR not in found else process.kind
        rollup = Path(f"/proc/{process.pid}/smaps_rollup").read_text().splitlines()
        kilobytes = Counter({line.split(":")[0]: int(line.split()[1]) for line in rollup[1:]})
        now = Costs(process.cpu_s, kilobytes["Pss"] / 1024, kilobytes["Rss"] / 1024)
        found[name] = _sum({"so far": found[name], "this": now}) if name in found else now
    return found


def _sum(costs: Mapping[str, Costs]) -> Costs:
    every = costs.values()
    return Costs(sum(one.cpu_s for one in every), sum(one.pss_mib for one in every), sum(one.rss_mib for one in every))


def _larger(one: Costs, other: Costs) -> Costs:
    return Costs(0, max(one.pss_mib, other.pss_mib), max(one.rss_mib, other.rss_mib))


def lines(idle: Idle) -> list[str]:
    """For people."""
    by_process = [
        f"{name:12} {cpu:8.2f} {idle.pss_mib[name]:9.0f} {idle.rss_mib[name]:9.0f}"
        for name, cpu in idle.cpu_percent.items()
    ]
    cpu, pss, rss = (sum(each.values()) for each in (idle.cpu_percent, idle.pss_mib, idle.rss_mib))
    return [
        f"ready after {idle.ready_s:.1f} s, {idle.ready_cpu_s:.1f} s of processor time",
        f"then {idle.watched_s:.0f} s with nobody there:",
        f"{'process':12} {'CPU %':>8} {'PSS MiB':>9} {'RSS MiB':>9}",
        *by_process,
        f"{'all':12} {cpu:8.2f} {pss:9.0f} {rss:9.0f}",
        f"{'at its peak':12} {'':8} {idle.peak_pss_mib:9.0f} {idle.peak_rss_mib:9.0f}",
    ]
