"""Hostile people mix every attack over three serializers and HTTP while thirty people hold two lessons.

Nobody's session ends, no call fails or is answered with something else, router and containers keep to their memory, and
nobody is started again. A seed decides which attacks come in which order.

``TUTORWAMP_TEST_HOSTILE_S=600`` is the long one.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import pytest
import pytest_twisted
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import deferLater

from tests.chaos.checks import check_nobody_left
from tests.chaos.world import World, reactor
from tests.hostile import stage
from tests.hostile.enemy import ATTACKS
from tests.hostile.lesson import CalmLesson, WatchedSession
from tests.hostile.process import Enemies, Task
from tests.hostile.usage import look
from tests.support.supervised import Supervised
from tests.support.waiting import until
from tutorwamp.client import connection

pytestmark = pytest.mark.alone

LONG_S: Final = float(os.environ.get("TUTORWAMP_TEST_HOSTILE_S", "0"))
SECONDS: Final = LONG_S or 15.0
SEEDS: Final = [1] if not LONG_S else [2]
TUTORS, STUDENTS, IN_THE_SECOND = 2, 28, 5
THREADS: Final = 3
SHARE: Final = 0.1 if not LONG_S else 0.3
"""Of each attack's full strength: mixed they come one after another, and the machine has two cores for all of it."""
MEMORY_MIB: Final = 200.0
STROKES, MESSAGES = 200, 150


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = World(tmp_path_factory.mktemp("hostile"), servers=False, patient=True)
    try:
        pytest_twisted.blockon(Deferred.fromCoroutine(made.settle_in(TUTORS, STUDENTS)))
        yield made
    finally:
        made.close()


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> type[WatchedSession]:
    """Every client's answers are looked at."""
    monkeypatch.setattr(connection, "Session", WatchedSession)
    monkeypatch.setattr(WatchedSession, "calls", 0)
    monkeypatch.setattr(WatchedSession, "wrong", [])
    monkeypatch.setattr(WatchedSession, "outcomes", Counter())
    return WatchedSession


@dataclass
class Watch:
    """The node's workers: always the same, and not much larger than at first."""

    node: Supervised

    def __post_init__(self) -> None:
        self.pids = self.workers()
        self.before = look(self.node)
        self.most = dict(self.before)

    def workers(self) -> dict[str, int]:
        """The processes that must not be others."""
        return {kind: pid for kind, pid in self.node.pids().items() if kind in ("router", "container")}

    async def keep(self, done: list[bool]) -> None:
        while not done:
            for kind, one in look(self.node).items():
                self.most[kind] = max(self.most.get(kind, one), one, key=lambda use: use.rss_mib)
            await deferLater(reactor, 0.5)  # between two looks at what a process uses

    def grown_mib(self) -> dict[str, float]:
        """At the highest; of the router and the container."""
        return {kind: self.most[kind].rss_mib - self.before[kind].rss_mib for kind in ("router", "container")}


@pytest.mark.parametrize("seed", SEEDS)
async def test_a_lesson_goes_on_among_the_hostile(world: World, watched: type[WatchedSession], seed: int) -> None:
    guest_email, guest = stage.person(world.node.port, "hostile member")
    tutors, pupils = world.accounts[:TUTORS], world.accounts[TUTORS:]
    first = CalmLesson(world, seed, [tutors[0], *pupils[IN_THE_SECOND:]], guests=[guest])
    second = CalmLesson(world, seed + 100, [tutors[1], *pupils[:IN_THE_SECOND]])
    lessons = [first, second]
    try:
        for lesson in lessons:
            await lesson.gather()
        ground = stage.hostile_ground(
            world.node.port, [one.lesson_id for one in lessons], strokes=STROKES, messages=MESSAGES, share=SHARE
        )
        ground.emails["member"] = guest_email
        watch = Watch(world.node)
        enemies = Enemies(Task(ground, sorted(ATTACKS), SECONDS, THREADS, str(seed)))
        tally = await _taught(lessons, watch, enemies)
        _tell(watch, watched, tally)
        _judge(lessons, watch, watched, tally)
        for lesson in lessons:
            await lesson.settle()
            await lesson.check()
    finally:
        for lesson in lessons:
            await lesson.end()
    await check_nobody_left(world)


async def _taught(lessons: list[CalmLesson], watch: Watch, enemies: Enemies) -> dict[str, dict[str, int]]:
    done: list[bool] = []
    doing: Any = gatherResults(
        [Deferred.fromCoroutine(one) for one in (*(lesson.teach(done) for lesson in lessons), watch.keep(done))],
        consumeErrors=True,
    )
    try:
        await until(lambda: enemies.over, lambda: "the hostile do not come to an end", within_s=SECONDS + 60)
        return enemies.tally()
    finally:
        enemies.close()
        done.append(True)
        await doing


def _judge(
    lessons: list[CalmLesson], watch: Watch, watched: type[WatchedSession], tally: dict[str, dict[str, int]]
) -> None:
    faults = [f"{name}: {what}" for name, counted in tally.items() for what in counted if what.startswith("FAULT")]
    assert not faults, "\n".join(faults)
    assert not watched.wrong, f"{len(watched.wrong)} of {watched.calls}:\n" + "\n".join(watched.wrong[:20])
    assert sum(lesson.drops for lesson in lessons) == 0, "sessions ended"
    assert watch.workers() == watch.pids, "a process was started again"
    grown = watch.grown_mib()
    assert max(grown.values()) <= MEMORY_MIB, grown
    assert watched.calls > 0


def _tell(watch: Watch, watched: type[WatchedSession], tally: dict[str, dict[str, int]]) -> None:
    print(f"\n{watched.calls} calls: {dict(watched.outcomes)}; memory {watch.grown_mib()}")  # noqa: T201  # for -s
    for name, counted in sorted(tally.items()):
        print(f"{name}: {dict(Counter(counted).most_common(6))}")  # noqa: T201  # the same
