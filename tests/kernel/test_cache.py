"""One contract for every cache: in process, Redis, Valkey. How old what is found may be (decision 13)."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import pytest
import pytest_twisted
from prometheus_client import REGISTRY
from twisted.internet import reactor

from tests.support.machine import TurnedClock
from tests.support.redis import FLAVOURS, RedisServer, find_server
from tests.support.waiting import until
from tutorwamp.kernel import cache as caches
from tutorwamp.kernel.cache import Cache, Cached, LocalCache, RedisCache, Stamp, make_cache
from tutorwamp.kernel.contracts import new_id
from tutorwamp.kernel.redis_url import CacheSettings
from tutorwamp.kernel.settings import SettingsError


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


@pytest_twisted.async_yield_fixture(params=FLAVOURS)
async def shared(request: pytest.FixtureRequest, servers: dict[str, RedisServer]) -> AsyncIterator[RedisCache]:
    if request.param not in servers:
        pytest.skip(f"no {request.param} is installed")
    made = RedisCache(servers[request.param].url, reactor)
    yield made
    await made.close()


@pytest_twisted.async_yield_fixture(params=("local", *FLAVOURS))
async def cache(request: pytest.FixtureRequest, servers: dict[str, RedisServer]) -> AsyncIterator[Cache]:
    if request.param == "local":
        yield LocalCache()
        return
    if request.param not in servers:
        pytest.skip(f"no {request.param} is installed")
    made = RedisCache(servers[request.param].url, reactor)
    yield made
    await made.close()


@pytest.fixture
def key() -> str:
    return new_id()


async def value(cache: Cache, key: str) -> Cached | None:
    return (await cache.get(key))[0]


async def stamped(cache: RedisCache, *, older_by_s: float = 0.0) -> Stamp:
    _, stamp = await cache.get(new_id())
    assert stamp is not None
    return replace(stamp, at_ms=stamp.at_ms - round(older_by_s * 1000))


async def put(cache: Cache, key: str, found: Cached) -> None:
    """As who asked a moment ago."""
    _, stamp = await cache.get(key)
    assert await cache.put(key, found, stamp)


async def test_what_was_put_is_there_until_it_is_dropped(cache: Cache, key: str) -> None:
    assert await value(cache, key) is None
    await put(cache, key, Cached(7, 3))
    assert await value(cache, key) == Cached(7, 3)
    await cache.drop(key)
    assert await value(cache, key) is None
    await put(cache, key, Cached(7, 4))
    assert await value(cache, key) == Cached(7, 4)


async def test_an_older_version_does_not_replace_a_newer_one(cache: Cache, key: str) -> None:
    await put(cache, key, Cached(7, 3))
    await put(cache, key, Cached(6, 9))
    assert await value(cache, key) == Cached(7, 3)
    await put(cache, key, Cached(8, 0))
    assert await value(cache, key) == Cached(8, 0)


async def test_in_process_a_value_nobody_changes_is_not_kept_for_ever(key: str) -> None:
    clock = TurnedClock()
    cache = LocalCache(clock.seconds)
    await put(cache, key, Cached(7, 3))
    clock.turn(seconds=caches.KEPT_S - 1)
    assert await value(cache, key) == Cached(7, 3)
    clock.turn(seconds=1)
    assert await value(cache, key) is None


async def test_in_process_the_keys_not_used_for_longest_go_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caches, "KEYS_AT_MOST", 2)
    cache = LocalCache()
    for key in ("a", "b"):
        await put(cache, key, Cached(1, 1))
    assert await value(cache, "a")
    await put(cache, "c", Cached(1, 1))
    assert [await value(cache, key) is not None for key in "abc"] == [True, False, True]


# What is shared lives for LIFETIME_S from when it was read


def test_what_is_shared_is_two_seconds_old_at_most() -> None:
    assert caches.LIFETIME_S == 2.0


@pytest.fixture
def long_lived(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine, or a restart, may take longer than two seconds."""
    monkeypatch.setattr(caches, "LIFETIME_S", 60.0)


@pytest.mark.usefixtures("long_lived")
async def test_a_value_is_found_for_a_lifetime_from_its_stamp_however_late_it_arrives(
    shared: RedisCache, key: str
) -> None:
    await shared.put(key, Cached(7, 3), await stamped(shared, older_by_s=30.0))
    assert await value(shared, key) == Cached(7, 3)
    await shared.put(key, Cached(8, 4), await stamped(shared, older_by_s=60.0))
    assert await value(shared, key) is None


async def test_it_is_gone_when_its_lifetime_is_over_and_with_it_what_it_held_back(
    shared: RedisCache, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(caches, "LIFETIME_S", 0.1)
    await put(shared, key, Cached(7, 3))
    await shared.outlived()
    assert await value(shared, key) is None
    await put(shared, key, Cached(6, 2))
    assert await value(shared, key) == Cached(6, 2)


@pytest.mark.usefixtures("long_lived")
async def test_the_same_version_read_again_lives_on(shared: RedisCache, key: str) -> None:
    newest = await stamped(shared)
    for older_by_s in (30.0, 0.0, 90.0):
        stamp = replace(newest, at_ms=newest.at_ms - round(older_by_s * 1000))
        await shared.put(key, Cached(7, 3), stamp)
    until_ms = await shared._connection.hget(caches._key(key), "until")
    assert until_ms == newest.at_ms + 60_000


@pytest.mark.usefixtures("long_lived")
async def test_a_version_counts_where_its_value_comes_too_late(shared: RedisCache, key: str) -> None:
    """Whoever changed something was heard: what was read before that is not taken any more."""
    stamp = await stamped(shared)
    for late in (await stamped(shared, older_by_s=90.0), None):
        await put(shared, key, Cached(7, 3))
        assert await shared.put(key, Cached(8, 4), late)
        assert await value(shared, key) is None
        await shared.put(key, Cached(7, 3), stamp)
        assert await value(shared, key) is None
        key = new_id()


async def test_where_the_clock_was_put_back_nothing_of_later_is_found_or_taken(shared: RedisCache, key: str) -> None:
    await shared.put(key, Cached(7, 3), await stamped(shared, older_by_s=-60.0))
    assert await shared._connection.hget(caches._key(key), "until") == 0
    assert await value(shared, key) is None
    await put(shared, key, Cached(8, 4))
    now_ms = (await stamped(shared)).at_ms
    await shared._connection.hset(caches._key(key), "until", now_ms + 60_000)
    assert await value(shared, key) is None


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


@pytest_twisted.async_yield_fixture
async def lone(server: RedisServer) -> AsyncIterator[RedisCache]:
    made = RedisCache(server.url, reactor)
    yield made
    await made.close()


async def patiently(cache: RedisCache, *, there: bool) -> None:
    """Until it is there, or not."""

    async def so() -> bool:
        return await cache.is_there() is there

    await until(so, "the server" if there else "an end of it")


async def restarted(server: RedisServer, cache: RedisCache) -> None:
    server.kill()
    server.start()
    await patiently(cache, there=True)


async def test_while_it_is_away_nothing_is_cached_and_nothing_fails_and_then_it_goes_on(
    server: RedisServer, lone: RedisCache, key: str
) -> None:
    await put(lone, key, Cached(7, 3))
    server.kill()
    await patiently(lone, there=False)
    assert await lone.get(key) == (None, None)
    assert await lone.put(key, Cached(8, 4), None) is False
    await lone.drop(key)
    server.start()
    await patiently(lone, there=True)
    await put(lone, key, Cached(8, 4))
    assert await value(lone, key) == Cached(8, 4)


async def test_metrics_say_whether_it_is_there_what_was_asked_and_how_old_that_was(
    server: RedisServer, lone: RedisCache, key: str
) -> None:
    def counted(name: str, **labels: str) -> float:
        return REGISTRY.get_sample_value(name, labels) or 0.0

    asked = {one: counted("tutorwamp_cache_requests_total", outcome=one) for one in ("hit", "miss", "away")}
    ages, up = counted("tutorwamp_cache_hit_age_seconds_count"), ("tutorwamp_cache_up", "redis")
    await lone.get(key)
    await lone.put(key, Cached(7, 3), await stamped(lone, older_by_s=1))
    before_s = counted("tutorwamp_cache_hit_age_seconds_sum")
    assert await value(lone, key) == Cached(7, 3)
    assert counted("tutorwamp_cache_hit_age_seconds_count") == ages + 1
    assert 1 <= counted("tutorwamp_cache_hit_age_seconds_sum") - before_s < 2
    assert counted(up[0], cache=up[1]) == 1
    server.kill()
    await patiently(lone, there=False)
    await lone.get(key)
    assert counted(up[0], cache=up[1]) == 0
    now = {one: counted("tutorwamp_cache_requests_total", outcome=one) - asked[one] for one in asked}
    assert now == {"hit": 1, "miss": 2, "away": 1}
    server.start()
    await patiently(lone, there=True)
    assert counted(up[0], cache=up[1]) == 1


async def test_who_was_not_let_in_for_a_while_comes_in_again(server: RedisServer, key: str) -> None:
    """The account's password is another one here than there, until an operator sees to it."""
    cache = RedisCache(server.url.replace("unix://", "unix://node:right@"), reactor)
    try:
        for password in ("right", "another", "right"):
            server.ask(f"ACL SETUSER node on resetpass >{password} ~* &* +@all")
            server.ask("CLIENT KILL USER node")
            await patiently(cache, there=password == "right")
            while password == "another" and server.ask("ACL LOG") == b"*0\r\n":
                assert not await cache.is_there()  # until it has tried to come in
        await put(cache, key, Cached(7, 3))
        assert await value(cache, key) == Cached(7, 3)
    finally:
        await cache.close()


@pytest.mark.usefixtures("long_lived")
async def test_what_a_restart_brought_back_is_not_found_and_counts_as_a_version(
    server: RedisServer, lone: RedisCache, key: str
) -> None:
    """It writes every command to disk; another one may lose its last ones."""
    await put(lone, key, Cached(7, 3))
    await restarted(server, lone)
    assert await value(lone, key) is None
    await put(lone, key, Cached(6, 2))
    assert await value(lone, key) is None
    await put(lone, key, Cached(7, 3))
    assert await value(lone, key) == Cached(7, 3)


@pytest.mark.usefixtures("long_lived")
async def test_what_was_read_before_a_restart_is_not_found_after_it(
    server: RedisServer, lone: RedisCache, key: str
) -> None:
    """It may have forgotten a newer version."""
    stamp = await stamped(lone)
    await restarted(server, lone)
    await lone.put(key, Cached(7, 3), stamp)
    assert await value(lone, key) is None


async def test_what_lay_in_a_server_that_stood_still_is_not_found_after_it(
    server: RedisServer, lone: RedisCache, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody waits for the answer any more, but the command is still delivered."""
    monkeypatch.setattr(caches, "LIFETIME_S", caches.ANSWER_WITHIN_S)
    stamp = await stamped(lone)
    os.kill(server.pid, signal.SIGSTOP)
    assert await lone.put(key, Cached(7, 3), stamp) is False
    os.kill(server.pid, signal.SIGCONT)
    await patiently(lone, there=True)
    assert await value(lone, key) is None


# Which one


@pytest.mark.parametrize("url", ["http://localhost", "redis://", "unix://", "redis://host/x", "redis://host:x"])
def test_an_ill_formed_url_is_refused(url: str) -> None:
    with pytest.raises(SettingsError, match="TUTORWAMP_REDIS_URL"):
        make_cache(CacheSettings(redis_url=url), reactor)


def test_without_a_url_it_is_in_process() -> None:
    assert isinstance(make_cache(CacheSettings(), reactor), LocalCache)
