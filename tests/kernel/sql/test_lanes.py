"""Which reads run at once, and how long: real engines, threads that are let go by the test."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import Connection, text
from structlog.testing import capture_logs
from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred, gatherResults
from twisted.python.failure import Failure

from tests.kernel.sql.numbers import PATIENCE_S, count
from tutorwamp.kernel.errors import OutOfTime, Unavailable
from tutorwamp.kernel.sql import lanes
from tutorwamp.kernel.sql.database import READERS, Database
from tutorwamp.kernel.sql.lanes import READS_OF_ONE_NAME, Lane, Lanes

LONG = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000000) SELECT max(i) FROM n"
"""Minutes of work."""


class Begun:
    """Work that ends when the test says so."""

    def __init__(self) -> None:
        self.under_way: list[Deferred[str]] = []

    def begin(self) -> Deferred[str]:
        self.under_way.append(Deferred())
        return self.under_way[-1]


def test_so_many_at_once_the_rest_waits_in_order_and_the_next_is_refused() -> None:
    lane, work, made = Lane("narrow", at_once=2, waiting_at_most=3), Begun(), Lanes()
    answers = [made.submit(lane, work.begin) for _ in range(5)]
    assert len(work.under_way) == 2
    refused = made.submit(lane, work.begin)
    assert isinstance(refused.result, Failure)
    assert refused.result.check(Unavailable)
    refused.addErrback(lambda _: "")
    elsewhere = made.submit(Lane("other", at_once=1, waiting_at_most=0), work.begin)
    assert len(work.under_way) == 3
    for number in range(6):
        work.under_way[number].callback(str(number))
    assert [answer.result for answer in answers] == ["0", "1", "3", "4", "5"]
    assert elsewhere.result == "2"


def test_what_nobody_waits_for_is_never_begun_and_what_runs_keeps_its_place() -> None:
    lane, work, made = Lane("narrow", at_once=1, waiting_at_most=3), Begun(), Lanes()
    answers = [made.submit(lane, work.begin) for _ in range(3)]
    for number in (0, 1):
        answers[number].addErrback(lambda failure: failure.trap(CancelledError) and None).cancel()
    assert len(work.under_way) == 1  # a thread is not stopped by that
    work.under_way[0].callback("0")
    assert len(work.under_way) == 2
    work.under_way[1].callback("2")
    assert answers[2].result == "2"


async def test_reads_of_one_kind_leave_readers_to_others(database: Database) -> None:
    go_on = threading.Event()

    def wait(_: Connection) -> None:
        assert go_on.wait(PATIENCE_S)

    waiting = [database.read("slow", wait) for _ in range(READERS * 2)]
    assert READS_OF_ONE_NAME < READERS
    assert await database.read("quick", count).addTimeout(PATIENCE_S, reactor) == 0
    go_on.set()
    await gatherResults(waiting)


async def test_a_read_that_takes_too_long_is_ended_once_and_its_connection_goes_on(database: Database) -> None:
    lane = Lane("short", at_once=1, waiting_at_most=1, within_s=0.05)

    def long(connection: Connection) -> None:
        connection.execute(text(LONG)).all()

    with capture_logs() as said, pytest.raises(OutOfTime):
        await database.read("long", long, lane=lane).addTimeout(PATIENCE_S, reactor)
    told = [line["event"] for line in said if line["event"] != "slow transaction"]  # on a busy machine it is one
    assert told == ["transaction out of time"]
    assert database.counts.of("long").retries == 0
    assert database.counts.of("long").queries == 1
    assert await database.read("count", count) == 0


async def test_who_is_in_time_notices_nothing(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lanes, "STEPS_BETWEEN_LOOKS", 1)
    lane = Lane("short", at_once=1, waiting_at_most=1, within_s=PATIENCE_S)
    assert await database.read("count", count, lane=lane) == 0
    assert await database.read("count", count) == 0
