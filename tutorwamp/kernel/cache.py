"""A cache that never gives back an old value: numbered values, leases to put them, fences around every change.

The truth is in SQL, and each cached value carries the *version* of the truth it was read from. Whoever finds nothing
gets a *lease* to put what SQL says. Whoever is about to change the truth raises a *fence* around its key first: the
value goes, and nobody can put one while the fence stands. After the commit the writer lowers its own fence and leaves
the new value, if no other writer's fence stands, and in any case a *floor*: nothing older than that is taken any more.

So there is no moment at which an old value can come back:

- a reader that read before the commit is refused by the fence, and after it by the floor;
- a writer that dies leaves its fence, which falls by itself ``FENCE_S`` later, longer than any transaction takes, and
  leaves no value behind: readers ask SQL, and see what was committed;
- a lease is good for half as long as a fence stands, and a change is committed within the other half or not at all;
- of a change that failed nobody knows whether an earlier try was committed: no lease of before is good after it;
- a shared cache that a writer cannot reach, or that has forgotten fences in a restart, is not believed (see trust);
- of two writers the first to finish leaves no value, the second one does.

Leases are those of memcached at Facebook (R. Nishtala et al., "Scaling Memcache at Facebook", NSDI 2013, 3.2.1); the
fence is held by the writer, so that its death does not leave the old value.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Protocol

import txredisapi
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.defer import TimeoutError as DeferredTimeout

from tutorwamp.kernel.contracts import new_id
from tutorwamp.kernel.observability import get_logger
from tutorwamp.kernel.redis_url import CacheSettings, RedisAddress
from tutorwamp.kernel.trust import CHANGE_AT_MOST_S, COMMIT_WITHIN_S, CacheTrust

log = get_logger(__name__)

FENCE_S: Final = CHANGE_AT_MOST_S
PUT_WITHIN_S: Final = FENCE_S / 2
"""A reader that took longer might put what a dead writer's fence does not hold back any more."""
KEPT_S: Final = 600.0
"""How long a value that nobody changes is kept."""
KEYS_AT_MOST: Final = 50_000
"""In process; the one not used for longest goes first."""


@dataclass(frozen=True)
class Cached:
    """A number, and the version of the truth it was read from."""

    version: int
    value: int


@dataclass(frozen=True)
class Lease:
    """Nothing is cached; its holder may put what SQL says. ``given_by``: the generation, empty: nothing is believed."""

    given_by: str
    at_s: float
    at_us: int = 0
    """By the shared cache's clock."""

    def is_good(self, now_s: float) -> bool:
        """Whether it is not too late."""
        return bool(self.given_by) and now_s - self.at_s <= PUT_WITHIN_S


@dataclass(frozen=True)
class Fence:
    """Stands around some keys while they change; ``token`` is its owner's."""

    keys: tuple[str, ...]
    token: str
    generation: int | None = None
    """Under which its owner may leave a value; None: the cache is not believed."""
    commit_until_s: float = float("inf")
    """By this process's clock that never goes back; later it may not hold what was read before."""


class Cache(Protocol):
    """Numbers by key. Where the cache cannot be reached nothing is cached, and nothing fails.

    ``get`` and ``raise_fence`` raise Unavailable where the database cannot be asked whether the cache is believed.
    """

    async def get(self, key: str) -> Cached | Lease:
        """What is cached, or the right to put what SQL says from now on."""
        ...

    async def put(self, key: str, found: Cached, lease: Lease) -> None:
        """Keep what was read from SQL after the lease was given."""
        ...

    async def raise_fence(self, keys: Iterable[str]) -> Fence:
        """Before the truth changes: no value from here on, until the fence is lowered."""
        ...

    async def lower_fence(self, fence: Fence, found: Mapping[str, Cached] | None = None) -> None:
        """After the commit, with what it made of the values, or after it failed."""
        ...

    async def drop(self, key: str) -> None:
        """Forget a value."""
        ...

    async def is_there(self) -> bool:
        """Whether it answers."""
        ...


@dataclass
class _Entry:
    cached: Cached | None = None
    kept_until_s: float = 0.0
    floor: int = 0
    since_s: float = float("-inf")
    """A lease given before is not good any more."""
    fences: dict[str, float] = field(default_factory=dict)


class LocalCache:
    """In this process's memory; for a node whose one process is the only writer."""

    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        self._now_s = now_s
        self._entries: OrderedDict[str, _Entry] = OrderedDict()

    async def get(self, key: str) -> Cached | Lease:
        """See Cache."""
        entry = self._entry(key)
        if entry.cached is None or self._fenced(entry) or entry.kept_until_s <= self._now_s():
            return Lease("here", self._now_s())
        return entry.cached

    async def put(self, key: str, found: Cached, lease: Lease) -> None:
        """See Cache."""
        entry = self._entry(key)
        if lease.is_good(self._now_s()) and lease.at_s > entry.since_s and not self._fenced(entry):
            self._keep(entry, found)

    async def raise_fence(self, keys: Iterable[str]) -> Fence:
        """See Cache."""
        fence = Fence(tuple(keys), new_id(), commit_until_s=self._now_s() + COMMIT_WITHIN_S)
        for key in fence.keys:
            entry = self._entry(key)
            entry.cached = None
            entry.fences[fence.token] = self._now_s() + FENCE_S
        return fence

    async def lower_fence(self, fence: Fence, found: Mapping[str, Cached] | None = None) -> None:
        """See Cache."""
        for key in fence.keys:
            entry = self._entry(key)
            mine = entry.fences.pop(fence.token, 0.0) - self._now_s() > FENCE_S / 2
            one = None if found is None else found.get(key)
            if one is None:
                entry.since_s = self._now_s()
                continue
            entry.floor = max(entry.floor, one.version)
            if entry.cached is not None and entry.cached.version < entry.floor:
                entry.cached = None
            if mine and not self._fenced(entry):
                self._keep(entry, one)

    async def drop(self, key: str) -> None:
        """See Cache."""
        self._entry(key).cached = None

    async def is_there(self) -> bool:
        """See Cache."""
        return True

    def _keep(self, entry: _Entry, found: Cached) -> None:
        known = entry.floor if entry.cached is None else max(entry.floor, entry.cached.version)
        if found.version >= known:
            entry.cached = found
            entry.kept_until_s = self._now_s() + KEPT_S

    def _fenced(self, entry: _Entry) -> bool:
        now_s = self._now_s()
        entry.fences = {token: until_s for token, until_s in entry.fences.items() if until_s > now_s}
        return bool(entry.fences)

    def _entry(self, key: str) -> _Entry:
        entry = self._entries.setdefault(key, _Entry())
        self._entries.move_to_end(key)
        while len(self._entries) > KEYS_AT_MOST:
            # One that is fenced is a moment old and stands at the other end.
            self._entries.popitem(last=False)
        return entry


# KEYS: the value, a hash {version, value, floor, generation, since}, where no lease of before ``since`` is good; its
# fences, a sorted set of tokens by when they fall. Redis's own clock decides, when a command arrives: that may be long
# after its sender has gone. A run: the process, and the history of its data, another one once it has followed a server.
_RUN: Final = (
    "local run = string.sub(string.match(redis.call('INFO', 'server'), 'run_id:(%x+)'), 1, 31) .. '-' .. "
    "string.sub(string.match(redis.call('INFO', 'replication'), 'master_replid:(%x+)'), 1, 32); "
)
_NOW: Final = (
    "local t = redis.call('TIME'); local now = t[1] * 1000 + math.floor(t[2] / 1000); "
    "local us = string.format('%.0f', t[1] * 1000000 + t[2]); "
)
_FENCED: Final = (
    _NOW + "redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now); local fenced = redis.call('ZCARD', KEYS[2]) > 0; "
)
_KEEP: Final = (
    "local kept = redis.call('HMGET', KEYS[1], 'version', 'floor', 'generation'); "
    "local there = kept[3] == ARGV[4] and tonumber(kept[1] or 0) or 0; "
    "if there <= tonumber(ARGV[1]) and tonumber(kept[2] or 0) <= tonumber(ARGV[1]) then "
    "redis.call('HSET', KEYS[1], 'version', ARGV[1], 'value', ARGV[2], 'generation', ARGV[4]); "
    "redis.call('PEXPIRE', KEYS[1], ARGV[3]) end "
)
_GET: Final = (
    _RUN + _FENCED + "local found = redis.call('HMGET', KEYS[1], 'version', 'value', 'generation'); "
    "if fenced or found[3] ~= ARGV[1] then return {false, false, run, us} end "
    "return {found[1], found[2], run, us}"
)
_PUT: Final = (
    _FENCED + "local at = tonumber(ARGV[5]); if not fenced and us - at <= ARGV[6] * 1000 "
    "and tonumber(redis.call('HGET', KEYS[1], 'since') or 0) < at then " + _KEEP + "end return 1"
)
_RAISE: Final = (
    _RUN
    + _NOW
    + "redis.call('HDEL', KEYS[1], 'version', 'value'); redis.call('ZADD', KEYS[2], now + ARGV[2], ARGV[1]); "
    "redis.call('PEXPIRE', KEYS[2], ARGV[2]); return run"
)
_LOWER: Final = (
    _FENCED + "local mine = tonumber(redis.call('ZSCORE', KEYS[2], ARGV[5]) or 0) - now > tonumber(ARGV[6]) / 2; "
    "redis.call('ZREM', KEYS[2], ARGV[5]); fenced = redis.call('ZCARD', KEYS[2]) > 0; "
    "if ARGV[1] == '' then redis.call('HSET', KEYS[1], 'since', us); redis.call('PEXPIRE', KEYS[1], ARGV[3]); "
    "return 1 end "
    "if tonumber(redis.call('HGET', KEYS[1], 'floor') or 0) < tonumber(ARGV[1]) then "
    "redis.call('HSET', KEYS[1], 'floor', ARGV[1]); redis.call('PEXPIRE', KEYS[1], ARGV[3]) end "
    "if tonumber(redis.call('HGET', KEYS[1], 'version') or 0) < tonumber(ARGV[1]) then "
    "redis.call('HDEL', KEYS[1], 'version', 'value') end "
    "if mine and not fenced and ARGV[4] ~= '' then " + _KEEP + "end return 1"
)

ANSWER_WITHIN_S: Final = 0.5
"""Longer than any answer of a Redis that is well; whoever waits for it could have asked SQL several times."""
REST_S: Final = 1.0
"""After it did not answer it is left alone for so long: not every caller should wait for it again."""
CONNECTIONS: Final = 4
RECONNECT_WITHIN_S: Final = 1.0
"""Between two attempts at most."""


class RedisCache:
    """In Redis or Valkey, shared by all processes. It reconnects by itself; while it is away nothing is cached.

    What cannot be fenced there is made known in SQL before it changes: nobody believes the cache for a while (trust).
    """

    def __init__(self, url: str, reactor: Any, trust: CacheTrust) -> None:
        self._connection = RedisAddress.parse(url).pool(CONNECTIONS)
        self._connection._factory.maxDelay = RECONNECT_WITHIN_S  # noqa: SLF001  # there is no public way
        self._reactor = reactor
        self._trust = trust
        self._away_until_s = 0.0

    async def get(self, key: str) -> Cached | Lease:
        """See Cache."""
        at_s = time.monotonic()
        belief = await self._trust.belief()
        answer = await self._eval(_GET, key, belief.generation) if belief is not None else None
        if belief is None or not answer:
            return Lease("", at_s)
        version, value, run, at_us = answer
        if run != belief.run:
            await self._trust.counts(str(run))
            return Lease("", at_s)
        if version is None:
            return Lease(str(belief.generation), at_s, int(at_us))
        return Cached(int(version), int(value))

    async def put(self, key: str, found: Cached, lease: Lease) -> None:
        """See Cache."""
        if lease.is_good(time.monotonic()):
            values = (found.version, found.value, _ms(KEPT_S), lease.given_by, lease.at_us, _ms(PUT_WITHIN_S))
            await self._eval(_PUT, key, *values)

    async def raise_fence(self, keys: Iterable[str]) -> Fence:
        """See Cache."""
        fence = Fence(tuple(keys), new_id(), commit_until_s=time.monotonic() + COMMIT_WITHIN_S)
        try:
            for run in {await self._eval(_RAISE, key, fence.token, _ms(FENCE_S)) for key in fence.keys}:
                if run is None or not await self._trust.counts(str(run)):
                    await self._trust.withhold()
            belief = await self._trust.belief()
        except Exception:
            await self.lower_fence(fence)
            raise
        return replace(fence, generation=None if belief is None else belief.generation)

    async def lower_fence(self, fence: Fence, found: Mapping[str, Cached] | None = None) -> None:
        """See Cache. Where nobody hears it the fence falls by itself."""
        for key in fence.keys:
            one = None if found is None else found.get(key)
            values = ("", "") if one is None else (one.version, one.value)
            generation = "" if fence.generation is None else fence.generation
            await self._eval(_LOWER, key, *values, _ms(KEPT_S), generation, fence.token, _ms(FENCE_S))

    async def drop(self, key: str) -> None:
        """See Cache."""
        await self._ask(lambda: self._connection.hdel(_keys(key)[0], ["version", "value"]))

    async def is_there(self) -> bool:
        """See Cache."""
        self._away_until_s = 0.0
        return await self._ask(self._connection.ping) is not None

    async def close(self) -> None:
        """Give the connections back."""
        await self._connection.disconnect()

    async def _eval(self, script: str, key: str, *arguments: Any) -> Any:
        return await self._ask(lambda: self._connection.eval(script, keys=_keys(key), args=list(arguments)))

    async def _ask(self, command: Callable[[], Awaitable[Any]]) -> Any:
        """The answer, or None where there is none in time."""
        if time.monotonic() < self._away_until_s:
            return None
        try:
            answer = await _within(ANSWER_WITHIN_S, command, self._reactor)
        except (txredisapi.RedisError, CancelledError, DeferredTimeout, OSError) as error:
            if self._away_until_s == 0.0:
                log.warning("the cache does not answer; SQL does", error=repr(error))
            self._away_until_s = time.monotonic() + REST_S
            return None
        self._away_until_s = 0.0
        return [] if answer is None else answer


def _keys(key: str) -> Sequence[str]:
    # One slot for both, should this ever be a cluster.
    return [f"tutorwamp:{{{key}}}", f"tutorwamp:{{{key}}}:fences"]


def _ms(seconds: float) -> int:
    return round(seconds * 1000)


async def _within(seconds: float, command: Callable[[], Awaitable[Any]], reactor: Any) -> Any:
    async def asked() -> Any:
        return await command()

    return await Deferred.fromCoroutine(asked()).addTimeout(seconds, reactor)


def make_cache(settings: CacheSettings, reactor: Any, trust: CacheTrust) -> Cache:
    """The cache of a process."""
    return LocalCache() if settings.redis_url is None else RedisCache(settings.redis_url, reactor, trust)
