"""What can be tuned about lessons."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from tutorwamp.kernel.settings import setting


class Unattended(StrEnum):
    """Of lessons whose tutor is not in the room."""

    OPEN = "open"
    CLOSED = "closed"


@dataclass(frozen=True)
class LessonsSettings:
    """How much of the lessons is kept in memory, how new ones begin, and how long a place is kept."""

    remembered: int = setting(
        "LESSONS_REMEMBERED", 2_000, "Lessons kept in memory to admit writers without a query (about 10 KB each)."
    )
    unattended: Unattended = setting(
        "UNATTENDED_LESSONS",
        Unattended.OPEN,
        "Of new lessons: whether students write and draw while the tutor is not there. Each lesson can say otherwise.",
    )
    grace: timedelta = setting(
        "RECONNECT_GRACE",
        timedelta(seconds=30),
        "How long a lost session keeps its place: a change of networks or a reload takes less.",
    )
