"""Answer in time without giving up the work, unless the work asks to be given up."""

from __future__ import annotations

from collections.abc import Coroutine
from contextvars import ContextVar, copy_context
from typing import Any, Final, TypeVar

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
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

    def leave(self, outcome: Any = None) -> Any:
        """Wait no more."""
        self._gone = True
        for step in [*self._steps]:
            step.cancel()
        return outcome


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
    return answer_within(seconds, begun, clock, droppable=droppable).addBoth(who.leave)


def answer_within(
    seconds: float, work: Deferred[Result], clock: IReactorTime, *, droppable: bool = False
) -> Deferred[Result]:
    """The work's outcome, or defer.TimeoutError after ``seconds``.

    The work goes on in either case, also when the answer is cancelled because nobody waits for it any more: what it is
    about to commit must be announced, and who is to be led out must be led out. ``droppable`` is what has no effects.
    """
    answer: Deferred[Result] = Deferred((lambda _: work.cancel()) if droppable else None)

    def settle(outcome: Any) -> None:
        if not answer.called:
            answer.callback(outcome)
        elif isinstance(outcome, Failure) and not outcome.check(CancelledError):
            log.warning("failed after its caller was answered", error=repr(outcome.value))

    work.addBoth(settle)
    return answer.addTimeout(seconds, clock)
