"""How long the reactor's turns take, and which call made one long.

A turn is what the reactor does between two looks at who has something for it; whoever comes meanwhile waits for its
end. A thread looks at the stack of a turn that takes long, because when it is over nobody knows any more what it was.
"""

from __future__ import annotations

import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any, Final

from prometheus_client.core import GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import REGISTRY, Collector

from tutorwamp.kernel.log.lines import get_logger
from tutorwamp.kernel.metrics.process import Tally

log = get_logger(__name__)

TURNS_S: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
STALLED_AFTER_S: Final = 0.25
"""A turn that takes so long is noticed by people who draw or type."""
LOOKS_EVERY_S: Final = 0.1
STALLS_KEPT_FOR_S: Final = 300.0
"""The longest of so long is shown: longer than between two questions of Prometheus, and than an alert waits."""
STALLS_AT_MOST: Final = 1_200
"""All that can be in that time."""
UNKNOWN: Final = "unknown"
_OURS: Final = "tutorwamp."
_EVERYBODYS: Final = ("tutorwamp.kernel.", "tutorwamp.app.")
"""What all calls go through tells nothing of the one."""


class Turns(Collector):
    """The turns of one reactor. ``now_s``: a clock that never goes back."""

    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        self._now_s = now_s
        self._tally = Tally(TURNS_S)
        self._began_s: float | None = None
        self._seen: str | None = None
        self._stalls: deque[tuple[float, float, str]] = deque(maxlen=STALLS_AT_MOST)
        """When each ended, how long it was, and in which call."""

    def begin(self) -> None:
        """The reactor has something to do."""
        self._seen = None
        self._began_s = self._now_s()

    def end(self) -> None:
        """It has done it."""
        if self._began_s is None:
            return
        ended_s = self._now_s()
        took_s = ended_s - self._began_s
        self._began_s = None
        self._tally.observe(took_s)
        if took_s >= STALLED_AFTER_S:
            call = self._seen or UNKNOWN
            self._stalls.append((ended_s, took_s, call))
            log.warning("the reactor stood still", seconds=round(took_s, 3), call=call)

    def look(self, stack: Callable[[], FrameType | None]) -> None:
        """From another thread: where a turn takes long, see what it is at, the first time."""
        began_s = self._began_s
        if began_s is None or self._seen is not None or self._now_s() - began_s < STALLED_AFTER_S - LOOKS_EVERY_S:
            return
        seen = call_in(stack())
        if self._began_s == began_s:  # it is the same turn still
            self._seen = seen

    def longest(self) -> tuple[float, str]:
        """Of the last minutes: its seconds and its call; 0 where none was long."""
        # A copy: metrics are written in a thread.
        since_s = self._now_s() - STALLS_KEPT_FOR_S
        return max(((took_s, call) for at_s, took_s, call in list(self._stalls) if at_s >= since_s), default=(0.0, ""))

    def collect(self) -> Iterator[Metric]:
        """A histogram, and the longest."""
        turns = HistogramMetricFamily("tutorwamp_reactor_turn_seconds", "How long turns of the reactor took.")
        self._tally.add_to(turns, [])
        yield turns
        longest = GaugeMetricFamily(
            "tutorwamp_reactor_longest_stall_seconds",
            "The longest turn of the last five minutes above 0.25 s, and the call it was in; 0: there was none.",
            labels=["call"],
        )
        took_s, call = self.longest()
        longest.add_metric([call], took_s)
        yield longest


def call_in(frame: FrameType | None) -> str:
    """The name of what a stack is at: the outermost function of a domain in it, else of ours."""
    ours: list[tuple[str, str]] = []
    while frame is not None:
        module = str(frame.f_globals.get("__name__", ""))
        if module.startswith(_OURS) and not module.startswith(__name__):
            ours.append((module, frame.f_code.co_qualname))
        frame = frame.f_back
    if not ours:
        return UNKNOWN
    domains = [one for one in ours if not one[0].startswith(_EVERYBODYS)]
    module, name = (domains or ours)[-1]
    return f"{module.removeprefix(_OURS)}.{name}"


class _Poller:
    """In the place of the reactor's own: what is between two of its answers is a turn."""

    def __init__(self, poller: Any, turns: Turns) -> None:
        self._poll, self._turns = poller.poll, turns
        self.register, self.modify, self.unregister = poller.register, poller.modify, poller.unregister
        self.close, self.fileno = poller.close, poller.fileno

    def poll(self, *how: Any) -> Any:
        self._turns.end()
        try:
            return self._poll(*how)
        finally:
            self._turns.begin()


def watch_reactor(reactor: Any) -> None:
    """Count its turns from now on; once a process. A reactor without epoll is not watched."""
    poller = getattr(reactor, "_poller", None)  # pinned by tests/kernel/metrics/test_turns.py
    if poller is None or not hasattr(poller, "register"):
        return
    turns = Turns()
    reactor._poller = _Poller(poller, turns)  # noqa: SLF001  # there is no public way
    REGISTRY.register(turns)
    threading.Thread(target=_watch, args=(turns,), name="reactor-watch", daemon=True).start()


def _watch(turns: Turns) -> None:
    main, never = threading.main_thread().ident or 0, threading.Event()
    while not never.wait(LOOKS_EVERY_S):
        turns.look(lambda: sys._current_frames().get(main))  # noqa: SLF001  # its documented name
