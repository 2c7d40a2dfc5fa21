"""Streams on both engines: numbered without a gap, whoever writes, however often a caller repeats itself."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, cast

import psycopg
import pytest
import pytest_twisted
from sqlalchemy import Connection, Engine, Transaction, event, func, select
from sqlalchemy.exc import OperationalError
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.interfaces import IReactorThreads
from twisted.internet.threads import blockingCallFromThread

from tests.accounts.test_store import somebody_waits
from tutorwamp.kernel.contracts import StreamEvent
from tutorwamp.kernel.errors import Conflict
from tutorwamp.kernel.sql.columns import metadata
from tutorwamp.kernel.sql.database import Database, make_engine
from tutorwamp.kernel.sql.groups import GroupCommit
from tutorwamp.kernel.sql.running import Tried
from tutorwamp.kernel.sql.streams import (
    append,
    append_one,
    heads,
    open_stream,
    read_since,
    restate,
    set_guard,
    stream_events,
    streams,
)
from tutorwamp.kernel.streams import Draft, Repeated, StaleGuardError, UnknownStreamError, digest_of, key_for

NOON = datetime(2026, 11, 23, 12, 0, 0, 123_000, tzinfo=UTC)
ADA = {"id": "01a20a15-05e3-76a3-9f7a-e3e0d1dc0c31", "name": "Ada ✏️", "role": "tutor"}
BEN = {"id": "01a20a15-05e3-76a3-9f7a-e3e0d1dc0c32", "name": "Ben", "role": "student"}
CHAT, BOARD = "tutorwamp.lesson.1.chat", "tutorwamp.lesson.1.board"
GUARD = 1

Outcome = StreamEvent | Repeated | Exception


def draft(key: str | None = None, stream: str = CHAT, *, guard: int | None = GUARD, **more: Any) -> Draft:
    given: dict[str, Any] = {
        "stream": stream,
        "guard": guard,
        "type": "message.created",
        "at": NOON,
        "actor": ADA,
        "key": key_for(key),
        "digest": digest_of("hello"),
        "subject": "subject",
        "data": lambda seq: {"seq": seq, "body": "hello 😀\0"},
    }
    return Draft(**{**given, **more})


class Writer:
    """One process's way to the streams."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.group: GroupCommit[Draft, StreamEvent | Repeated] = GroupCommit(database, "append", append)

    async def append(self, *drafts: Draft) -> list[Outcome]:
        return await self.database.write("append", append, drafts)

    async def seqs(self, *drafts: Draft) -> list[int | type]:
        """Numbers of what was written or repeated, types of what was refused."""
        return [
            outcome.seq if isinstance(outcome, (StreamEvent, Repeated)) else type(outcome)
            for outcome in await self.append(*drafts)
        ]

    async def since(self, after: int, limit: int = 10_000, stream: str = CHAT) -> list[StreamEvent]:
        return await self.database.read("since", read_since, stream, after, limit)

    async def head(self, stream: str = CHAT) -> int | None:
        return (await self.database.read("heads", heads, [stream, "nowhere"])).get(stream)


@contextmanager
def opened(url: str) -> Iterator[Writer]:
    database = Database(make_engine(url), cast("IReactorThreads", reactor))
    metadata.create_all(database.engine, tables=[streams, stream_events])
    database.start()
    try:
        yield Writer(database)
    finally:
        database.stop()


@pytest_twisted.async_yield_fixture
async def writer(database_url: str) -> AsyncIterator[Writer]:
    with opened(database_url) as made:
        for name in (CHAT, BOARD):
            await made.database.write("open", open_stream, name, GUARD)
        yield made


@pytest_twisted.async_yield_fixture
async def other(database_url: str, writer: Writer) -> AsyncIterator[Writer]:
    """Another process on the same database."""
    with opened(database_url) as made:
        yield made


async def test_an_event_is_read_as_it_was_written(writer: Writer) -> None:
    written = await writer.append(draft("a"), draft("b", actor=None, guard=None))
    assert [outcome.seq for outcome in written if isinstance(outcome, StreamEvent)] == [1, 2]
    assert await writer.since(0) == written
    assert written[0] == StreamEvent(CHAT, 1, "message.created", NOON, ADA, {"seq": 1, "body": "hello 😀\0"})


async def test_streams_of_one_batch_are_numbered_each_for_itself(writer: Writer) -> None:
    assert await writer.seqs(draft(), draft(stream=BOARD), draft(), draft(stream=BOARD), draft()) == [1, 1, 2, 2, 3]
    assert (await writer.head(), await writer.head(BOARD)) == (3, 2)


async def test_two_processes_leave_no_gap_and_no_double(writer: Writer, other: Writer) -> None:
    answered: dict[str, list[int]] = {"one": [], "two": []}

    def submit(name: str, number: int) -> list[Deferred[Any]]:
        """Every third also writes to the board, in another order in each process."""
        process, names = {"one": (writer, [CHAT, BOARD]), "two": (other, [BOARD, CHAT])}[name]
        submitted: list[Deferred[Any]] = []
        for stream in names:
            if stream == CHAT or number % 3 == 0:
                submitted.append(process.group.submit(draft(f"{name} {number}", stream)))
                if stream == CHAT:
                    submitted[-1].addCallback(lambda made: answered[name].append(made.seq))
        return submitted

    for first in range(0, 200, 40):
        numbers = range(first, first + 40)
        await gatherResults([done for number in numbers for name in answered for done in submit(name, number)])
    assert sorted(answered["one"] + answered["two"]) == list(range(1, 401))
    assert answered["one"] == sorted(answered["one"])
    assert answered["two"] == sorted(answered["two"])
    assert [found.seq for found in await writer.since(0)] == list(range(1, 401))
    assert [found.seq for found in await other.since(0, stream=BOARD)] == list(range(1, await writer.head(BOARD) + 1))  # type: ignore[operator]  # it is open


# keys


async def test_a_repeated_key_finds_the_first_event(writer: Writer, other: Writer) -> None:
    await writer.append(draft("a", subject="first"))
    for process in (writer, other):
        assert await process.append(draft("a", subject="second")) == [Repeated(1, "first")]
    assert await writer.head() == 1


async def test_the_same_key_with_other_content_is_a_conflict(writer: Writer) -> None:
    await writer.append(draft("a"))
    assert await writer.seqs(draft("a", digest=digest_of("goodbye")), draft("b")) == [Conflict, 2]


async def test_a_key_belongs_to_its_stream_and_its_actor(writer: Writer) -> None:
    assert await writer.seqs(draft("a"), draft("a", BOARD), draft("a", actor=BEN), draft("a", actor=None)) == [
        1,
        1,
        2,
        3,
    ]
    assert await writer.seqs(draft("a"), draft("a", actor=BEN), draft("a", actor=None)) == [1, 2, 3]


async def test_a_key_twice_within_one_batch(writer: Writer) -> None:
    outcomes = await writer.append(
        draft("a", subject="first"), draft("a", subject="second"), draft("a", digest=digest_of("x")), draft("b")
    )
    assert outcomes[1] == Repeated(1, "first")
    assert isinstance(outcomes[2], Conflict)
    assert await writer.head() == 2


async def test_a_repetition_is_known_also_when_the_rules_have_changed(writer: Writer) -> None:
    await writer.append(draft("a", subject="first"))
    await writer.database.write("guard", set_guard, [CHAT], GUARD + 1)
    assert await writer.append(draft("a")) == [Repeated(1, "first")]


def test_nobody_can_choose_a_key_of_ours() -> None:
    assert key_for("mine") == "mine"
    assert key_for(None) != key_for(None)
    assert key_for(None).startswith("\x7f"), "a control character, which no client_id may have"


def test_a_digest_is_of_the_content_and_its_order() -> None:
    assert digest_of("a", {"b": 1}) == digest_of("a", {"b": 1})
    different = [digest_of("a", "b"), digest_of("b", "a"), digest_of("ab"), digest_of(["a", "b"]), digest_of("\ud800")]
    assert len(set(different)) == len(different)


# guards and unknown streams


async def test_a_stale_guard_is_refused_and_costs_no_number(writer: Writer) -> None:
    await writer.database.write("guard", set_guard, [CHAT], GUARD + 1)
    got = await writer.seqs(
        draft("a"), draft("b", guard=GUARD + 1), draft("c", guard=GUARD + 2), draft("d", guard=None)
    )
    assert got == [StaleGuardError, 1, StaleGuardError, 2]
    assert await writer.seqs(draft("a", guard=GUARD + 1)) == [3], "a refused key is free"
    assert [found.seq for found in await writer.since(0)] == [1, 2, 3]
    assert await writer.seqs(draft(stream=BOARD)) == [1], "another stream's guard is its own"


async def test_an_unknown_stream_hurts_only_its_draft(writer: Writer) -> None:
    assert await writer.seqs(draft(stream="nowhere"), draft(), draft(stream="nowhere", guard=None)) == [
        UnknownStreamError,
        1,
        UnknownStreamError,
    ]
    assert await writer.append() == []


async def test_in_a_transaction_that_does_more_a_refusal_is_raised(writer: Writer) -> None:
    async def one(made: Draft) -> StreamEvent:
        return await writer.database.write("one", append_one, made)

    assert (await one(draft("a"))).seq == 1
    for made, refusal in (
        (draft("a"), Conflict),
        (draft("b", guard=7), StaleGuardError),
        (draft("c", stream="nowhere"), UnknownStreamError),
    ):
        with pytest.raises(refusal):
            await one(made)
    assert await writer.head() == 1


# reading


async def test_reading_goes_on_where_a_reader_stopped(writer: Writer) -> None:
    await writer.append(*(draft() for _ in range(7)), draft(stream=BOARD))

    async def seqs(after: int, limit: int) -> list[int]:
        return [found.seq for found in await writer.since(after, limit)]

    assert await seqs(0, 3) == [1, 2, 3]
    assert await seqs(3, 100) == [4, 5, 6, 7]
    assert await seqs(7, 100) == []
    assert await seqs(100, 100) == []
    assert await writer.since(0, stream="nowhere") == []


async def test_heads_of_streams_that_exist(writer: Writer) -> None:
    await writer.append(draft())
    assert await writer.database.read("heads", heads, [CHAT, BOARD, "nowhere"]) == {CHAT: 1, BOARD: 0}


async def test_restating_changes_all_events_of_a_thing_and_no_other(writer: Writer) -> None:
    await writer.append(
        draft(subject="m1"), draft(subject="m2"), draft(subject="m1"), draft(stream=BOARD, subject="m1")
    )
    await writer.database.write("restate", restate, CHAT, "m1", {"body": None})
    assert [found.data.get("body") for found in await writer.since(0)] == [None, "hello 😀\0", None]
    assert [found.data["body"] for found in await writer.since(0, stream=BOARD)] == ["hello 😀\0"]
    assert [found.seq for found in await writer.since(0)] == [1, 2, 3]


async def test_a_batch_is_four_statements_whatever_its_size(writer: Writer) -> None:
    for size in (1, 100):
        before = writer.database.counts.of("append").queries
        await writer.append(*(draft() for _ in range(size)))
        assert writer.database.counts.of("append").queries - before == 4


# when nobody knows whether the commit went through


@contextmanager
def answer_lost_once(
    engine: Engine, meanwhile: Callable[[], Any] = lambda: None, *, done: bool = True
) -> Iterator[list[int]]:
    """The next commit of a write is done, or not, and then the connection is lost before anybody is told.

    ``meanwhile`` happens in the reactor before it is tried again.
    """
    lost: list[int] = []

    def lose(connection: Connection) -> None:
        if not lost and connection.get_execution_options()["writes"]:
            lost.append(1)
            assert connection.connection.dbapi_connection is not None
            if done:
                connection.connection.dbapi_connection.commit()
            blockingCallFromThread(cast("Any", reactor), meanwhile)
            raise OperationalError("COMMIT", None, psycopg.OperationalError("lost"), connection_invalidated=True)

    event.listen(engine, "commit", lose)
    try:
        yield lost
    finally:
        event.remove(engine, "commit", lose)


async def test_a_lost_answer_to_a_commit_doubles_nothing(writer: Writer) -> None:
    made: Sequence[Draft] = [draft("chosen", subject="1"), draft(subject="2"), draft(stream=BOARD, subject="3")]
    with answer_lost_once(writer.database.engine) as lost:
        outcomes = await writer.append(*made)
    assert lost
    stored = [*await writer.since(0), *await writer.since(0, stream=BOARD)]
    assert outcomes == stored, "as if nothing had been lost"
    assert writer.database.counts.of("append").retries == 1
    assert (await writer.head(), await writer.head(BOARD)) == (2, 1)
    counted = select(func.count()).select_from(stream_events)
    assert await writer.database.read("count", lambda connection: connection.scalar(counted)) == 3


async def test_a_commit_that_was_not_done_is_done_by_the_second_try(writer: Writer) -> None:
    with answer_lost_once(writer.database.engine, done=False) as lost:
        outcomes = await writer.append(draft(), draft())
    assert lost
    assert writer.database.counts.of("append").retries == 1
    assert outcomes == await writer.since(0)
    assert await writer.head() == 2


async def test_whether_a_commit_was_done_is_known_when_it_has_ended(writer: Writer) -> None:
    database = writer.database
    for ends, is_there in ((Transaction.rollback, False), (Transaction.commit, True)):
        options = {"writes": True, "tried": (tried := Tried())}
        with database.engine.connect().execution_options(**options) as under_way:
            transaction = under_way.begin()
            append(under_way, [draft()])
            assert tried.now.trace is not None
            looking = database.write("look", tried.now.trace)
            if database.engine.dialect.name == "postgresql":
                await somebody_waits(database)
            assert not looking.called
            ends(transaction)
        assert await looking == is_there
