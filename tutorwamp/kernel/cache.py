"""A cache that never gives back an old value: numbered values, and fences around every change.

The truth is in SQL, and each cached value carries the *version* of the truth it was read from. Whoever is about to
change the truth puts a *fence* around its key first: the value goes, and nobody can put one while the fence stands.
After the commit the writer takes its own fence down and leaves the new value, if no other writer's fence stands.

So there is no moment at which an old value can come back:

- a reader that read before the commit is refused by the fence, and after it by the version;
- a writer that dies leaves its fence, which falls by itself ``FENCE_S`` later, longer than any transaction takes, and
  leaves no value behind: readers ask SQL, and see what was committed;
- a reader slower than a fence stands (``PUT_WITHIN_S``) does not put at all;
- with two writers the first to finish leaves no value, the second one does.

The mechanism is the lease of memcached at Facebook (R. Nishtala et al., "Scaling Memcache at Facebook", NSDI 2013,
section 3.2.1), turned around: the writer, not the reader, holds it.
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
class Fence:
    """Stands around some keys while they change; ``token`` is its owner's."""

    keys: tuple[str, ...]
    token: str


class Cache(Protocol):
    """Numbers by key. No method raises: where the cache cannot be reached nothing is cached."""

    async def get(self, key: str) -> Cached | None:
        """What is cached; None: ask SQL."""
        ...

    async def put(self, key: str, found: Cached, *, read_at_s: float) -> None:
        """Keep what was read from SQL. ``read_at_s``: when the reading began, by ``time.monotonic``."""
        ...

    async def raise_fence(self, keys: Iterable[str]) -> Fence:
        """Before the truth changes: no value from here on, until the fence is taken down."""
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
    fences: dict[str, float] = field(default_factory=dict)


class LocalCache:
    """In this process's memory; for a node whose one process is the only writer."""

    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        self._now_s = now_s
        self._entries: OrderedDict[str, _Entry] = OrderedDict()

    async def get(self, key: str) -> Cached | None:
        """See Cache."""
        entry = self._entries.get(key)
        if entry is None or self._fenced(entry) or entry.kept_until_s <= self._now_s():
            return None
        self._entries.move_to_end(key)
        return entry.cached

    async def put(self, key: str, found: Cached, *, read_at_s: float) -> None:
        """See Cache."""
        entry = self._entry(key)
        if self._now_s() - read_at_s <= PUT_WITHIN_S and not self._fenced(entry):
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
            if stood and not self._fenced(entry) and found is not None and key in found:
                self._keep(entry, found[key])

    async def drop(self, key: str) -> None:
        """See Cache."""
        self._entry(key).cached = None

    async def is_there(self) -> bool:
        """See Cache."""
        return True

    def _keep(self, entry: _Entry, found: Cached) -> None:
        if entry.cached is None or entry.cached.version <= found.version:
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


# A value is a hash {version, value}; its fences are a sorted set of tokens by the time at which they fall. Redis's own
# clock decides, one for all processes.
_NOW: Final = "local t = redis.call('TIME'); local now = t[1] * 1000 + math.floor(t[2] / 1000); "
_FENCED: Final = (
    _NOW + "redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now); local fenced = redis.call('ZCARD', KEYS[2]) > 0; "
)
_KEEP: Final = (
    "local there = redis.call('HGET', KEYS[1], 'version'); "
    "if not there or tonumber(there) <= tonumber(ARGV[1]) then "
    "redis.call('HSET', KEYS[1], 'version', ARGV[1], 'value', ARGV[2]); redis.call('PEXPIRE', KEYS[1], ARGV[3]) end "
)
_GET: Final = _FENCED + "if fenced then return false end return redis.call('HMGET', KEYS[1], 'version', 'value')"
_PUT: Final = _FENCED + "if not fenced then " + _KEEP + "end return 1"
_RAISE: Final = (
    _NOW + "redis.call('DEL', KEYS[1]); redis.call('ZADD', KEYS[2], now + ARGV[2], ARGV[1]); "
    "redis.call('PEXPIRE', KEYS[2], ARGV[2]); return 1"
)
_LOWER: Final = (
    _FENCED + "local mine = redis.call('ZREM', KEYS[2], ARGV[4]); "
    "fenced = redis.call('ZCARD', KEYS[2]) > 0; "
    "if mine == 1 and not fenced and ARGV[1] ~= '' then " + _KEEP + "end return 1"
)

ANSWER_WITHIN_S: Final = 0.5
"""Longer than any answer of a Redis that is well; whoever waits for it could have asked SQL several times."""
REST_S: Final = 1.0
"""After it did not answer it is left alone for so long: not every caller should wait for it again."""
CONNECTIONS: Final = 4


class RedisCache:
    """In Redis or Valkey, shared by all processes. It reconnects by itself; while it is away nothing is cached.

    A fence that could not be raised is *owed*: when Redis is back, the value it should have removed goes before
    anything is read.
    """

    def __init__(self, url: str, reactor: Any) -> None:
        self._connection = _connect(url)
        self._reactor = reactor
        self._away_until_s = 0.0
        self._owed: set[str] = set()

    async def get(self, key: str) -> Cached | None:
        """See Cache."""
        if self._owed and not await self._pay():
            return None
        answer = await self._eval(_GET, key)
        if not answer or answer[0] is None:
            return None
        return Cached(int(answer[0]), int(answer[1]))

    async def put(self, key: str, found: Cached, *, read_at_s: float) -> None:
        """See Cache."""
        if time.monotonic() - read_at_s <= PUT_WITHIN_S and key not in self._owed:
            await self._eval(_PUT, key, found.version, found.value, _ms(KEPT_S))

    async def raise_fence(self, keys: Iterable[str]) -> Fence:
        """See Cache."""
        fence = Fence(tuple(keys), new_id())
        for key in fence.keys:
            if await self._eval(_RAISE, key, fence.token, _ms(FENCE_S)) is None:
                self._owed.add(key)
        return fence

    async def lower_fence(self, fence: Fence, found: Mapping[str, Cached] | None = None) -> None:
        """See Cache."""
        for key in fence.keys:
            one = None if found is None else found.get(key)
            values = ("", "", "") if one is None else (one.version, one.value, _ms(KEPT_S))
            await self._eval(_LOWER, key, *values, fence.token)

    async def drop(self, key: str) -> None:
        """See Cache."""
        if await self._ask(lambda: self._connection.delete(_keys(key)[0])) is None:
            self._owed.add(key)

    async def is_there(self) -> bool:
        """See Cache."""
        self._away_until_s = 0.0
        return await self._ask(self._connection.ping) is not None

    async def close(self) -> None:
        """Give the connections back."""
        await self._connection.disconnect()

    async def _pay(self) -> bool:
        """Remove what should have gone while Redis was away; whether that is done."""
        for key in list(self._owed):
            if await self._ask(lambda key=key: self._connection.delete(_keys(key)[0])) is None:  # type: ignore[misc]  # the default binds it
                return False
            self._owed.discard(key)
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


def _connect(url: str) -> Any:
    """A pool that connects when it is needed and again whenever it is lost. Raises SettingsError."""
    try:
        parts = urlsplit(url)
        if parts.scheme == "unix" and parts.path:
            return txredisapi.lazyUnixConnectionPool(parts.path, poolsize=CONNECTIONS, reconnect=True)
        if parts.scheme == "redis" and parts.hostname:
            database = int(parts.path.strip("/") or 0)
            return txredisapi.lazyConnectionPool(
                parts.hostname,
                parts.port or 6379,
                database,
                CONNECTIONS,
                True,  # noqa: FBT003  # to reconnect: txredisapi's order
                password=parts.password,
            )
    except ValueError as error:
        raise SettingsError(f"TUTORWAMP_REDIS_URL: {error}") from None
    raise SettingsError("TUTORWAMP_REDIS_URL: redis://HOST:PORT/DB or unix:///PATH is expected")


def make_cache(settings: CacheSettings, reactor: Any) -> Cache:
    """The cache of a process."""
    return LocalCache() if settings.redis_url is None else RedisCache(settings.redis_url, reactor)
