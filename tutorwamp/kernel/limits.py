"""How much somebody may ask of us, in this process's memory: token buckets, and failures that make one wait.

A bucket holds ``burst`` tokens and gains ``per_s`` of them a second; what is asked takes one, and an empty bucket says
when the next one will be there (the classic token bucket of traffic shaping, see RFC 2697 section 1).

A failure is forgiven after a while; each beyond a few makes the next try wait twice as long (truncated binary
exponential backoff, without the dice).
"""

from __future__ import annotations

import ipaddress
import math
import re
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from tutorwamp.kernel.errors import RateLimited
from tutorwamp.kernel.settings import setting

_NEARLY: Final = 1e-6
"""Of a token, which floating-point seconds may lose; who comes back when told to must be let through."""
REMEMBERED: Final = 50_000
"""Names in memory, of each kind; the one that was not used for longest is forgotten first, and has waited by then."""

ADDRESS_LENGTH_AT_MOST: Final = 64
"""Of what is no IP address: longer than any, and short enough to remember many."""
_WITH_PORT: Final = re.compile(r"\[(.+)\](?::[0-9]+)?|([0-9.]+):[0-9]+")
"""As some proxies write addresses, each connection of which would else be another."""

_DOUBLINGS_AT_MOST: Final = 60
"""More would leave the range of floating-point numbers, and every longest wait is reached long before."""


@dataclass(frozen=True)
class LimitSettings:
    """Whether calls, joins and failed logins are counted."""

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


def network_of(address: str) -> str:
    """Whom to count under an address: itself, of IPv6 its /64, of which one subscriber has all (RFC 6177)."""
    known = read_address(address)
    if known is None:
        return address[:ADDRESS_LENGTH_AT_MOST]
    return str(known) if isinstance(known, ipaddress.IPv4Address) else _prefix(known, 64)


def site_of(address: str) -> str | None:
    """The /48 of an IPv6 address, None for any other: some sites have all 65,536 networks of one (RFC 6177)."""
    known = read_address(address)
    return _prefix(known, 48) if isinstance(known, ipaddress.IPv6Address) else None


def read_address(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """An address as proxies and sockets write it, with a port or without; null where it is none."""
    with_port = _WITH_PORT.fullmatch(address)
    try:
        known = ipaddress.ip_address((with_port[1] or with_port[2]) if with_port else address)
    except ValueError:
        return None
    return (known.ipv4_mapped or known) if isinstance(known, ipaddress.IPv6Address) else known


def _prefix(address: ipaddress.IPv6Address, bits: int) -> str:
    rest = 128 - bits
    return str(ipaddress.IPv6Network((int(address) >> rest << rest, bits)))


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


@dataclass(frozen=True)
class Patience:
    """Fewer than ``free`` failures cost nothing; after that many one waits ``first_s``, then each time twice as long.

    ``at_most_s`` is the longest wait.
    """

    free: int
    first_s: float
    at_most_s: float

    def wait_s(self, failures: int) -> float:
        """How long after the last of so many failures the next try has to wait."""
        if failures < self.free:
            return 0.0
        return min(self.at_most_s, math.ldexp(self.first_s, min(failures - self.free, _DOUBLINGS_AT_MOST)))


@dataclass(frozen=True)
class _Failed:
    failures: int
    forgiven_until_s: float
    """From here on time works for the next one to be forgiven."""
    last_s: float
    before_s: float
    """When the one before the last was."""


class Failures:
    """How often something failed lately, each under a name; every ``forgiven_s`` one failure is forgiven."""

    def __init__(self, forgiven_s: float, now_s: Callable[[], float]) -> None:
        self._forgiven_s = forgiven_s
        self._now_s = now_s
        self._failed: OrderedDict[str, _Failed] = OrderedDict()

    def count(self, name: str) -> int:
        """How many are not forgiven yet."""
        known = self._known(name)
        return known.failures if known is not None else 0

    def wait_s(self, name: str, patience: Patience) -> float:
        """Seconds until the next try may be made; 0 where it may be made now."""
        known = self._known(name)
        return 0.0 if known is None else max(0.0, known.last_s + patience.wait_s(known.failures) - self._now_s())

    def add(self, name: str) -> None:
        """One more, now."""
        now_s = self._now_s()
        known = self._known(name) or _Failed(0, now_s, now_s, now_s)
        self._failed[name] = _Failed(known.failures + 1, known.forgiven_until_s, now_s, known.last_s)
        self._failed.move_to_end(name)
        if len(self._failed) > REMEMBERED:
            self._failed.popitem(last=False)

    def take_back(self, name: str) -> None:
        """One less: the last was no failure, and nobody has to wait after it."""
        known = self._known(name)
        if known is None:
            return
        if known.failures > 1:
            self._failed[name] = replace(known, failures=known.failures - 1, last_s=known.before_s)
        else:
            del self._failed[name]  # or what never failed would push out of memory what did

    def forget(self, name: str) -> None:
        """None at all."""
        self._failed.pop(name, None)

    def _known(self, name: str) -> _Failed | None:
        """What is left once time has forgiven; None where nothing is."""
        known = self._failed.get(name)
        if known is None:
            return None
        forgiven = int((self._now_s() - known.forgiven_until_s) / self._forgiven_s)
        if forgiven >= known.failures:
            del self._failed[name]
            return None
        return replace(
            known,
            failures=known.failures - forgiven,
            forgiven_until_s=known.forgiven_until_s + forgiven * self._forgiven_s,
        )
