"""The node and what it stands on, any of which can be killed and comes back."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import yaml
from autobahn.twisted.rawsocket import WampRawSocketClientFactory
from autobahn.wamp.serializer import CBORSerializer
from sqlalchemy import Connection, func, select
from twisted.internet import reactor as _reactor
from twisted.internet.endpoints import UNIXClientEndpoint

from tests.support.node import CONFIG
from tests.support.people import register
from tests.support.postgres import Postgres
from tests.support.redis import RedisServer
from tests.support.supervised import Supervised
from tests.support.wamp import BareSession
from tutorwamp.accounts.tables import refresh_tokens
from tutorwamp.gate.contracts import STATUS, Status
from tutorwamp.kernel.sql import migrate
from tutorwamp.kernel.sql.database import make_engine

reactor = cast("Any", _reactor)

TOKEN_LIFETIME_S = 4
"""So that tokens expire in short storms as well."""
HEARTBEAT_S = 1
PING_TIMEOUT_S = 6
GRACE_S = 2
PROCESSES = 3
"""Of a node that is up: controller, router, container."""


class World:
    """One node under its supervisor, on SQLite or on PostgreSQL and Redis, with people who have accounts."""

    def __init__(self, folder: Path, *, servers: bool, patient: bool = False) -> None:
        """``patient``: with default settings."""
        self.name = "servers" if servers else "sqlite"
        self.postgres = Postgres(durable=True) if servers else None
        self.redis = RedisServer("valkey") if servers else None
        self.accounts: list[tuple[str, dict[str, Any]]] = []
        self.on_kill: list[Callable[[str], None]] = []
        """Who wants to know of what has just died."""
        env = {} if patient else _impatient(folder)
        if self.postgres is not None and self.redis is not None:
            self.postgres.start()
            self.redis.start()
            env["TUTORWAMP_DATABASE_URL"] = self.postgres.create_database("chaos")
            env["TUTORWAMP_REDIS_URL"] = self.redis.url
        self.node = Supervised(env=env)
        sqlite = f"sqlite:///{self.node.data_dir / 'tutorwamp.sqlite3'}"
        self.engine = make_engine(env.get("TUTORWAMP_DATABASE_URL", sqlite))
        if servers:
            migrate.upgrade(self.engine)
        self.node.start()

    async def settle_in(self, tutors: int, students: int) -> None:
        """Give people accounts: the tutors first."""
        for number in range(tutors):
            self.accounts.append(await register(self.node, f"Tutor {number}", "tutor"))
        for number in range(students):
            self.accounts.append(await register(self.node, f"Student {number}", "student"))

    # Faults

    def deadly(self) -> list[str]:
        """What can be killed here; whatever it is comes back by itself."""
        return ["container", "node", "router"] + (["postgresql", "redis"] if self.postgres is not None else [])

    def kill(self, what: str) -> bool:
        """A process is gone, as with kill -9. False where it was not there: the node is just starting."""
        server = {"postgresql": self.postgres, "redis": self.redis}.get(what)
        if server is not None:
            server.kill()
            reactor.callLater(0.5, server.start)  # so that it is missed
        elif not self._kill_process(what):
            return False
        for hear in self.on_kill:
            hear(what)
        return True

    def _kill_process(self, kind: str) -> bool:
        pids = self.node.pids()
        if len(pids) < PROCESSES:
            return False
        for pid in pids.values() if kind == "node" else [pids[kind]]:
            os.kill(pid, signal.SIGKILL)
        return True

    def tokens_renewed(self) -> int:
        """By everybody, ever."""
        with self.reading() as connection:
            spent = select(func.count()).where(refresh_tokens.c.spent_at.is_not(None))
            return connection.execute(spent).scalar_one()

    # What is there

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A look at the database at this very moment, over a new connection: old ones may have died with the server."""
        self.engine.dispose()
        with self.engine.connect().execution_options(writes=False) as connection:
            yield connection

    async def gate(self) -> Status:
        """What the gate keeps in its memory."""
        session = BareSession("")
        session.onConnect = lambda: session.join("tutor", ["anonymous"])  # type: ignore[method-assign]  # a component's way in
        factory = WampRawSocketClientFactory(lambda: session, serializer=CBORSerializer())
        socket = self.node.data_dir / "node" / "router.sock"
        await UNIXClientEndpoint(reactor, str(socket)).connect(factory)
        await session.joined
        status = STATUS.result.model_validate(await session.ask(STATUS.uri))
        session.leave()
        await session.left
        return status

    def close(self) -> None:
        """Leave nothing behind."""
        self.engine.dispose()
        self.node.close()
        for server in (self.postgres, self.redis):
            if server is not None:
                server.close()


def _impatient(folder: Path) -> dict[str, str]:
    return {
        "TUTORWAMP_NODE_CONFIG": str(_impatient_config(folder)),
        "TUTORWAMP_ACCESS_TOKEN_LIFETIME": str(TOKEN_LIFETIME_S),
        "TUTORWAMP_HEARTBEAT_INTERVAL": str(HEARTBEAT_S),
        "TUTORWAMP_REALTIME_PING_TIMEOUT": str(PING_TIMEOUT_S),
        "TUTORWAMP_RECONNECT_GRACE": str(GRACE_S),
    }


def _impatient_config(folder: Path) -> Path:
    """The node's configuration, with a socket that is asked every two seconds whether it lives."""
    config = yaml.safe_load(CONFIG.read_text())
    options = config["workers"][0]["transports"][1]["paths"]["ws"]["options"]
    options.update(auto_ping_interval=2_000, auto_ping_timeout=2_000)
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(config))
    return path
