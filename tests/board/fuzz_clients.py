"""People with the real Python client, whose sessions end in the hands of a test instead of in a socket."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from random import Random
from types import SimpleNamespace
from typing import Any, Protocol, cast

from autobahn.wamp.exception import TransportLost
from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from tutorwamp.client import Backoff, Board, CallError, Connection, Disconnected, Event, Stroke
from tutorwamp.client.connection import Handler, hand_over
from tutorwamp.client.streams import Streams, Tail
from tutorwamp.client.wamp import Session
from tutorwamp.kernel.contracts import Caller

Plain = dict[str, Any]


class Hand(Protocol):
    """Somebody who draws, whatever carries it."""

    @property
    def caller(self) -> Caller: ...

    @property
    def board(self) -> Board: ...

    @property
    def connection(self) -> Connection: ...

    strokes: list[Stroke]

    def begin(self, doing: Awaitable[Any], what: str = "") -> None:
        """Let something happen; how it ends is noted."""


CALL_TIMEOUT_S = 1.0
"""Of the storm's own time."""


@dataclass(eq=False)
class Asked:
    """A call on its way to the server. A stray is a copy whose answer nobody waits for any more."""

    number: int
    drawer: Hand
    uri: str
    arguments: Plain
    answer: Deferred[Any] = field(default_factory=Deferred)

    @property
    def verb(self) -> str:
        return self.uri.rpartition(".")[2]


class Wire:
    """Stands for a client's Session: what is asked, what is answered and what is heard waits here for its delivery."""

    def __init__(self, drawer: Drawer, clock: Clock, numbers: Iterator[int]) -> None:
        self.joined = True
        self.over: Deferred[Disconnected] = Deferred()
        self.session_id = next(numbers)
        self.up: list[Asked] = []
        self.delivered: list[Asked] = []
        """What the server has got and we have no answer to."""
        self.answers: list[tuple[Asked, Any]] = []
        self.events: deque[Plain] = deque()
        self._drawer = drawer
        self._clock = clock
        self._numbers = numbers
        self._handlers: list[Callable[..., None]] = []

    def call(self, uri: str, /, **arguments: Any) -> Deferred[Any]:
        """As Session.call."""
        asked = Asked(next(self._numbers), self._drawer, uri, arguments)
        self.up.append(asked)
        return asked.answer

    def subscribe(self, handler: Callable[..., None], _topic: str, _options: Any) -> Deferred[Any]:
        """As Session.subscribe; who is subscribed hears everything from now on."""
        self._handlers.append(handler)
        return succeed(SimpleNamespace(active=True, session=self))

    def publish(self, event: Plain) -> None:
        """An event sets out for this client."""
        if self._handlers:
            self.events.append(event)

    def hear(self) -> None:
        """The oldest event arrives."""
        event = self.events.popleft()
        for handler in self._handlers:
            handler(autobahns=SimpleNamespace(publisher_authid=None), values=event)

    def answer(self, place: int) -> Asked:
        """An answer arrives; where it was given up before, nobody minds it."""
        asked, outcome = self.answers.pop(place)
        if not asked.answer.called:
            asked.answer.callback(outcome)  # a Failure makes it fail
        return asked

    def cut(self) -> None:
        """As Session.cut: what is on its way in either direction is lost, and soon we notice."""
        if self.joined:
            self.joined = False
            waiting = [*self.up, *self.delivered, *(asked for asked, _ in self.answers)]
            self.up, self.delivered, self.answers = [], [], []
            self.events.clear()
            self._clock.callLater(0, self._gone, waiting)

    def _gone(self, waiting: list[Asked]) -> None:
        for asked in waiting:
            if not asked.answer.called:
                asked.answer.errback(TransportLost())
        self.over.callback(Disconnected())


class _Tickets:
    async def access_token(self) -> str:
        return "ticket"

    async def replace(self, refused: str) -> str:
        return refused


class StormyConnection(Connection):
    """A Connection that joins a Wire; while it is ``offline``, its attempt to connect hangs."""

    def __init__(self, drawer: Drawer, clock: Clock, random: Random, numbers: Iterator[int]) -> None:
        super().__init__(
            "ws://nowhere/ws",
            _Tickets(),
            backoff=Backoff(first_ceiling_s=0.05, ceiling_cap_s=0.2),
            call_timeout_s=CALL_TIMEOUT_S,
            chance=random.random,
            reactor=clock,
        )
        self.offline = False
        self.wire: Wire | None = None
        self._returning: Deferred[None] | None = None
        self._drawer = drawer
        self._numbers = numbers

    def come_back(self) -> None:
        """There is a network again."""
        self.offline = False
        returning, self._returning = self._returning, None
        if returning is not None:
            returning.callback(None)

    async def _join(self, ticket: str) -> Session:
        if self.offline:
            self._returning = Deferred()
            await self._returning
        self.wire = Wire(self._drawer, self._reactor, self._numbers)
        self._session, self.session_id = cast("Session", self.wire), self.wire.session_id
        return self._session


class Drawer:
    """Somebody with a client. What is begun here goes on by itself; ``outcomes`` counts how it ended."""

    def __init__(
        self, name: str, caller: Caller, lesson_id: str, topic: str, *, clock: Clock, random: Random, numbers: Any
    ) -> None:
        self.name = name
        self.caller = caller
        self.connection = StormyConnection(self, clock, random, numbers)
        self.streams = Streams(self.connection)
        expect = partial(self.streams.expect, topic)
        self.board = Board(self.connection, lesson_id, topic, hear=partial(self._hear, topic), expect=expect)
        self.strokes: list[Stroke] = []
        self.lost: set[int] = set()
        """Events that did not arrive although there was a connection."""
        self.busy = 0
        self.outcomes: list[str] = []
        self.faults: list[object] = []

    def __str__(self) -> str:
        return self.name

    @property
    def wire(self) -> Wire | None:
        """The living session."""
        wire = self.connection.wire
        return wire if wire is not None and wire.joined else None

    def begin(self, doing: Awaitable[Any], what: str = "") -> None:
        """Let something happen; CallErrors are outcomes, everything else is a fault."""
        self.busy += 1

        def done(outcome: Any) -> None:
            self.busy -= 1
            if not isinstance(outcome, Failure):
                self.outcomes.append(f"{what} done")
            elif isinstance(outcome.value, CallError):
                self.outcomes.append(f"{what} {outcome.value.uri}")
            else:
                self.faults.append(outcome.getTraceback())

        Deferred.fromCoroutine(_awaited(doing)).addBoth(done)

    async def _hear(self, topic: str, handler: Handler) -> None:
        # As a Lesson does, without joining one: who may hear what is not this storm's business.
        def deliver(values: Plain) -> None:
            hand_over(Event(topic, values), handler)

        def reloaded(head: int) -> None:
            deliver({"type": "board.reloaded", "seq": head})

        self.streams.follow(Tail(topic, 0, deliver, reloaded=reloaded))
        await self.connection.subscribe(topic, lambda event: self.streams.receive(topic, event.values))
        self.streams.compare(topic)

    async def enter(self) -> None:
        """Connect and read the board."""
        await self.connection.open()
        await self.board.open()


async def _awaited(doing: Awaitable[Any]) -> Any:
    return await doing
