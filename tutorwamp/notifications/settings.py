"""What can be tuned about notifications."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from tutorwamp.kernel.settings import setting


@dataclass(frozen=True)
class NotificationsSettings:
    """When people are told."""

    starting_ahead: timedelta = setting(
        "LESSON_STARTING_AHEAD",
        timedelta(minutes=15),
        "How long before a lesson's start its people are reminded: time to sit down, not to forget again.",
    )
