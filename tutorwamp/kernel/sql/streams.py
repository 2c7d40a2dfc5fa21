"""Streams as rows: written, numbered and read. What a stream is, is said in ``kernel/streams.py``.

A stream's number is taken from its row inside the transaction that writes the event, so it is gap-free and one order
for everybody, whatever the number of processes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import (
    ARRAY,
    JSON,
    BigInteger,
    Column,
    Connection,
    Index,
    Integer,
    LargeBinary,
    Row,
    String,
    Table,
    Text,
    and_,
    any_,
    bindparam,
    cast,
    func,
    insert,
    literal,
    literal_column,
    or_,
    select,
    true,
    tuple_,
    update,
)
from sqlalchemy import column as sql_column

from tutorwamp.kernel.contracts import StreamEvent, new_id
from tutorwamp.kernel.errors import Conflict
from tutorwamp.kernel.sql.columns import InstantColumn, insert_new, metadata
from tutorwamp.kernel.sql.hot import Hot, Write, ask, ask_each, write
from tutorwamp.kernel.sql.running import leave_trace
from tutorwamp.kernel.streams import Draft, Heads, Moment, Position, Repeated, StaleGuardError, UnknownStreamError

streams = Table(
    "streams",
    metadata,
    Column("name", String(120), primary_key=True),
    Column("head", BigInteger, nullable=False),
    Column("guard", BigInteger, nullable=False),
)

stream_events = Table(
    "stream_events",
    metadata,
    Column("stream", String(120), primary_key=True),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("type", String(40), nullable=False),
    Column("at", InstantColumn, nullable=False),
    Column("actor_id", String(36), nullable=False),
    Column("actor", Text),
    Column("key", String(64), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("subject", String(36), nullable=False),
    Column("data", Text, nullable=False),
    Index("uq_stream_events_key", "stream", "actor_id", "key", unique=True),
    Index("ix_stream_events_subject", "stream", "subject"),
)

epochs = Table(
    "epochs",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("epoch", String(36), nullable=False),
)
"""One row, made by the migration."""


def open_stream(connection: Connection, name: str, guard: int) -> None:
    """Make an empty stream."""
    connection.execute(insert(streams), {"name": name, "head": 0, "guard": guard})


def ensure_streams(connection: Connection, names: Iterable[str]) -> None:
    """Make those of these streams that are not there yet; theirs have no guard to show."""
    insert_new(connection, streams, [{"name": name, "head": 0, "guard": 0} for name in sorted(set(names))])


def set_guard(connection: Connection, names: Sequence[str], guard: int) -> None:
    """Let only writers in who know the rules of this version."""
    connection.execute(update(streams).where(streams.c.name.in_(names)).values(guard=guard))


_LOCK_STREAMS = (
    select(streams.c.name, streams.c.head, streams.c.guard)
    .order_by(streams.c.name)  # one order of locking for everybody: no deadlock
    .with_for_update()
)
_LOCK_ONE = Hot(_LOCK_STREAMS.where(streams.c.name == bindparam("name", type_=String)))
_LOCK_ALL = Hot(_LOCK_STREAMS.where(streams.c.name == any_(bindparam("names", type_=ARRAY(String)))))
_KEY = (stream_events.c.stream, stream_events.c.actor_id, stream_events.c.key)
_KEY_NAMES = [column.name for column in _KEY]
_FIND_KEYS = select(*_KEY, stream_events.c.digest, stream_events.c.seq, stream_events.c.subject)
_FIND_ONE = Hot(_FIND_KEYS.where(*(column == bindparam(column.name) for column in _KEY)))
_WANTED = (
    func.json_to_recordset(cast(bindparam("wanted", type_=Text), JSON))
    .table_valued(*(sql_column(column.name, String) for column in _KEY), name="wanted")
    .render_derived(with_types=True)
)
_FOUND = (
    select(stream_events.c.digest, stream_events.c.seq, stream_events.c.subject)
    .where(*(column == _WANTED.c[column.name] for column in _KEY))
    .limit(literal_column("1"))
    .correlate(_WANTED)
    .lateral("found")
)
# So written, PostgreSQL plans it once and looks each key up by itself: of arrays it hopes to know better each time, and
# spends four times as long on its plan as on one key.
_FIND_ALL = Hot(select(*_WANTED.c, *_FOUND.c).select_from(_WANTED.join(_FOUND, true())))
_MOVE_HEAD = Hot(update(streams).where(streams.c.name == bindparam("stream_name")).values(head=bindparam("new_head")))
_ADD_EVENTS = Hot(insert(stream_events), stream_events.c.keys())


def locked(connection: Connection, names: Iterable[str]) -> dict[str, Position]:
    """Let nobody else write these streams until the transaction ends; unknown ones are left out."""
    wanted = sorted(set(names))
    if connection.dialect.name == "postgresql":
        (rows,) = ask(connection, [_locking(wanted)])
    else:
        rows = ask_each(connection, _LOCK_ONE, [{"name": name} for name in wanted])
    return _positions(rows)


def _locking(names: list[str]) -> tuple[Hot, dict[str, Any]]:
    """The question that locks these, for PostgreSQL."""
    return (_LOCK_ONE, {"name": names[0]}) if len(names) == 1 else (_LOCK_ALL, {"names": names})


def _positions(rows: Iterable[Any]) -> dict[str, Position]:
    return {name: Position(head, guard) for name, head, guard in rows}


_Keys = dict[tuple[str, str, str], tuple[str, int, str]]
"""Digest, number and subject of the events that are known, by stream, actor and key."""


def _lock_and_look(connection: Connection, drafts: Sequence[Draft]) -> tuple[dict[str, Position], _Keys]:
    """Lock the streams, then see which keys are known: to a server on one way, and in this order."""
    keys = [(draft.stream, draft.actor_id, draft.key) for draft in drafts]
    if connection.dialect.name == "postgresql":
        names = sorted({stream for stream, _, _ in keys})
        wanted = json.dumps([dict(zip(_KEY_NAMES, key, strict=True)) for key in keys], ensure_ascii=False)
        rows, found = ask(connection, [_locking(names), (_FIND_ALL, {"wanted": wanted})])
        positions = _positions(rows)
    else:
        positions = locked(connection, (stream for stream, _, _ in keys))
        each = [{"stream": stream, "actor_id": actor_id, "key": key} for stream, actor_id, key in keys]
        found = ask_each(connection, _FIND_ONE, each)
    known = {(stream, actor_id, key): (digest, seq, subject) for stream, actor_id, key, digest, seq, subject in found}
    return positions, known


def is_known(connection: Connection, draft: Draft) -> bool:
    """Whether an event with this draft's key is there: then the draft repeats it."""
    key = zip(_KEY, (draft.stream, draft.actor_id, draft.key), strict=True)
    found = select(stream_events.c.seq).where(*(column == value for column, value in key))
    return connection.execute(found).first() is not None


@dataclass(frozen=True)
class Numbered:
    """A batch of drafts that has its numbers, and is not written yet.

    For each draft the event, or Repeated, or the error that refuses it alone: UnknownStreamError, StaleGuardError, or
    Conflict where the same key came with other content.
    """

    outcomes: list[StreamEvent | Repeated | Exception]
    rows: list[dict[str, Any]]
    moved: dict[str, int]

    def writes(self, connection: Connection) -> list[Write]:
        """What is to be written for those that have a number; leaves its trace."""
        if not self.rows:
            return []
        first = self.rows[0]
        leave_trace(connection, partial(_is_written, **{name: first[name] for name in ("stream", "seq", "key")}))
        moves = [{"stream_name": name, "new_head": head} for name, head in self.moved.items()]
        return [(_ADD_EVENTS, self.rows), (_MOVE_HEAD, moves)]


def number(connection: Connection, drafts: Sequence[Draft]) -> Numbered:
    """Lock the streams of a batch, and number it in its order."""
    positions, known = _lock_and_look(connection, drafts)
    newest = {name: position.head for name, position in positions.items()}
    numbered = Numbered([], [], {})
    for draft in drafts:
        if draft.stream not in newest:
            numbered.outcomes.append(UnknownStreamError(draft.stream))
            continue
        key = (draft.stream, draft.actor_id, draft.key)
        first = known.get(key)
        if first is not None:
            numbered.outcomes.append(_repeated(draft, *first))
            continue
        if draft.guard is not None and draft.guard != positions[draft.stream].guard:
            numbered.outcomes.append(StaleGuardError(draft.stream))
            continue
        seq = newest[draft.stream] = numbered.moved[draft.stream] = newest[draft.stream] + 1
        event = StreamEvent(
            draft.stream, seq, draft.type, draft.at, dict(draft.actor) if draft.actor else None, draft.data(seq)
        )
        numbered.outcomes.append(event)
        numbered.rows.append(_row(draft, event))
        known[key] = (draft.digest, seq, draft.subject)
    return numbered


def append(connection: Connection, drafts: Sequence[Draft]) -> list[StreamEvent | Repeated | Exception]:
    """Number and write a batch, in its order, in four statements whatever its size; see ``Numbered.outcomes``."""
    numbered = number(connection, drafts)
    write(connection, numbered.writes(connection))
    return numbered.outcomes


def _is_written(connection: Connection, stream: str, seq: int, key: str) -> bool:
    """Whether this very event is there, and what was appended in the same transaction with it."""
    locked(connection, [stream])  # the transaction holds this lock until it has ended
    found = select(stream_events.c.key).where(stream_events.c.stream == stream, stream_events.c.seq == seq)
    return connection.execute(found).scalar() == key


def append_one(connection: Connection, draft: Draft) -> StreamEvent:
    """Write one event of a transaction that does more. Raises what refuses it; its key must be new."""
    (outcome,) = append(connection, [draft])
    if isinstance(outcome, Exception):
        raise outcome
    if isinstance(outcome, Repeated):
        raise Conflict("This has been done already.")
    return outcome


def restate(connection: Connection, stream: str, subject: str, data: Mapping[str, Any]) -> int:
    """Make all events about ``subject`` say what a reader would read now (a deleted text must not live on here).

    How many bytes that was to write.
    """
    text = json.dumps(data, ensure_ascii=False)
    about = (stream_events.c.stream == stream, stream_events.c.subject == subject)
    rewritten = connection.execute(update(stream_events).where(*about).values(data=text)).rowcount
    return rewritten * len(text.encode())


def read_since(connection: Connection, stream: str, after: int, limit: int) -> list[StreamEvent]:
    """The events after a position, in order, at most ``limit``."""
    rows = connection.execute(
        select(stream_events)
        .where(stream_events.c.stream == stream, stream_events.c.seq > after)
        .order_by(stream_events.c.seq)
        .limit(limit)
    )
    return [_event(row) for row in rows]


def read_parts(connection: Connection, parts: Sequence[tuple[str, int, int]]) -> list[StreamEvent]:
    """The events of some streams from one number to another, in their order; those that are gone are left out."""
    if not parts:
        return []
    # Ranges, not pairs of stream and number: for pairs SQLite reads the whole index.
    seq = stream_events.c.seq
    in_part = (and_(stream_events.c.stream == name, seq.between(first, last)) for name, first, last in parts)
    query = select(stream_events).where(or_(*in_part)).order_by(stream_events.c.stream, stream_events.c.seq)
    return [_event(row) for row in connection.execute(query)]


def read_together(
    connection: Connection, names: Sequence[str], after: Moment | None, limit: int, characters_at_most: int
) -> tuple[list[StreamEvent], bool]:
    """Events of several streams on one clock, and whether there are more; at least one, however large, if there is any.

    The order is total: two events never share a Moment.
    """
    order = (stream_events.c.at, stream_events.c.stream, stream_events.c.seq)
    query = select(*order, func.length(stream_events.c.data)).where(stream_events.c.stream.in_(names))
    if after is not None:
        last = tuple_(literal(after.at, InstantColumn), literal(after.stream, String), literal(after.seq, BigInteger))
        query = query.where(tuple_(*order) > last)
    # The keys first: events are large, and are not sorted but looked up.
    keys, size = connection.execute(query.order_by(*order).limit(limit + 1)).all(), 0
    chosen: dict[str, list[int]] = {}
    count = 0
    for _, stream, seq, characters in keys[:limit]:
        size += characters
        if chosen and size > characters_at_most:
            break
        chosen.setdefault(stream, []).append(seq)
        count += 1
    if not chosen:
        return [], False
    # Stream by stream, not pairs of stream and number: for pairs SQLite reads the whole index.
    of_stream = (and_(stream_events.c.stream == one, stream_events.c.seq.in_(seqs)) for one, seqs in chosen.items())
    rows = connection.execute(select(stream_events).where(or_(*of_stream)).order_by(*order))
    return [_event(row) for row in rows], len(keys) > count


def compacted(connection: Connection, names: Sequence[str]) -> dict[str, int]:
    """Of streams whose oldest events are gone: the number of the last of those."""
    first = select(func.min(stream_events.c.seq)).where(stream_events.c.stream == streams.c.name).scalar_subquery()
    rows = connection.execute(select(streams.c.name, streams.c.head, first).where(streams.c.name.in_(names)))
    gone = {name: head if kept_from is None else kept_from - 1 for name, head, kept_from in rows}
    return {name: seq for name, seq in gone.items() if seq > 0}


def extent_since(connection: Connection, stream: str, after: int) -> tuple[int, int]:
    """How many events lie after a position, and roughly how many bytes they have."""
    data = stream_events.c.data
    size = func.octet_length(data) if connection.dialect.name == "postgresql" else func.length(cast(data, LargeBinary))
    row = connection.execute(
        select(func.count(), func.coalesce(func.sum(size), 0)).where(
            stream_events.c.stream == stream, stream_events.c.seq > after
        )
    ).one()
    return int(row[0]), int(row[1])


def heads(connection: Connection, names: Iterable[str]) -> dict[str, int]:
    """The position of each stream's newest event; 0 for an empty one."""
    rows = connection.execute(select(streams.c.name, streams.c.head).where(streams.c.name.in_(list(names))))
    return {row.name: row.head for row in rows}


def head_events(connection: Connection, names: Iterable[str]) -> dict[str, tuple[int, dict[str, Any] | None]]:
    """Each stream's position and its newest event's data; null where there is none (any more). One query, by keys."""
    newest = and_(stream_events.c.stream == streams.c.name, stream_events.c.seq == streams.c.head)
    query = select(streams.c.name, streams.c.head, stream_events.c.data).outerjoin(stream_events, newest)
    rows = connection.execute(query.where(streams.c.name.in_(sorted(set(names)))))
    return {row.name: (row.head, None if row.data is None else json.loads(row.data)) for row in rows}


def heads_now(connection: Connection, names: Iterable[str]) -> Heads:
    """The position of each stream's newest event, and the epoch, in one query; unknown streams are left out."""
    wanted = epochs.outerjoin(streams, streams.c.name.in_(sorted(set(names))))
    rows = connection.execute(select(epochs.c.epoch, streams.c.name, streams.c.head).select_from(wanted)).all()
    return Heads(rows[0].epoch, {row.name: row.head for row in rows if row.name is not None})


def renew_epoch(connection: Connection) -> str:
    """Say that the past is another one: every client reads afresh what it follows."""
    epoch = new_id()
    connection.execute(update(epochs).values(epoch=epoch))
    return epoch


def _event(row: Row[Any]) -> StreamEvent:
    return StreamEvent(
        stream=row.stream,
        seq=row.seq,
        type=row.type,
        at=row.at,
        actor=json.loads(row.actor) if row.actor else None,
        data=json.loads(row.data),
    )


def _repeated(draft: Draft, digest: str, seq: int, subject: str) -> Repeated | Exception:
    if digest != draft.digest:
        return Conflict("This client_id was used before, with other content.")
    return Repeated(seq, subject)


def _row(draft: Draft, event: StreamEvent) -> dict[str, Any]:
    return {
        "stream": event.stream,
        "seq": event.seq,
        "type": event.type,
        "at": event.at,
        "actor_id": draft.actor_id,
        "actor": json.dumps(event.actor, ensure_ascii=False) if event.actor else None,
        "key": draft.key,
        "digest": draft.digest,
        "subject": draft.subject,
        "data": json.dumps(event.data, ensure_ascii=False),
    }
