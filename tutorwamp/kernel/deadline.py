"""Answer in time without giving up the work."""

from __future__ import annotations

from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from tutorwamp.kernel.observability import get_logger

log = get_logger(__name__)
Result = TypeVar("Result")


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
        elif isinstance(outcome, Failure):
            log.warning("failed after its caller was answered", error=repr(outcome.value))

    work.addBoth(settle)
    return answer.addTimeout(seconds, clock)
