"""Large answers are put together for each client, and others are heard meanwhile. Rule S25."""

from __future__ import annotations

from collections.abc import Callable, Generator
from itertools import count
from typing import Any

import pytest
from autobahn.wamp.message import Result
from autobahn.wamp.types import CallResult
from pydantic_core import to_json
from twisted.internet.defer import Deferred

from tests.gate.people import COMPONENTS, SERIALIZERS, Office, Visit, soon
from tests.gate.raw import Raw
from tests.support.node import Node
from tests.support.refused import refused
from tutorwamp.gate import portions as door
from tutorwamp.gate.portions import TURN_S, WAITING_AT_MOST_BYTES, Desk
from tutorwamp.kernel.edges.portions import Portioned, portions
from tutorwamp.kernel.json_list import JsonList

LARGE = "tutorwamp.test.large"
BOARD: dict[str, Any] = {
    "pages": [{"id": "a"}],
    "elements": [
        {"id": f"é\u2028 {number}", "points": [[number + 0.1, -number, 5e-324]] * 40, "fill": None, "locked": True}
        for number in range(2_000)
    ],
    "head": 2**53,
}
WRITTEN = {**BOARD, "elements": JsonList([to_json(one).decode() for one in BOARD["elements"]])}
"""The same, as it comes from the rows."""
MISSED = {"streams": {name: {"events": [{"n": n} for n in range(5_000)], "head": 9} for name in ("a", "é")}, "now": ""}


def whole(work: Generator[Any, None, Any]) -> Any:
    while True:
        try:
            next(work)
        except StopIteration as done:
            return done.value


def said(answer: dict[str, Any]) -> Result:
    return Result(7, kwargs=whole(portions(answer)).plain(), callee=5)


@pytest.mark.parametrize("batched", [False, True])
@pytest.mark.parametrize("answer", [BOARD, WRITTEN, MISSED, {"items": list(range(70_000))}])
def test_S25_it_is_what_the_serializer_would_have_written(
    serializer: str, answer: dict[str, Any], *, batched: bool
) -> None:
    form = SERIALIZERS[serializer](batched=batched)
    (heard,) = form.unserialize(whole(door.whole(said(answer), form)))
    assert (heard.request, heard.callee, heard.args, heard.kwargs) == (7, 5, [answer], None)


async def test_S25_every_client_is_given_a_large_answer_as_any_other(
    office: Office, visit: Visit, serializer: str
) -> None:
    answers = [WRITTEN, MISSED]
    await office.session.register(lambda n: CallResult(**whole(portions(answers[n])).plain()), LARGE)
    await office.gate.ready(COMPONENTS[0], [LARGE, "tutorwamp.test.shout"])
    guest = await visit.join(serializer=serializer)
    asked = [Deferred.fromCoroutine(guest.ask(LARGE, n=n)) for n in (0, 1, 0)]
    assert [await soon(one) for one in asked] == [BOARD, MISSED, BOARD]


async def test_S25_who_goes_away_in_the_middle_costs_others_nothing(node: Node, office: Office, visit: Visit) -> None:
    await office.session.register(lambda: CallResult(**whole(portions(BOARD)).plain()), LARGE)
    await office.gate.ready(COMPONENTS[0], [LARGE, "tutorwamp.test.shout"])
    gone = await Raw.join(node, "json")
    guest = await visit.join(serializer="json")
    for number in range(1, 6):
        gone.say([48, number, {}, LARGE, [], {}])
    await gone.hear()
    gone.cut()
    assert await guest.ask(LARGE) == BOARD


async def test_S25_what_is_too_large_for_a_connection_once_it_is_whole_is_said(office: Office, visit: Visit) -> None:
    huge = {"items": [[-1.2345678901234567e-300] * 10] * 100_000}  # numbers of nine bytes, in JSON of twenty-four
    await office.session.register(lambda: CallResult(**whole(portions(huge)).plain()), LARGE)
    await office.gate.ready(COMPONENTS[0], [LARGE, "tutorwamp.test.shout"])
    guest = await visit.join(serializer="json")
    await refused("tutorwamp.error.too_large", guest.ask(LARGE))
    assert (await guest.ask("tutorwamp.test.shout", text="hello"))["length"] == 5


class FakeWire:
    """A client's connection."""

    def __init__(self) -> None:
        self.there = True
        self.heard: list[Any] = []

    def is_there(self) -> bool:
        return self.there

    def put_together(self, said: Result, payload: bytes | None) -> None:
        self.heard.append(None if payload is None else SERIALIZERS["json"]().unserialize(payload)[0].args[0])

    def turn_away(self, said: Result) -> None:
        self.heard.append("turned away")


class Turns:
    """A reactor whose turns are taken one by one."""

    def __init__(self) -> None:
        self.due: list[Callable[[], None]] = []

    def callLater(self, _seconds: float, call: Callable[[], None]) -> None:
        self.due.append(call)

    def take(self) -> None:
        due, self.due = self.due, []
        for call in due:
            call()

    def take_all(self) -> None:
        while self.due:
            self.take()


def desk() -> tuple[Turns, Desk]:
    """By whose clock each portion takes a third of a turn."""
    turns, looked = Turns(), count()
    return turns, Desk(turns, lambda: next(looked) * TURN_S / 3)


def test_S25_others_are_heard_between_portions_and_answers_come_in_their_order() -> None:
    reactor, made = desk()
    first, second, gone = FakeWire(), FakeWire(), FakeWire()
    form = SERIALIZERS["json"]()
    for wire, answer in ((first, BOARD), (gone, BOARD), (second, MISSED)):
        made.add(wire, said(answer), form)
    turns = 0
    while not second.heard:
        gone.there = False
        turns += 1
        reactor.take()
    (_, elements) = Portioned.read(said(BOARD).kwargs).lists.values()
    assert turns > len(elements) / 4
    assert (first.heard, gone.heard, second.heard) == ([BOARD], [], [MISSED])
    assert reactor.due == []


class BrokenWire(FakeWire):
    """Cannot be told anything."""

    def put_together(self, said: Result, payload: bytes | None) -> None:
        raise ValueError("broken")


def test_S25_what_cannot_be_written_is_said_and_the_next_is_given() -> None:
    reactor, made = desk()
    wire, form = FakeWire(), SERIALIZERS["json"]()
    made.add(BrokenWire(), said(MISSED), form)
    broken = Portioned({"items": "mark"}, {"mark": [(3, b"\xff\xff")]})
    made.add(wire, Result(7, kwargs=broken.plain()), form)
    made.add(wire, said(MISSED), form)
    reactor.take_all()
    assert wire.heard == [None, MISSED]


def test_S25_no_more_waits_than_there_is_room_for() -> None:
    reactor, made = desk()
    wire = FakeWire()
    half = Portioned({"items": "mark"}, {"mark": [(1, b"\0" * (WAITING_AT_MOST_BYTES // 8))] * 4}).plain()
    for _ in range(3):
        made.add(wire, Result(7, kwargs=half), SERIALIZERS["cbor"]())
    assert wire.heard == ["turned away"]
    wire.there = False
    reactor.take_all()
    wire.there = True
    made.add(wire, said(MISSED), SERIALIZERS["json"]())
    reactor.take_all()
    assert wire.heard == ["turned away", MISSED]
