"""A question that costs something, asked seldom, however often somebody wants to know."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Final

from twisted.internet import defer
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

ASKED_EVERY_S: Final = 5.0
"""Somebody else's storage, which may cost something; anybody may ask for health, as often as they like."""


class Seldom:
    """A question that is asked every five seconds at most; who asks meanwhile shares its answer.

    Nobody waits for it for longer than ``within_s``.
    """

    def __init__(self, ask: Callable[[], Coroutine[Any, Any, bool]], within_s: float, clock: IReactorTime) -> None:
        self._ask = ask
        self._within_s = within_s
        self._clock = clock
        self._asked_at_s = float("-inf")
        self._answer = False
        self._waiting: list[Deferred[None]] | None = None
        """Who waits for the answer under way; None where none is."""

    async def answer(self) -> bool:
        """The last answer, or the one under way; False where it does not come in time, or fails."""
        if self._waiting is None and self._clock.seconds() - self._asked_at_s >= ASKED_EVERY_S:
            self._waiting, self._asked_at_s = [], self._clock.seconds()
            asked = Deferred.fromCoroutine(self._ask())
            asked.addErrback(lambda _: False).addCallback(self._answered)
        if self._waiting is not None:
            waiting: Deferred[None] = Deferred()
            waiting_now = self._waiting
            waiting_now.append(waiting)
            try:
                await waiting.addTimeout(self._within_s, self._clock)
            except defer.TimeoutError:
                waiting_now.remove(waiting)  # there may be no answer for ever
                return False
        return self._answer

    def _answered(self, answer: bool) -> None:  # a callback has one positional value
        self._answer = answer
        waiting, self._waiting = self._waiting or [], None
        for one in waiting:
            one.callback(None)
