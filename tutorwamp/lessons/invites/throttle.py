"""The wait after wrong invite codes: nobody finds one by trying, and nobody makes another person wait.

Every code counts as wrong from the beginning until it is known to be right, so that many at once are no way around.
What is counted is in this process's memory and bounded.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

from tutorwamp.kernel.errors import RateLimited
from tutorwamp.kernel.limits import Backoff, Failures, LimitSettings, network_of

PERSON: Final = Backoff(free=10, first_s=1.0, at_most_s=900.0)
"""Who mistypes does not notice; 15 minutes are the longest wait."""
PERSON_FORGIVEN_S: Final = 900.0
"""So that a patient guesser has about a hundred tries a day."""
ADDRESS: Final = Backoff(free=300, first_s=1.0, at_most_s=60.0)
"""All people from one address: a class of thirty in which everybody uses up their ten does not meet it."""
ADDRESS_FORGIVEN_S: Final = 18.0
"""Two hundred an hour."""


class GuessThrottle:
    """Wrong codes of late. ``now_s`` is a clock that never goes back."""

    def __init__(self, settings: LimitSettings, now_s: Callable[[], float]) -> None:
        self._on = settings.rate_limits
        self._people = Failures(PERSON_FORGIVEN_S, now_s)
        self._addresses = Failures(ADDRESS_FORGIVEN_S, now_s)

    def begin(self, user_id: str, address: str | None) -> None:
        """Count a wrong code. Raises RateLimited, which costs nothing, with the seconds to wait."""
        counted = self._counted(user_id, address)
        wait_s = max((kept.wait_s(name, backoff) for kept, name, backoff in counted), default=0.0)
        if wait_s > 0:
            raise RateLimited("Too many wrong codes. Wait a little.", retry_after_s=math.ceil(wait_s * 1000) / 1000)
        for kept, name, _ in counted:
            kept.add(name)

    def take_back(self, user_id: str, address: str | None) -> None:
        """The code begun with was no wrong one, or it is not known."""
        for kept, name, _ in self._counted(user_id, address):
            kept.take_back(name)

    def _counted(self, user_id: str, address: str | None) -> list[tuple[Failures, str, Backoff]]:
        if not self._on:
            return []
        mine = (self._people, user_id, PERSON)
        return [mine] if address is None else [mine, (self._addresses, network_of(address), ADDRESS)]
