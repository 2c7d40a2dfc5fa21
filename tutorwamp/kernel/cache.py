"""A cache of numbered values: a newer one is never replaced by an older one, and what is shared lives for two seconds.

The truth is in SQL, and each cached value carries the *version* of the truth it was read from. Whoever changes the
truth puts what it came to after the commit, and before anybody is told.

In this process's memory that is all there is to it. Where several processes share a Redis, one of them may not reach it
just when it has changed something. So there

- a value is found for LIFETIME_S from when it was read in SQL, by Redis's own clock: whoever asks Redis is told the
  time (a ``Stamp``), reads SQL after that, and puts what it read with the stamp. However long the command then lies in
  a network or in a server that stands still, the value is not found later;
- the version is kept for as long from when it arrived, and nothing older is taken: the newer value outlives whatever
  was read before it;
- a Redis that was started anew has another *run*, and knows nothing of what was put or stamped in the last one;
- whoever changed something and was not heard there knows when nobody can find anything older any more (``outlived``).
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final, Protocol

import txredisapi
from prometheus_client import Counter, Gauge, Histogram
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.defer import TimeoutError as DeferredTimeout
from twisted.internet.task import deferLater

from tutorwamp.kernel.log.calls import note_cached
from tutorwamp.kernel.log.lines import get_logger
from tutorwamp.kernel.redis_url import CacheSettings, RedisAddress

log = get_logger(__name__)

LIFETIME_S: Final = 2.0
"""Of a value that processes share: as old as a count that somebody else has changed may be."""
OUTLIVED_AFTER: Final = 1.1
"""Lifetimes until a value is surely gone, whatever the rates of two clocks."""
KEPT_S: Final = 600.0
"""How long a value that nobody changes is kept in process."""
ASKED: Final = Counter("tutorwamp_cache_requests", "Values asked of the cache, and what it said.", ["outcome"])
_HIT, _MISS, _AWAY = (ASKED.labels(outcome) for outcome in ("hit", "miss", "away"))
AGES: Final = Histogram(
    "tutorwamp_cache_hit_age_seconds",
    "How old the values were that the shared cache had.",
    buckets=(0.1, 0.25, 0.5, 1.0, 1.5, 2.0),
)
IS_UP: Final = Gauge("tutorwamp_cache_up", "Whether the shared cache answered the last time it was asked.", ["cache"])

KEYS_AT_MOST: Final = 50_000
"""In process; the one not used for longest goes first. Nobody's read takes as long as so many questions."""


@dataclass(frozen=True)
class Cached:
    """A number, and the version of the truth it was read from."""

    version: int
    value: int


@dataclass(frozen=True)
class Stamp:
    """When the shared cache was asked, by its own clock. Made before SQL is read, it says how old the value may be."""

    run: str
    at_ms: int


class Cache(Protocol):
    """Numbers by key. Where the cache cannot be reached nothing is cached, and nothing fails."""

    @property
    def is_shared(self) -> bool:
        """Whether others put values, of whose changes this process hears nothing else."""
        ...

    async def get(self, key: str) -> tuple[Cached | None, Stamp | None]:
        """What is cached, and the stamp for what is read from SQL from now on; null where there is none."""
        ...

    async def put(self, key: str, found: Cached, stamp: Stamp | None) -> bool:
        """Keep what was read, or written, after the stamp; True: from now on nobody finds anything older."""
        ...

    async def outlived(self) -> None:
        """Returns when nobody finds anything that was read before now."""
        ...

    async def drop(self, key: str) -> None:
        """Forget a value."""
        ...

    async def is_there(self) -> bool:
        """Whether it answers."""
        ...


class LocalCache:
    """In this process's memory; for a node whose one process is the only writer."""

    is_shared = False

    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        self._now_s = now_s
        self._entries: OrderedDict[str, tuple[Cached, float]] = OrderedDict()
        """With the time until when each is kept."""

    async def get(self, key: str) -> tuple[Cached | None, Stamp | None]:
        """See Cache."""
        cached, until_s = self._entries.get(key, (None, 0.0))
        is_found = cached is not None and until_s > self._now_s()
        note_cached(found=is_found)
        if not is_found:
            _MISS.inc()
            return None, None
        _HIT.inc()
        self._entries.move_to_end(key)
        return cached, None

    async def put(self, key: str, found: Cached, stamp: Stamp | None) -> bool:
        """See Cache."""
        known, _ = self._entries.get(key, (found, 0.0))
        if found.version >= known.version:
            self._entries[key] = found, self._now_s() + KEPT_S
            self._entries.move_to_end(key)
            if len(self._entries) > KEYS_AT_MOST:
                self._entries.popitem(last=False)
        return True

    async def outlived(self) -> None:
        """See Cache."""

    async def drop(self, key: str) -> None:
        """See Cache."""
        self._entries.pop(key, None)

    async def is_there(self) -> bool:
        """See Cache."""
        return True


# KEYS: a hash {version, value, until, run}. The value is found until then; its version counts while the key is there.
# Redis's own clock decides, when a command arrives: that may be long after its sender has gone. ``until`` may not be
# too far ahead, as it is where the clock was put back.
_NOW: Final = (
    "local run = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)'); "
    "local t = redis.call('TIME'); local now = t[1] * 1000 + math.floor(t[2] / 1000); "
)
_GET: Final = (
    _NOW + "local found = redis.call('HMGET', KEYS[1], 'version', 'value', 'until', 'run'); "
    "local left = (tonumber(found[3]) or 0) - now; "
    "if found[4] ~= run or left <= 0 or left > tonumber(ARGV[1]) then found = {false, false} end "
    "return {found[1], found[2], run, now, left}"
)
_PUT: Final = (
    _NOW + "local version, lifetime, at = tonumber(ARGV[1]), tonumber(ARGV[3]), tonumber(ARGV[5]); "
    "local kept = redis.call('HMGET', KEYS[1], 'version', 'until', 'run'); "
    "local known = tonumber(kept[1]) or 0; if known > version then return 1 end "
    "local til = (ARGV[4] == run and at <= now) and at + lifetime or 0; "
    "if known == version and kept[3] == run then til = math.max(til, tonumber(kept[2]) or 0) end "
    "redis.call('HSET', KEYS[1], 'version', ARGV[1], 'value', ARGV[2], 'until', til, 'run', run); "
    "redis.call('PEXPIRE', KEYS[1], lifetime); return 1"
)

ANSWER_WITHIN_S: Final = 0.5
"""Longer than any answer of a Redis that is well; whoever waits for it could have asked SQL several times."""
REST_S: Final = 1.0
"""After it did not answer it is left alone for so long: not every caller should wait for it again."""
CONNECTIONS: Final = 4
RECONNECT_WITHIN_S: Final = 1.0
"""Between two attempts at most."""


class RedisCache:
    """In Redis or Valkey, shared by all processes. It reconnects by itself; while it is away nothing is cached."""

    is_shared = True

    def __init__(self, url: str, reactor: Any) -> None:
        self._address = RedisAddress.parse(url)
        self._connection = self._connect()
        self._reactor = reactor
        self._away_until_s = 0.0
        self._is_up = IS_UP.labels("redis")
        self._is_up.set(1)

    async def get(self, key: str) -> tuple[Cached | None, Stamp | None]:
        """See Cache."""
        asked_s = time.monotonic()
        answer = await self._eval(_GET, key, _ms(LIFETIME_S))
        note_cached(found=answer is not None and answer[0] is not None, seconds=time.monotonic() - asked_s)
        if answer is None:
            _AWAY.inc()
            return None, None
        version, value, run, now_ms, left_ms = answer
        if version is None:
            _MISS.inc()
            return None, Stamp(run, int(now_ms))
        _HIT.inc()
        AGES.observe(LIFETIME_S - int(left_ms) / 1000)
        return Cached(int(version), int(value)), Stamp(run, int(now_ms))

    async def put(self, key: str, found: Cached, stamp: Stamp | None) -> bool:
        """See Cache."""
        run, at_ms = ("", 0) if stamp is None else (stamp.run, stamp.at_ms)
        return await self._eval(_PUT, key, found.version, found.value, _ms(LIFETIME_S), run, at_ms) is not None

    async def outlived(self) -> None:
        """See Cache."""
        await deferLater(self._reactor, LIFETIME_S * OUTLIVED_AFTER)

    async def drop(self, key: str) -> None:
        """See Cache. Its version still counts."""
        await self._request(lambda: self._connection.hdel(_key(key), "until"))

    async def is_there(self) -> bool:
        """See Cache."""
        self._away_until_s = 0.0
        return await self._request(self._ping) is not None

    async def close(self) -> None:
        """Give the connections back."""
        await self._connection.disconnect()

    def _connect(self) -> Any:
        pool = self._address.pool(CONNECTIONS)
        pool._factory.maxDelay = RECONNECT_WITHIN_S  # noqa: SLF001  # there is no public way
        pool._factory.deferred.addErrback(lambda _: None)  # noqa: SLF001  # not let in: who asks next hears of it
        return pool

    def _connect_again(self) -> None:
        """A pool that once was not let in never tries again, also where the server was only coming or going."""
        factory = self._connection._factory  # noqa: SLF001  # as above
        if factory.stopped and not factory.disconnectCalled:
            self._connection.disconnect().addErrback(lambda _: None)  # those that are in still
            self._connection = self._connect()

    async def _ping(self) -> Any:
        return await self._connection.ping()

    async def _eval(self, script: str, key: str, *arguments: Any) -> Any:
        return await self._request(lambda: self._connection.eval(script, keys=[_key(key)], args=list(arguments)))

    async def _request(self, command: Callable[[], Awaitable[Any]]) -> Any:
        """The answer, or None where there is none in time."""
        if time.monotonic() < self._away_until_s:
            return None
        self._connect_again()
        try:
            answer = await _within(ANSWER_WITHIN_S, command, self._reactor)
        except (txredisapi.RedisError, CancelledError, DeferredTimeout, OSError) as error:
            if self._away_until_s == 0.0:
                log.warning("the cache does not answer; SQL does", error=repr(error))
            self._away_until_s = time.monotonic() + REST_S
            self._is_up.set(0)
            return None
        self._away_until_s = 0.0
        self._is_up.set(1)
        return [] if answer is None else answer


def _key(key: str) -> str:
    return f"tutorwamp:{key}"


def _ms(seconds: float) -> int:
    return round(seconds * 1000)


async def _within(seconds: float, command: Callable[[], Awaitable[Any]], reactor: Any) -> Any:
    async def asked() -> Any:
        return await command()

    return await Deferred.fromCoroutine(asked()).addTimeout(seconds, reactor)


def make_cache(settings: CacheSettings, reactor: Any) -> Cache:
    """The cache of a process."""
    return LocalCache() if settings.redis_url is None else RedisCache(settings.redis_url, reactor)
