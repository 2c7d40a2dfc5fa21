"""One contract for every cache: in process, Redis, Valkey. What is cached is never old (decision 8)."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import deferLater

from tests.support.machine import TurnedClock
from tests.support.redis import FLAVOURS, RedisServer, find_server
from tutorwamp.kernel import cache as caches
from tutorwamp.kernel import trust as trusts
from tutorwamp.kernel.cache import Cache, Cached, Lease, LocalCache, RedisCache, make_cache
from tutorwamp.kernel.contracts import new_id
from tutorwamp.kernel.database import Database, make_engine
from tutorwamp.kernel.errors import Unavailable
from tutorwamp.kernel.redis_url import CacheSettings
from tutorwamp.kernel.settings import SettingsError
from tutorwamp.kernel.trust import CHANGE_AT_MOST_S, CacheTrust, cache_trust

KINDS = ("local", *FLAVOURS)


@pytest.fixture(scope="module")
def servers() -> Iterator[dict[str, RedisServer]]:
    """Those that are installed."""
    made: dict[str, RedisServer] = {}
    for flavour in FLAVOURS:
        try:
            find_server(flavour)
        except LookupError:
            continue
        made[flavour] = RedisServer(flavour)
        made[flavour].start()
    yield made
    for server in made.values():
        server.close()


@pytest.fixture
def clock() -> TurnedClock:
    return TurnedClock()


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = Database(make_engine(f"sqlite:///{tmp_path / 'trust.sqlite3'}"), cast("Any", reactor))
    cache_trust.create(made.engine)
    made.start()
    yield made
    made.stop()


Process = Callable[[RedisServer], RedisCache]


@pytest_twisted.async_yield_fixture
async def process(database: Database, clock: TurnedClock, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Process]:
    """What another process has of the same server and the same database; a look counts for a moment only."""
    for name, seconds in (("LOOKED_FOR_S", 0.2), ("NOTICED_WITHIN_S", 0.22), ("MET_EVERY_S", 0.0)):
        monkeypatch.setattr(trusts, name, seconds)
    made: list[RedisCache] = []

    def make(server: RedisServer) -> RedisCache:
        made.append(RedisCache(server.url, reactor, CacheTrust(database, reactor, clock=clock)))
        return made[-1]

    yield make
    for cache in made:
        await cache.close()


@pytest_twisted.async_yield_fixture(params=KINDS)
async def cache(
    request: pytest.FixtureRequest, servers: dict[str, RedisServer], process: Process
) -> AsyncIterator[Cache]:
    if request.param == "local":
        yield LocalCache()
        return
    if request.param not in servers:
        pytest.skip(f"no {request.param} is installed")
    made = process(servers[request.param])
    await made.get("any")  # it meets the server
    yield made


@pytest.fixture
def key() -> str:
    return new_id()


def now_s() -> float:
    return time.monotonic()


def sleep(seconds: float) -> Deferred[None]:
    return deferLater(cast("Any", reactor), seconds)


async def leased(cache: Cache, key: str) -> Lease:
    """The right to put; there must be nothing."""
    found = await cache.get(key)
    assert isinstance(found, Lease)
    return found


async def value(cache: Cache, key: str) -> Cached | None:
    found = await cache.get(key)
    return found if isinstance(found, Cached) else None


async def put(cache: Cache, key: str, found: Cached) -> None:
    """As a reader who found nothing a moment ago, or would have."""
    lease = await cache.get(f"{key} of another")
    assert isinstance(lease, Lease)
    await cache.put(key, found, lease)


@pytest_twisted.ensureDeferred
async def test_what_was_put_is_there_until_it_is_dropped(cache: Cache, key: str) -> None:
    assert await value(cache, key) is None
    await put(cache, key, Cached(7, 3))
    assert await value(cache, key) == Cached(7, 3)
    await cache.drop(key)
    assert await value(cache, key) is None


@pytest_twisted.ensureDeferred
async def test_an_older_version_does_not_replace_a_newer_one(cache: Cache, key: str) -> None:
    await put(cache, key, Cached(7, 3))
    await put(cache, key, Cached(6, 9))
    assert await value(cache, key) == Cached(7, 3)
    await put(cache, key, Cached(8, 0))
    assert await value(cache, key) == Cached(8, 0)


@pytest_twisted.ensureDeferred
async def test_a_fence_removes_the_value_and_refuses_others_until_its_owner_leaves_one(cache: Cache, key: str) -> None:
    await put(cache, key, Cached(7, 3))
    fence = await cache.raise_fence([key])
    assert await value(cache, key) is None
    await put(cache, key, Cached(7, 3))
    assert await value(cache, key) is None, "a reader that read before the commit put the old count back"
    await cache.lower_fence(fence, {key: Cached(8, 4)})
    assert await value(cache, key) == Cached(8, 4)
    await put(cache, key, Cached(7, 3))
    assert await value(cache, key) == Cached(8, 4), "a slow reader put the old count back"


@pytest_twisted.ensureDeferred
async def test_a_change_that_failed_leaves_nothing(cache: Cache, key: str) -> None:
    await put(cache, key, Cached(7, 3))
    await cache.lower_fence(await cache.raise_fence([key]))
    assert await value(cache, key) is None
    await put(cache, key, Cached(7, 3))
    assert await value(cache, key) == Cached(7, 3)


@pytest_twisted.ensureDeferred
async def test_of_two_who_change_at_once_only_the_last_to_finish_leaves_a_value(cache: Cache, key: str) -> None:
    one, other = await cache.raise_fence([key]), await cache.raise_fence([key])
    await cache.lower_fence(one, {key: Cached(8, 4)})
    assert await value(cache, key) is None, "the other one may have committed by now"
    await cache.lower_fence(other, {key: Cached(9, 5)})
    assert await value(cache, key) == Cached(9, 5)


@pytest_twisted.ensureDeferred
async def test_several_keys_are_fenced_together(cache: Cache) -> None:
    keys = [new_id(), new_id()]
    for one in keys:
        await put(cache, one, Cached(1, 1))
    fence = await cache.raise_fence(keys)
    assert [await value(cache, one) for one in keys] == [None, None]
    await cache.lower_fence(fence, {keys[0]: Cached(2, 0)})
    assert [await value(cache, one) for one in keys] == [Cached(2, 0), None]


@pytest_twisted.ensureDeferred
async def test_a_fence_whose_owner_died_falls_and_leaves_nothing(
    cache: Cache, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await put(cache, key, Cached(7, 3))
    monkeypatch.setattr(caches, "FENCE_S", 0.0)
    await cache.raise_fence([key])
    assert await value(cache, key) is None
    await put(cache, key, Cached(8, 4))
    assert await value(cache, key) == Cached(8, 4)


@pytest_twisted.ensureDeferred
async def test_an_owner_whose_fence_has_fallen_leaves_no_value(
    cache: Cache, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(caches, "FENCE_S", 0.0)
    await cache.lower_fence(await cache.raise_fence([key]), {key: Cached(8, 4)})
    assert await value(cache, key) is None


@pytest_twisted.ensureDeferred
async def test_an_owner_that_took_long_leaves_no_value_for_who_died_meanwhile_may_know_better(
    cache: Cache, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(caches, "FENCE_S", 0.2)
    await cache.raise_fence([key])  # its owner commits version 9 later than the other one its 8, and dies
    monkeypatch.setattr(caches, "FENCE_S", 0.5)
    fence = await cache.raise_fence([key])
    await sleep(0.3)
    await cache.lower_fence(fence, {key: Cached(8, 4)})
    assert await value(cache, key) is None


@pytest_twisted.ensureDeferred
async def test_what_was_read_before_a_change_failed_is_not_put_after_it(cache: Cache, key: str) -> None:
    """An earlier try of it may have been committed."""
    lease = await leased(cache, key)
    await cache.lower_fence(await cache.raise_fence([key]))
    await cache.put(key, Cached(7, 3), lease)
    assert await value(cache, key) is None


@pytest_twisted.ensureDeferred
async def test_a_reader_slower_than_a_fence_stands_does_not_put(cache: Cache, key: str) -> None:
    lease = await leased(cache, key)
    await cache.put(key, Cached(7, 3), replace(lease, at_s=lease.at_s - caches.PUT_WITHIN_S - 1))
    assert await value(cache, key) is None


@pytest_twisted.ensureDeferred
async def test_a_value_nobody_changes_is_not_kept_for_ever(
    cache: Cache, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(caches, "KEPT_S", 0.0)
    await put(cache, key, Cached(7, 3))
    assert await value(cache, key) is None


@pytest_twisted.ensureDeferred
async def test_in_process_the_keys_not_used_for_longest_go_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caches, "KEYS_AT_MOST", 2)
    cache, lease = LocalCache(), Lease("here", now_s())
    for key in ("a", "b"):
        await cache.put(key, Cached(1, 1), lease)
    assert await value(cache, "a")
    await cache.put("c", Cached(1, 1), lease)
    assert [await value(cache, key) is not None for key in "ac"] == [True, True]
    assert await value(cache, "b") is None


# With the server away


@pytest.fixture(params=FLAVOURS)
def server(request: pytest.FixtureRequest) -> Iterator[RedisServer]:
    try:
        made = RedisServer(request.param, durable=True)
    except LookupError as missing:
        pytest.skip(str(missing))
    made.start()
    yield made
    made.close()


async def patiently(cache: RedisCache, *, there: bool) -> None:
    """Until it is there, or not."""
    deadline = now_s() + 30
    while await cache.is_there() is not there:
        assert now_s() < deadline


def out_of_reach(cache: RedisCache) -> None:
    """Only this process does not reach it."""
    cache._away_until_s = float("inf")


async def met(cache: RedisCache) -> RedisCache:
    await cache.get("any")
    return cache


@pytest_twisted.ensureDeferred
async def test_while_it_is_away_nothing_is_cached_and_nothing_fails_and_then_it_goes_on(
    server: RedisServer, process: Process, clock: TurnedClock, key: str
) -> None:
    cache = await met(process(server))
    await put(cache, key, Cached(7, 3))
    server.kill()
    await patiently(cache, there=False)
    assert await value(cache, key) is None
    await put(cache, key, Cached(7, 3))
    await cache.lower_fence(await cache.raise_fence([key]), {key: Cached(8, 4)})
    await cache.drop(new_id())
    server.start()
    await patiently(cache, there=True)
    assert await value(cache, key) is None, "what it kept over the restart is old: a change could not fence it"
    clock.turn(seconds=3 * CHANGE_AT_MOST_S)
    await met(cache)
    assert await value(cache, key) is None
    clock.turn(seconds=CHANGE_AT_MOST_S)
    await put(cache, key, Cached(8, 4))
    assert await value(cache, key) == Cached(8, 4)


@pytest_twisted.ensureDeferred
async def test_nobody_believes_what_a_writer_could_not_fence(
    server: RedisServer, process: Process, clock: TurnedClock, key: str
) -> None:
    """It may be cut off alone, and it may die after its commit: others find the old count in the cache."""
    reader, writer = await met(process(server)), await met(process(server))
    await put(reader, key, Cached(7, 3))
    out_of_reach(writer)
    await writer.raise_fence([key])
    assert await value(reader, key) is None, "the old count, after a commit that nobody could fence"
    clock.turn(seconds=2 * CHANGE_AT_MOST_S - 1)
    assert await value(reader, key) is None
    clock.turn(seconds=2)
    lease = await leased(reader, key)
    await reader.put(key, Cached(8, 4), lease)
    assert await value(reader, key) == Cached(8, 4)


@pytest_twisted.ensureDeferred
async def test_what_was_read_or_changed_before_belief_was_withheld_is_not_believed_after_it(
    server: RedisServer, process: Process, clock: TurnedClock, key: str
) -> None:
    reader, writer = await met(process(server)), await met(process(server))
    other = new_id()
    lease, fence = await leased(reader, key), await reader.raise_fence([other])
    out_of_reach(writer)
    await writer.raise_fence([key, other])
    await reader.put(key, Cached(7, 3), lease)
    await reader.lower_fence(fence, {other: Cached(7, 3)})
    late = await reader.raise_fence([other])
    await reader.lower_fence(late, {other: Cached(7, 3)})
    clock.turn(seconds=2 * CHANGE_AT_MOST_S + 1)
    assert [await value(reader, one) for one in (key, other)] == [None, None]


@pytest_twisted.ensureDeferred
async def test_while_belief_is_withheld_a_writer_does_not_wait_again(
    server: RedisServer, process: Process, database: Database, clock: TurnedClock, key: str
) -> None:
    writer = await met(process(server))
    out_of_reach(writer)
    for _ in range(3):
        await writer.lower_fence(await writer.raise_fence([key]))
    assert database.counts.of("cache.withhold").transactions == 1
    clock.turn(seconds=CHANGE_AT_MOST_S + 1)  # what is left would not do for a slow change
    await writer.raise_fence([key])
    assert database.counts.of("cache.withhold").transactions == 2


@pytest_twisted.ensureDeferred
async def test_a_server_that_was_restarted_is_believed_when_all_that_it_forgot_is_over(
    server: RedisServer, process: Process, clock: TurnedClock, key: str
) -> None:
    reader, writer = await met(process(server)), await met(process(server))
    fence = await writer.raise_fence([key])
    await reader._connection.delete([f"tutorwamp:{{{key}}}:fences"])
    server.kill()  # it keeps every command on disk; another one may lose its last ones, as here
    server.start()
    out_of_reach(writer)
    await patiently(reader, there=True)
    await met(reader)
    assert await value(reader, key) is None
    lease = await reader.get(key)
    assert isinstance(lease, Lease)
    await reader.put(key, Cached(7, 3), lease)  # read before the writer's commit, which it cannot say any more
    await writer.lower_fence(fence, {key: Cached(8, 4)})
    clock.turn(seconds=CHANGE_AT_MOST_S + 1)
    assert await value(reader, key) is None
    await put(reader, key, Cached(8, 4))
    assert await value(reader, key) == Cached(8, 4)


@pytest_twisted.ensureDeferred
async def test_a_writer_that_talks_to_another_server_withholds_belief(
    server: RedisServer, servers: dict[str, RedisServer], process: Process, key: str
) -> None:
    """As after a failover: what it says is not heard by those who believe."""
    reader = await met(process(server))
    await put(reader, key, Cached(7, 3))
    await process(servers["valkey"]).raise_fence([key])
    assert await value(reader, key) is None


@pytest_twisted.ensureDeferred
async def test_a_lease_of_before_a_restart_is_worth_nothing(
    server: RedisServer, process: Process, clock: TurnedClock, key: str
) -> None:
    """Found by the fuzz: who had read before a change put the old count into a Redis that knew of no fence."""
    cache = await met(process(server))
    lease = await leased(cache, key)
    server.kill()
    server.start()
    await patiently(cache, there=True)
    await met(cache)
    clock.turn(seconds=CHANGE_AT_MOST_S + 1)
    await cache.put(key, Cached(7, 3), lease)
    assert await value(cache, key) is None


@pytest_twisted.ensureDeferred
async def test_what_a_reader_puts_counts_from_when_it_arrives(
    server: RedisServer, process: Process, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody waits for the answer any more, but the network still delivers the command, when the fence has fallen."""
    monkeypatch.setattr(caches, "PUT_WITHIN_S", 0.3)
    cache = await met(process(server))
    lease = await leased(cache, key)
    os.kill(server.pid, signal.SIGSTOP)
    await cache.put(key, Cached(7, 3), lease)
    os.kill(server.pid, signal.SIGCONT)
    await patiently(cache, there=True)
    assert await value(cache, key) is None


@pytest_twisted.ensureDeferred
async def test_a_server_that_followed_another_one_meanwhile_is_another_run(
    server: RedisServer, process: Process, key: str
) -> None:
    """A failover and back: the same process, with what the other one knew."""
    cache = await met(process(server))
    await put(cache, key, Cached(7, 3))
    server.ask("REPLICAOF 127.0.0.1 1")
    server.ask("REPLICAOF NO ONE")
    assert await value(cache, key) is None
    assert await value(cache, key) is None


@pytest_twisted.ensureDeferred
async def test_of_two_servers_that_are_met_at_the_same_time_for_the_first_time_one_is_not_believed(
    server: RedisServer, servers: dict[str, RedisServer], process: Process, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trusts, "LOOKED_FOR_S", 0.3)
    monkeypatch.setattr(trusts, "NOTICED_WITHIN_S", 0.33)
    reader, writer = process(servers["valkey"]), process(server)
    await writer._trust.belief()  # there is none
    await put(await met(reader), key, Cached(7, 3))
    assert await value(reader, key) == Cached(7, 3)
    await writer.raise_fence([key])
    assert await value(reader, key) is None


@pytest_twisted.ensureDeferred
async def test_a_fence_is_lowered_where_the_database_cannot_say_whether_it_counts(
    server: RedisServer, process: Process, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def unavailable(_run: str) -> bool:
        raise Unavailable("The database cannot be reached just now.")

    cache = await met(process(server))
    with monkeypatch.context() as patched:
        patched.setattr(cache._trust, "counts", unavailable)
        with pytest.raises(Unavailable):
            await cache.raise_fence([key])
    await put(cache, key, Cached(7, 3))
    assert await value(cache, key) == Cached(7, 3)


@pytest_twisted.ensureDeferred
async def test_who_waits_for_a_slow_look_does_not_look_again(
    database: Database, clock: TurnedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise they would wait one after the other, each as long as a database takes that has too much to do."""
    monkeypatch.setattr(trusts, "LOOKED_FOR_S", 0.05)
    belief = trusts._belief

    def slow(connection: Any) -> trusts.Belief:
        time.sleep(0.2)
        return belief(connection)

    monkeypatch.setattr(trusts, "_belief", slow)
    trust = CacheTrust(database, reactor, clock=clock)
    await gatherResults([Deferred.fromCoroutine(trust.belief()) for _ in range(5)])
    assert database.counts.of("cache.trust").transactions == 1


@pytest_twisted.ensureDeferred
async def test_a_look_is_not_undone_by_the_late_answer_of_an_earlier_meeting(
    database: Database, clock: TurnedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    trust, other = (CacheTrust(database, reactor, clock=clock) for _ in range(2))
    write = database.write

    def late(name: str, thd: Any, *args: Any) -> Deferred[Any]:
        async def wrote() -> Any:
            answer = await write(name, thd, *args)
            with monkeypatch.context() as patched:
                patched.setattr(database, "write", write)
                patched.setattr(trusts, "NOTICED_WITHIN_S", 0.0)
                await other.withhold()
            trust._looked_at_s = float("-inf")
            assert await trust.belief() is None
            return answer

        return Deferred.fromCoroutine(wrote())

    with monkeypatch.context() as patched:
        patched.setattr(database, "write", late)
        await trust.counts("a run")
    assert await trust.belief() is None


@pytest_twisted.ensureDeferred
async def test_a_fence_that_was_forgotten_leaves_a_floor(server: RedisServer, process: Process, key: str) -> None:
    cache = await met(process(server))
    fence = await cache.raise_fence([key])
    await cache._connection.delete([f"tutorwamp:{{{key}}}", f"tutorwamp:{{{key}}}:fences"])
    lease = await leased(cache, key)
    await cache.lower_fence(fence, {key: Cached(8, 4)})
    assert await value(cache, key) is None
    await cache.put(key, Cached(7, 3), lease)
    assert await value(cache, key) is None, "a reader that read before the commit put the old count back"
    await cache.put(key, Cached(8, 4), lease)
    assert await value(cache, key) == Cached(8, 4)


@pytest_twisted.ensureDeferred
async def test_a_value_that_a_restart_brought_back_is_not_believed(
    server: RedisServer, process: Process, clock: TurnedClock, key: str
) -> None:
    cache = await met(process(server))
    await put(cache, key, Cached(7, 3))
    server.kill()  # it writes every command to disk; another one may lose its last ones
    server.start()
    await patiently(cache, there=True)
    await met(cache)
    clock.turn(seconds=CHANGE_AT_MOST_S + 1)
    assert await value(cache, key) is None


@pytest.fixture
def untold(database: Database, clock: TurnedClock) -> CacheTrust:
    return CacheTrust(database, reactor, clock=clock)


@pytest.mark.parametrize("url", ["http://localhost", "redis://", "unix://", "redis://host/x", "redis://host:x"])
def test_an_ill_formed_url_is_refused(url: str, untold: CacheTrust) -> None:
    with pytest.raises(SettingsError, match="TUTORWAMP_REDIS_URL"):
        make_cache(CacheSettings(redis_url=url), reactor, untold)


def test_without_a_url_it_is_in_process(untold: CacheTrust) -> None:
    assert isinstance(make_cache(CacheSettings(), reactor, untold), LocalCache)
