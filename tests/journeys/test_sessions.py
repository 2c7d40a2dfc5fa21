"""Frozen clients, slow readers, a node that stops and a crowd that comes back: everything real.

What takes long with the product's own patience is done with less of it; with ``TUTORWAMP_TEST_LONG=1`` also with all of
it, and the figures are printed.
"""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
import yaml
from twisted.internet import reactor, task
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.threads import deferToThread

from tests.conftest import migrated_node
from tests.gate.people import Office
from tests.journeys.crowd import Frozen, gathered, tickets
from tests.sessions.people import Hearts, Lesson
from tests.support.command import tutorwamp
from tests.support.node import CONFIG, Node
from tests.support.refused import refused
from tests.support.supervised import Supervised
from tests.support.wamp import PATIENCE_S
from tutorwamp.bench.crowd import Light, connect
from tutorwamp.client.errors import CallError, Disconnected
from tutorwamp.kernel.limits import READS

pytestmark = pytest.mark.alone

LONG = bool(os.environ.get("TUTORWAMP_TEST_LONG"))
only_long = pytest.mark.skipif(not LONG, reason="takes minutes: TUTORWAMP_TEST_LONG=1")
CROWD = 1_000 if LONG else 200
STOPS_WITHIN_S = 10.0
NOTICED_WITHIN_S = 33.0
TOLD_WITHIN_S = 1.0
PIECE = 256 * 1024
PIECES = 120
"""Together 30 MiB: more than the kernel keeps for a connection."""


@pytest.fixture(scope="module")
def impatient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """Pings every four seconds and waits two for the answer; no limits. Heartbeats are not missed for two minutes."""
    config = yaml.safe_load(CONFIG.read_text())
    options = config["workers"][0]["transports"][1]["paths"]["ws"]["options"]
    options.update(auto_ping_interval=4_000, auto_ping_timeout=2_000)
    path = tmp_path_factory.mktemp("node") / "config.yaml"
    path.write_text(yaml.safe_dump(config))
    made = migrated_node(env={"TUTORWAMP_RATE_LIMITS": "off"}, config=path)
    with made.running():
        yield made


@pytest_twisted.async_yield_fixture
async def lesson(impatient: Node) -> AsyncIterator[Lesson]:
    """Nobody's heart beats."""
    yield await Lesson.begun(impatient, Hearts(1.0))


async def notices(lesson: Lesson, watcher: Any, patience_s: float = PATIENCE_S) -> None:
    """Wait until the watcher hears that Anna is lost."""
    await watcher.heard_until(lambda: "reconnecting" in lesson.presence(watcher, "Anna"), patience_s=patience_s)


async def test_S3_a_frozen_client_is_noticed(impatient: Node, lesson: Lesson) -> None:
    tina = await lesson.enter("Tina", beats=None)
    anna = Frozen(impatient.port, [(lesson.ticket("Anna"), lesson.id)])
    try:
        assert await anna.says() == "in"
        anna.freeze()
        await notices(lesson, tina)
        assert lesson.presence(tina, "Anna") == ["joined", "reconnecting"]
        anna.thaw()
        assert await anna.says() == '["wamp.close.transport_lost"]'
    finally:
        anna.close()


# slow readers


class SlowReader:
    """Anna's session, whose socket nobody reads any more; it may go on talking."""

    def __init__(self, lesson: Lesson) -> None:
        self._lesson = lesson
        self._light = Light(lesson.ticket("Anna"))
        self._talk = task.LoopingCall(self._say)

    async def enter(self, *, talks: bool) -> None:
        await connect(self._lesson.node.port, self._light)
        await self._light.call("tutorwamp.lesson.join", lesson_id=self._lesson.id)
        await self._light.subscribe(self._lesson.topic("board"))
        self._light.transport.pauseProducing()  # type: ignore[union-attr]  # a TCP transport is one
        if talks:
            self._talk.start(0.25)

    def _say(self) -> None:
        self._light.call("tutorwamp.session.heartbeat").addErrback(lambda _: None)

    def close(self) -> None:
        if self._talk.running:
            self._talk.stop()
        self._light.cut()


def rss_mib(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


async def pour(lesson: Lesson, office: Office, reads: Any) -> None:
    """Publish much as a component does, each piece when one who reads has the one before."""
    topic = lesson.topic("board")
    before = len([1 for heard, _ in reads.heard if heard == topic])
    for number in range(1, PIECES + 1):
        await office.tell(topic, piece="x" * PIECE)
        await reads.heard_until(lambda n=number: len([1 for heard, _ in reads.heard if heard == topic]) == before + n)


@pytest.mark.parametrize("talks", [False, True], ids=["silent", "talking"])
async def test_S8_a_slow_reader_is_ended_and_who_reads_hears_everything(
    impatient: Node, lesson: Lesson, talks: bool
) -> None:
    tina, ben = await lesson.enter("Tina", beats=None), await lesson.enter("Ben", beats=None)
    await ben.hear(lesson.topic("board"))
    office, reader = await Office.open(impatient, ready=False), SlowReader(lesson)
    try:
        await reader.enter(talks=talks)
        # What piles up for one session is bounded and let go of: tests/gate/test_wire.py, S19 and S20.
        await pour(lesson, office, ben)
        await notices(lesson, tina)
        await pour(lesson, office, ben)
    finally:
        reader.close()
        await office.close()
    assert lesson.presence(tina, "Ben") == ["joined"]


@only_long
async def test_S3_S8_with_the_products_own_patience(node: Node) -> None:
    lesson = await Lesson.begun(node, Hearts(30.0))
    tina = await lesson.enter("Tina", beats=None)
    anna = Frozen(node.port, [(lesson.ticket("Anna"), lesson.id)])
    router, began_at = node.pids()["router"], 0.0
    try:
        assert await anna.says() == "in"
        anna.freeze()
        began_at = time.monotonic()
        await notices(lesson, tina, 60)
    finally:
        anna.close()
    frozen_s = time.monotonic() - began_at
    reader = SlowReader(await Lesson.begun(node, Hearts(30.0)))
    slow, before = reader._lesson, rss_mib(router)
    tina, office = await slow.enter("Tina", beats=None), await Office.open(node, ready=False)
    most = before
    try:
        await reader.enter(talks=True)
        began_at = time.monotonic()
        while "reconnecting" not in slow.presence(tina, "Anna"):  # a MiB a second
            await office.tell(slow.topic("board"), piece="x" * PIECE)
            await task.deferLater(reactor, 0.25)
            most = max(most, rss_mib(router))
            assert time.monotonic() - began_at < 60
    finally:
        reader.close()
        await office.close()
    slow_s = time.monotonic() - began_at
    print(f"\nfrozen: noticed and told after {frozen_s:.1f} s")  # noqa: T201  # the figures are what this is for
    print(f"slow reader at 1 MiB/s: ended after {slow_s:.1f} s, router's RSS {before:.0f} -> {most:.0f} MiB")  # noqa: T201  # the figures are what this is for
    assert max(frozen_s, slow_s) < NOTICED_WITHIN_S + TOLD_WITHIN_S


# limits


async def test_S7_off_lifts_the_limits(lesson: Lesson) -> None:
    anna = await lesson.connect("Anna", beats=None)
    for _ in range(3):  # a thousand that wait at once are the most, with limits or without
        calls = [Deferred.fromCoroutine(anna.ask("tutorwamp.session.whoami")) for _ in range(READS.burst)]
        assert len(await gatherResults(calls, consumeErrors=True)) == READS.burst


# stopping


class Talker:
    """Sends messages without end, twenty under way; remembers which were acknowledged."""

    def __init__(self, light: Light, lesson_id: str) -> None:
        self._light, self._lesson_id = light, lesson_id
        self._numbers = iter(range(1_000_000))
        self.acknowledged: set[str] = set()
        self.enough: Deferred[None] = Deferred()

    def talk(self) -> None:
        for _ in range(20):
            Deferred.fromCoroutine(self._talk())

    async def _talk(self) -> None:
        while not self._light.over.called:
            client_id = f"m{next(self._numbers)}"
            try:
                await self._light.call(
                    "tutorwamp.chat.send", lesson_id=self._lesson_id, body=client_id, client_id=client_id
                )
            except CallError:
                return
            self.acknowledged.add(client_id)
            if len(self.acknowledged) == 100:
                self.enough.callback(None)


async def test_S9_a_node_that_stops_says_goodbye_to_everybody_and_loses_nothing() -> None:
    up = Supervised(env={"TUTORWAMP_RATE_LIMITS": "off"})
    try:
        await deferToThread(up.start)
        lesson = await Lesson.begun(up, Hearts(30.0))
        crowd = await gathered(up.port, tickets(up.data_dir, CROWD))
        tina = (await gathered(up.port, [lesson.ticket("Tina")]))[0]
        talker = Talker(tina, lesson.id)
        talker.talk()
        await talker.enough.addTimeout(PATIENCE_S, reactor)
        up.process.send_signal(signal.SIGTERM)
        told_at = time.monotonic()
        await crowd[0].told.addTimeout(PATIENCE_S, reactor)
        error = await refused(Disconnected, connect(up.port, Light(tickets(up.data_dir, 1)[0])))
        assert error.uri in ("tutorwamp.error.unavailable", "wamp.close.transport_lost")
        ends = [(await one.over.addTimeout(PATIENCE_S, reactor)).uri for one in [*crowd, tina]]
        assert ends == ["tutorwamp.close.draining"] * (CROWD + 1)
        remaining_s = STOPS_WITHIN_S - (time.monotonic() - told_at)
        assert await deferToThread(up.process.wait, remaining_s) == 0
        stopped_s = time.monotonic() - told_at
        with closing(sqlite3.connect(up.data_dir / "tutorwamp.sqlite3")) as database:
            kept = [body for (body,) in database.execute("SELECT body FROM messages")]
        assert talker.acknowledged <= set(kept)
        assert len(kept) == len(set(kept))
        print(f"\n{CROWD} sessions: stopped after {stopped_s:.1f} s")  # noqa: T201  # a figure for docs/performance
    finally:
        up.close()


# coming back


def test_the_benchmark_cuts_people_and_all_come_back_and_miss_nothing() -> None:
    done = tutorwamp("bench", "sessions", "--people", "40", "--cut", "10", "--seconds", "1", "--json")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert (result["people"], result["lessons"], result["cut"]) == (40, 4, 10)
    assert (result["others_disturbed"], result["missed"]) == (0, 0)
    assert {load["kind"] for load in result["loads"]} == {"controller", "router", "container"}
    assert 0 < result["back_p50_s"] <= result["back_p99_s"] <= result["back_last_s"]
