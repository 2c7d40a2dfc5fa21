"""New, read, read-all, at once, over both doors and two processes, while the cache comes and goes for one or for both.

Every count that is answered was the database's at some moment between the question and the answer: what was committed
before the question is in it. When all is quiet, every door of every process says the database's.
"""

from __future__ import annotations

import json
import random
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, cast

import pytest
import pytest_twisted
from sqlalchemy import select
from twisted.internet import reactor
from twisted.internet.defer import Deferred, FirstError, gatherResults
from twisted.internet.task import deferLater

from tests.kernel.loopback import Loopback
from tests.notifications.house import House
from tests.notifications.test_doors import Asking
from tests.support.machine import Stage, TurnedClock
from tests.support.redis import RedisServer
from tutorwamp.app.assembly import Machine
from tutorwamp.app.site import make_site
from tutorwamp.kernel import trust as trusts
from tutorwamp.kernel.cache import Cached, LocalCache, RedisCache
from tutorwamp.kernel.contracts import Caller, Nothing, new_id
from tutorwamp.kernel.errors import Unavailable
from tutorwamp.kernel.streams import stream_events
from tutorwamp.kernel.trust import CHANGE_AT_MOST_S, CacheTrust
from tutorwamp.notifications.contracts import Kind, ReadNotifications, stream_of
from tutorwamp.notifications.rules import Told
from tutorwamp.notifications.wamp import NotificationsDoor
from tutorwamp.notifications.writing import Counted

SEEDS = range(6)
ROUNDS = 10
AT_ONCE = 8
LOST = 0.4


class Counts:
    """What the database says, now and at every event of a person's stream."""

    def __init__(self, machine: Machine, user_id: str) -> None:
        self._machine = machine
        query = select(stream_events.c.data).where(stream_events.c.stream == stream_of(user_id))
        self._query = query.order_by(stream_events.c.seq)

    def all(self) -> list[int]:
        """By seq, from 0 on."""
        with self._machine.database.engine.connect().execution_options(writes=False) as connection:
            return [0, *(json.loads(data)["unread_count"] for data in connection.execute(self._query).scalars())]

    @property
    def head(self) -> int:
        return len(self.all()) - 1


class Fuzz:
    def __init__(self, house: House, machines: list[Machine], sites: list[Loopback], seed: int) -> None:
        self.chance = random.Random(seed)
        self.house, self.machines = house, machines
        self.anna: Caller = house.anna
        self.doors = [Asking(house.stage, site, self.anna) for site in sites]
        self.wamp = [NotificationsDoor(machine.notifications) for machine in machines]
        self.counts = Counts(machines[0], self.anna.user_id)
        self.made: list[str] = []
        self.answers = 0
        self.cached = 0
        """How often a count was found in the cache when all was quiet."""

    async def one(self) -> None:
        """Something, and its answer looked at."""
        asked_at = self.counts.head
        what = self.chance.choice([self.tell, self.read, self.read, self.read_all, self.count, self.count])
        try:
            answered = await what()
        except Unavailable:
            return  # its answer was lost
        if answered is not None:
            self.answers += 1
            possible = self.counts.all()[asked_at:]
            assert answered in possible, f"{answered} was asked for at {asked_at}, since then it was {possible}"

    async def tell(self) -> None:
        data = {"lesson_id": self.house.lesson.id, "starts_at": "soon"}
        told = Told(self.anna.user_id, Kind.LESSON_CHANGED, new_id(), "Fractions", "Changed.", data)
        await self.chance.choice(self.machines).notifier._add([told, told])

    async def read(self) -> int | None:
        listed = await self.house.told(self.anna)
        if not listed:
            return None
        one = self.chance.choice(listed).id
        if self.chance.random() < 0.5:
            return _count((await self.chance.choice(self.doors)("POST", f"/{one}/read")).json)
        asked = ReadNotifications(notification_ids=[one])
        return (await self.chance.choice(self.wamp).mark_read(self.anna, asked)).unread_count

    async def read_all(self) -> int:
        if self.chance.random() < 0.5:
            return _count((await self.chance.choice(self.doors)("POST", "/read-all")).json)
        return (await self.chance.choice(self.wamp).mark_all_read(self.anna, Nothing())).unread_count

    async def count(self) -> int:
        if self.chance.random() < 0.5:
            return _count((await self.chance.choice(self.doors)("GET", "/unread-count")).json)
        return (await self.chance.choice(self.wamp).unread_count(self.anna, Nothing())).unread_count

    async def round(self) -> None:
        """Several at once, then everybody says the same."""
        await gatherResults([_doing(self.one()) for _ in range(AT_ONCE)], consumeErrors=True)
        for _ in range(2):  # from SQL or the cache, then from the cache
            right = self.counts.all()[-1]
            for door in self.doors:
                assert _count((await door("GET", "/unread-count")).json) == right
            for machine in self.machines:
                assert (await machine.notifications.unread_count(self.anna)).unread_count == right
                self.cached += isinstance(await machine.counts._cache.get(f"unread:{self.anna.user_id}"), Cached)
                assert await machine.counts.compare() == 0


def _count(answer: Any) -> int:
    if answer.get("type") == Unavailable.uri:
        raise Unavailable(answer["detail"])
    count: int = answer["unread_count"]
    return count


def lose_answers(machine: Machine, chance: random.Random, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some changes are committed, and nobody is told; and what readers find is long under way."""

    def lossy(change: Callable[..., Deferred[Any]]) -> Callable[..., Deferred[Any]]:
        def lost(answer: Any) -> Any:
            if chance.random() < LOST:
                raise Unavailable("The database cannot be reached just now.")
            return answer

        return lambda *args, **more: change(*args, **more).addCallback(lost)

    async def late(user_id: str) -> Counted:
        counted = await count(user_id)
        await deferLater(cast("Any", reactor), chance.random() / 20)
        return counted

    store = machine.counts._store
    count = store.count
    monkeypatch.setattr(store, "count", lambda user_id: Deferred.fromCoroutine(late(user_id)))
    for name in ("add", "mark_read"):
        monkeypatch.setattr(store, name, lossy(getattr(store, name)))


async def nothing(_chance: random.Random) -> None:
    """The cache stays."""


def _doing(something: Awaitable[None]) -> Deferred[None]:
    async def doing() -> None:
        await something

    return Deferred.fromCoroutine(doing())


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    with RedisServer("valkey") as server:
        yield server


async def fuzzed(
    house: House, machines: list[Machine], seed: int, between: Callable[[random.Random], Awaitable[None]]
) -> int:
    """How often something was cached."""
    sites = [Loopback(make_site(machine)) for machine in machines]
    try:
        fuzz = Fuzz(house, machines, sites, seed)
        for _ in range(ROUNDS):
            await between(fuzz.chance)
            await fuzz.round()
        assert fuzz.answers > ROUNDS
        return fuzz.cached
    finally:
        for site in sites:
            await site.close()


class Shared:
    """One server for two processes, of which each may lose it alone: whoever does may as well have died since."""

    def __init__(self, server: RedisServer, machines: list[Machine], clock: TurnedClock) -> None:
        self.server = server
        self.clock = clock
        self.caches: list[RedisCache] = []
        for machine in machines:
            cache = RedisCache(server.url, reactor, CacheTrust(machine.database, reactor, clock=clock))
            machine.counts._cache = cache
            self.caches.append(cache)

    async def between(self, chance: random.Random) -> None:
        """Something happens to the server, to the way there, or nothing does for a long time."""
        for cache in self.caches:
            cache._away_until_s = 0.0
        what = chance.choice(["nothing", "restart", "cut off", "later", "later"])
        if what == "restart":
            self.server.kill()
            if chance.random() < 0.5:  # somebody notices while it is away
                await self.caches[0].is_there()
            self.server.start()
        elif what == "cut off":
            chance.choice(self.caches)._away_until_s = float("inf")
        elif what == "later":
            self.clock.turn(seconds=3 * CHANGE_AT_MOST_S)

    async def close(self) -> None:
        for cache in self.caches:
            await cache.close()


async def shared_and_fuzzed(stage: Stage, other: Machine, server: RedisServer, seed: int, clock: TurnedClock) -> int:
    """How often something was cached."""
    machines = [stage.machine, other]
    shared = Shared(server, machines, clock)
    try:
        return await fuzzed(await House.opened(stage), machines, seed, shared.between)
    finally:
        await shared.close()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A look at what is believed counts for a moment only."""
    for name, seconds in (("LOOKED_FOR_S", 0.2), ("NOTICED_WITHIN_S", 0.22), ("MET_EVERY_S", 0.0)):
        monkeypatch.setattr(trusts, name, seconds)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("seed", SEEDS)
@pytest_twisted.ensureDeferred
async def test_N2_every_count_is_the_databases_while_the_shared_cache_comes_and_goes(
    stage_on_both: Stage, other_on_both: Machine, redis: RedisServer, seed: int
) -> None:
    assert await shared_and_fuzzed(stage_on_both, other_on_both, redis, seed, TurnedClock()) > 0


@pytest.mark.usefixtures("impatient")
@pytest_twisted.ensureDeferred
async def test_a_writer_that_says_nothing_where_it_cannot_reach_the_cache_would_be_noticed(
    stage_on_both: Stage, other_on_both: Machine, redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The fuzz can fail: without the database's word old counts are found within its seeds."""

    async def unsaid(_trust: CacheTrust) -> None:
        return None

    monkeypatch.setattr(CacheTrust, "withhold", unsaid)
    clock = TurnedClock()

    async def many() -> None:
        for seed in range(40):
            await shared_and_fuzzed(stage_on_both, other_on_both, redis, seed, clock)

    with pytest.raises((AssertionError, FirstError)):
        await many()


@pytest.mark.parametrize("seed", SEEDS)
@pytest_twisted.ensureDeferred
async def test_N2_every_count_is_the_databases_with_a_cache_in_process(stage: Stage, seed: int) -> None:
    house = await House.opened(stage)
    assert isinstance(stage.machine.cache, LocalCache)
    assert await fuzzed(house, [stage.machine], seed, nothing) >= ROUNDS


@pytest.mark.parametrize("seed", SEEDS)
@pytest_twisted.ensureDeferred
async def test_N2_every_count_is_the_databases_where_answers_are_lost(
    stage: Stage, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = await House.opened(stage)
    lose_answers(stage.machine, random.Random(seed), monkeypatch)
    await fuzzed(house, [stage.machine], seed, nothing)


@pytest_twisted.ensureDeferred
async def test_a_cache_that_is_not_fenced_would_be_noticed(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """The fuzz can fail: without fences old counts are found within its seeds."""

    async def unfenced(cache: LocalCache, fence: Any, found: Any = None) -> None:
        cache._entries.clear()  # the value is dropped after the commit, as most people do

    async def no_fence(_cache: LocalCache, _keys: Any) -> None:
        return None

    monkeypatch.setattr(LocalCache, "raise_fence", no_fence)
    monkeypatch.setattr(LocalCache, "lower_fence", unfenced)
    house = await House.opened(stage)

    async def many() -> None:
        for seed in range(40):
            await fuzzed(house, [stage.machine], seed, nothing)

    with pytest.raises((AssertionError, FirstError)):
        await many()
