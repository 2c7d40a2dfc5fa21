"""How many notifications somebody has not read: what the newest event of their stream says, cached.

In one process a count is never old. Where several share a cache, one asked for over REST may be as old as the cache
lets it (kernel/cache.py), but not older than a change that its person was answered. Who follows the stream (WAMP) asks
SQL there: an old count would stay on their screen until the next event.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from prometheus_client import Counter

from tutorwamp.kernel.cache import Cache, Cached
from tutorwamp.kernel.errors import Retryable, TutorwampError
from tutorwamp.kernel.log.lines import get_logger
from tutorwamp.notifications.store import NotificationsStore
from tutorwamp.notifications.writing import Counted

log = get_logger(__name__)
Result = TypeVar("Result")

IN_DOUBT_FOR_S: Final = 60.0
"""After a change of which nobody knows whether it was committed. It may still be: a server commits what it was told to,
also when we are gone. It ends what takes it ten seconds (SERVER_TIMEOUTS); the rest is room for a slow disk."""

COMPARED_AT_ONCE: Final = 50
"""Counts looked at in one background comparison; with one every ten seconds 300 a minute, in two queries each time."""

ASKED_AT_MOST: Final = 1_000
"""People remembered for the next comparisons; a sample is enough."""

COMPARED: Final = Counter("tutorwamp_unread_counts_compared", "Unread counts compared with the rows in the database.")
DRIFTED: Final = Counter("tutorwamp_unread_counts_drifted", "Unread counts that were wrong, cached or in an event.")


@dataclass(frozen=True)
class Changed(Generic[Result]):
    """What a change came to; ``everywhere``: whether nobody finds the counts of before any more."""

    result: Result
    everywhere: bool


class UnreadCounts:
    """Counts by person. ``now_s``: a clock that never goes back."""

    def __init__(self, cache: Cache, store: NotificationsStore, now_s: Callable[[], float] = time.monotonic) -> None:
        self._cache = cache
        self._store = store
        self._now_s = now_s
        self._asked: dict[str, None] = {}
        self._changing: dict[str, int] = {}
        """How many changes of somebody's count are under way here."""
        self._in_doubt: dict[str, float] = {}
        """Until when, the first to end first."""
        self._doubts = 0
        """So far; who began to read before one does not know what it came to."""

    async def get(self, user_id: str, *, follows: bool = False) -> int:
        """Somebody's count, from memory where it is known. ``follows``: for who hears of later changes only."""
        if len(self._asked) < ASKED_AT_MOST:
            self._asked[user_id] = None
        key, doubts = _key(user_id), self._doubts
        if self._is_unsettled(key) or (follows and self._cache.is_shared):
            return (await self._store.count(user_id)).unread
        found, stamp = await self._cache.get(key)
        if found is not None:
            return found.value
        counted = await self._store.count(user_id)
        if self._doubts == doubts:
            await self._cache.put(key, _cached(counted), stamp)
        return counted.unread

    async def changing(
        self,
        user_ids: Iterable[str],
        change: Callable[[], Awaitable[Result]],
        after: Callable[[Result], Mapping[str, Counted]],
    ) -> Changed[Result]:
        """Change what these people have not read; ``after`` says what it came to, for those whose count it changed."""
        keys = [_key(user_id) for user_id in user_ids]
        for key in keys:
            self._changing[key] = self._changing.get(key, 0) + 1
        try:
            stamp = (await self._cache.get(keys[0]))[1] if keys else None
            result = await change()
            found = after(result).items()
            heard = [await self._cache.put(_key(user_id), _cached(one), stamp) for user_id, one in found]
            for key in self._in_doubt.keys() & keys:
                await self._cache.drop(key)
            return Changed(result, all(heard))
        except Exception as error:
            # Only after a refusal is it known that nothing was committed, nor will be.
            if not isinstance(error, TutorwampError) or isinstance(error, Retryable):
                await self._doubt(keys)
            raise
        finally:
            for key in keys:
                self._changing[key] -= 1
                if not self._changing[key]:
                    del self._changing[key]

    async def outlived(self) -> None:
        """Wait until nobody finds the counts of before; where a change is not known everywhere."""
        await self._cache.outlived()

    async def compare(self) -> int:
        """Look whether counts are right: those in people's newest events, and what is cached. How many were wrong.

        To be called every so often: should a fault of ours ever leave a wrong number, somebody notices. A cached one
        is dropped; one in an event is put right by the next.
        """
        people, self._asked = list(self._asked)[:COMPARED_AT_ONCE], dict.fromkeys(list(self._asked)[COMPARED_AT_ONCE:])
        if not people:
            return 0
        before = {user_id: await self._known(user_id) for user_id in people}
        wrong = 0
        for user_id, (counted, rows) in (await self._store.compared(people)).items():
            COMPARED.inc()
            cached = before[user_id]
            if counted.unread != rows:
                wrong += 1
                log.error("an unread count was wrong in its event", user_id=user_id, counted=counted, rows=rows)
            elif self._is_wrong(cached, counted) and await self._known(user_id) == cached:
                wrong += 1
                log.error("an unread count was wrong", user_id=user_id, cached=cached, counted=counted)
                await self._cache.drop(_key(user_id))
        DRIFTED.inc(wrong)
        return wrong

    async def _known(self, user_id: str) -> Cached | None:
        key = _key(user_id)
        return None if self._is_unsettled(key) else (await self._cache.get(key))[0]

    def _is_wrong(self, cached: Cached | None, counted: Counted) -> bool:
        """A shared one may be of before for a moment."""
        if cached is None or (self._cache.is_shared and cached.version < counted.seq):
            return False
        return cached != _cached(counted)

    def _is_unsettled(self, key: str) -> bool:
        """Whether a change is, or may be, under way."""
        while self._in_doubt and next(iter(self._in_doubt.values())) <= self._now_s():
            del self._in_doubt[next(iter(self._in_doubt))]
        return key in self._changing or key in self._in_doubt

    async def _doubt(self, keys: Iterable[str]) -> None:
        self._doubts += 1
        for key in keys:
            self._in_doubt.pop(key, None)
            self._in_doubt[key] = self._now_s() + IN_DOUBT_FOR_S
            await self._cache.drop(key)


def _key(user_id: str) -> str:
    return f"unread:{user_id}"


def _cached(counted: Counted) -> Cached:
    return Cached(counted.seq, counted.unread)
