"""Writes of all kinds that wait share a commit, and none of them takes another along. On a server each has its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, cast

import pytest
from sqlalchemy import Connection, event, func, select, text
from sqlalchemy.exc import IntegrityError, ProgrammingError
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorThreads

from tests.kernel.sql.numbers import PATIENCE_S, count, put, tables
from tests.kernel.sql.test_streams import BOARD, CHAT, answer_lost_once, draft
from tutorwamp.kernel.errors import Conflict, Unavailable
from tutorwamp.kernel.log.calls import Call, Edge, calls_under_way, working_for
from tutorwamp.kernel.sql.columns import metadata
from tutorwamp.kernel.sql.database import Database, make_engine
from tutorwamp.kernel.sql.groups import GroupCommit
from tutorwamp.kernel.sql.streams import append, heads, open_stream, stream_events, streams
from tutorwamp.kernel.streams import Repeated, StaleGuardError


@contextmanager
def not_begun(url: str) -> Iterator[Database]:
    """Its threads are not there yet: all that is asked waits together until ``start``."""
    database = Database(make_engine(url), cast("IReactorThreads", reactor))
    tables.create_all(database.engine)
    metadata.create_all(database.engine, tables=[streams, stream_events])
    with database.engine.begin() as connection:
        for name in (CHAT, BOARD):
            open_stream(connection, name, 1)
    try:
        yield database
    finally:
        database.stop()


@contextmanager
def commits(database: Database) -> Iterator[list[None]]:
    done: list[None] = []
    listen = ("commit", lambda _connection: done.append(None))
    event.listen(database.engine, *listen)
    yield done
    event.remove(database.engine, *listen)


async def outcomes(asked: Sequence[Deferred[Any]]) -> list[Any]:
    """Results, or the classes of errors."""
    return [await one.addErrback(lambda failure: failure.type) for one in asked]


def _note(one: Deferred[Any], place: int, answered: list[int]) -> None:
    def note(outcome: Any) -> Any:
        answered.append(place)
        return outcome

    one.addBoth(note)


def put_and_refuse(connection: Connection, number: int) -> None:
    put(connection, number)
    raise Conflict("no")


async def test_one_that_fails_takes_nobody_along(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tutorwamp.kernel.sql.writer.SHARED_FOR_S", PATIENCE_S)  # on a busy machine as well
    with not_begun(database_url) as database, commits(database) as done:
        group: GroupCommit[int, int] = GroupCommit(
            database, "chat.send", lambda connection, jobs: [put(connection, job) for job in jobs]
        )
        asked: list[Deferred[Any]] = [
            database.write("lessons.put", put, 1),
            database.write("lessons.put", put, 1),
            group.submit(2),
            database.write("lessons.refuse", put_and_refuse, 3),
            database.write("board.put", put, 4),
        ]
        answered: list[int] = []
        for place, one in enumerate(asked):
            _note(one, place, answered)
        database.start()
        assert await outcomes(asked) == [1, IntegrityError, 2, Conflict, 4]
        if database.engine.dialect.name == "sqlite":
            assert len(done) == 1, "one commit for all"
            assert answered == [0, 1, 2, 3, 4]
        assert await database.read("count", count) == 3


async def test_a_thread_that_was_away_for_a_while_forgets_nobody(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tutorwamp.kernel.sql.writer.SHARED_FOR_S", -1.0)  # the time to share is over when it begins
    with not_begun(database_url) as database:
        asked: list[Deferred[Any]] = [database.write("lessons.put", put, number) for number in range(3)]
        database.start()
        assert await outcomes(asked) == [0, 1, 2]


async def test_who_has_waited_too_long_is_told_so_without_the_database(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with not_begun(database_url) as database:
        asked: list[Deferred[Any]] = [database.write("lessons.put", put, number) for number in range(3)]
        monkeypatch.setattr("tutorwamp.kernel.sql.transactions.WAITED_AT_MOST_S", -1.0)
        begun: list[None] = []
        event.listen(database.engine, "begin", lambda _connection: begun.append(None))
        database.start()
        assert await outcomes(asked) == [Unavailable] * 3
        assert not begun, "another process's lock would keep each of them waiting"


async def test_each_of_them_costs_what_it_asked_and_is_done_for_its_call(database_url: str) -> None:
    with not_begun(database_url) as database:
        calls = [Call(f"tutorwamp.chat.{name}", Edge.WAMP) for name in ("edit", "react")]
        asked: list[Deferred[Any]] = []
        for times, call in enumerate(calls, start=1):
            with working_for([call]):
                asked.append(
                    database.write(
                        f"chat.{times}",
                        lambda connection, times=times: ([count(connection) for _ in range(times)], calls_under_way()),
                    )
                )
        database.start()
        assert await outcomes(asked) == [([0], (calls[0],)), ([0, 0], (calls[1],))]
        assert [(call.transactions, call.queries, call.database_s > 0) for call in calls] == [
            (1, 1, True),
            (1, 2, True),
        ]
        assert [database.counts.of(f"chat.{times}").queries for times in (1, 2)] == [1, 2]


async def test_what_goes_wrong_with_the_transaction_itself_is_one_ones_own_trouble(database_url: str) -> None:
    """SQLite says OperationalError of a missing table, as of a full disk; a server says what it is."""
    with not_begun(database_url) as database:
        asked = [
            database.write("chat.put", put, 1),
            database.write("lessons.wrong", lambda connection: connection.execute(text("SELECT 1 FROM nowhere"))),
            database.write("board.put", put, 2),
        ]
        database.start()
        wrong = Unavailable if database.engine.dialect.name == "sqlite" else ProgrammingError
        assert await outcomes(asked) == [1, wrong, 2]
        assert await database.read("count", count) == 2


@pytest.mark.parametrize("done", [True, False])
async def test_a_lost_answer_to_a_commit_of_several_kinds(database_url: str, done: bool) -> None:
    with not_begun(database_url) as database:
        group: GroupCommit[Any, Any] = GroupCommit(database, "chat.send", append)
        asked: list[Deferred[Any]] = [
            group.submit(draft("a", subject="1")),
            database.write("board.commit", append, [draft("b", BOARD), draft("c", BOARD)]),
            database.write("chat.edit", append, [draft("a", subject="2"), draft("d"), draft("e", guard=7)]),
        ]
        with answer_lost_once(database.engine, done=done) as lost:
            database.start()
            sent, ticked, edited = await outcomes(asked)
        assert lost
        assert (sent.seq, [one.seq for one in ticked]) == (1, [1, 2])
        assert (edited[0], edited[1].seq, type(edited[2])) == (Repeated(1, "1"), 2, StaleGuardError)
        assert await database.read("heads", heads, [CHAT, BOARD]) == {CHAT: 2, BOARD: 2}
        counted = select(func.count()).select_from(stream_events)
        assert await database.read("count", lambda connection: connection.scalar(counted)) == 4


async def test_events_of_one_stream_leave_in_the_order_of_their_numbers(database_url: str) -> None:
    with not_begun(database_url) as database:
        group: GroupCommit[Any, Any] = GroupCommit(database, "chat.send", append)
        told: list[int] = []
        asked: list[Deferred[Any]] = []
        for number in range(300):
            asked.append(group.submit(draft(str(number))).addCallback(lambda made: told.append(made.seq)))
            if number % 7 == 0:
                edit: Deferred[Any] = database.write("chat.edit", append, [draft()])
                asked.append(edit.addCallback(lambda made: told.append(made[0].seq)))
        database.start()
        await outcomes(asked)
        assert told == list(range(1, len(told) + 1))
        assert await database.read("heads", heads, [CHAT]) == {CHAT: len(told)}
