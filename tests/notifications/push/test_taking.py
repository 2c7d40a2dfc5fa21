"""What is taken and not sent, because something failed or died in between, is sent after all, and once."""

from __future__ import annotations

from collections.abc import Iterable

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from tests.notifications.push.desk import Desk
from tests.support.machine import Stage
from tutorwamp.kernel.errors import Unavailable
from tutorwamp.notifications.push.batch import TAKEN_FOR, WAITS_S
from tutorwamp.notifications.push.contracts import Delivery
from tutorwamp.notifications.push.dispatcher import FIRST_PAUSE_S, Dispatcher

TAKEN_FOR_S = TAKEN_FOR.total_seconds()


class Faulty:
    async def connected(self, _user_ids: Iterable[str]) -> set[str]:
        raise KeyError("a fault of ours")


class Slow:
    """A gate that answers when ``answer`` fires; ``asked`` fires when it was asked."""

    def __init__(self) -> None:
        self.asked: Deferred[None] = Deferred()
        self.answer: Deferred[set[str]] = Deferred()

    async def connected(self, _user_ids: Iterable[str]) -> set[str]:
        self.asked.callback(None)
        return await self.answer


async def begun(desk: Desk, other: Dispatcher) -> tuple[Slow, Deferred[int]]:
    """Another process has taken what is due, and waits for its gate; the gate, and the round."""
    slow = Slow()
    other._connected = slow
    await desk.house.turn()
    desk.stage.clock.turn(seconds=WAITS_S)
    dispatched = Deferred.fromCoroutine(other.dispatch())
    await slow.asked
    return slow, dispatched


async def test_P3_a_round_that_fails_for_whatever_reason_loses_nothing(stage_on_both: Stage, desk: Desk) -> None:
    await desk.house.turn()
    desk.dispatcher._connected = Faulty()
    await desk.pass_s(WAITS_S)
    assert desk.given == []
    desk.dispatcher._connected = desk.stage.gate
    await desk.pass_s(FIRST_PAUSE_S)
    assert len(desk.given) == 3


async def test_P3_what_a_process_that_died_had_taken_and_not_begun_is_sent_by_the_next(
    stage_on_both: Stage, desk: Desk
) -> None:
    await desk.house.turn()
    desk.stage.clock.turn(seconds=WAITS_S)
    taken = await desk.queue.take_due(20)
    assert len(taken) == 3  # and the process dies
    await desk.pass_s(TAKEN_FOR_S - 1)
    assert desk.given == []
    await desk.pass_s(1)
    assert len(desk.given) == 3


async def test_P3_who_took_it_too_long_ago_sends_nothing_and_changes_nothing(stage_on_both: Stage, desk: Desk) -> None:
    slow, dispatched = await begun(desk, desk.another())
    await desk.pass_s(TAKEN_FOR_S)
    assert len(desk.given) == 3
    slow.answer.callback(set())
    await dispatched
    await desk.pass_s(3600)
    assert len(desk.given) == 3


async def test_P3_who_took_it_too_long_ago_does_not_put_back_what_was_sent(stage_on_both: Stage, desk: Desk) -> None:
    slow, dispatched = await begun(desk, desk.another())
    await desk.pass_s(TAKEN_FOR_S)
    slow.answer.errback(Unavailable("The gate is away."))
    await dispatched
    await desk.pass_s(3600)
    assert len(desk.given) == 3


async def test_P3_a_node_that_is_stopped_before_it_began_leaves_all_to_the_next(
    stage_on_both: Stage, desk: Desk
) -> None:
    stopped = desk.another()
    slow, dispatched = await begun(desk, stopped)
    stopping = Deferred.fromCoroutine(stopped.stop(Clock()))
    slow.answer.callback(set())
    await dispatched
    await stopping
    assert desk.given == []
    await desk.pass_s(TAKEN_FOR_S)
    assert len(desk.given) == 3


async def test_P3_where_the_mark_cannot_be_made_it_is_not_sent_and_not_lost(stage_on_both: Stage, desk: Desk) -> None:
    await desk.house.turn()
    begin = desk.queue.begin

    async def away(_delivery: Delivery) -> bool:
        raise Unavailable("The database cannot be reached just now.")

    desk.queue.begin = away  # type: ignore[method-assign,assignment]  # this queue alone
    await desk.pass_s(WAITS_S)
    assert desk.given == []
    desk.queue.begin = begin  # type: ignore[method-assign]  # the same
    await desk.pass_s(TAKEN_FOR_S)
    assert len(desk.given) == 3


async def test_P1_an_account_that_is_closed_gets_nothing_more_by_any_channel(stage_on_both: Stage, desk: Desk) -> None:
    await desk.house.turn()
    address = await desk.stage.machine.accounts.address_of(desk.house.anna.user_id)
    assert address is not None
    await desk.stage.machine.accounts.deactivate(address)
    await desk.pass_s(WAITS_S)
    assert (desk.kinds(desk.push), desk.kinds(desk.mail)) == ([], [("ben", "lesson.invited")])
    await desk.pass_s(3600)
    assert len(desk.given) == 1
