"""A lesson's stream that is kept as it is: who is told of what it says, who waits for it, and that it is over."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from copy import copy
from typing import Any

from twisted.internet.defer import Deferred, DeferredLock

from tutorwamp.client.connection import Connection, Handler, State, hand_over
from tutorwamp.client.doubt import Doubt
from tutorwamp.client.errors import CLOSED_BY_US, CallError, Disconnected
from tutorwamp.client.wamp import Event


class Kept:
    """What the board and the chat have in common."""

    head = -1
    """The ``seq`` of the newest event that is in it; -1 before it is read."""

    def __init__(
        self, connection: Connection, lesson_id: str, topic: str, hear: Callable[[Handler], Awaitable[object]]
    ) -> None:
        self._connection = connection
        self._lesson_id = lesson_id
        self._topic = topic
        self._hear = hear
        self._heard = False
        self._one_at_a_time = DeferredLock()  # who opens it twice at once hears it once
        self._over: CallError | None = None
        self._waiting: list[tuple[int, Deferred[None]]] = []
        self._handlers: list[Handler] = []
        self._doubt = Doubt(connection, topic, self._look_again)
        connection.watch(self._watch)

    def on_change(self, handler: Handler) -> None:
        """Be told each event of the stream once it is in what is shown, in order and without a gap.

        Some types are our own, see the class.
        """
        self._handlers.append(handler)

    async def caught_up(self, seq: int) -> None:
        """Wait until the event ``seq`` is in what is shown."""
        if self.head >= seq:
            return
        self._require_open()
        if self._connection.state.kind == "closed":
            await self._connection.connected()  # raises why
        waiter: Deferred[None] = Deferred()
        self._waiting.append((seq, waiter))
        await waiter

    def close(self, reason: CallError | None) -> None:
        """Note that the lesson is over for us (null: we left), and let nobody wait any longer."""
        self._over = reason or Disconnected(CLOSED_BY_US, "We left the lesson.")
        self._doubt.settle()
        self._give_up(self._over)

    def _require_open(self) -> None:
        if self._over is not None:
            raise copy(self._over)

    async def _listen(self) -> None:
        await self._one_at_a_time.run(lambda: Deferred.fromCoroutine(self._listen_once()))

    async def _listen_once(self) -> None:
        if not self._heard:
            await self._hear(self._receive)
            self._heard = True

    def _receive(self, event: Event) -> None:
        raise NotImplementedError

    def _look_again(self) -> None:
        """Read the state afresh: an event of it made no sense."""
        raise NotImplementedError

    def _watch(self, state: State) -> None:
        if state.kind == "closed":
            self._doubt.settle()
            self._give_up(state.reason or Disconnected(CLOSED_BY_US))

    def _notify(self, *events: Mapping[str, Any]) -> None:
        for event in events:
            for handler in list(self._handlers):
                hand_over(Event(self._topic, event), handler)
        waiting, self._waiting = self._waiting, []
        for seq, waiter in waiting:
            if seq <= self.head:
                waiter.callback(None)
            else:
                self._waiting.append((seq, waiter))

    def _give_up(self, reason: CallError) -> None:
        waiting, self._waiting = self._waiting, []
        for _, waiter in waiting:
            waiter.errback(copy(reason))
