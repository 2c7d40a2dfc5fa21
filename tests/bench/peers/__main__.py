"""chat.send beside Socket.IO, durably on both sides, in the same rounds with the same people, messages and checks.

::

    npm ci --prefix tests/bench/peers
    python -m tests.bench.peers --lessons 50 --in-flight 1,16,64 --rounds 5 --calls 1000 [--database postgresql]

Not one of the tests. ``--database``: what tutorwamp stands on. Both databases are as durable as they are by default:
SQLite with a log and full synchronisation, PostgreSQL with fsync.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from contextlib import ExitStack
from pathlib import Path

from tests.bench.peers.socketio import SERVER, SocketIo
from tests.support.postgres import Postgres
from tutorwamp.app.settings import Settings
from tutorwamp.bench.node import on_node
from tutorwamp.bench.school import Lesson, Row, a_school, lines, measured


def main() -> None:
    """Start the servers, measure, tell."""
    asked = _arguments()
    if not SERVER.with_name("node_modules").is_dir():
        raise SystemExit("First: npm ci --prefix tests/bench/peers")
    with ExitStack() as stack:
        server = stack.enter_context(Postgres(durable=True))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tw-peers-")))
        if asked.database == "postgresql":
            os.environ["TUTORWAMP_DATABASE_URL"] = server.create_database("tutorwamp")
        for name in ("pool", "statement"):
            server.create_database(name)
        peers = [
            SocketIo("Socket.IO, pg pool", "postgresql", str(server.home), "pool"),
            SocketIo("Socket.IO, one statement", "statement", str(server.home), "statement"),
            SocketIo("Socket.IO, SQLite", "sqlite", str(folder / "peer.sqlite3")),
        ]
        for one in peers:
            stack.enter_context(one)
        print("\n".join(lines(_measure(asked, peers))))  # noqa: T201  # what was measured


def _measure(asked: argparse.Namespace, peers: list[SocketIo]) -> list[Row]:
    at_once = [int(number) for number in asked.in_flight.split(",")]

    async def measure(settings: Settings, school: list[Lesson]) -> list[Row]:
        for one in peers:
            await one.enter(asked.lessons, asked.lesson_of)
        rows = await measured(settings, school, at_once, asked.rounds, asked.calls, peers)
        for one in peers:
            one.leave()
        return rows

    return on_node(
        lambda machine: a_school(machine, asked.lessons, asked.lesson_of), measure, with_floor=True, limited=True
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.peers")
    parser.add_argument("--lessons", type=int, default=1)
    parser.add_argument("--lesson-of", type=int, default=2)
    parser.add_argument("--in-flight", default="1,16,64")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--calls", type=int, default=1_000)
    parser.add_argument("--database", choices=["sqlite", "postgresql"], default="sqlite")
    return parser.parse_args()


if __name__ == "__main__":
    main()
