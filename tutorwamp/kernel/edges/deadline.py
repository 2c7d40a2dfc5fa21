"""Answer in time without giving up the work, unless the work asks to be given up."""

from __future__ import annotations

from collections.abc import Coroutine
from contextvars import ContextVar, copy_context
from typing import Any, Final, Generic, TypeVar

from twisted.internet import defer
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.python.failure import Failure

from tutorwamp.kernel.log.lines import get_logger

log = get_logger(__name__)
Result = TypeVar("Result")

DEADLINE_S: Final = 10.0
"""After this long a caller is told to try again, through either door; people do not wait longer."""


class Waiter:
    """Who waits for an answer. ``until_s``: no longer than this, by the clock's seconds."""

    def __init__(self, until_s: float) -> None:
        self.until_s = until_s
        self._gone = False
        self._steps: list[Deferred[Any]] = []

    def spare(self, step: Deferred[Result]) -> Deferred[Result]:
        """Cancel this step of the work as soon as nobody waits any more. For work that changes nothing."""

        def finished(outcome: Any) -> Any:
            self._steps.remove(step)
            return outcome

        self._steps.append(step)
        step.addBoth(finished)
        if self._gone:
            step.cancel()
        return step

    def leave(self) -> None:
        """Wait no more."""
        self._gone = True
        for step in [*self._steps]:
            step.cancel()


_WAITER: Final[ContextVar[Waiter | None]] = ContextVar("waiter", default=None)


def waiter() -> Waiter | None:
    """Who waits for what is being done now; None for work that nobody asked for."""
    return _WAITER.get()


def answer_by_work(
    seconds: float, work: Coroutine[Any, Any, Result], clock: IReactorTime, *, droppable: bool = False
) -> Deferred[Result]:
    """Start work whose steps can learn (``waiter``) that nobody waits any more; its answer, see ``answer_within``."""
    context, who = copy_context(), Waiter(clock.seconds() + seconds)
    context.run(_WAITER.set, who)
    begun = context.run(Deferred.fromCoroutine, work)
    return answer_within(seconds, begun, clock, droppable=droppable, who=who)


def answer_within(
    seconds: float, work: Deferred[Result], clock: IReactorTime, *, droppable: bool = False, who: Waiter | None = None
) -> Deferred[Result]:
    """The work's outcome, or defer.TimeoutError after ``seconds``. ``who`` is told when nobody waits any more.

    The work goes on in either case, also when the answer is cancelled because nobody waits for it any more: what it is
    about to commit must be announced, and who is to be led out must be led out. ``droppable`` is what has no effects.
    """
    return _Waiting(seconds, work, clock, droppable, who).answer


class _Waiting(Generic[Result]):
    """For an outcome: until it is there, it is late, or nobody wants it."""

    __slots__ = ("_droppable", "_over", "_seconds", "_timer", "_who", "_work", "answer")

    def __init__(
        self, seconds: float, work: Deferred[Result], clock: IReactorTime, droppable: bool, who: Waiter | None
    ) -> None:
        self._seconds, self._work, self._droppable, self._who = seconds, work, droppable, who
        self._over = False
        self._timer: IDelayedCall | None = None
        self.answer: Deferred[Result] = Deferred(self._give_up)
        work.addBoth(self._settle)
        if not self._over:
            self._timer = clock.callLater(seconds, self._be_late)

    def _settle(self, outcome: Any) -> None:
        if not self._over:
            self._end()
            self.answer.callback(outcome)
        elif isinstance(outcome, Failure) and not outcome.check(defer.CancelledError):
            log.warning("failed after its caller was answered", error=repr(outcome.value))

    def _end(self) -> None:
        self._over = True
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        if self._who is not None:
            self._who.leave()

    def _give_up(self, _answer: Deferred[Result]) -> None:
        self._end()
        if self._droppable:
            self._work.cancel()

    def _be_late(self) -> None:
        self._give_up(self.answer)
        self.answer.errback(defer.TimeoutError(self._seconds, "Deferred"))
