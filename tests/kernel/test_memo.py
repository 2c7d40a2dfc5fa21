"""The memo: asked once, remembered for a while, never remembered wrongly."""

from __future__ import annotations

from collections import deque
from functools import partial
from typing import Any

import pytest
from twisted.internet.defer import CancelledError, Deferred

from tutorwamp.kernel.memo import Memo


class Office:
    """Looks things up when it is told to."""

    def __init__(self, at_most: int = 10) -> None:
        self.asked: list[str] = []
        self.open: deque[Deferred[str]] = deque()
        self.memo: Memo[str, str] = Memo(self._look_up, at_most=at_most)

    async def _look_up(self, key: str) -> str:
        self.asked.append(key)
        waiting: Deferred[str] = Deferred()
        self.open.append(waiting)
        return await waiting

    def get(self, key: str) -> Deferred[Any]:
        return Deferred.fromCoroutine(self.memo.get(key))

    def know(self, key: str) -> str:
        """Ask and answer at once."""
        got = self.get(key)
        if self.open:
            self.open.popleft().callback(f"{key} at {len(self.asked)}")
        return str(result(got))


def result(done: Deferred[Any]) -> Any:
    outcome: list[Any] = []
    done.addCallback(outcome.append)
    assert outcome, "no answer yet"
    return outcome[0]


def test_an_answer_is_remembered() -> None:
    office = Office()
    assert [office.know("a"), office.know("a"), office.know("b")] == ["a at 1", "a at 1", "b at 2"]
    assert office.asked == ["a", "b"]


def test_who_asks_meanwhile_shares_the_look_up_and_is_answered_in_order() -> None:
    office, order = Office(), list[int]()
    for number in range(5):
        office.get("a").addCallback(partial(lambda number, _: order.append(number), number))
    assert office.asked == ["a"]
    office.open.popleft().callback("x")
    assert order == [0, 1, 2, 3, 4]


def test_a_failure_reaches_everybody_and_is_not_remembered() -> None:
    office, failed = Office(), list[str]()
    for _ in range(3):
        office.get("a").addErrback(lambda failure: failed.append(failure.getErrorMessage()))
    office.open.popleft().errback(LookupError("gone"))
    assert failed == ["gone"] * 3
    assert office.know("a") == "a at 2"


def test_what_is_forgotten_is_asked_again() -> None:
    office = Office()
    office.know("a")
    office.memo.forget("a")
    office.memo.forget("never heard of")
    assert office.know("a") == "a at 2"


def test_old_news_of_a_look_up_under_way_are_not_remembered() -> None:
    office = Office()
    before = office.get("a")
    office.memo.forget("a")
    after = office.get("a")
    assert office.asked == ["a", "a"], "who asks after the change does not wait for the look-up from before it"
    office.open.popleft().callback("old")
    assert result(before) == "old"
    office.open.popleft().callback("new")
    assert result(after) == "new"
    assert office.know("a") == "new"


def test_the_old_look_up_may_end_last() -> None:
    office = Office()
    office.get("a")
    office.memo.forget("a")
    office.get("a")
    old, new = office.open
    new.callback("new")
    old.callback("old")
    office.open.clear()
    assert office.know("a") == "new"


def test_forgetting_without_another_question_remembers_nothing() -> None:
    office = Office()
    office.get("a")
    office.memo.forget("a")
    office.open.popleft().callback("old")
    assert office.know("a") == "a at 2"


def test_the_least_recently_used_goes_first() -> None:
    office = Office(at_most=2)
    office.know("a")
    office.know("b")
    office.know("a")
    office.know("c")
    assert office.asked == ["a", "b", "c"]
    office.know("a")
    assert office.asked == ["a", "b", "c"]
    office.know("b")
    assert office.asked == ["a", "b", "c", "b"]


def test_one_who_goes_away_takes_nothing_from_the_others() -> None:
    office = Office()
    first, second = office.get("a"), office.get("a")
    first.cancel()
    with pytest.raises(CancelledError):
        raise_failure(first)
    office.open.popleft().callback("x")
    assert result(second) == "x"
    assert office.know("a") == "x"


def raise_failure(done: Deferred[Any]) -> None:
    outcome: list[Any] = []
    done.addErrback(outcome.append)
    outcome[0].raiseException()


def test_a_look_up_that_answers_at_once() -> None:
    async def look_up(key: str) -> str:
        return key.upper()

    memo = Memo(look_up, at_most=1)
    assert result(Deferred.fromCoroutine(memo.get("a"))) == "A"
