"""What can be tuned about lessons."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from tutorwamp.kernel.settings import setting


@dataclass(frozen=True)
class LessonsSettings:
    """How much of the lessons is kept in memory, and how long a place is kept."""

    remembered: int = setting(
        "LESSONS_REMEMBERED", 2_000, "Lessons kept in memory to admit writers without a query (about 10 KB each)."
    )
    grace: timedelta = setting(
        "RECONNECT_GRACE",
        timedelta(seconds=30),
        "How long a lost session keeps its place: a change of networks or a reload takes less.",
    )
