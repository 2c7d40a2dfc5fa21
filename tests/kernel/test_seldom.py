"""What health asks, for example: somebody else's storage not too often, and nobody waits for it for long."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from tutorwamp.kernel.seldom import ASKED_EVERY_S, Seldom
from tutorwamp.kernel.sql.probe import ANSWERED_WITHIN_S


class Storage:
    """Answers when it is told to."""

    def __init__(self) -> None:
        self.asked: list[Deferred[bool]] = []

    async def is_there(self) -> bool:
        self.asked.append(Deferred())
        return await self.asked[-1]

    def answer(self, which: int, *, there: bool) -> None:
        """To one of the questions."""
        self.asked[which].callback(there)


class Asker:
    """Somebody who wants to know."""

    def __init__(self) -> None:
        self.clock, self.storage = Clock(), Storage()
        self._seldom = Seldom(self.storage.is_there, ANSWERED_WITHIN_S, self.clock)

    def ask(self) -> list[bool]:
        """What was answered, once it was."""
        told: list[bool] = []
        Deferred.fromCoroutine(self._seldom.answer()).addCallback(told.append)
        return told


def test_who_asks_meanwhile_shares_the_answer() -> None:
    asker = Asker()
    first, second = asker.ask(), asker.ask()
    assert (first, second, len(asker.storage.asked)) == ([], [], 1)
    asker.storage.answer(0, there=True)
    assert (first, second) == ([True], [True])


def test_it_is_asked_again_after_a_while_only() -> None:
    asker = Asker()
    asker.ask()
    asker.storage.answer(0, there=True)
    asker.clock.advance(ASKED_EVERY_S - 0.1)
    assert asker.ask() == [True]
    assert len(asker.storage.asked) == 1
    asker.clock.advance(0.1)
    told = asker.ask()
    asker.storage.answer(1, there=False)
    assert told == [False]


def test_one_that_stands_still_is_not_there_and_is_not_asked_twice_at_once() -> None:
    asker = Asker()
    told = asker.ask()
    asker.clock.advance(ANSWERED_WITHIN_S)
    assert told == [False]
    asker.clock.advance(ASKED_EVERY_S)
    told = asker.ask()
    assert len(asker.storage.asked) == 1
    asker.storage.answer(0, there=True)
    assert told == [True]


def test_one_that_fails_is_not_there() -> None:
    asker = Asker()
    told = asker.ask()
    asker.storage.asked[0].errback(RuntimeError("whatever it is"))
    assert told == [False]
