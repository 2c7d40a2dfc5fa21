"""When the next delivery may go out: so many within an hour at once, the rest later. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

HOUR: Final = timedelta(hours=1)
MAILS: Final = 10
"""To one person within an hour: more are a nuisance, and what is more is told in one."""
PUSHES: Final = 30
"""To one device within an hour: a lively evening, and not a machine."""
STRANGERS: Final = 20
"""Mails within an hour for one tutor's lessons, to people who were never in one: a new class, no mailing list."""


class Turns:
    """The last of what went out, or will. ``due``: when."""

    def __init__(self, at_most: int, due: Iterable[datetime] = ()) -> None:
        self._at_most = at_most
        self._due = sorted(due)[-at_most:]

    def next(self, earliest: datetime) -> datetime:
        """When one more may go, so that never more than ``at_most`` go within an hour."""
        if len(self._due) < self._at_most:
            return earliest
        return max(earliest, self._due[0] + HOUR)

    def take(self, due: datetime) -> None:
        """One more goes then."""
        self._due = sorted([*self._due, due])[-self._at_most :]
