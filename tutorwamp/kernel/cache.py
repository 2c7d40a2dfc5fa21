"""A cache that never gives back an old value: numbered values, leases to put them, fences around every change.

The truth is in SQL, and each cached value carries the *version* of the truth it was read from. Whoever finds nothing
gets a *lease* to put what SQL says. Whoever is about to change the truth raises a *fence* around its key first: the
value goes, and nobody can put one while the fence stands. After the commit the writer lowers its own fence and leaves
the new value, if no other writer's fence stands, and in any case a *floor*: nothing older than that is taken any more.

So there is no moment at which an old value can come back:

- a reader that read before the commit is refused by the fence, and after it by the floor;
- a writer that dies leaves its fence, which falls by itself ``FENCE_S`` later, longer than any transaction takes, and
  leaves no value behind: readers ask SQL, and see what was committed;
- a lease is good for half as long as a fence stands (``PUT_WITHIN_S``), and for the very Redis it was given by: what it
  forgot in a restart, fences and floors, cannot be missed;
- of two writers the first to finish leaves no value, the second one does.

Leases are those of memcached at Facebook (R. Nishtala et al., "Scaling Memcache at Facebook", NSDI 2013, 3.2.1); the
fence is held by the writer, so that its death does not leave the old value.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

import txredisapi
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.defer import TimeoutError as DeferredTimeout

from tutorwamp.kernel.contracts import new_id
from tutorwamp.kernel.observability import get_logger
from tutorwamp.kernel.settings import SettingsError, setting

log = get_logger(__name__)

FENCE_S: Final = 120.0
"""Longer than the slowest transaction: five tries of ten seconds, each after a wait for a connection."""
PUT_WITHIN_S: Final = FENCE_S / 2
"""A reader that took longer might put what a dead writer's fence does not hold back any more."""
KEPT_S: Final = 600.0
"""How long a value that nobody changes is kept."""
KEYS_AT_MOST: Final = 50_000
"""In process; the one not used for longest goes first."""


@dataclass(frozen=True)
class CacheSettings:
    """Where cached values are."""

    redis_url: str | None = setting(
        "REDIS_URL",
        None,
        "Unset: each process caches for itself. Redis or Valkey, shared: redis://HOST:PORT/DB or unix:///PATH.",
    )


@dataclass(frozen=True)
class Cached:
    """A number, and the version of the truth it was read from."""

    version: int
    value: int


@dataclass(frozen=True)
class Lease:
    """Nothing is cached; its holder may put what SQL says. ``given_by``: the server's run, empty: there is none."""

    given_by: str
    at_s: float

    def is_good(self, now_s: float) -> bool:
        """Whether it is not too late."""
        return bool(self.given_by) and now_s - self.at_s <= PUT_WITHIN_S


@dataclass(frozen=True)
class Fence:
    """Stands around some keys while they change; ``token`` is its owner's."""

    keys: tuple[str, ...]
    token: str


class Cache(Protocol):
    """Numbers by key. No method raises: where the cache cannot be reached nothing is cached."""

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

    async def settle(self) -> None:
        """Say what could not be said while it was away. To be called every second."""
        ...

    async def is_there(self) -> bool:
        """Whether it answers."""
        ...


@dataclass
class _Entry:
    cached: Cached | None = None
    kept_until_s: float = 0.0
    floor: int = 0
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
        if lease.is_good(self._now_s()) and not self._fenced(entry):
            self._keep(entry, found)

    async def raise_fence(self, keys: Iterable[str]) -> Fence:
        """See Cache."""
        fence = Fence(tuple(keys), new_id())
        for key in fence.keys:
            entry = self._entry(key)
            entry.cached = None
            entry.fences[fence.token] = self._now_s() + FENCE_S
        return fence

    async def lower_fence(self, fence: Fence, found: Mapping[str, Cached] | None = None) -> None:
        """See Cache."""
        for key in fence.keys:
            entry = self._entry(key)
            stood = entry.fences.pop(fence.token, 0.0) > self._now_s()
            one = None if found is None else found.get(key)
            if one is None:
                continue
            entry.floor = max(entry.floor, one.version)
            if entry.cached is not None and entry.cached.version < entry.floor:
                entry.cached = None
            if stood and not self._fenced(entry):
                self._keep(entry, one)

    async def drop(self, key: str) -> None:
        """See Cache."""
        self._entry(key).cached = None

    async def settle(self) -> None:
        """See Cache."""

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


# KEYS: the value, a hash {version, value, floor, run}; its fences, a sorted set of tokens by when they fall. Redis's
# own clock decides, one for all processes. Its run id is another after each restart: a value of an earlier run may be
# one that was changed since, where the last commands were not on disk.
_RUN: Final = "local run = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)'); "
_NOW: Final = "local t = redis.call('TIME'); local now = t[1] * 1000 + math.floor(t[2] / 1000); "
_FENCED: Final = (
    _RUN
    + _NOW
    + "redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now); local fenced = redis.call('ZCARD', KEYS[2]) > 0; "
    "if redis.call('HGET', KEYS[1], 'run') ~= run then redis.call('HDEL', KEYS[1], 'version', 'value') end; "
)
_KEEP: Final = (
    "local there = tonumber(redis.call('HGET', KEYS[1], 'version') or 0); "
    "local floor = tonumber(redis.call('HGET', KEYS[1], 'floor') or 0); "
    "if there <= tonumber(ARGV[1]) and floor <= tonumber(ARGV[1]) then "
    "redis.call('HSET', KEYS[1], 'version', ARGV[1], 'value', ARGV[2], 'run', run); "
    "redis.call('PEXPIRE', KEYS[1], ARGV[3]) end "
)
_GET: Final = (
    _FENCED + "if fenced then return {false, false, run} end "
    "local found = redis.call('HMGET', KEYS[1], 'version', 'value'); return {found[1], found[2], run}"
)
_PUT: Final = _FENCED + "if not fenced and run == ARGV[4] then " + _KEEP + "end return 1"
_RAISE: Final = (
    _NOW + "redis.call('HDEL', KEYS[1], 'version', 'value'); redis.call('ZADD', KEYS[2], now + ARGV[2], ARGV[1]); "
    "redis.call('PEXPIRE', KEYS[2], ARGV[2]); return 1"
)
_LOWER: Final = (
    _FENCED + "local mine = redis.call('ZREM', KEYS[2], ARGV[4]); "
    "fenced = redis.call('ZCARD', KEYS[2]) > 0; "
    "if ARGV[1] == '' then return 1 end "
    "if tonumber(redis.call('HGET', KEYS[1], 'floor') or 0) < tonumber(ARGV[1]) then "
    "redis.call('HSET', KEYS[1], 'floor', ARGV[1], 'run', run); redis.call('PEXPIRE', KEYS[1], ARGV[3]) end "
    "if tonumber(redis.call('HGET', KEYS[1], 'version') or 0) < tonumber(ARGV[1]) then "
    "redis.call('HDEL', KEYS[1], 'version', 'value') end "
    "if mine == 1 and not fenced then " + _KEEP + "end return 1"
)

ANSWER_WITHIN_S: Final = 0.5
"""Longer than any answer of a Redis that is well; whoever waits for it could have asked SQL several times."""
REST_S: Final = 1.0
"""After it did not answer it is left alone for so long: not every caller should wait for it again."""
CONNECTIONS: Final = 4
RECONNECT_WITHIN_S: Final = 1.0
"""Between two attempts at most: as long as only others reach Redis, what we change is not known there."""


class RedisCache:
    """In Redis or Valkey, shared by all processes. It reconnects by itself; while it is away nothing is cached.

    A fence that could not be raised is *owed*: when Redis is back, the value it should have removed goes before
    anything is read.
    """

    def __init__(self, url: str, reactor: Any) -> None:
        self._connection = _connect(url)
        self._connection._factory.maxDelay = RECONNECT_WITHIN_S  # noqa: SLF001  # there is no public way
        self._reactor = reactor
        self._away_until_s = 0.0
        self._owed: dict[str, Cached | None] = {}

    async def get(self, key: str) -> Cached | Lease:
        """See Cache."""
        at_s = time.monotonic()
        if self._owed and not await self._pay():
            return Lease("", at_s)
        answer = await self._eval(_GET, key)
        if not answer:
            return Lease("", at_s)
        version, value, run = answer
        return Lease(str(run), at_s) if version is None else Cached(int(version), int(value))

    async def put(self, key: str, found: Cached, lease: Lease) -> None:
        """See Cache."""
        if lease.is_good(time.monotonic()) and key not in self._owed:
            await self._eval(_PUT, key, found.version, found.value, _ms(KEPT_S), lease.given_by)

    async def raise_fence(self, keys: Iterable[str]) -> Fence:
        """See Cache."""
        fence = Fence(tuple(keys), new_id())
        for key in fence.keys:
            if await self._eval(_RAISE, key, fence.token, _ms(FENCE_S)) is None:
                self._owed[key] = None
        return fence

    async def lower_fence(self, fence: Fence, found: Mapping[str, Cached] | None = None) -> None:
        """See Cache."""
        for key in fence.keys:
            one = None if found is None else found.get(key)
            if await self._lower(key, one, fence.token):
                self._owed.pop(key, None)
            else:
                self._owed[key] = one

    async def drop(self, key: str) -> None:
        """See Cache."""
        if await self._ask(lambda: self._connection.hdel(_keys(key)[0], ["version", "value"])) is None:
            self._owed.setdefault(key, None)

    async def settle(self) -> None:
        """See Cache."""
        if self._owed:
            await self._pay()

    async def is_there(self) -> bool:
        """See Cache."""
        self._away_until_s = 0.0
        return await self._ask(self._connection.ping) is not None

    async def close(self) -> None:
        """Give the connections back."""
        await self._connection.disconnect()

    async def _lower(self, key: str, found: Cached | None, token: str) -> bool:
        values = ("", "", "") if found is None else (found.version, found.value, _ms(KEPT_S))
        return await self._eval(_LOWER, key, *values, token) is not None

    async def _pay(self) -> bool:
        """Say what could not be said while Redis was away; whether that is done."""
        for key, found in list(self._owed.items()):
            gone = await self._ask(lambda key=key: self._connection.hdel(_keys(key)[0], ["version", "value"]))  # type: ignore[misc]  # the default binds it
            if gone is None or not await self._lower(key, found, ""):
                return False
            if self._owed.get(key) is found:
                del self._owed[key]
        return True

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


def require_url(url: str | None) -> None:
    """Raise SettingsError unless it is the URL of a Redis, or none."""
    if url is None:
        return
    parts = urlsplit(url)
    try:
        database, port = parts.path.strip("/"), parts.port
    except ValueError as error:
        raise SettingsError(f"TUTORWAMP_REDIS_URL: {error}") from None
    tcp = parts.scheme == "redis" and parts.hostname and (not database or database.isdigit()) and port != 0
    if not tcp and not (parts.scheme == "unix" and parts.path):
        raise SettingsError("TUTORWAMP_REDIS_URL: redis://HOST:PORT/DB or unix:///PATH is expected")


def _connect(url: str) -> Any:
    """A pool that connects when it is needed and again whenever it is lost. Raises SettingsError."""
    require_url(url)
    parts = urlsplit(url)
    if parts.scheme == "unix":
        return txredisapi.lazyUnixConnectionPool(parts.path, poolsize=CONNECTIONS, reconnect=True)
    return txredisapi.lazyConnectionPool(
        host=parts.hostname,
        port=parts.port or 6379,
        dbid=int(parts.path.strip("/") or 0),
        poolsize=CONNECTIONS,
        reconnect=True,
        password=parts.password,
    )


def make_cache(settings: CacheSettings, reactor: Any) -> Cache:
    """The cache of a process."""
    return LocalCache() if settings.redis_url is None else RedisCache(settings.redis_url, reactor)
