"""What is gathered into one event, what waits, and what happens to those whose lesson changes meanwhile."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.task import Clock

from tutorwamp.board import ticks
from tutorwamp.board.contracts import Delete
from tutorwamp.board.ticks import PendingCall, Ticks
from tutorwamp.board.writing import Accepted, PageWish, Submission
from tutorwamp.kernel.contracts import AuthRole, Caller, new_id
from tutorwamp.kernel.errors import NotFound, Unavailable
from tutorwamp.kernel.log.calls import Call, Edge, calls_under_way, working_for
from tutorwamp.kernel.streams import StaleGuardError
from tutorwamp.lessons.errors import WrongState

TICK_S = 0.033
ANNA = Caller(new_id(), AuthRole.STUDENT)
CHANGE = Delete(op="delete", id=new_id(), version=1)
ACCEPTED = Accepted(7, [], [])
STALE = StaleGuardError("stream")


def submission(name: str, wish: Any) -> Submission:
    return Submission({"id": ANNA.user_id}, may_draw=True, guard=1, key=name.encode(), digest=b"", wish=wish)


def pending(name: str = "", *, changes: int = 1, size: int = 10, closed: Exception | None = None) -> PendingCall:
    return PendingCall(ANNA, submission(name, [CHANGE] * changes), size, closed)


def wishing(name: str = "") -> PendingCall:
    return PendingCall(ANNA, submission(name, PageWish("page.added", "page")), 0)


class Scribe:
    """Ticks on a clock to turn, whose transactions end when the test says so."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.ticks = Ticks(self.clock, TICK_S, commit=self.commit, readmit=self.readmit)
        self.written: list[tuple[str, list[str]]] = []
        self.under_way: deque[tuple[int, Deferred[Sequence[Accepted | Exception]]]] = deque()
        self.readmitted: list[str] = []
        self.refuses: dict[str, Exception] = {}
        self.written_for: list[tuple[Call, ...]] = []

    async def commit(self, lesson_id: str, submissions: Sequence[Submission]) -> Sequence[Accepted | Exception]:
        self.written_for.append(calls_under_way())
        self.written.append((lesson_id, [one.key.decode() for one in submissions]))
        done: Deferred[Sequence[Accepted | Exception]] = Deferred()
        self.under_way.append((len(submissions), done))
        return await done

    async def readmit(self, lesson_id: str, pending: PendingCall) -> PendingCall:
        name = pending.submission.key.decode()
        self.readmitted.append(name)
        if name in self.refuses:
            raise self.refuses[name]
        return replace(pending, submission=replace(pending.submission, key=f"{name}'".encode()))

    def submit(self, *calls: PendingCall, lesson_id: str = "lesson") -> list[Deferred[Any]]:
        """Their answers; an error is the result."""
        answers = [self.ticks.submit(lesson_id, one) for one in calls]
        return [answer.addErrback(lambda failure: failure.value) for answer in answers]

    def ticked(self, *calls: PendingCall) -> list[Deferred[Any]]:
        """The same, and a tick's time passes."""
        answers = self.submit(*calls)
        self.clock.advance(TICK_S)
        return answers

    def commits(self, *outcomes: Accepted | Exception) -> None:
        """The oldest transaction ends: with these outcomes, or all taken."""
        count, done = self.under_way.popleft()
        done.callback(outcomes or [ACCEPTED] * count)

    def fails(self, error: Exception) -> None:
        self.under_way.popleft()[1].errback(error)

    def names(self) -> list[list[str]]:
        """The ticks written so far."""
        return [names for _, names in self.written]


@pytest.fixture
def scribe() -> Scribe:
    return Scribe()


def results(answers: list[Deferred[Any]]) -> list[Any]:
    """What they were answered; None for those that wait."""
    return [getattr(answer, "result", None) for answer in answers]


def test_B15_the_first_change_opens_the_tick_and_all_that_come_within_it_are_one(scribe: Scribe) -> None:
    first = scribe.submit(pending("a"))
    scribe.clock.advance(TICK_S - 0.001)
    more = scribe.submit(pending("b"), pending("c"))
    assert scribe.written == []
    scribe.clock.advance(0.001)
    assert scribe.written == [("lesson", ["a", "b", "c"])]
    assert results(first + more) == [None] * 3
    scribe.commits(ACCEPTED, NotFound("b"), ACCEPTED)
    a, b, c = results(first + more)
    assert (a, type(b), c) == (ACCEPTED, NotFound, ACCEPTED)


def test_a_tick_is_written_for_the_calls_that_are_in_it(scribe: Scribe) -> None:
    anna, ben, nobody = Call("tutorwamp.board.submit", Edge.WAMP), Call("tutorwamp.board.clear", Edge.WAMP), ()
    drawn = []
    for calls in ((anna,), (ben,), nobody):
        with working_for(calls):
            drawn.append(pending())
    with working_for([Call("tutorwamp.board.open", Edge.WAMP)]):  # time passes for nobody
        scribe.ticked(*drawn)
    assert scribe.written_for == [(anna, ben)]


def test_B15_an_idle_board_opens_a_new_tick_with_the_next_change(scribe: Scribe) -> None:
    scribe.ticked(pending("a"))
    scribe.commits()
    scribe.clock.advance(10)
    scribe.submit(pending("b"))
    scribe.clock.advance(TICK_S / 2)
    assert scribe.names() == [["a"]]
    scribe.clock.advance(TICK_S / 2)
    assert scribe.names() == [["a"], ["b"]]


def test_B15_while_changes_keep_coming_a_tick_begins_where_the_one_before_ended(scribe: Scribe) -> None:
    scribe.ticked(pending("a"))
    scribe.commits()
    scribe.clock.advance(TICK_S * 3 / 4)
    scribe.submit(pending("b"), pending("c"))
    scribe.clock.advance(TICK_S / 4)
    assert scribe.names() == [["a"], ["b", "c"]]
    scribe.clock.advance(TICK_S / 2)  # while b and c are written
    scribe.submit(pending("d"))
    scribe.commits()
    scribe.clock.advance(TICK_S / 4)
    assert scribe.names() == [["a"], ["b", "c"]]
    scribe.clock.advance(TICK_S / 4)
    assert scribe.names() == [["a"], ["b", "c"], ["d"]]


def test_B15_a_tick_that_brought_nothing_ends_the_row(scribe: Scribe) -> None:
    scribe.ticked(pending("a"))
    scribe.commits()
    scribe.clock.advance(TICK_S)
    scribe.submit(pending("b"))
    scribe.clock.advance(TICK_S - 0.001)
    assert scribe.names() == [["a"]]
    scribe.clock.advance(0.001)
    assert scribe.names() == [["a"], ["b"]]


def test_one_tick_of_a_board_is_written_at_a_time_and_the_next_one_gathers(scribe: Scribe) -> None:
    scribe.ticked(pending("a"))
    scribe.submit(pending("b"))
    scribe.clock.advance(10 * TICK_S)
    scribe.submit(pending("c"))
    assert scribe.names() == [["a"]]
    scribe.commits()
    scribe.clock.advance(0)  # the next one was due long ago
    assert scribe.names() == [["a"], ["b", "c"]]


def test_B15_what_comes_while_a_tick_is_written_quickly_still_waits_for_its_own(scribe: Scribe) -> None:
    scribe.ticked(pending("a"))
    scribe.submit(pending("b"))
    scribe.clock.advance(TICK_S / 4)
    scribe.commits()
    scribe.submit(pending("c"))
    scribe.clock.advance(TICK_S / 2)
    assert scribe.names() == [["a"]]
    scribe.clock.advance(TICK_S / 4)
    assert scribe.names() == [["a"], ["b", "c"]]


def test_who_is_answered_and_goes_on_at_once_is_in_the_next_tick(scribe: Scribe) -> None:
    (first,) = scribe.submit(pending("a"))
    first.addCallback(lambda _: scribe.submit(pending("b")))
    scribe.clock.advance(TICK_S)
    scribe.commits()
    scribe.clock.advance(TICK_S)
    assert scribe.names() == [["a"], ["b"]]


def test_boards_do_not_wait_for_one_another(scribe: Scribe) -> None:
    scribe.submit(pending("a"), lesson_id="one")
    scribe.clock.advance(TICK_S / 2)
    scribe.submit(pending("b"), lesson_id="two")
    scribe.clock.advance(TICK_S / 2)
    assert scribe.written == [("one", ["a"])]
    scribe.clock.advance(TICK_S / 2)
    assert scribe.written == [("one", ["a"]), ("two", ["b"])]


def test_a_tick_of_no_length_waits_for_nothing_but_the_transaction_before(scribe: Scribe) -> None:
    scribe.ticks = Ticks(scribe.clock, 0, commit=scribe.commit, readmit=scribe.readmit)
    scribe.submit(pending("a"))
    scribe.clock.advance(0)
    scribe.submit(pending("b"), pending("c"))
    scribe.commits()
    scribe.clock.advance(0)
    assert scribe.names() == [["a"], ["b", "c"]]


# what goes into one event


def test_a_wish_about_pages_is_a_tick_of_its_own_in_its_place(scribe: Scribe) -> None:
    answers = scribe.ticked(pending("a"), pending("b"), wishing("p"), wishing("q"), pending("c"), wishing("r"))
    for _ in range(5):
        scribe.commits()
        scribe.clock.advance(0)
    assert scribe.names() == [["a", "b"], ["p"], ["q"], ["c"], ["r"]]
    assert results(answers) == [ACCEPTED] * 6
    scribe.clock.advance(TICK_S)
    assert scribe.clock.getDelayedCalls() == []


@pytest.mark.parametrize(
    ("calls", "first"),
    [
        ([{"changes": 200}] * 5, 5),
        ([{"changes": 200}] * 5 + [{"changes": 1}], 5),
        ([{"changes": 1}] + [{"changes": 200}] * 5, 5),
        ([{"size": ticks.TICK_BYTES_AT_MOST // 2}] * 3, 2),
        ([{"size": ticks.TICK_BYTES_AT_MOST + 1}, {"size": 1}], 1),
        ([{"size": 1}, {"size": ticks.TICK_BYTES_AT_MOST}], 1),
        ([{"size": 1}, {"size": ticks.TICK_BYTES_AT_MOST - 1}, {"size": 0}], 3),
    ],
)
def test_what_is_too_much_for_one_event_goes_into_the_next(
    scribe: Scribe, calls: list[dict[str, Any]], first: int
) -> None:
    names = [str(number) for number in range(len(calls))]
    answers = scribe.ticked(*(pending(name, **one) for name, one in zip(names, calls, strict=True)))
    scribe.submit(pending("later"))
    assert scribe.names() == [names[:first]]
    scribe.commits()
    if first < len(names):
        scribe.clock.advance(0)  # at once, not a tick later
        assert scribe.names()[1][: len(names) - first] == names[first:]
        scribe.commits()
    assert results(answers) == [ACCEPTED] * len(names)


def test_limits_of_a_tick() -> None:
    assert (ticks.TICK_CHANGES_AT_MOST, ticks.TICK_BYTES_AT_MOST) == (1_000, 1024 * 1024)


# the lesson changes


def test_B22_who_is_overtaken_is_admitted_again_and_written_before_what_came_later(scribe: Scribe) -> None:
    answers = scribe.ticked(pending("a"), pending("b"), pending("c"), pending("d"))
    later = scribe.ticked(pending("e"))
    scribe.commits(STALE, ACCEPTED, STALE, STALE)
    assert scribe.readmitted == ["a", "c", "d"]
    assert scribe.names() == [["a", "b", "c", "d"], ["a'", "c'", "d'"]]
    assert results(answers + later) == [None, ACCEPTED, None, None, None]
    scribe.commits(ACCEPTED, STALE, ACCEPTED)
    assert scribe.names()[2:] == [["c''"]]
    scribe.commits()
    scribe.clock.advance(0)
    assert scribe.names()[-1] == ["e"]
    assert results(answers) == [ACCEPTED] * 4


def test_B9_who_is_not_admitted_again_is_told_why_and_the_others_go_on(scribe: Scribe) -> None:
    ended = WrongState("ended")
    scribe.refuses = {"b": ended}
    answers = scribe.ticked(pending("a"), pending("b"), pending("c"))
    scribe.commits(STALE, STALE, STALE)
    assert results(answers) == [None, ended, None]
    assert scribe.names()[1] == ["a'", "c'"]
    scribe.commits()
    assert results(answers) == [ACCEPTED, ended, ACCEPTED]


def test_when_nobody_is_admitted_again_the_board_goes_on(scribe: Scribe) -> None:
    scribe.refuses = {"a": NotFound("a")}
    scribe.ticked(pending("a"))
    scribe.submit(pending("b"))
    scribe.commits(STALE)
    scribe.clock.advance(TICK_S)
    assert scribe.names() == [["a"], ["b"]]


def test_a_lesson_that_never_rests_is_unavailable_after_some_tries(scribe: Scribe) -> None:
    (answer,) = scribe.ticked(pending("a"))
    for _ in range(ticks.TRIES_AT_MOST):
        assert results([answer]) == [None]
        scribe.commits(STALE)
    assert type(answer.result) is Unavailable
    assert len(scribe.written) == ticks.TRIES_AT_MOST
    scribe.ticked(pending("b"))
    assert scribe.names()[-1] == ["b"]


def test_B21_B23_who_may_only_repeat_is_told_that_the_lesson_is_over_when_it_is_new(scribe: Scribe) -> None:
    over = WrongState("over")
    new, known = scribe.ticked(pending("new", closed=over), pending("known", closed=over))
    scribe.commits(STALE, ACCEPTED)
    assert results([new, known]) == [over, ACCEPTED]
    assert scribe.readmitted == []


# when it goes wrong


def test_a_transaction_that_fails_answers_everybody_and_the_next_one_goes_on(scribe: Scribe) -> None:
    answers = scribe.ticked(pending("a"), pending("b"))
    later = scribe.submit(pending("c"))
    away = Unavailable("away")
    scribe.fails(away)
    assert results(answers + later) == [away, away, None]
    scribe.clock.advance(TICK_S)
    scribe.commits()
    assert results(later) == [ACCEPTED]
    scribe.clock.advance(TICK_S)
    assert scribe.clock.getDelayedCalls() == []


def test_a_second_try_that_fails_answers_those_who_still_wait(scribe: Scribe) -> None:
    answers = scribe.ticked(pending("a"), pending("b"))
    scribe.commits(ACCEPTED, STALE)
    away = Unavailable("away")
    scribe.fails(away)
    assert results(answers) == [ACCEPTED, away]


@pytest.mark.parametrize("ends", ["commits", "fails"])
def test_what_waits_is_bounded_for_all_boards_together_and_given_back(scribe: Scribe, ends: str) -> None:
    size = ticks.WAITING_BYTES_AT_MOST // 4 - ticks.PENDING_CALL_BYTES
    for lesson_id in ("one", "two", "three", "four"):
        scribe.submit(pending(size=size), lesson_id=lesson_id)
    for more in (pending(), wishing()):
        (refusal,) = scribe.submit(more, lesson_id="five")
        assert type(refusal.result) is Unavailable
    scribe.clock.advance(TICK_S)
    assert [lesson_id for lesson_id, _ in scribe.written] == ["one", "two", "three", "four"]
    (refusal,) = scribe.submit(pending())
    assert type(refusal.result) is Unavailable
    scribe.commits() if ends == "commits" else scribe.fails(Unavailable("away"))
    fits, refusal = scribe.submit(pending(size=size), pending(), lesson_id="five")
    assert results([fits]) == [None]
    assert type(refusal.result) is Unavailable


def test_wishes_about_pages_are_bounded_as_well(scribe: Scribe) -> None:
    at_most = ticks.WAITING_BYTES_AT_MOST // ticks.PENDING_CALL_BYTES
    answers = scribe.submit(*(wishing() for _ in range(at_most + 1)))
    assert results(answers[:-1]) == [None] * at_most
    assert type(answers[-1].result) is Unavailable


def test_nothing_is_kept_of_a_board_that_rests(scribe: Scribe) -> None:
    async def draw() -> None:
        for _ in range(3):
            await scribe.ticks.submit("lesson", pending())

    drawing = ensureDeferred(draw())
    for _ in range(3):
        scribe.clock.advance(TICK_S)
        scribe.commits()
    assert drawing.called
    scribe.clock.advance(TICK_S)
    assert scribe.clock.getDelayedCalls() == []
    assert (scribe.ticks._boards, scribe.ticks._waiting_bytes) == ({}, 0)
