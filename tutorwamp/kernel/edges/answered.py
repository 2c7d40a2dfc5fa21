"""Errors that were answered, where no call has a line of its own: each a line with the ``request_id`` that was told.

Whoever asks wrongly again and again must not fill the disk: what is more than an allowance is counted, not written.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from twisted.internet import defer

from tutorwamp.kernel.errors import Internal, RateLimited, TutorwampError, Unavailable
from tutorwamp.kernel.limits import Limits
from tutorwamp.kernel.log.calls import Call
from tutorwamp.kernel.log.lines import get_logger
from tutorwamp.kernel.log.requests import ERRORS

log = get_logger(__name__)


class AnsweredErrors:
    """The lines of one process. ``now_s`` is a clock that never goes back."""

    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        self._lines = Limits(ERRORS, now_s)
        self._left_out = {"warning": 0, "info": 0}

    def note(self, error: TutorwampError, request_id: str) -> None:
        """Write a line: a warning where we could not, information where the caller should not."""
        level = "warning" if isinstance(error, Unavailable | Internal) else "info"
        try:
            self._lines.take(level)
        except RateLimited:
            self._left_out[level] += 1
            return
        more = {"left_out": self._left_out[level]} if self._left_out[level] else {}
        self._left_out[level] = 0
        getattr(log, level)("answered with an error", error=error.uri, request_id=request_id, **more)


answered: Final = AnsweredErrors()
"""Of this process."""


def error_of(raised: BaseException | None, call: Call) -> TutorwampError:
    """What a caller is told of whatever was raised; what nobody expected is told by the log only."""
    if isinstance(raised, TutorwampError):
        return raised
    if isinstance(raised, defer.TimeoutError):
        log.warning("deadline passed", call=call.name, request_id=call.request_id)
        return Unavailable("This took too long. It may still happen; ask again.")
    if isinstance(raised, defer.CancelledError):  # the work goes on, and nobody hears the answer
        call.given_up = True
        return Unavailable("Nobody waits for this answer any more.")
    log.error("unexpected error", call=call.name, request_id=call.request_id, exc_info=raised)
    return Internal()
