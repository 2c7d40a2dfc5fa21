"""Faults made on real nodes: what ``/metrics`` says raises the alert, and a line in the log names the cause."""

from __future__ import annotations

import os
import re
import resource
import signal
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import psycopg
import pytest
import yaml
from autobahn.wamp.exception import ApplicationError
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread

from tests.conftest import HURRIED, migrated_node
from tests.monitoring.blocker import BLOCK
from tests.monitoring.promql import History
from tests.monitoring.test_alerts import TARGET, raised
from tests.support.metrics import page_of
from tests.support.node import CONFIG, Node, free_port
from tests.support.people import PythonPerson, bare, confirm, planned_lesson, register
from tests.support.postgres import Postgres
from tests.support.redis import RedisServer
from tests.support.supervised import Supervised, children
from tests.support.waiting import until
from tutorwamp.client import CallError

pytestmark = pytest.mark.alone

PEOPLE_AT_MOST = 3


@dataclass
class Watching:
    """Prometheus, as far as these tests need it: it scrapes when it is told to, more often than it would."""

    node: Node | Supervised
    history: History = field(default_factory=History)

    def scrape(self) -> set[str]:
        """One page more; the alerts that are raised now."""
        try:
            page, up = page_of(self.node), 1
        except (urllib.error.URLError, OSError):
            page, up = "", 0
        self.history.add(time.monotonic(), f"{page}up {up}\n", **TARGET)
        return raised(self.history)

    async def until(self, alert: str, *, is_raised: bool = True) -> None:
        """Look again and again."""
        found: list[set[str]] = []

        def looked() -> bool:
            found[:] = [self.scrape()]
            return (alert in found[0]) is is_raised

        await until(looked, lambda: f"{alert} is raised: {not is_raised}, with {found}")


@dataclass
class Ground:
    """A node of its own with all that it can lose."""

    node: Node
    postgres: Postgres
    redis: RedisServer
    database: str

    def watched(self) -> Watching:
        """All is well."""
        watching = Watching(self.node)
        assert watching.scrape() == set()
        return watching

    async def talking(self) -> tuple[PythonPerson, str]:
        """A tutor, and a lesson of hers."""
        tina_email, _ = await register(self.node, "Tina", "tutor")
        anna_email, anna = await register(self.node, "Anna", "student")
        await deferToThread(confirm, self.node, anna_email)
        tina = await PythonPerson.enter(self.node, tina_email)
        return tina, (await planned_lesson(tina.call, anna))["id"]


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    config = yaml.safe_load(CONFIG.read_text())
    router, container = config["workers"]
    router["components"][0]["extra"]["components"].append("blocker")
    blocker = {"id": "blocker", "classname": "tests.monitoring.blocker.BlockerComponent"}
    container["components"].append({**container["components"][0], **blocker})
    path = tmp_path_factory.mktemp("node") / "config.yaml"
    path.write_text(yaml.safe_dump(config))
    with Postgres(durable=True) as postgres, RedisServer("valkey") as redis:
        url = postgres.create_database("drills")
        mail = f"smtp://127.0.0.1:{free_port()}?from=school@school.example"
        more = {"REDIS_URL": redis.url, "SESSIONS_AT_MOST": str(PEOPLE_AT_MOST), "SMTP_URL": mail}
        node = migrated_node(
            url, env={**HURRIED, **{f"TUTORWAMP_{name}": text for name, text in more.items()}}, config=path
        )
        with node.running():
            yield Ground(node, postgres, redis, url)


async def test_a_redis_that_is_gone_is_noticed_and_one_that_comes_back(ground: Ground) -> None:
    watching = ground.watched()

    def look() -> None:
        with urllib.request.urlopen(f"http://127.0.0.1:{ground.node.port}/api/health", timeout=10) as answer:
            answer.read()  # the cache was asked

    ground.redis.kill()
    look()
    await watching.until("CacheUnavailable")
    assert "the cache does not answer" in ground.node.log()
    ground.redis.start()
    look()
    await watching.until("CacheUnavailable", is_raised=False)


async def test_a_process_that_stands_still_for_two_seconds_is_told_with_what_it_did(ground: Ground) -> None:
    watching = ground.watched()
    email, _ = await register(ground.node, "Anna", "student")
    anna = await bare(ground.node, email)
    await anna.ask(BLOCK, seconds=2.0)
    await watching.until("ReactorStalled")
    assert "call='kernel.events.Events.announce'" in ground.node.log()
    anna.disconnect()


async def test_people_who_are_too_many_are_noticed(ground: Ground) -> None:
    watching = Watching(ground.node)
    watching.scrape()
    email, _ = await register(ground.node, "Anna", "student")
    here = [await bare(ground.node, email) for _ in range(PEOPLE_AT_MOST)]
    for _ in range(5):
        with pytest.raises(ApplicationError):
            await bare(ground.node, email)
    await watching.until("JoinsRefused")
    assert "what='ticket refused'" in ground.node.log()
    for one in here:
        one.disconnect()


async def test_a_lock_on_what_people_write_is_noticed(ground: Ground) -> None:
    tina, lesson_id = await ground.talking()
    watching = Watching(ground.node)
    with psycopg.connect(ground.database.replace("+psycopg", "")) as locking:
        locking.execute("LOCK TABLE messages IN ACCESS EXCLUSIVE MODE")
        said = Deferred.fromCoroutine(tina.call("tutorwamp.chat.send", lesson_id=lesson_id, body="Hello"))
        said.addErrback(lambda _: None)
        await watching.until("WritesStuck")
    await watching.until("WritesStuck", is_raised=False)
    await said
    await tina.close()


@contextmanager
def slowed(server: Postgres) -> Iterator[None]:
    """A server that stands still for most of the time: hardly anything takes less than a quarter second."""
    over = threading.Event()

    def slow_down() -> None:
        while not over.wait(0.005):  # so long does it work: two ways to it and back seldom fit in
            pids = [server.pid, *children(server.pid)]
            for number, pause_s in ((signal.SIGSTOP, 0.25), (signal.SIGCONT, 0.0)):
                for pid in pids:
                    with suppress(ProcessLookupError):
                        os.kill(pid, number)
                over.wait(pause_s)

    thread = threading.Thread(target=slow_down)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


async def test_a_slow_database_is_noticed_and_the_log_names_call_and_statement(ground: Ground) -> None:
    tina, lesson_id = await ground.talking()
    watching = Watching(ground.node)
    watching.scrape()
    with slowed(ground.postgres):
        for number in range(20):
            await tina.call("tutorwamp.chat.send", lesson_id=lesson_id, body=f"Slowly {number}")
    await watching.until("DatabaseSlow")
    slow = [line for line in ground.node.log().splitlines() if "slow transaction" in line and "chat.send" in line]
    # Of a batch's way the first statement has the time of all (decision 35); either way begins with the streams.
    named = re.compile(r"'ms': \d{3,}\.\d, 'sql': ['\"][^'\"]*\bstreams\b")
    assert any(named.search(line) and "calls=['tutorwamp.chat.send']" in line for line in slow)
    await tina.close()


async def test_a_mail_server_that_is_gone_is_noticed(ground: Ground) -> None:
    """Nobody listens where TUTORWAMP_SMTP_URL says; a lesson's student is told of it by mail."""
    tina, _ = await ground.talking()
    watching = Watching(ground.node)
    await watching.until("PushFails")
    assert "push is tried again" in ground.node.log()
    assert "Connection was refused" in ground.node.log()
    await tina.close()


async def test_a_disk_that_is_full_under_sqlite_is_noticed() -> None:
    with Supervised() as up:
        watching = Watching(up)
        assert watching.scrape() == set()
        resource.prlimit(up.pids()["container"], resource.RLIMIT_FSIZE, (4_096, 4_096))
        with pytest.raises(CallError):
            await register(up, "Anna", "student")
        await watching.until("DatabaseUnavailable")
        await until(lambda: "disk I/O error" in up.errors.read_text(), up.errors.read_text)


async def test_a_disk_that_is_full_is_noticed_and_one_with_room_again(ground: Ground) -> None:
    """As PostgreSQL says it: 53100."""
    person, lesson_id = await ground.talking()
    watching = Watching(ground.node)
    with psycopg.connect(ground.database.replace("+psycopg", ""), autocommit=True) as server:
        server.execute(
            "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$"
            "BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = '53100'; END $$"
        )
        server.execute(
            "DO $$ DECLARE name text; BEGIN "
            "FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' LOOP EXECUTE format("
            "'CREATE TRIGGER full_disk BEFORE INSERT OR UPDATE ON %I EXECUTE FUNCTION full_disk()', name); "
            "END LOOP; END $$"
        )
        with pytest.raises(CallError):
            await person.call("tutorwamp.chat.send", lesson_id=lesson_id, body="Nobody hears it")
        await watching.until("DatabaseUnavailable")
        assert "53100 could not extend file" in ground.node.log()
        server.execute("DROP FUNCTION full_disk CASCADE")
    await watching.until("DatabaseUnavailable", is_raised=False)
    await person.close()


async def test_a_database_that_is_gone_is_noticed_and_one_that_comes_back(ground: Ground) -> None:
    watching = Watching(ground.node)
    ground.postgres.kill()
    await watching.until("DatabaseUnavailable")
    assert "the database does not do its work" in ground.node.log()
    ground.postgres.start()
    await watching.until("DatabaseUnavailable", is_raised=False)
    assert "the database works again" in ground.node.log()


async def test_a_container_that_is_killed_is_noticed_and_then_that_all_were_started_again() -> None:
    up = Supervised()
    try:
        up.start()
        watching = Watching(up)
        assert watching.scrape() == set()
        os.kill(up.pids()["container"], signal.SIGKILL)
        await watching.until("NodeUnreachable")
        await watching.until("NodeRestarted")
        await watching.until("NodeUnreachable", is_raised=False)
        assert "ended: SIGKILL; it starts again" in up.errors.read_text()
    finally:
        up.close()
