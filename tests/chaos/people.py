"""Tutors and students who do what people do, with the real client, over a network that is not to be relied on."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Awaitable, Callable
from functools import partial
from random import Random
from typing import Any, cast

from autobahn.wamp import message
from twisted.internet import reactor as _reactor
from twisted.internet.defer import Deferred

from tests.chaos.classroom_deeds import CLASSROOM_DEEDS
from tests.chaos.deeds import DEEDS
from tests.chaos.ledger import REFUSALS, Ledger
from tests.chaos.plan import Step
from tests.chaos.whereabouts import Whereabouts
from tests.support.network import Line
from tutorwamp.client import Backoff, Board, CallError, Chat, Client, Event, Lesson, Polls, State
from tutorwamp.client import wamp as client_wamp
from tutorwamp.client.wamp import Serializer

reactor = cast("Any", _reactor)

AT_ONCE = 4
"""What one person has begun and nobody has answered yet; then they wait."""
BACKOFF = Backoff(first_ceiling_s=0.1, ceiling_cap_s=1.0)
ALL_DEEDS = {**DEEDS, **CLASSROOM_DEEDS}


AFRESH = {"state.reloaded", "chat.opened", "board.opened"}
"""The client's own events: it was read afresh, as of this number."""
AFRESH_SOMEWHERE = {"notifications.opened", "polls.opened"}
"""The same, as of a number that they do not say."""


class UnreliableSession(client_wamp.Session):
    """A session some of whose events come late, twice, out of their order, or not at all."""

    random = Random(0)
    trouble = 0.0
    """How likely each of these is."""
    done: Counter[str] = Counter()  # noqa: RUF012  # of all sessions together, on purpose
    """What was done to how many events."""

    def onMessage(self, msg: Any) -> None:
        if not isinstance(msg, message.Event) or self.random.random() > 4 * self.trouble:
            super().onMessage(msg)
            return
        kind = self.random.choice(("lost", "twice", "out of order", "late"))
        self.done[kind] += 1
        if kind == "lost":
            return
        if kind == "twice":
            super().onMessage(_copy(msg))
        reactor.callLater(
            self.random.random() * (0.05 if kind == "out of order" else 1.5), self._late, msg
        )  # the mischief

    def _late(self, msg: Any) -> None:
        if self.joined and msg.subscription in self._subscriptions:  # after its end not even a bad network delivers it
            super().onMessage(msg)


def _copy(msg: Any) -> Any:
    return message.Event(msg.subscription, msg.publication, args=msg.args, kwargs=dict(msg.kwargs or {}))


class Sequence:
    """What a client was told of one stream: every number in its order, or the word that it was read afresh."""

    def __init__(self, name: str, ledger: Ledger) -> None:
        self._name, self._ledger = name, ledger
        self.at: int | None = None
        self.told = self.reloads = 0

    def hear(self, event: Event) -> None:
        """Take the next event."""
        kind = event.type or ""
        if kind == "chat.pending":
            return
        if kind in AFRESH_SOMEWHERE:
            self.reloads += self.at is not None
            self.at = None
            return
        seq = event["seq"]
        if kind in AFRESH:
            self.reloads += 1
        else:
            self.told += 1
            if self.at is not None and seq != self.at + 1:
                self._ledger.note("gap", f"{self._name} was told {seq} after {self.at}")
        self.at = seq


class Person:
    """Somebody in one lesson."""

    def __init__(
        self, name: str, email: str, line: Line, random: Random, ledger: Ledger, serializer: Serializer = "cbor"
    ) -> None:
        self.name, self.email, self.line = name, email, line
        self.ledger = ledger
        self.client = Client(f"http://127.0.0.1:{line.port}", serializer=serializer, backoff=BACKOFF)
        self.client.connection.chance = random.random
        self.client.connection.watch(self._watch)
        self.whereabouts = Whereabouts()
        self.busy = 0
        self.recoveries: list[float] = []
        """Seconds from the end of the last fault (a kill has no length) until everything was as before."""
        self.answers: list[float] = []
        """Seconds from the kill of PostgreSQL until this person was answered again."""
        self.drops = 0
        self.upsets = 0
        """How often something may have come between a call and its answer; what is refused without is not done."""
        self.sequences: list[Sequence] = []
        self.gone = False
        """Without a word; what happens to the client from then on is no drop."""
        self._fault_over_at: float | None = None
        self._lost_at: float | None = None
        self._changes = 0
        self.sayings = 0
        self.lesson: Lesson
        self.chat: Chat
        self.board: Board
        self.polls: Polls

    @property
    def id(self) -> str:
        """The user's."""
        return str(self.client.user["id"])

    def next_change(self) -> int:
        """A number that nothing this person changes has had."""
        self._changes += 1
        return self._changes

    async def arrive(self, password: str) -> None:
        """Log in and connect."""
        await self.client.log_in(self.email, password)
        await self.client.open()

    async def enter(self, lesson_id: str) -> None:
        """Join the lesson and keep everything."""
        self.lesson = await self.client.join(lesson_id)
        self.whereabouts.there(time.monotonic())
        kinds = ("state", "chat", "board", "polls", "notifications")
        sequences = [Sequence(f"{self.name}'s {kind}", self.ledger) for kind in kinds]
        state, chat, board, polls, notifications = sequences
        self.notifications = await self.client.notifications()
        self.notifications.on_change(notifications.hear)
        await self.lesson.on("state", state.hear)
        self.chat = await self.lesson.chat()
        chat.at = self.chat.head
        self.chat.on_change(chat.hear)
        self.board = await self.lesson.board()
        board.at = self.board.head
        self.board.on_change(board.hear)
        self.polls = await self.lesson.polls()
        polls.at = self.polls.head
        self.polls.on_change(polls.hear)
        self.sequences = sequences

    async def leave(self) -> None:
        """Go, and say so."""
        await self.lesson.leave()
        self.whereabouts.gone(time.monotonic())

    def vanish(self, *, frozen: bool) -> None:
        """Go without a word, for the node to find out: with or without the network's help."""
        self.whereabouts.gone(time.monotonic())
        self.gone = True
        (self.line.freeze if frozen else self.line.turn_off)()

    # Faults

    def suffer(self, fault: str) -> None:
        """Something happens to this person's network."""
        doing = {
            "cut": self.line.cut,
            "closed": self.line.close,
            "off": self.line.turn_off,
            "frozen": self.line.freeze,
            "slow": self.line.slow_down,
        }
        if fault == "frozen":
            self.whereabouts.unsure(time.monotonic())
        doing[fault]()

    def mend(self) -> None:
        """From now on the network lets this person through."""
        self.line.turn_on()
        now = time.monotonic()
        if self._lost_at is not None:
            self._lost_at = now
        if self._fault_over_at is not None:
            self._fault_over_at = now

    def server_killed(self) -> None:
        """From now on everybody has to come back."""
        self.whereabouts.crashed()
        self._fault_over_at = time.monotonic()
        if self._lost_at is not None:
            self._lost_at = self._fault_over_at

    def database_killed(self) -> None:
        """Nobody is lost, and nobody is answered for a while."""
        self.whereabouts.crashed()
        if self.client.connection.state.kind == "connected" and not (self.line.is_off or self.line.is_frozen):
            self._begin(self._ask)

    def _watch(self, state: State) -> None:
        now = time.monotonic()
        if not self.sequences or self.gone:
            return
        if state.kind == "connected":
            self.whereabouts.there(now)
            if self._lost_at is not None:
                self.recoveries.append(now - self._lost_at)
            self._lost_at = self._fault_over_at = None
        elif state.kind in ("waiting", "connecting") and self._lost_at is None:
            self.whereabouts.lost(now)
            self._lost_at = now if self._fault_over_at is None else self._fault_over_at
            self.drops += 1
            self.upsets += 1

    # Deeds

    def act(self, step: Step) -> None:
        """Begin something, unless there is enough under way."""
        if self.busy < AT_ONCE:
            self._begin(partial(ALL_DEEDS[step.what], self, Random(step.seed)))

    def _begin(self, deed: Callable[[], Awaitable[None]]) -> None:
        self.busy += 1
        Deferred.fromCoroutine(cast("Any", self._doing(deed))).addErrback(
            lambda failure: self.ledger.note("wrong", f"{self.name}: {failure.getTraceback()}")
        )

    async def _doing(self, deed: Callable[[], Awaitable[None]]) -> None:
        try:
            await deed()
        except CallError as error:
            self.ledger.refused[error.uri] += 1
            if error.uri not in REFUSALS:
                self.ledger.note("wrong", f"{self.name}'s {deed}: {error!r} {error.details}")
        finally:
            self.busy -= 1

    async def _ask(self) -> None:
        asked_at = time.monotonic()
        await self.lesson.mark_read(0)
        self.answers.append(time.monotonic() - asked_at)
