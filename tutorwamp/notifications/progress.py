"""How far the lessons' streams are projected into notifications: what a transaction reads and writes of that."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, and_, bindparam, func, or_, select, update

from tutorwamp.chat.contracts import CHAT_TOPIC
from tutorwamp.kernel.contracts import StreamEvent
from tutorwamp.kernel.sql.columns import insert_new, lock, put
from tutorwamp.kernel.sql.streams import heads, read_parts, streams
from tutorwamp.lessons.contracts import STATE_TOPIC
from tutorwamp.notifications.tables import progress

EVENTS_AT_ONCE: Final = 300
"""Of all streams together, projected in one transaction."""


@dataclass(frozen=True)
class Known:
    """How far a stream is projected, as this process knows it."""

    seq: int
    kept: int | None
    """As far as the database says; null: it says nothing."""
    members: tuple[str, ...]
    """The lesson's, as of there."""

    @property
    def is_kept(self) -> bool:
        """Whether the database knows it, too."""
        return self.kept is not None and self.kept >= self.seq


@dataclass(frozen=True)
class Backlog:
    """A lesson's stream, as far as it is not projected into notifications. ``kept`` as in ``Known``."""

    stream: str
    seq: int
    kept: int | None
    members: tuple[str, ...] | None
    """As of ``seq``; null: nobody knows who they were."""
    events: tuple[StreamEvent, ...]
    head: int

    @property
    def next_seq(self) -> int:
        """Where it will be once these events are projected."""
        return self.events[-1].seq if self.events else self.seq

    @property
    def is_whole(self) -> bool:
        """Whether nothing is left after these events."""
        return self.next_seq >= self.head

    def known(self, *, kept: bool) -> Known:
        """What one knows once these events are projected; ``kept``: whether that is written."""
        return Known(self.next_seq, self.next_seq if kept else self.kept, self.members or ())


_OF_STATE: Final = streams.c.name.like(STATE_TOPIC.pattern)
BEHIND: Final = (
    select(streams.c.name, streams.c.head)
    .outerjoin(progress, progress.c.stream == streams.c.name)
    .where(
        or_(
            and_(_OF_STATE, progress.c.stream.is_(None)),
            and_(
                or_(_OF_STATE, streams.c.name.like(CHAT_TOPIC.pattern)),
                streams.c.head > func.coalesce(progress.c.seq, 0),
            ),
        )
    )
    .order_by(streams.c.name)
)
"""Lessons' streams that have gone on since they were projected, or never were."""


def backlogs(connection: Connection, seen: Mapping[str, Known | None]) -> list[Backlog]:
    """In three queries whatever their number. ``seen`` null: what the database says counts."""
    rows = {row.stream: row for row in connection.execute(select(progress).where(progress.c.stream.in_(seen)))}
    newest = heads(connection, seen)
    found: list[Backlog] = []
    parts: list[tuple[str, int, int]] = []
    room = EVENTS_AT_ONCE
    for stream, known in seen.items():
        row, head = rows.get(stream), newest.get(stream, 0)
        kept = None if row is None else int(row.seq)
        seq, members = kept or 0, None if row is None else tuple(json.loads(row.members))
        if known is not None and seq <= known.seq <= head:  # else the database is another one, or others were quicker
            seq, members = known.seq, known.members
        upto = min(head, seq + room)
        if upto > seq:
            parts.append((stream, seq + 1, upto))
            room -= upto - seq
        found.append(Backlog(stream, seq, kept, members, (), head))
    events: dict[str, list[StreamEvent]] = {}
    for event in read_parts(connection, parts):
        events.setdefault(event.stream, []).append(event)
    return [
        Backlog(one.stream, one.seq, one.kept, one.members, tuple(events.get(one.stream, ())), one.head)
        for one in found
    ]


def go_on(connection: Connection, done: Sequence[Backlog]) -> frozenset[str]:
    """Write that these are projected, but for those that are not any more where they were; which those are."""
    names = sorted(one.stream for one in done)  # one order of locking for everybody: no deadlock
    for name in names:
        lock(connection, f"notify {name}")
    query = select(progress.c.stream, progress.c.seq).where(progress.c.stream.in_(names)).order_by(progress.c.stream)
    at = {row.stream: row.seq for row in connection.execute(query.with_for_update())} if names else {}
    overtaken = frozenset(one.stream for one in done if at.get(one.stream) != one.kept)
    ours = sorted((one for one in done if one.stream not in overtaken), key=lambda one: one.stream)
    put(connection, progress, [_row(one.stream, one.known(kept=True)) for one in ours])
    return overtaken


_MOVE: Final = (
    update(progress)
    .where(progress.c.stream == bindparam("name"), progress.c.seq < bindparam("upto"))
    .values(seq=bindparam("upto"))
)


def keep(connection: Connection, known: Mapping[str, Known]) -> frozenset[str]:
    """Write how far these are; which of them the database says now.

    Not further than the stream itself (a restored database's), and not where another process has gone on: it may have
    told what was read in an event that we had nothing to tell of, so those are looked at again.
    """
    newest = heads(connection, known)
    valid = {name: one for name, one in sorted(known.items()) if one.seq <= newest.get(name, -1)}
    insert_new(connection, progress, [_row(name, one) for name, one in valid.items() if one.kept is None])
    rows = select(progress.c.stream, progress.c.seq).where(progress.c.stream.in_(valid)).order_by(progress.c.stream)
    at = {row.stream: row.seq for row in connection.execute(rows.with_for_update())}
    moved = [name for name, one in valid.items() if one.kept is not None and at.get(name) == one.kept]
    if moved:
        connection.execute(_MOVE, [{"name": name, "upto": valid[name].seq} for name in moved])
    return frozenset(moved) | {name for name, one in valid.items() if at.get(name) == one.seq}


def _row(stream: str, known: Known) -> dict[str, object]:
    return {"stream": stream, "seq": known.seq, "members": json.dumps(known.members)}
