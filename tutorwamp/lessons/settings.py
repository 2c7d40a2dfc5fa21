"""What can be tuned about lessons."""

from __future__ import annotations

from dataclasses import dataclass

from tutorwamp.kernel.settings import setting


@dataclass(frozen=True)
class LessonsSettings:
    """How much of the lessons is kept in memory."""

    remembered: int = setting(
        "LESSONS_REMEMBERED", 2_000, "Lessons kept in memory to admit writers without a query (about 10 KB each)."
    )
