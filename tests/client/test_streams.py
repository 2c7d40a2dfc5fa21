"""Streams stay whole and in order whatever happens to events and connections: S4, S6, S10 and S12 on the client."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from tutorwamp.client import Disconnected, State
from tutorwamp.client.connection import Connection
from tutorwamp.client.heartbeat import FIRST_INTERVAL_S
from tutorwamp.client.streams import EARLY_AT_MOST, GAP_PATIENCE_S, Streams, Tail

CHAT = "tutorwamp.lesson.1.chat"
Plain = dict[str, Any]


@dataclass
class Server:
    """A stream of numbers, of which at most ``generous`` are given back at once."""

    head: int = 0
    generous: int = 300
    interval_s: float = 30.0
    epoch: str | None = None
    asked: list[tuple[str, dict[str, int]]] = field(default_factory=list)

    def answer(self, uri: str, positions: dict[str, int], epoch: str | None = None) -> Plain:
        self.asked.append((uri.rpartition(".")[2], positions))
        named = {} if self.epoch is None else {"epoch": self.epoch}
        is_other = epoch not in (None, self.epoch)
        if uri.endswith("heartbeat"):
            behind = {name: self.head for name, at in positions.items() if is_other or at != self.head}
            return {"interval_s": self.interval_s, "behind": behind, **named}
        if is_other:
            return {"streams": {name: {"complete": False, "head": self.head} for name in positions}, **named}
        return {"streams": {name: self._since(at) for name, at in positions.items()}, **named}

    def resumes(self) -> list[dict[str, int]]:
        return [positions for verb, positions in self.asked if verb == "resume"]

    def _since(self, at: int) -> Plain:
        if not 0 <= self.head - at <= self.generous:
            return {"complete": False, "head": self.head}
        return {"complete": True, "head": self.head, "events": [event(seq) for seq in range(at + 1, self.head + 1)]}


class Wire:
    """A connection as far as streams know one; a call's answer comes when ``answer`` is called, or at once."""

    def __init__(self, server: Server) -> None:
        self.clock = Clock()
        self.chance = random.Random(1).random
        self.server = server
        self.state = State("connected")
        self.session_id: int | None = 1
        self.held: list[Deferred[None]] | None = None
        self._steps: list[Callable[[], Awaitable[object]]] = []
        self._watchers: list[Callable[[State], object]] = []

    def on_return(self, step: Callable[[], Awaitable[object]]) -> None:
        self._steps.append(step)

    def watch(self, watcher: Callable[[State], object]) -> None:
        self._watchers.append(watcher)

    async def pause(self, _tries: int, _reason: object) -> None:
        raise AssertionError("nothing is refused here")

    async def call(self, uri: str, /, *, positions: dict[str, int], epoch: str | None = None) -> Plain:
        if self.state.kind != "connected":
            raise Disconnected
        answer = self.server.answer(uri, dict(positions), epoch)
        if self.held is not None:
            self.held.append(Deferred())
            await self.held[-1]
        return answer

    def become(self, state: State) -> None:
        self.state = state
        for watcher in self._watchers:
            watcher(state)

    def lose(self) -> None:
        self.session_id = None
        self.become(State("waiting"))

    def come_back(self) -> None:
        self.session_id, self.state = 2, State("connected")
        for step in self._steps:
            Deferred.fromCoroutine(cast("Any", step()))
        self.become(State("connected"))


def event(seq: int) -> Plain:
    return {"stream": CHAT, "seq": seq, "type": "message.created"}


class Reader:
    """Hears a tail, and notes what it is told: numbers, and ``(head,)`` for each reload."""

    def __init__(self, wire: Wire, position: int = 0) -> None:
        self.told: list[Any] = []
        self.streams = Streams(cast("Connection", wire))
        self.tail = Tail(
            CHAT,
            position,
            lambda values: self.told.append(values["seq"]),
            reloaded=lambda head: self.told.append((head,)),
        )
        self.streams.follow(self.tail)

    def hear(self, *seqs: int) -> None:
        for seq in seqs:
            self.streams.receive(CHAT, event(seq))


@pytest.fixture
def wire() -> Wire:
    return Wire(Server())


def test_S10_events_come_in_order_and_once_however_they_arrive(wire: Wire) -> None:
    reader = Reader(wire)
    reader.hear(2, 1, 1, 2, 4, 3, 3, 5)
    assert reader.told == [1, 2, 3, 4, 5]
    wire.clock.advance(GAP_PATIENCE_S)
    assert wire.server.resumes() == []


def test_S10_a_gap_is_waited_for_and_then_resumed(wire: Wire) -> None:
    reader = Reader(wire)
    wire.server.head = 4
    reader.hear(1, 3)
    wire.clock.advance(GAP_PATIENCE_S * 0.9)
    assert (reader.told, wire.server.resumes()) == ([1], [])
    wire.clock.advance(GAP_PATIENCE_S * 0.2)
    assert (reader.told, wire.server.resumes()) == ([1, 2, 3, 4], [{CHAT: 1}])
    reader.hear(4)
    assert reader.told == [1, 2, 3, 4]


def test_S10_what_an_answer_speaks_of_is_waited_for_as_well(wire: Wire) -> None:
    reader = Reader(wire)
    wire.server.head = 1
    reader.streams.expect(CHAT, 1)
    wire.clock.advance(GAP_PATIENCE_S)
    assert reader.told == [1]


def test_S10_where_too_much_was_missed_the_reader_is_told_to_read_afresh(wire: Wire) -> None:
    reader = Reader(wire)
    wire.server.head = 500
    wire.lose()
    wire.come_back()
    assert reader.told == [(500,)]
    reader.hear(501, 500)
    assert reader.told == [(500,), 501]


def test_S10_events_that_came_before_the_answer_of_a_resume_are_told_after_it(wire: Wire) -> None:
    reader = Reader(wire)
    wire.server.head, wire.held = 500, []
    wire.come_back()
    reader.hear(501, 502)
    assert reader.told == []
    wire.held[0].callback(None)
    assert reader.told == [(500,), 501, 502]


def test_S10_all_streams_are_resumed_in_one_call(wire: Wire) -> None:
    reader = Reader(wire)
    others = [Tail(f"other.{number}", 0, lambda _: None, reloaded=lambda _: None) for number in range(3)]
    for other in others:
        reader.streams.follow(other)
    wire.lose()
    wire.come_back()
    assert wire.server.resumes() == [{CHAT: 0, "other.0": 0, "other.1": 0, "other.2": 0}]


def test_S10_a_server_that_has_forgotten_is_believed(wire: Wire) -> None:
    reader = Reader(wire, position=9)
    wire.server.head = 3
    wire.lose()
    wire.come_back()
    assert (reader.told, reader.tail.position) == ([(3,)], 3)


def test_S10_a_lost_connection_ends_all_waiting(wire: Wire) -> None:
    reader = Reader(wire)
    reader.hear(5)
    wire.lose()
    wire.clock.advance(GAP_PATIENCE_S * 2)
    assert (wire.server.asked, wire.clock.getDelayedCalls()) == ([], [])


def test_S10_a_stream_that_is_left_is_neither_waited_for_nor_told(wire: Wire) -> None:
    reader = Reader(wire)
    reader.hear(5)
    reader.streams.forget(CHAT)
    wire.clock.advance(GAP_PATIENCE_S * 2)
    reader.hear(1)
    assert (reader.told, wire.server.resumes()) == ([], [])


def test_S10_an_event_that_makes_no_sense_is_read_around(wire: Wire) -> None:
    class Puzzled(Tail):
        def take(self, event: Mapping[str, Any]) -> None:
            if event["seq"] == 2:
                raise ValueError("what is this?")
            super().take(event)

    reader = Reader(wire)
    puzzled = Puzzled(
        CHAT, 0, lambda values: reader.told.append(values["seq"]), reloaded=lambda head: reader.told.append((head,))
    )
    reader.streams.follow(puzzled)
    wire.server.head = 3
    reader.hear(1, 2, 3)
    wire.clock.advance(GAP_PATIENCE_S)
    assert reader.told == [1, (3,)]
    assert puzzled.position == 3


def test_early_events_are_bounded_and_the_first_ones_kept(wire: Wire) -> None:
    reader = Reader(wire)
    reader.hear(*range(2, EARLY_AT_MOST + 10))
    reader.hear(1)
    assert reader.told == list(range(1, EARLY_AT_MOST + 2))


# Heartbeats


def test_S1_the_heart_beats_at_the_interval_the_server_names(wire: Wire) -> None:
    Reader(wire)
    wire.server.interval_s = 7
    wire.become(State("connected"))
    assert wire.server.asked == [("heartbeat", {CHAT: 0})]
    wire.clock.advance(6.9)
    assert len(wire.server.asked) == 1
    wire.clock.advance(0.2)
    wire.clock.advance(7)
    assert len(wire.server.asked) == 3


def test_S1_a_heartbeat_without_an_answer_does_not_stop_the_heart(wire: Wire) -> None:
    Reader(wire)
    answers = iter([Disconnected(), None])

    def failing(uri: str, positions: dict[str, int], epoch: str | None = None) -> Plain:
        wire.server.asked.append((uri, positions))
        if (failure := next(answers, None)) is not None:
            raise failure
        return {"interval_s": 5.0, "behind": {}}

    wire.server.answer = failing  # type: ignore[method-assign]  # for this test
    wire.become(State("connected"))
    wire.clock.advance(FIRST_INTERVAL_S)
    assert len(wire.server.asked) == 2


def test_S1_no_heart_beats_without_a_connection_and_each_session_has_one(wire: Wire) -> None:
    Reader(wire)
    wire.become(State("connected"))
    wire.lose()
    wire.clock.advance(100)
    assert len(wire.server.asked) == 1
    wire.come_back()
    wire.clock.advance(30)
    beats = [verb for verb, _ in wire.server.asked].count("heartbeat")
    for _ in range(3):
        wire.clock.advance(30)
    assert [verb for verb, _ in wire.server.asked].count("heartbeat") == beats + 3


def test_S4_a_loss_is_noticed_on_a_quiet_connection(wire: Wire) -> None:
    reader = Reader(wire)
    wire.become(State("connected"))
    wire.server.head = 2  # and not a word of it arrives
    wire.clock.advance(30)
    assert reader.told == []
    wire.clock.advance(GAP_PATIENCE_S)
    assert reader.told == [1, 2]


def test_S4_a_heartbeat_notices_that_the_server_has_forgotten(wire: Wire) -> None:
    reader = Reader(wire, position=9)
    wire.server.head = 3
    wire.become(State("connected"))
    assert reader.told == [(3,)]


def _storm(chance: random.Random, wire: Wire, reader: Reader) -> None:
    on_the_way: list[int] = []
    for _ in range(200):
        deed = chance.randrange(8)
        if deed <= 2:
            wire.server.head += 1
            on_the_way += [wire.server.head] * chance.choice([0, 1, 1, 1, 2])
        elif deed <= 4 and on_the_way and wire.state.kind == "connected":
            reader.hear(on_the_way.pop(chance.randrange(len(on_the_way))))
        elif deed == 5:
            wire.clock.advance(chance.random() * 3)
        elif deed == 6:
            wire.lose()
            on_the_way.clear()
        elif wire.state.kind != "connected":
            wire.come_back()


@pytest.mark.parametrize("seed", range(40))
def test_S10_a_storm_of_losses_duplicates_and_drops_leaves_no_gap(seed: int) -> None:
    chance = random.Random(seed)
    wire = Wire(Server(generous=chance.choice([0, 3, 300])))
    reader = Reader(wire)
    wire.become(State("connected"))
    _storm(chance, wire, reader)
    if wire.state.kind != "connected":
        wire.come_back()
    wire.clock.pump([GAP_PATIENCE_S] * 70)
    position = 0
    for told in reader.told:  # each is the next one, or a reload that says from where it goes on
        if isinstance(told, tuple):
            position = told[0]
        else:
            assert told == position + 1
            position = told
    assert position == wire.server.head


BOARD = "tutorwamp.lesson.1.board"


@pytest.fixture
def two(wire: Wire) -> tuple[Reader, Tail, list[int]]:
    """A reader of a chat that is ten events far, and of a board, in an epoch of its own."""
    wire.server.epoch, wire.server.head = "first", 10
    reader = Reader(wire)
    reloaded: list[int] = []
    reader.streams.forget(CHAT)
    reader.streams.joined("first")
    board = Tail(BOARD, 10, lambda _: None, reloaded=reloaded.append)
    reader.tail.position = 10
    for tail in (reader.tail, board):
        reader.streams.follow(tail)
    return reader, board, reloaded


def test_S24_a_restored_database_is_read_afresh_although_it_has_gone_on_meanwhile(
    wire: Wire, two: tuple[Reader, Tail, list[int]]
) -> None:
    reader, _, reloaded = two
    wire.lose()
    wire.server.epoch, wire.server.head = "second", 15
    wire.come_back()
    assert (reader.told, reloaded) == ([(15,)], [15])
    wire.server.head = 16
    wire.lose()
    wire.come_back()
    assert (reader.told, reloaded) == ([(15,), 16], [15]), "in the new epoch nothing is lost again"


def test_S24_a_heartbeat_shows_another_epoch_and_everything_is_read_afresh_once(
    wire: Wire, two: tuple[Reader, Tail, list[int]]
) -> None:
    reader, _, reloaded = two
    wire.become(State("connected"))
    wire.server.epoch = "second"
    for _ in range(3):
        wire.clock.advance(wire.server.interval_s)
    assert (reader.told, reloaded) == ([(10,)], [10])


def test_S24_where_the_connection_is_lost_while_others_are_resumed_they_are_read_afresh_later(
    wire: Wire, two: tuple[Reader, Tail, list[int]]
) -> None:
    reader, _, reloaded = two
    wire.server.epoch, wire.server.head = "second", 15
    wire.held = []
    reader.streams.compare(CHAT)
    wire.lose()
    for held in wire.held:
        held.callback(None)
    wire.held = None
    assert (reader.told, reloaded) == ([(15,)], [])
    wire.come_back()
    assert reloaded == [15]
