"""A night of faults: each is made on a real node; its alert is raised by what /metrics says, and the log says why."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.hostile import stage
from tests.hostile.wire import GoneError, Wamp, request
from tests.monitoring.blocking import FILE
from tests.monitoring.promql import History
from tests.monitoring.test_documents import rules
from tests.supervision.watched import PATIENCE_S, Watched, watching
from tests.support.metrics import page_of
from tests.support.node import CONFIG, free_port
from tests.support.postgres import Postgres
from tests.support.redis import RedisServer
from tests.support.supervised import children

pytestmark = pytest.mark.alone

TARGET = {"job": "tutorwamp", "instance": "school-1"}
SESSIONS_AT_MOST = 5
EXPRESSIONS = {rule["alert"]: rule["expr"] for rule in rules()}


class Night:
    """A node, what Prometheus has scraped of it, and its people."""

    def __init__(self, up: Watched) -> None:
        self.up = up
        self.tutor, _ = stage.person(up.port, "tutor", "tutor")
        self.student, self.student_id = stage.person(up.port, "student")
        self._history = History()
        self.scrape()

    def scrape(self) -> None:
        """A minute after the last time, by Prometheus's clock."""
        at_s = 60.0 * len(self._history.scrapes)
        self._history.add(at_s, page_of(self.up), **TARGET)
        self._history.scrapes[-1][1]["up"] = {tuple(sorted(TARGET.items())): 1.0}

    def raised(self) -> set[str]:
        """The alerts whose expression has an answer."""
        return {alert for alert, expression in EXPRESSIONS.items() if self._history.ask(expression)}

    def until_raised(self, alert: str) -> None:
        """Scrape until it is."""
        assert alert not in self.raised(), "it was raised before the fault"

        def is_raised() -> bool:
            self._history.scrapes = self._history.scrapes[:before]
            self.scrape()
            return alert in self.raised()

        before = len(self._history.scrapes)
        self.wait(is_raised, alert)

    def until_logged(self, *words: str) -> None:
        """Wait for a line of the log that has all of these."""
        self.wait(
            lambda: any(all(word in line for word in words) for line in self.up.errors.read_text().splitlines()),
            " ".join(words),
        )

    def wait(self, done: Callable[[], bool], what: str) -> None:
        deadline_s = time.monotonic() + PATIENCE_S
        with watching({"up": self.up.process.pid}) as supervisor:
            while not done():
                assert time.monotonic() < deadline_s, f"{what}: {self.raised()}\n{self.up.errors.read_text()}"
                assert not supervisor.ended(0.2), "the supervisor ended"

    @functools.cached_property
    def lesson_id(self) -> str:
        with self.session() as tutor:
            return stage.lesson(tutor, [self.student_id])

    def session(self) -> Wamp:
        return stage.session(self.up.port, self.tutor)


@pytest.fixture(scope="module")
def database(postgres: Postgres) -> str:
    return postgres.create_database("night")


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    with RedisServer("valkey") as server:
        yield server


@pytest.fixture(scope="module")
def block(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Whoever makes this file blocks the container's reactor for two seconds."""
    return tmp_path_factory.mktemp("night") / "block"


@pytest.fixture(scope="module")
def night(database: str, redis: RedisServer, block: Path) -> Iterator[Night]:
    config = block.with_name("config.yaml")
    more = (
        "{type: class, id: blocking, classname: tests.monitoring.blocking.Blocking, realm: tutor, transport: *private}"
    )
    config.write_text(f"{CONFIG.read_text().rstrip()}\n      - {more}\n")
    settings = {
        "DATABASE_URL": database,
        "REDIS_URL": redis.url,
        "NODE_CONFIG": str(config),
        "SESSIONS_AT_MOST": str(SESSIONS_AT_MOST),
        "SMTP_URL": f"smtp://127.0.0.1:{free_port()}?from=school@school.example",  # nobody is there
    }
    made = Watched(env={**{f"TUTORWAMP_{name}": text for name, text in settings.items()}, FILE: str(block)})
    subprocess.run(  # noqa: S603  # our own command
        [*made.command, "migrate"],
        env={**os.environ, **made.ours, "TUTORWAMP_DATABASE_URL": database, "TUTORWAMP_DATA_DIR": str(made.data_dir)},
        check=True,
    )
    with made as up:
        yield Night(up)


def test_joins_refused(night: Night) -> None:
    with contextlib.ExitStack() as inside:
        for _ in range(SESSIONS_AT_MOST):
            inside.enter_context(night.session())
        for _ in range(40):  # in a minute
            with pytest.raises((AssertionError, GoneError)), night.session():
                pass
        night.until_raised("JoinsRefused")
    night.until_logged("ticket refused", "tutorwamp.error.unavailable")


def test_push_service_down(night: Night) -> None:
    assert night.lesson_id, "of whose beginning the student is told by mail"
    night.until_raised("PushFails")
    night.until_logged("push is tried again", "channel='email'", "Connection was refused")


@contextlib.contextmanager
def slowed(server: Postgres) -> Iterator[None]:
    """A server that stands still for most of the time: none of its transactions takes less than a quarter second."""
    over = threading.Event()

    def slow_down() -> None:
        while not over.wait(0.02):  # so long does it work
            pids = [server.pid, *children(server.pid)]
            for signal_number, pause_s in ((signal.SIGSTOP, 0.25), (signal.SIGCONT, 0.0)):
                for pid in pids:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal_number)
                over.wait(pause_s)

    thread = threading.Thread(target=slow_down)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def test_postgresql_slow(night: Night, postgres: Postgres) -> None:
    with night.session() as tutor:
        night.scrape()
        with slowed(postgres):
            for number in range(20):
                tutor.must("tutorwamp.chat.send", lesson_id=night.lesson_id, body=f"slowly {number}")
        night.until_raised("DatabaseSlow")
    night.until_logged("slow transaction", "name='chat.send'", "INSERT INTO messages")


def test_redis_gone(night: Night, redis: RedisServer) -> None:
    redis.kill()
    assert _health(night)["dependencies"]["cache"] == "down"
    night.until_raised("CacheUnavailable")
    night.until_logged("the cache does not answer; SQL does")
    redis.start()


def test_reactor_blocked(night: Night, block: Path) -> None:
    block.touch()
    with night.session() as tutor:
        tutor.must("tutorwamp.chat.send", lesson_id=night.lesson_id, body="late")
    night.until_raised("ReactorStalled")
    night.until_logged("the reactor stood still", "call='chat.service.ChatService.send_message'")


def test_container_killed(night: Night) -> None:
    killed = night.up.pids()["container"]
    os.kill(killed, signal.SIGKILL)
    night.up.wait_back("container", killed)
    night.until_raised("NodeRestarted")
    night.until_logged("container of", "ended: SIGKILL")


def test_disk_full() -> None:
    with Watched() as up:
        night = Night(up)
        with night.session() as tutor:
            lesson_id = night.lesson_id
            limit = ["prlimit", f"--pid={up.pids()['container']}", "--fsize=4096:4096"]
            subprocess.run(limit, check=True)  # noqa: S603  # a fixed command
            assert tutor.call("tutorwamp.chat.send", lesson_id=lesson_id, body="no room")[0] == (
                "tutorwamp.error.unavailable"
            )
            night.until_raised("DatabaseUnavailable")
        night.until_logged("the database does not do its work", "what='writes'")


def _health(night: Night) -> Any:
    _, body, _ = request(night.up.port, "GET", "/api/health", patience_s=PATIENCE_S)
    return json.loads(body)
