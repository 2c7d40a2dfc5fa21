"""What can be asked of media, and what is answered."""

from __future__ import annotations

from typing import Final, Literal

from tutorwamp.kernel.contracts import Instant, Procedure, Value
from tutorwamp.lessons.contracts import OneLesson


class MediaAccess(Value):
    """How to enter the lesson's room on the media server, until ``expires_at``; who is in it then stays."""

    provider: Literal["livekit"] = "livekit"
    url: str
    token: str
    """A LiveKit access token: room, person and what they may do there."""
    expires_at: Instant


MEDIA: Final = Procedure(
    "tutorwamp.lesson.media",
    OneLesson,
    MediaAccess,
    "How to enter the lesson's room on the media server, where there is one.",
)
