"""The fixtures everybody shares: a stage for services, on both engines; real servers; a real node."""

from __future__ import annotations

import inspect
import itertools
import signal
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from twisted.internet import reactor

from tests.kernel.edges.loopback import Loopback
from tests.support.machine import HeardGate, Stage, set_stage
from tests.support.node import Node
from tests.support.postgres import Postgres
from tests.support.s3 import S3Server
from tutorwamp.app.assembly import Machine, assemble
from tutorwamp.app.site import make_site
from tutorwamp.kernel.sql import migrate
from tutorwamp.kernel.sql.database import make_engine

if (
    signal.getsignal(signal.SIGINT) is signal.SIG_IGN
):  # begun in the background: Ctrl-C would be ignored by our nodes too
    signal.signal(signal.SIGINT, signal.default_int_handler)

collect_ignore = ["template_domain"]
"""To be copied, see docs/adding-a-domain.md."""

_numbers = itertools.count(1)

LONG = (
    "production",
    "listeners",
    "supervision",
    "cli",
    "bench",
    "hostile",
    "chaos",
    "journeys",
    "web",
    "sessions",
    "authorization",
    "client",
    "gate",
    "notifications",
)
"""Folders whose files take minutes: they begin first, so that no worker is left alone with one of them at the end."""


TEMPLATE = "migrated"
"""A migrated database; copying it takes a tenth of the time of migrating one."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The long folders first; otherwise the order stays."""
    place = {name: number for number, name in enumerate(LONG)}
    items.sort(key=lambda item: place.get(item.path.relative_to(Path(__file__).parent).parts[0], len(place)))


def pytest_itemcollected(item: pytest.Item) -> None:
    """An async test runs in the reactor; none has to say so."""
    if isinstance(item, pytest.Function) and inspect.iscoroutinefunction(item.function):
        pytest_twisted.ensureDeferred(item.function)


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """tox asks for the tests that run alone and for the others: where somebody names few, one of the two has none."""
    if exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED and "alone" in session.config.option.markexpr:
        session.exitstatus = pytest.ExitCode.OK


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A real PostgreSQL for the session; quick, not durable."""
    with Postgres() as server:
        _migrate(server.create_database(TEMPLATE))
        yield server


def _migrate(url: str) -> None:
    engine = make_engine(url)
    migrate.upgrade(engine)
    engine.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database of its own, once on each engine: on SQLite empty, on PostgreSQL migrated."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'test.sqlite3'}"
    server: Postgres = request.getfixturevalue("postgres")
    return server.create_database(f"test{next(_numbers)}", template=TEMPLATE)


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database that is empty on both engines: for tests of how it is migrated."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'test.sqlite3'}"
    server: Postgres = request.getfixturevalue("postgres")
    return server.create_database(f"empty{next(_numbers)}")


@pytest.fixture
def stage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stage]:
    """A started machine on SQLite, with a clock to turn and a gate that remembers.

    Who asks for ``stage_on_both`` as well, has it on both engines: so the casts, which stand on it, need one fixture.
    """
    both = "database_url" in request.fixturenames
    made, stop = set_stage(tmp_path, request.getfixturevalue("database_url") if both else None)
    yield made
    stop()


@pytest.fixture
def stage_on_both(database_url: str, stage: Stage) -> Stage:
    """The same, once on each engine."""
    return stage


@pytest.fixture
def other_on_both(stage_on_both: Stage) -> Iterator[Machine]:
    """A second process's machine on the stage's database: nothing shared but that."""
    clock = stage_on_both.clock
    machine = assemble(stage_on_both.machine.settings, reactor, clock=clock, now_s=clock.seconds, gate=HeardGate())
    machine.start()
    yield machine
    machine.stop()


@pytest_twisted.async_yield_fixture
async def site(stage: Stage) -> AsyncIterator[Loopback]:
    """The stage's REST, on a port of its own."""
    made = Loopback(make_site(stage.machine))
    yield made
    await made.close()


HURRIED = {"TUTORWAMP_RATE_LIMITS": "off"}
"""Tests ask for more at once than people do; the limits have tests, and nodes, of their own."""


def migrated_node(database_url: str | None = None, *, env: Mapping[str, str] | None = None, **more: Any) -> Node:
    """A node that is not started yet, on a migrated database of its own: SQLite in its data folder by default."""
    database = {"TUTORWAMP_DATABASE_URL": database_url} if database_url else {}
    node = Node(env={**(env or {}), **database}, **more)
    _migrate(database_url or f"sqlite:///{node.data_dir / 'tutorwamp.sqlite3'}")
    return node


@pytest.fixture(scope="session")
def node() -> Iterator[Node]:
    """A real node on SQLite for the session. Who kills it starts it again and waits until it is ready."""
    made = migrated_node(env=HURRIED)
    with made.running():
        yield made


@pytest.fixture(scope="session")
def postgres_node(postgres: Postgres) -> Iterator[Node]:
    """A real node on PostgreSQL for the session."""
    made = migrated_node(postgres.create_database("node"), env=HURRIED)
    with made.running():
        yield made


@pytest.fixture(scope="session")
def s3() -> Iterator[S3Server]:
    """Real S3-compatible storage with a bucket ``pictures``; one for each worker process."""
    with S3Server() as server:
        server.make_bucket("pictures")
        yield server
