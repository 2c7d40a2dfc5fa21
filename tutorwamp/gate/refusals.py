"""Calls that were too many: who goes on asking is answered at the door until their time, and nobody else is asked.

To refuse a call takes the router and a component half a millisecond together. Somebody who sends two thousand a second
would have both to themselves.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from tutorwamp.kernel.errors import RateLimited
from tutorwamp.kernel.limits import REMEMBERED

HEARD_OUT: Final = 10
"""Refusals of one procedure that somebody is given by the component: a client comes back when it was told to, and has
hardly more calls of a kind under way."""
FORGOTTEN_AFTER_S: Final = 1.0
"""Who stayed away for so long after their time begins anew."""


class Refusals:
    """Of one router's process, by person and procedure. ``now_s``: a clock that never goes back."""

    def __init__(self, now_s: Callable[[], float]) -> None:
        self._now_s = now_s
        self._given: OrderedDict[tuple[str, str], tuple[int, float]] = OrderedDict()
        """How many, and until when the last one holds."""

    def heard(self, person: str, procedure: str, retry_after_s: float) -> None:
        """A component has refused a call of this person."""
        now_s = self._now_s()
        count, until_s = self._given.pop((person, procedure), (0, 0.0))
        if until_s + FORGOTTEN_AFTER_S < now_s:
            count = 0
        self._given[person, procedure] = count + 1, now_s + retry_after_s
        if len(self._given) > REMEMBERED:
            self._given.popitem(last=False)

    def require_patience(self, person: str, procedure: str) -> None:
        """Raise RateLimited where they were told often enough when to come back, and did not wait."""
        count, until_s = self._given.get((person, procedure), (0, 0.0))
        left_s = until_s - self._now_s()
        if count >= HEARD_OUT and left_s > 0:
            raise RateLimited("Too much at once. Come back in a moment.", retry_after_s=round(left_s + 0.0005, 3))
