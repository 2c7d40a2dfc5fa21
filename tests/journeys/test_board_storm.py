"""Storms on a real node: people draw anyhow over WebSockets, kill -9 in the middle, and nothing is lost or doubled."""

from __future__ import annotations

import os
import signal
from collections.abc import Awaitable, Callable, Iterator
from random import Random
from typing import Any

import pytest
from twisted.internet import reactor
from twisted.internet.defer import Deferred, DeferredList, gatherResults

from tests.board.fuzz_clients import Asked, Plain
from tests.board.fuzz_deeds import UNKNOWN, Deeds
from tests.board.fuzz_ledger import Ledger
from tests.support.people import PythonPerson, planned_lesson, register
from tests.support.supervised import Supervised
from tests.support.wamp import PATIENCE_S
from tutorwamp.board.tables import elements
from tutorwamp.client import Board, CallError, Stroke
from tutorwamp.client import board as client_board
from tutorwamp.client.replica import undoing
from tutorwamp.kernel.contracts import AuthRole, Caller
from tutorwamp.kernel.sql.database import make_engine
from tutorwamp.kernel.sql.streams import read_since

SEEDS = (1, 2, 3)
OPERATIONS = 60
KILLED_AT = len(SEEDS) * OPERATIONS // 2
"""Of all storms' operations together."""
AT_ONCE = 12
"""What one storm has begun and nobody has answered yet; then people wait."""


@pytest.fixture
def supervised() -> Iterator[Supervised]:
    with Supervised(env={"TUTORWAMP_RATE_LIMITS": "off"}) as made:
        yield made


class Present:
    """Somebody at a board, with the real client and a real connection; everything asked and answered is noted."""

    def __init__(self, person: PythonPerson, board: Board, ledger: Ledger) -> None:
        self.caller = Caller(person.user["id"], AuthRole(person.user["role"]))
        self.name = person.user["name"]
        self.close = person.close
        self.board = board
        self.connection = person.client.connection
        self.strokes: list[Stroke] = []
        self.under_way: list[Deferred[None]] = []
        self.faults: list[Exception] = []
        self._ledger = ledger
        self._call = self.connection.call_until_answered

    def begin(self, doing: Awaitable[Any], what: str = "") -> None:
        """A refusal is an answer, too; anything else is a fault."""

        async def done() -> None:
            try:
                await doing
            except CallError:
                pass
            except Exception as error:  # noqa: BLE001  # raised by ``check``
                self.faults.append(error)

        self.under_way.append(Deferred.fromCoroutine(done()))

    def lose_connection(self) -> None:
        """The socket is gone, and with it what was on its way."""
        session = self.connection._session  # nobody else could do this
        if session is not None:
            session.cut()

    async def noted_call(self, uri: str, /, **arguments: Any) -> Any:
        """Stands for the connection's ``call_until_answered``."""
        asked = Asked(0, self, uri, arguments)
        for process in (0, 1):  # it may have got to the process that died, to the one after, or to both
            self._ledger.arrived(asked, process, 0)
        try:
            answer = await self._call(uri, **arguments)
        except CallError as error:
            self._ledger.refused(asked, error.uri)
            raise
        self._ledger.answered(asked, answer)
        return answer


class LiveStorm:
    """One seed, in a lesson of its own: a tutor, Anna with the pen, Ben without."""

    def __init__(self, node: Supervised, seed: int, hands: list[Present], lesson_id: str, ledger: Ledger) -> None:
        self.hands = hands
        self.log: list[str] = [f"seed {seed}"]
        self._node = node
        self._random = Random(seed)
        self._lesson_id = lesson_id
        self.ledger = ledger
        self._deeds = Deeds(self._random, lesson_id, UNKNOWN)
        hands[0].board.on_change(lambda event: self._deeds.see({"data": {}, **event.values}))

    @classmethod
    async def gather(cls, node: Supervised, seed: int) -> LiveStorm:
        accounts = [await register(node, name, role) for name, role in (("Tina", "tutor"), ("Anna", "student"))]
        accounts.append(await register(node, "Ben", "student"))
        people = [await PythonPerson.enter(node, email) for email, _ in accounts]
        (_, tina), (_, anna), (_, ben) = accounts
        lesson = await planned_lesson(people[0].call, anna, ben)
        await people[0].call("tutorwamp.lesson.set_pen", lesson_id=lesson["id"], student_ids=[anna["id"]])
        ledger = Ledger({tina["id"]})
        boards = [await (await person.client.join(lesson["id"])).board() for person in people]
        hands = [Present(person, board, ledger) for person, board in zip(people, boards, strict=True)]
        return cls(node, seed, hands, lesson["id"], ledger)

    async def blow(self, operation_done: Callable[[], None]) -> None:
        """All operations, then wait until everybody has every answer."""
        for number in range(1, OPERATIONS + 1):
            hand = self._random.choice(self.hands)
            self.log.append(f"{number}. {hand.name} {self._deeds.some(hand)}")
            operation_done()
            while len(busy := self.under_way()) > AT_ONCE:
                await _first_of(busy)
            if self._random.random() < 1 / 6:
                self._random.choice(self.hands).lose_connection()
        for hand in self.hands:
            for stroke in hand.strokes:
                hand.begin(stroke.finish())
        while busy := self.under_way():
            await _first_of(busy)

    def under_way(self) -> list[Deferred[None]]:
        for hand in self.hands:
            hand.under_way = [one for one in hand.under_way if not one.called]
        return [one for hand in self.hands for one in hand.under_way]

    async def check(self) -> None:
        tutor, anna, _ = self.hands
        assert [fault for hand in self.hands for fault in hand.faults] == []
        state = await tutor.connection.call("tutorwamp.board.open", lesson_id=self._lesson_id)
        for hand in self.hands:
            await Deferred.fromCoroutine(hand.board.caught_up(state["head"])).addTimeout(PATIENCE_S, reactor)
        events, versions = self._stored()
        for seq in range(len(events) + 1):
            self.ledger.committed(seq, [anna.caller.user_id])
        told = self.ledger.check(self._lesson_id, events, versions)
        assert [hand.board.state() for hand in self.hands] == [told.state()] * 3
        assert state == told.state() == await anna.board.at(state["head"])
        for hand in self.hands:
            await hand.close()

    def _stored(self) -> tuple[list[Plain], dict[str, int]]:
        """The stream, and the version of every element there ever was."""
        engine = make_engine(f"sqlite:///{self._node.data_dir / 'tutorwamp.sqlite3'}")
        with engine.connect().execution_options(writes=False) as connection:
            topic = f"tutorwamp.lesson.{self._lesson_id}.board"
            events = [event.plain() for event in read_since(connection, topic, 0, 100_000)]
            rows = connection.execute(elements.select().where(elements.c.lesson_id == self._lesson_id)).all()
        engine.dispose()
        return events, {row.id: row.version for row in rows}


async def test_B21_B31_kill_9_in_three_storms(supervised: Supervised, monkeypatch: pytest.MonkeyPatch) -> None:
    storms = [await LiveStorm.gather(supervised, seed) for seed in SEEDS]
    for storm in storms:
        for hand in storm.hands:
            monkeypatch.setattr(hand.connection, "call_until_answered", hand.noted_call)
    monkeypatch.setattr(client_board, "undoing", _noted_undoing([storm.ledger for storm in storms]))
    container = supervised.pids()["container"]
    operations = 0

    def operation_done() -> None:
        nonlocal operations
        operations += 1
        if operations == KILLED_AT:
            assert all(storm.under_way() for storm in storms), "nothing to interrupt"
            os.kill(container, signal.SIGKILL)

    try:
        await gatherResults([Deferred.fromCoroutine(storm.blow(operation_done)) for storm in storms])
        assert supervised.pids()["container"] != container
        for storm in storms:
            await storm.check()
    except Exception as error:
        error.add_note("\n".join(line for storm in storms for line in storm.log))
        raise


def _noted_undoing(ledgers: list[Ledger]) -> Callable[..., list[Plain]]:
    def noted(*args: Any) -> list[Plain]:
        changes = undoing(*args)
        for ledger in ledgers:  # it knows the changes of its own submissions again
            ledger.undone.extend(changes)
        return changes

    return noted


async def _first_of(busy: list[Deferred[None]]) -> None:
    await DeferredList(busy, fireOnOneCallback=True).addTimeout(PATIENCE_S, reactor)
