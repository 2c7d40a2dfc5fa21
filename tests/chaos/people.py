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

from tests.chaos.ledger import REFUSALS, Drawn, Ledger, Plain, Said
from tests.chaos.plan import Step
from tests.chaos.whereabouts import Whereabouts
from tests.support.network import Line
from tutorwamp.client import Backoff, Board, CallError, Chat, Client, Event, Lesson, State
from tutorwamp.client import wamp as client_wamp
from tutorwamp.client.wamp import Serializer

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
        self.sequences: list[Sequence] = []
        self.gone = False
        """Without a word; what happens to the client from then on is no drop."""
        self._fault_over_at: float | None = None
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
        self.whereabouts.there(time.monotonic())
        kinds = ("state", "chat", "board", "notifications")
        sequences = [Sequence(f"{self.name}'s {kind}", self.ledger) for kind in kinds]
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

    # Deeds

    def act(self, step: Step) -> None:
        """Begin something, unless there is enough under way."""
        deeds = {
            "say": self._say,
            "edit": self._edit,
            "delete": self._delete,
            "react": self._react,
            "read": self._read,
            "draw": self._draw,
            "stroke": self._stroke,
            "replace": self._replace,
            "erase": self._erase,
            "read_notifications": self._read_notifications,
            "pass_pen": self._pass_pen,
            "rename": self._rename,
        }
        if self.busy < AT_ONCE:
            self._begin(partial(deeds[step.what], Random(step.seed)))

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

    async def _say(self, _: Random) -> None:
        self._sayings += 1
        said = Said(self.id, f"{self.name} {self._sayings}", self._sayings)
        self.ledger.said.append(said)
        said.message = await self.chat.send(str(said.body))
        self.ledger.acknowledged += 1

    async def _edit(self, random: Random) -> None:
        async with _Turn(random, self.ledger.messages_of(self.id)) as said:
            if said is not None:
                self._count += 1
                body = f"{said.body}, edited {self._count}"
                await self.lesson.edit(said.message["id"], body)
                said.body = body
                said.edits += 1
                self.ledger.acknowledged += 1

    async def _delete(self, random: Random) -> None:
        async with _Turn(random, self.ledger.messages_of(self.id)) as said:
            if said is not None:
                await self.lesson.delete(said.message["id"])
                said.body = None
                self.ledger.acknowledged += 1

    async def _react(self, random: Random) -> None:
        async with _Turn(random, self.ledger.messages_of()) as said:
            if said is not None:
                emoji, on = random.choice(EMOJI), random.random() < 0.7
                await self.lesson.react(said.message["id"], emoji, on=on)
                said.react(self.id, emoji, on=on)
                self.ledger.acknowledged += 1

    async def _read(self, _: Random) -> None:
        seq = max((one["seq"] for one in self.chat.messages if one["seq"] is not None), default=0)
        marked = await self.lesson.mark_read(seq)
        before = self.ledger.read.get(self.id, 0)
        if marked["read_seq"] < max(seq, 0):
            self.ledger.note("lost", f"{self.name}'s read mark went back: {marked} after asking for {seq}")
        self.ledger.read[self.id] = max(before, marked["read_seq"])
        self.ledger.acknowledged += 1

    async def _draw(self, random: Random) -> None:
        look = {"kind": "rect", "color": "#204080", "width": 8.0, "height": 5.0, **_place(random)}
        answer = await self.board.put(look)
        self.ledger.drawn[answer["applied"][0]] = Drawn(self.id, look, version=1)
        self.ledger.acknowledged += 1

    async def _replace(self, random: Random) -> None:
        element_id, drawn = self._one_of_mine(random, "rect")
        if drawn is not None:
            drawn.busy = True
            try:
                place = _place(random)
                await self.board.put({**self.board.elements[element_id], **place})
                drawn.changed({**(drawn.look or {}), **place})
                self.ledger.acknowledged += 1
            finally:
                drawn.busy = False

    async def _erase(self, random: Random) -> None:
        element_id, drawn = self._one_of_mine(random)
        if drawn is not None:
            drawn.busy = True
            try:
                await self.board.delete(element_id)
                drawn.changed(None)
                self.ledger.acknowledged += 1
            finally:
                drawn.busy = False

    async def _stroke(self, random: Random) -> None:
        stroke = self.board.stroke(color="#c03020", width=3.0)
        points = [[float(random.randint(0, 500)), float(number)] for number in range(random.randint(2, 12))]
        try:
            for point in points:
                stroke.add(point)
                if random.random() < 0.5:
                    await _moment(random.random() * 0.2)
            await stroke.finish()
            drawn = {"kind": "stroke", "points": points, "finished": True}
        except CallError:
            # What of it was acknowledged before the pen went elsewhere is on the board; how much, its points say.
            for element_id in stroke.ids:
                self.ledger.drawn.setdefault(element_id, Drawn(self.id, None, busy=True))
            raise
        self.ledger.drawn[stroke.ids[0]] = Drawn(self.id, drawn)
        self.ledger.acknowledged += 1

    async def _pass_pen(self, random: Random) -> None:
        students = [one["id"] for one in self.lesson.lesson["students"]]
        chosen = [one for one in students if random.random() < 0.8]
        await self.client.call_until_answered("tutorwamp.lesson.set_pen", lesson_id=self.lesson.id, student_ids=chosen)
        self.ledger.acknowledged += 1

    async def _rename(self, _: Random) -> None:
        """Everybody is told of it."""
        self._count += 1
        lesson = self.lesson.lesson
        asked = {"lesson_id": self.lesson.id, "version": lesson["version"], "title": f"Storm, {self._count}"}
        await self.client.call_until_answered("tutorwamp.lesson.update", **asked)
        self.ledger.renamed += 1
        self.ledger.acknowledged += 1

    async def _read_notifications(self, random: Random) -> None:
        if random.random() < 0.3:
            await self.notifications.mark_all_read()
        elif unread := [one["id"] for one in self.notifications.items if one["read_at"] is None]:
            await self.notifications.mark_read([random.choice(unread)])
        self.ledger.acknowledged += 1

    def _one_of_mine(self, random: Random, kind: str | None = None) -> tuple[str, Drawn | None]:
        mine = [
            one
            for one in self.ledger.elements_of(self.id)
            if one in self.board.elements and kind in (None, self.board.elements[one]["kind"])
        ]
        if not mine:
            return "", None
        chosen = random.choice(mine)
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


def _place(random: Random) -> Plain:
    return {"x": float(random.randint(0, 900)), "y": float(random.randint(0, 600))}


def _moment(seconds: float) -> Deferred[None]:
    """A storm takes place in real time: real processes have no other."""
    waiting: Deferred[None] = Deferred()
    reactor.callLater(seconds, waiting.callback, None)
    return waiting
