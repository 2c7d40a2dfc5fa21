"""The nodes that share this database, each with a lease, and whether it still is the database they knew.

A node has an id of its own, kept in its data folder beside how often it has renewed its lease. The database keeps the
same number: where it knows of fewer renewals than the node, it was restored from a backup, and its epoch is renewed.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from sqlalchemy import BigInteger, Column, Connection, String, Table, delete, func, select
from twisted.internet.defer import Deferred

from tutorwamp.kernel.contracts import Clock, new_id
from tutorwamp.kernel.log.lines import get_logger
from tutorwamp.kernel.sql.columns import InstantColumn, metadata, put
from tutorwamp.kernel.sql.database import Database
from tutorwamp.kernel.sql.streams import renew_epoch

log = get_logger(__name__)

RENEWED_EVERY_S: Final = 10.0
LEASE: Final = timedelta(seconds=45)
"""A node that has not renewed its lease for this long is dead: four renewals, and room for clocks that differ."""
FORGOTTEN_AFTER: Final = timedelta(days=30)
"""Rows of nodes that never came back."""

nodes = Table(
    "nodes",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("beat", BigInteger, nullable=False),
    Column("host", String(255), nullable=False),
    Column("started_at", InstantColumn, nullable=False),
    Column("seen_at", InstantColumn),
)
"""``seen_at`` null: the node has been stopped, and gave its lease back."""


@dataclass(frozen=True)
class Node:
    """One of the others, for people."""

    id: str
    host: str
    started_at: datetime


@dataclass(frozen=True)
class Mark:
    """What a node keeps in its data folder. ``file``: which SQLite file it used (its inode), null with a server."""

    id: str
    beat: int = 0
    file: int | None = None


def living(connection: Connection, now: datetime) -> set[str]:
    """The ids of the nodes whose leases run."""
    return set(connection.execute(select(nodes.c.id).where(nodes.c.seen_at > now - LEASE)).scalars())


class Nodes:
    """Our node among the others."""

    def __init__(self, database: Database, data_dir: Path, clock: Clock) -> None:
        self._database = database
        self._path = data_dir / "node.json"
        self._clock = clock
        self._mark: Mark | None = None
        self._started_at = clock()

    @property
    def id(self) -> str:
        """Ours, made when it is first asked for."""
        return self._known().id

    async def begin(self) -> list[Node]:
        """Take a lease, and renew the epoch of a database that is not the one we knew; the other nodes that live."""
        mark = replace(self._known(), file=self._file())
        is_known = mark.beat > 0
        is_moved = is_known and self._known().file != mark.file

        def thd(connection: Connection) -> tuple[int, list[Node], bool]:
            now = self._clock()
            others = _others(connection, mark.id, now)
            beat = connection.execute(select(nodes.c.beat).where(nodes.c.id == mark.id)).scalar()
            if is_known:
                restored = is_moved or beat is None or beat < mark.beat
            else:  # another data folder than before, and with it perhaps another database
                restored = connection.execute(select(func.count()).select_from(nodes)).scalar_one() > 0
            restored = restored and not others  # who lives on it would have noticed
            if restored:
                renew_epoch(connection)
            connection.execute(delete(nodes).where(nodes.c.seen_at < now - FORGOTTEN_AFTER, nodes.c.id != mark.id))
            beat = max(beat or 0, mark.beat) + 1
            self._put(connection, mark.id, beat, now)
            return beat, others, restored

        beat, others, restored = await self._database.write("nodes.begin", thd)
        self._save(replace(mark, beat=beat))
        if restored:
            log.warning("the database is not the one this node knew: clients read everything afresh")
        for other in others:
            log.warning(
                "another node uses this database: its people are not seen here, and do not hear what happens here",
                node=other.id,
                host=other.host,
                started_at=str(other.started_at),
            )
        return others

    async def renew(self) -> bool:
        """Keep the lease. False: the database was restored beneath us; the epoch is new, and we should start anew."""
        mark = self._known()

        def thd(connection: Connection) -> tuple[int, bool]:
            beat = connection.execute(select(nodes.c.beat).where(nodes.c.id == mark.id)).scalar()
            restored = beat is None or beat < mark.beat
            if restored:
                renew_epoch(connection)
            beat = max(beat or 0, mark.beat) + 1
            self._put(connection, mark.id, beat, self._clock())
            return beat, restored

        beat, restored = await self._database.write("nodes.renew", thd)
        self._save(replace(mark, beat=beat))
        return not restored

    async def end(self) -> None:
        """Give the lease back: nobody has to wait for it to run out."""
        mark = self._known()

        def thd(connection: Connection) -> None:
            self._put(connection, mark.id, mark.beat + 1, None)

        await self._database.write("nodes.end", thd)
        self._save(replace(mark, beat=mark.beat + 1))

    def others(self) -> Deferred[list[Node]]:
        """The other nodes that live."""
        node_id = self.id
        return self._database.read("nodes.others", lambda connection: _others(connection, node_id, self._clock()))

    def declare_restored(self) -> Deferred[str]:
        """An operator knows that the database was restored: the new epoch."""
        return self._database.write("nodes.restored", renew_epoch)

    def _put(self, connection: Connection, node_id: str, beat: int, seen_at: datetime | None) -> None:
        host = socket.gethostname()[:255]
        row = {"id": node_id, "beat": beat, "host": host, "started_at": self._started_at, "seen_at": seen_at}
        put(connection, nodes, [row])

    def _file(self) -> int | None:
        """Which SQLite file: a copy that was brought back is another one."""
        if self._database.engine.dialect.name != "sqlite":
            return None
        return Path(str(self._database.engine.url.database)).stat().st_ino

    def _known(self) -> Mark:
        if self._mark is None:
            try:
                self._mark = Mark(**json.loads(self._path.read_text()))
            except (OSError, ValueError, TypeError):  # none yet, or not ours: a new one, which costs clients one reload
                self._save(Mark(new_id()))
        assert self._mark is not None  # noqa: S101  # one of the two has set it
        return self._mark

    def _save(self, mark: Mark) -> None:
        self._mark = mark
        try:
            new = self._path.with_suffix(".new")
            new.write_text(json.dumps(asdict(mark)))
            new.replace(self._path)
        except OSError as error:  # at the next start clients read afresh, perhaps in vain
            log.warning("could not keep what this node knows of the database", error=str(error))


def others_of(connection: Connection, data_dir: Path, now: datetime) -> list[Node]:
    """The living nodes but the one of a data folder; nothing is made, also where that has none yet."""
    try:
        ours = str(json.loads((data_dir / "node.json").read_text())["id"])
    except (OSError, ValueError, KeyError, TypeError):
        ours = ""
    return _others(connection, ours, now)


def _others(connection: Connection, node_id: str, now: datetime) -> list[Node]:
    query = select(nodes.c.id, nodes.c.host, nodes.c.started_at).where(
        nodes.c.seen_at > now - LEASE, nodes.c.id != node_id
    )
    return [Node(*row) for row in connection.execute(query.order_by(nodes.c.started_at))]


def named(others: Sequence[Node]) -> str:
    """Other nodes in a sentence."""
    return ", ".join(f"{node.id} on {node.host} (since {node.started_at:%Y-%m-%d %H:%M} UTC)" for node in others)
