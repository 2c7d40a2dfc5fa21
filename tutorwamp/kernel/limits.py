"""Limits on what somebody may ask, in this process's memory: token buckets, and waits after failures.

A bucket holds ``burst`` tokens and gains ``per_s`` of them a second; what is asked takes some, and a bucket that has
too few says when they will be there (the classic token bucket of traffic shaping, see RFC 2697 section 1). What a call
cost may be known only afterwards: then its bucket goes below zero, and the person's next call waits.

A failure is forgiven after a while; each beyond a few makes the next try wait twice as long (truncated binary
exponential backoff, without the dice).
"""

from __future__ import annotations

import ipaddress
import math
import re
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from twisted.internet.defer import CancelledError, Deferred, succeed

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
    """``burst`` at once, ``per_s`` in the long run, of whatever is counted."""

    per_s: float
    burst: int


WRITES: Final = Allowance(per_s=20, burst=200)
"""Units of a person who draws without pause and talks beside it (contract, section 11)."""
READS: Final = Allowance(per_s=50, burst=500)
"""Units. A client that comes back asks for everything it shows at once."""
WRITTEN: Final = Allowance(per_s=64 * 1024, burst=8 * 1024 * 1024)
"""Bytes of a person: someone who draws without pause sends some 10 KiB a second, an imported scene has 6 MiB."""
WRITTEN_IN_LESSON: Final = Allowance(per_s=256 * 1024, burst=64 * 1024 * 1024)
"""Bytes of a lesson: thirty people who all draw without pause."""
UPLOADED: Final = Allowance(per_s=256 * 1024, burst=128 * 1024 * 1024)
"""Bytes of a person's files: two dozen photos at once, then one every twenty seconds."""
UNIT_BYTES: Final = 16 * 1024
"""Answered for one unit: they take about as much processor time as a small call, some two milliseconds in all.
A board of 8 MB takes 0.25 s, in the component and at the router; opened page by page it must not be refused midway."""
UNIT_S: Final = 0.002
"""Of a reader's thread, for work that is known by its time alone."""
GIVEN_UP_UNITS: Final = 100
"""For a large call whose caller has gone while it was done: what it was nobody knows, and that must not be free."""
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

    def take(self, name: str, amount: float = 1) -> None:
        """Take so much; what is more than a burst waits for a full bucket. Raises RateLimited with the seconds."""
        if wait_s := self.wait_s(name, amount):
            raise RateLimited("Too much at once. Come back in a moment.", retry_after_s=wait_s)

    def wait_s(self, name: str, amount: float = 1) -> float:
        """The same without an error, which may cost more than the work: 0, or the seconds where nothing was taken."""
        tokens, now_s = self._count(name)
        wanted = min(amount, self._allowance.burst)
        enough = tokens >= wanted - _NEARLY
        self._put(name, tokens - amount if enough else tokens, now_s)
        return 0.0 if enough else math.ceil((wanted - tokens) / self._allowance.per_s * 1000) / 1000

    def charge(self, name: str, amount: float) -> None:
        """Take so much whether it is there or not; a negative amount is given back."""
        tokens, now_s = self._count(name)
        self._put(name, tokens - amount, now_s)

    def _count(self, name: str) -> tuple[float, float]:
        now_s = self._now_s()
        tokens, counted_s = self._buckets.pop(name, (float(self._allowance.burst), now_s))
        return min(self._allowance.burst, tokens + (now_s - counted_s) * self._allowance.per_s), now_s

    def _put(self, name: str, tokens: float, now_s: float) -> None:
        self._buckets[name] = (tokens, now_s)
        if len(self._buckets) > REMEMBERED:
            self._buckets.popitem(last=False)


class CallLimits:
    """What one person may call, in units, by kind of call; how many bytes a person and a lesson may write."""

    def __init__(self, settings: LimitSettings, now_s: Callable[[], float]) -> None:
        self._on = settings.rate_limits
        self._writes = Limits(WRITES, now_s)
        self._reads = Limits(READS, now_s)
        self._written = Limits(WRITTEN, now_s)
        self._uploaded = Limits(UPLOADED, now_s)
        self._written_in = Limits(WRITTEN_IN_LESSON, now_s)
        self._lines: dict[tuple[str, str], Line] = {}

    def take(self, user_id: str, *, writes: bool, units: float = 1) -> None:
        """Count a call. Raises RateLimited."""
        if self._on:
            (self._writes if writes else self._reads).take(user_id, units)

    def charge(self, user_id: str, *, writes: bool, units: float) -> None:
        """Count what is known after a call; the next one may have to wait for it."""
        if self._on and units:
            (self._writes if writes else self._reads).charge(user_id, units)

    def write(self, user_id: str, bytes_written: int) -> None:
        """Count what a person wants to have kept. Raises RateLimited."""
        if self._on:
            self._written.take(user_id, bytes_written)

    def upload(self, user_id: str, bytes_written: int) -> None:
        """Count a file that a person wants to have kept. Raises RateLimited."""
        if self._on:
            self._uploaded.take(user_id, bytes_written)

    def write_in(self, lesson_id: str, bytes_written: int) -> None:
        """Count what a lesson is to keep; for those who may write in it only. Raises RateLimited."""
        if self._on and (wait_s := self._written_in.wait_s(lesson_id, bytes_written)):
            raise RateLimited(
                "So much is written in this lesson that others would have to wait. Come back in a moment.",
                retry_after_s=wait_s,
            )

    def charge_written(self, user_id: str, bytes_written: int) -> None:
        """Count what a person's change has written again besides what was sent."""
        if self._on and bytes_written:
            self._written.charge(user_id, bytes_written)

    async def line_up(self, user_id: str, line: str) -> Callable[[], None]:
        """Wait for one's turn in a line of one's own; what is given ends it. Cancelled: one is not in the line."""
        if not self._on:
            return _nothing
        key = (user_id, line)
        mine = self._lines.setdefault(key, Line())
        await mine.turn()

        def leave() -> None:
            mine.leave()
            if mine.is_empty and self._lines.get(key) is mine:
                del self._lines[key]

        return leave


class Line:
    """Who comes first is served first, one at a time."""

    def __init__(self) -> None:
        self._waiting: deque[Deferred[None]] = deque()
        self._served = False
        self._calling = False

    @property
    def is_empty(self) -> bool:
        """Nobody is served and nobody waits."""
        return not self._served and not self._waiting

    def turn(self) -> Deferred[None]:
        """Fires when it is one's turn; whoever has had it has to leave."""
        if self.is_empty:
            self._served = True
            return succeed(None)
        place: Deferred[None] = Deferred(self._waiting.remove)
        self._waiting.append(place)
        return place

    def leave(self) -> None:
        """The next one, please. Each may leave at once: that is no reason to go deeper and deeper."""
        self._served = False
        if self._calling:
            return
        self._calling = True
        while self._waiting and not self._served:
            self._served = True
            self._waiting.popleft().callback(None)
        self._calling = False


UNCOUNTED: Final = CallLimits(LimitSettings(rate_limits=False), lambda: 0.0)
"""For doors where nobody is counted."""


def _nothing() -> None:
    """Who is not counted has no line to leave."""


class Bill:
    """What one call costs its person, at either door; a ``with`` around the work ends its turn."""

    def __init__(self, limits: CallLimits) -> None:
        self._limits = limits
        self._user_id = ""
        self._writes = False
        self._paid = 0.0
        self._leave: Callable[[], None] | None = None

    def open(self, user_id: str, *, writes: bool) -> None:
        """Count a call that begins, before its arguments are looked at. Raises RateLimited."""
        self._user_id, self._writes = user_id, writes
        self.foresee(1)

    def foresee(self, units: float) -> None:
        """What it will cost besides. Raises RateLimited; then nothing was taken at all."""
        if not units:
            return
        try:
            self._limits.take(self._user_id, writes=self._writes, units=units)
        except RateLimited:
            self._give_back()
            raise
        self._paid += units

    def write(self, bytes_written: int) -> None:
        """Bytes of its arguments, where it changes what is kept. Raises RateLimited."""
        if self._writes:
            self._limits.write(self._user_id, bytes_written)

    def upload(self, bytes_written: int) -> None:
        """Bytes of a file that is to be kept. Raises RateLimited."""
        self._limits.upload(self._user_id, bytes_written)

    async def begin(self, line: str | None) -> float:
        """Wait until nobody of this person's is before it in this line; for how many seconds.

        Raises RateLimited: those cost too much.
        """
        if line is None:
            return 0.0
        came_s = time.monotonic()
        self._leave = await self._limits.line_up(self._user_id, line)
        paid = self._paid
        self._give_back()
        self.foresee(paid)
        return time.monotonic() - came_s

    def answer(self, size: int) -> None:
        """Bytes of its answer, as far as they are not paid for."""
        self._limits.charge(self._user_id, writes=self._writes, units=max(0.0, size // UNIT_BYTES - self._paid))

    def __enter__(self) -> None:
        """Nothing: what is opened here is not known before it is looked who asks."""

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Let the next one of the line begin. Where nobody waits any more for what had begun it is not free."""
        if self._leave is None:
            return
        if kind is not None and issubclass(kind, CancelledError):
            self._limits.charge(self._user_id, writes=self._writes, units=GIVEN_UP_UNITS)
        self._leave()

    def _give_back(self) -> None:
        self._limits.charge(self._user_id, writes=self._writes, units=-self._paid)
        self._paid = 0.0


@dataclass(frozen=True)
class Backoff:
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

    def wait_s(self, name: str, backoff: Backoff) -> float:
        """Seconds until the next try may be made; 0 where it may be made now."""
        known = self._known(name)
        return 0.0 if known is None else max(0.0, known.last_s + backoff.wait_s(known.failures) - self._now_s())

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
