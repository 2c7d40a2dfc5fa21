"""How much somebody may ask of us: token buckets, in this process's memory.

A bucket holds ``burst`` tokens and gains ``per_s`` of them a second; what is asked takes one, and an empty bucket says
when the next one will be there (the classic token bucket of traffic shaping, see RFC 2697 section 1).
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from tutorwamp.kernel.errors import RateLimited
from tutorwamp.kernel.settings import setting

_NEARLY: Final = 1e-6
"""Of a token, which floating-point seconds may lose; who comes back when told to must be let through."""
REMEMBERED: Final = 50_000
"""Buckets in memory; the one that was not used for longest is forgotten first, and would be full by then."""


@dataclass(frozen=True)
class LimitSettings:
    """Whether calls are counted."""

    rate_limits: bool = setting(
        "RATE_LIMITS", default=True, reason="Off for benchmarks and load tests; the limits leave a lively lesson alone."
    )


@dataclass(frozen=True)
class Allowance:
    """``burst`` at once, ``per_s`` in the long run."""

    per_s: float
    burst: int


WRITES: Final = Allowance(per_s=20, burst=200)
"""A person who draws without pause and talks beside it (contract, section 11)."""
READS: Final = Allowance(per_s=50, burst=500)
"""A client that comes back asks for everything it shows at once."""
JOINS: Final = Allowance(per_s=100, burst=1_500)
"""Of one address: a school behind one has hundreds of people, who come back together after an outage."""


class Limits:
    """Buckets of one kind of thing, each under a name. ``now_s`` is a clock that never goes back."""

    def __init__(self, allowance: Allowance, now_s: Callable[[], float]) -> None:
        self._allowance = allowance
        self._now_s = now_s
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # tokens, and when they were counted

    def take(self, name: str) -> None:
        """Take one token. Raises RateLimited, with the seconds until there is one."""
        now_s = self._now_s()
        tokens, counted_s = self._buckets.pop(name, (float(self._allowance.burst), now_s))
        tokens = min(self._allowance.burst, tokens + (now_s - counted_s) * self._allowance.per_s)
        enough = tokens >= 1 - _NEARLY
        self._buckets[name] = (tokens - 1 if enough else tokens, now_s)
        if len(self._buckets) > REMEMBERED:
            self._buckets.popitem(last=False)
        if not enough:
            wait_ms = math.ceil((1 - tokens) / self._allowance.per_s * 1000)
            raise RateLimited("Too much at once. Come back in a moment.", retry_after_s=wait_ms / 1000)


class CallLimits:
    """What one person may call, by kind of call."""

    def __init__(self, settings: LimitSettings, now_s: Callable[[], float]) -> None:
        self._on = settings.rate_limits
        self._writes = Limits(WRITES, now_s)
        self._reads = Limits(READS, now_s)

    def take(self, user_id: str, *, writes: bool) -> None:
        """Count a call. Raises RateLimited."""
        if self._on:
            (self._writes if writes else self._reads).take(user_id)
