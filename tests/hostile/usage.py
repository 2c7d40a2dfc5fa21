"""What a node's processes use: processor seconds and memory, read where the kernel tells it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from tests.support.supervised import Supervised, children

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
MIB = 2**20


@dataclass(frozen=True)
class Usage:
    """Of one process: processor seconds with those of its ended children, and what it has in memory."""

    cpu_s: float
    rss_mib: float


def usage_of(pid: int) -> Usage:
    """Raises FileNotFoundError or ProcessLookupError where it is gone."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return Usage(sum(map(int, fields[11:15])) / _TICKS, int(fields[21]) * _PAGE / MIB)


def descendants(pid: int) -> list[int]:
    """All processes under one."""
    found: list[int] = []
    waiting = [pid]
    while waiting:
        begun = children(waiting.pop())
        found += begun
        waiting += begun
    return found


def look(node: Supervised) -> dict[str, Usage]:
    """``router``, ``container``, and ``other``: all the node's processes that are neither."""
    workers = {kind: pid for kind, pid in node.pids().items() if kind in ("router", "container")}
    seen: dict[str, Usage] = {}
    for pid in [node.process.pid, *descendants(node.process.pid)]:
        kind = next((kind for kind, worker in workers.items() if worker == pid), "other")
        try:
            one = usage_of(pid)
        except OSError:
            continue
        before = seen.get(kind, Usage(0, 0))
        seen[kind] = Usage(before.cpu_s + one.cpu_s, before.rss_mib + one.rss_mib)
    return seen
