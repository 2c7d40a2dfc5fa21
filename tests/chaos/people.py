"""Tutors and students who do what people do, with the real client, over a network that is not to be relied on."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from random import Random
from typing import Any, cast

from autobahn.wamp import message
from twisted.internet import reactor as _reactor
from twisted.internet.defer import Deferred

from tests.chaos.ledger import REFUSALS, Drawn, Ledger, Plain, Said
from tests.support.network import Line
from tutorwamp.client import Backoff, Board, CallError, Chat, Client, Event, Lesson, State
from tutorwamp.client import wamp as client_wamp

reactor = cast("Any", _reactor)

AT_ONCE = 4
"""What one person has begun and nobody has answered yet; then they wait."""
EMOJI = ("👍", "❤", "😀")
BACKOFF = Backoff(first_ceiling_s=0.1, ceiling_cap_s=1.0)


class UnreliableSession(client_wamp.Session):
    """A session some of whose events come late, twice, out of their order, or not at all."""

    random = Random(0)
    trouble = 0.0
    """How likely each of these is."""

    def onMessage(self, msg: Any) -> None:
        if not isinstance(msg, message.Event) or self.random.random() > 4 * self.trouble:
            super().onMessage(msg)
            return
        kind = self.random.randrange(4)
        if kind == 0:
            return
        if kind == 1:
            super().onMessage(_copy(msg))
        reactor.callLater(self.random.random() * (0.05 if kind == 2 else 1.5), self._late, msg)

    def _late(self, msg: Any) -> None:
        if self.joined:
            super().onMessage(msg)


def _copy(msg: Any) -> Any:
    return message.Event(msg.subscription, msg.publication, args=msg.args, kwargs=dict(msg.kwargs or {}))


class Sequence:
    """What a client was told of one stream: every number in its order, or the word that it was read afresh."""

    def __init__(self, name: str, faults: list[str]) -> None:
        self._name, self._faults = name, faults
        self.at: int | None = None
        self.told = self.reloads = 0

    def hear(self, event: Event) -> None:
        """Take the next event."""
        kind = event.type or ""
        if kind == "chat.pending":
            return
        if kind == "notifications.opened":
            self.reloads += self.at is not None
            self.at = None
            return
        seq = event["seq"]
        if kind.endswith((".opened", ".reloaded")):
            self.reloads += 1
        else:
            self.told += 1
            if self.at is not None and seq != self.at + 1:
                self._faults.append(f"silent gap: {self._name} was told {seq} after {self.at}")
        self.at = seq


class Person:
    """Somebody in one lesson."""

    def __init__(self, name: str, email: str, line: Line, random: Random, ledger: Ledger) -> None:
        self.name, self.email, self.line = name, email, line
        self.ledger = ledger
        self.client = Client(f"http://127.0.0.1:{line.port}", backoff=BACKOFF)
        self.client.connection.chance = random.random
        self.client.connection.watch(self._watch)
        self.busy = 0
        self.recoveries: list[float] = []
        """Seconds from the moment at which coming back was possible until everything was as before."""
        self.drops = 0
        self.sequences: list[Sequence] = []
        self._random = random
        self._lost_at: float | None = None
        self._count = 0
        self._sayings = 0
        self.lesson: Lesson
        self.chat: Chat
        self.board: Board

    @property
    def id(self) -> str:
        """The user's."""
        return str(self.client.user["id"])

    async def arrive(self, password: str) -> None:
        """Log in and connect."""
        await self.client.log_in(self.email, password)
        await self.client.open()

    async def enter(self, lesson_id: str) -> None:
        """Join the lesson and keep everything."""
        self.lesson = await self.client.join(lesson_id)
        kinds = ("state", "chat", "board", "notifications")
        sequences = [Sequence(f"{self.name}'s {kind}", self.ledger.faults) for kind in kinds]
        state, chat, board, notifications = sequences
        self.notifications = await self.client.notifications()
        self.notifications.on_change(notifications.hear)
        await self.lesson.on("state", state.hear)
        self.chat = await self.lesson.chat()
        chat.at = self.chat.head
        self.chat.on_change(chat.hear)
        self.board = await self.lesson.board()
        board.at = self.board.head
        self.board.on_change(board.hear)
        self.sequences = sequences

    def back_possible(self) -> None:
        """From now on the network lets this person through."""
        if self._lost_at is not None:
            self._lost_at = time.monotonic()

    def _watch(self, state: State) -> None:
        if state.kind == "connected" and self._lost_at is not None:
            self.recoveries.append(time.monotonic() - self._lost_at)
            self._lost_at = None
        elif state.kind in ("waiting", "connecting") and self._lost_at is None and self.sequences:
            self._lost_at = time.monotonic()
            self.drops += 1

    # Deeds

    def act(self) -> None:
        """Begin something, unless there is enough under way."""
        if self.busy >= AT_ONCE:
            return
        deeds: list[tuple[Callable[[], Awaitable[None]], int]] = [
            (self._say, 8),
            (self._edit, 2),
            (self._delete, 1),
            (self._react, 3),
            (self._read, 2),
            (self._draw, 5),
            (self._stroke, 5),
            (self._replace, 3),
            (self._erase, 1),
        ]
        deeds.append((self._read_notifications, 1))
        if self.client.user["role"] == "tutor":
            deeds += [(self._pass_pen, 1), (self._rename, 1)]
        (deed,) = self._random.choices([deed for deed, _ in deeds], [weight for _, weight in deeds])
        self.busy += 1
        Deferred.fromCoroutine(cast("Any", self._doing(deed))).addErrback(
            lambda failure: self.ledger.faults.append(f"{self.name}: {failure.getTraceback()}")
        )

    async def _doing(self, deed: Callable[[], Awaitable[None]]) -> None:
        try:
            await deed()
        except CallError as error:
            self.ledger.refused[error.uri] += 1
            if error.uri not in REFUSALS:
                self.ledger.faults.append(f"{self.name}'s {deed.__name__}: {error!r} {error.details}")
        finally:
            self.busy -= 1

    async def _say(self) -> None:
        self._sayings += 1
        said = Said(self.id, f"{self.name} {self._sayings}", self._sayings)
        self.ledger.said.append(said)
        said.message = await self.chat.send(str(said.body))
        self.ledger.acknowledged += 1

    async def _edit(self) -> None:
        async with _Turn(self._random, self.ledger.messages_of(self.id)) as said:
            if said is not None:
                self._count += 1
                body = f"{said.body}, edited {self._count}"
                await self.lesson.edit(said.message["id"], body)
                said.body = body
                self.ledger.acknowledged += 1

    async def _delete(self) -> None:
        async with _Turn(self._random, self.ledger.messages_of(self.id)) as said:
            if said is not None:
                await self.lesson.delete(said.message["id"])
                said.body = None
                self.ledger.acknowledged += 1

    async def _react(self) -> None:
        async with _Turn(self._random, self.ledger.messages_of()) as said:
            if said is not None:
                emoji, on = self._random.choice(EMOJI), self._random.random() < 0.7
                await self.lesson.react(said.message["id"], emoji, on=on)
                said.reactions[self.id, emoji] = on
                self.ledger.acknowledged += 1

    async def _read(self) -> None:
        seq = max((one["seq"] for one in self.chat.messages if one["seq"] is not None), default=0)
        marked = await self.lesson.mark_read(seq)
        before = self.ledger.read.get(self.id, 0)
        if marked["read_seq"] < max(seq, 0):
            self.ledger.faults.append(f"{self.name}'s read mark went back: {marked} after asking for {seq}")
        self.ledger.read[self.id] = max(before, marked["read_seq"])
        self.ledger.acknowledged += 1

    async def _draw(self) -> None:
        look = {"kind": "rect", "color": "#204080", "width": 8.0, "height": 5.0, **self._place()}
        answer = await self.board.put(look)
        self.ledger.drawn[answer["applied"][0]] = Drawn(self.id, look)
        self.ledger.acknowledged += 1

    async def _replace(self) -> None:
        element_id, drawn = self._one_of_mine("rect")
        if drawn is not None:
            drawn.busy = True
            try:
                place = self._place()
                await self.board.put({**self.board.elements[element_id], **place})
                drawn.look = {**(drawn.look or {}), **place}
                self.ledger.acknowledged += 1
            finally:
                drawn.busy = False

    async def _erase(self) -> None:
        element_id, drawn = self._one_of_mine()
        if drawn is not None:
            drawn.busy = True
            try:
                await self.board.delete(element_id)
                drawn.look = None
                self.ledger.acknowledged += 1
            finally:
                drawn.busy = False

    async def _stroke(self) -> None:
        stroke = self.board.stroke(color="#c03020", width=3.0)
        points = [[float(self._random.randint(0, 500)), float(number)] for number in range(self._random.randint(2, 12))]
        try:
            for point in points:
                stroke.add(point)
                if self._random.random() < 0.5:
                    await _moment(self._random.random() * 0.2)
            await stroke.finish()
            drawn = {"kind": "stroke", "points": points, "finished": True}
        except CallError:
            # What of it was acknowledged before the pen went elsewhere is on the board; how much, its points say.
            for element_id in stroke.ids:
                self.ledger.drawn.setdefault(element_id, Drawn(self.id, None, busy=True))
            raise
        self.ledger.drawn[stroke.ids[0]] = Drawn(self.id, drawn)
        self.ledger.acknowledged += 1

    async def _pass_pen(self) -> None:
        students = [one["id"] for one in self.lesson.lesson["students"]]
        chosen = [one for one in students if self._random.random() < 0.8]
        await self.client.call_until_answered("tutorwamp.lesson.set_pen", lesson_id=self.lesson.id, student_ids=chosen)
        self.ledger.acknowledged += 1

    async def _rename(self) -> None:
        """Everybody is told of it."""
        self._count += 1
        lesson = self.lesson.lesson
        asked = {"lesson_id": self.lesson.id, "version": lesson["version"], "title": f"Storm, {self._count}"}
        await self.client.call_until_answered("tutorwamp.lesson.update", **asked)
        self.ledger.renamed += 1
        self.ledger.acknowledged += 1

    async def _read_notifications(self) -> None:
        if self._random.random() < 0.3:
            await self.notifications.mark_all_read()
        elif unread := [one["id"] for one in self.notifications.items if one["read_at"] is None]:
            await self.notifications.mark_read([self._random.choice(unread)])
        self.ledger.acknowledged += 1

    def _place(self) -> Plain:
        return {"x": float(self._random.randint(0, 900)), "y": float(self._random.randint(0, 600))}

    def _one_of_mine(self, kind: str | None = None) -> tuple[str, Drawn | None]:
        mine = [
            one
            for one in self.ledger.elements_of(self.id)
            if one in self.board.elements and kind in (None, self.board.elements[one]["kind"])
        ]
        if not mine:
            return "", None
        chosen = self._random.choice(mine)
        return chosen, self.ledger.drawn[chosen]


class _Turn:
    """One of these messages, and nobody else does anything with it meanwhile."""

    def __init__(self, random: Random, messages: list[Said]) -> None:
        self._said = random.choice(messages) if messages else None

    async def __aenter__(self) -> Any:
        if self._said is not None:
            self._said.busy = True
        return self._said

    async def __aexit__(self, *_: object) -> None:
        if self._said is not None:
            self._said.busy = False


def _moment(seconds: float) -> Deferred[None]:
    waiting: Deferred[None] = Deferred()
    reactor.callLater(seconds, waiting.callback, None)
    return waiting
