"""Chaos: real people's client, real node, real servers, and everything that can break breaks.

A seed decides beforehand who does what, what happens to whose network and what is killed (``plan.py``); when an answer
comes is the network's and the machine's business. The rules of sessions, lessons, chat, files, polls and the board
(``docs/rules/``) say what must hold afterwards.

Twenty seeds run on two nodes, ten on SQLite and ten on PostgreSQL with Valkey, three seconds of faults each. ``KILLS``
says what dies in which: each process of the node and each server at least twice, the node's apart from one another,
because a supervisor waits longer for a node that dies often. Tokens live four seconds, every event is lost, doubled,
late or out of order with one in a hundred each, and in the end every other person goes without a word.

``TUTORWAMP_TEST_CHAOS_S=3600`` runs the long storm: several lessons at once for so many seconds, a table at the end,
also where something was found.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Coroutine, Iterable, Iterator
from math import ceil
from random import Random
from typing import Any

import pytest
import pytest_twisted
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import LoopingCall

from tests.chaos.checks import check_nobody_left
from tests.chaos.people import UnreliableSession
from tests.chaos.storm import Storm, Tally
from tests.chaos.world import World
from tutorwamp.client import connection

SECONDS = 3.0
"""Of one seed's deeds and faults; coming back after a kill takes longer than that."""
KILLED_AT_S = 1.5
TROUBLE = 0.01
"""How likely an event is to be lost, to come twice, late, or out of order: each."""
SEEDS = range(1, 11)
KILLS = {
    "sqlite": {1: ["container"], 5: ["router"], 9: ["node"]},
    "servers": {
        1: ["node"],
        2: ["postgresql"],
        3: ["redis"],
        5: ["router"],
        6: ["redis"],
        7: ["postgresql"],
        8: ["postgresql", "redis"],
        9: ["container"],
    },
}
"""By world and seed, what is killed."""
TUTORS, STUDENTS = 4, 8

LONG_S = float(os.environ.get("TUTORWAMP_TEST_CHAOS_S", "0"))
ROUND_S = 300.0
"""So often everything is looked at in the long storm."""
TELL_EVERY_S = 60.0
CALM_S = 15.0
KILL_EVERY_S = 40.0
"""Between two kills of the long storm: at least time to come back, and on average so much more."""
LONG_DEED_EVERY_S = 1.5
"""Of one person: an hour of more would fill a page of the board."""


@pytest.fixture(scope="module", params=["sqlite", "servers"])
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = World(tmp_path_factory.mktemp("chaos"), servers=request.param == "servers")
    try:
        pytest_twisted.blockon(Deferred.fromCoroutine(made.settle_in(TUTORS, STUDENTS)))
        yield made
    finally:
        made.close()


@pytest.fixture
def unreliable(monkeypatch: pytest.MonkeyPatch) -> type[UnreliableSession]:
    """Every client's events are unreliable."""
    monkeypatch.setattr(connection, "Session", UnreliableSession)
    monkeypatch.setattr(UnreliableSession, "trouble", TROUBLE)
    monkeypatch.setattr(UnreliableSession, "done", Counter())
    return UnreliableSession


@pytest.mark.parametrize("seed", SEEDS)
async def test_nothing_is_lost_doubled_or_silent(world: World, unreliable: type[UnreliableSession], seed: int) -> None:
    unreliable.random = Random(seed)
    tally = Tally(events_troubled=unreliable.done)
    kills = [(KILLED_AT_S, what) for what in KILLS[world.name].get(seed, ())]
    await _weathered(Storm(world, seed, tally=tally), SECONDS, kills)
    await check_nobody_left(world)
    assert tally.acknowledged > 0
    assert tally.kills.total() == len(kills), f"{tally.kills} instead of {kills}"
    print(f"\nseed {seed}: {json.dumps(tally.rows())}")  # noqa: T201  # for whoever looks with -s


@pytest.mark.skipif(not LONG_S, reason="takes as long as one says: TUTORWAMP_TEST_CHAOS_S=3600")
async def test_a_long_storm(world: World, unreliable: type[UnreliableSession]) -> None:
    random, tally = Random(f"{LONG_S}"), Tally(events_troubled=unreliable.done)
    unreliable.random = Random(f"events of {LONG_S}")
    storms = [
        Storm(world, 100 + number, tutor=number, students=2, deed_every_s=LONG_DEED_EVERY_S, tally=tally)
        for number in range(TUTORS)
    ]
    telling = LoopingCall(_tell, storms)
    try:
        await _all(storm.gather() for storm in storms)
        telling.start(TELL_EVERY_S, now=False).addErrback(lambda failure: failure.raiseException())
        for number in range(ceil(LONG_S / ROUND_S)):
            seconds = min(ROUND_S, LONG_S - number * ROUND_S)
            kills = _many_kills(world, random, seconds)
            await _all(storm.blow(seconds, kills if storm is storms[0] else []) for storm in storms)
            await _all(storm.settle() for storm in storms)
            await _all(storm.check() for storm in storms)
        await _all(storm.leave() for storm in storms)
    except Exception as error:
        error.add_note("\n".join(line for storm in storms for line in storm.plan[-100:]))
        raise
    finally:
        if telling.running:
            telling.stop()
        await _all(storm.end() for storm in storms)
        _print_table(tally)
    await check_nobody_left(world)


def _tell(storms: list[Storm]) -> None:
    print(f"{sum(storm.acknowledged for storm in storms)} acknowledged", flush=True)  # noqa: T201  # somebody waits for an hour


def _many_kills(world: World, random: Random, seconds: float) -> list[tuple[float, str]]:
    kills = []
    at = random.expovariate(1 / KILL_EVERY_S)
    while at < seconds:
        kills.append((at, random.choice(world.deadly())))
        at += CALM_S + random.expovariate(1 / KILL_EVERY_S)
    return kills


def _all(doing: Iterable[Coroutine[Any, Any, None]]) -> Deferred[Any]:
    return gatherResults([Deferred.fromCoroutine(one) for one in doing], consumeErrors=True)


async def _weathered(storm: Storm, seconds: float, kills: list[tuple[float, str]]) -> None:
    try:
        await storm.gather()
        await storm.blow(seconds, kills)
        await storm.settle()
        await storm.check()
        await storm.leave()
    except Exception as error:
        error.add_note("\n".join(storm.plan))
        raise
    finally:
        await storm.end()


def _print_table(tally: Tally) -> None:
    rows: dict[str, Any] = tally.rows()
    print(f"\n{json.dumps(rows)}\n\n| | |\n|---|---|")  # noqa: T201  # the figures are what this is for, as below
    for name, value in rows.items():
        shown = ", ".join(f"{key} {count}" for key, count in value.items()) if isinstance(value, dict) else value
        print(f"| {name} | {shown} |")  # noqa: T201  # the same
