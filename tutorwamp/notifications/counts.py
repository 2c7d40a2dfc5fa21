"""How many notifications somebody has not read: cached, and never an old number (kernel/cache.py says why)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Final, TypeVar

from prometheus_client import Counter

from tutorwamp.kernel.cache import Cache, Cached
from tutorwamp.kernel.errors import Retryable, TutorwampError
from tutorwamp.kernel.observability import get_logger
from tutorwamp.notifications.store import NotificationsStore, OvertakenError
from tutorwamp.notifications.writing import Counted

log = get_logger(__name__)
Result = TypeVar("Result")

COMPARED_AT_ONCE: Final = 50
"""Counts looked at in one background comparison; with one every ten seconds 300 a minute, a query each."""

ASKED_AT_MOST: Final = 1_000
"""People remembered for the next comparisons; a sample is enough."""

COMPARED: Final = Counter("tutorwamp_unread_counts_compared", "Cached unread counts compared with the database.")
DRIFTED: Final = Counter("tutorwamp_unread_counts_drifted", "Cached unread counts that were wrong, and were dropped.")


class UnreadCounts:
    """Counts by person."""

    def __init__(self, cache: Cache, store: NotificationsStore) -> None:
        self._cache = cache
        self._store = store
        self._asked: dict[str, None] = {}

    async def get(self, user_id: str) -> int:
        """Somebody's count, from memory where it is known."""
        key = _key(user_id)
        if len(self._asked) < ASKED_AT_MOST:
            self._asked[user_id] = None
        found = await self._cache.get(key)
        if isinstance(found, Cached):
            return found.value
        counted = await self._store.count(user_id)
        await self._cache.put(key, _cached(counted), found)
        return counted.unread

    async def changing(
        self,
        user_ids: Iterable[str],
        change: Callable[[float], Awaitable[Result]],
        after: Callable[[Result], Mapping[str, Counted]],
    ) -> Result:
        """Change what these people have not read, inside a fence; ``after`` says what it came to, where it is known.

        ``change`` is told until when it may be committed.
        """
        fence = await self._cache.raise_fence(map(_key, user_ids))
        try:
            result = await change(fence.commit_until_s)
        except (TutorwampError, OvertakenError) as refused:
            # After any other failure nobody knows whether it was committed, or will be: the fence falls by itself.
            if not isinstance(refused, Retryable):
                await self._cache.lower_fence(fence)
            raise
        found = {_key(user_id): _cached(counted) for user_id, counted in after(result).items()}
        await self._cache.lower_fence(fence, found)
        return result

    async def compare(self) -> int:
        """Look whether cached counts are right, and drop those that are not; how many were wrong.

        To be called every so often: should a fault of ours ever leave an old number, it does not stay.
        """
        people, self._asked = list(self._asked)[:COMPARED_AT_ONCE], dict.fromkeys(list(self._asked)[COMPARED_AT_ONCE:])
        wrong = 0
        for user_id in people:
            cached = await self._cache.get(_key(user_id))
            if not isinstance(cached, Cached):
                continue
            counted = await self._store.count(user_id)
            COMPARED.inc()
            # A change between the two looks has fenced the value away, or left another version.
            same = await self._cache.get(_key(user_id)) == cached
            if same and cached != _cached(counted):
                wrong += 1
                DRIFTED.inc()
                log.error("an unread count was wrong", user_id=user_id, cached=cached, counted=counted)
                await self._cache.drop(_key(user_id))
        return wrong


def _key(user_id: str) -> str:
    return f"unread:{user_id}"


def _cached(counted: Counted) -> Cached:
    return Cached(counted.seq, counted.unread)
