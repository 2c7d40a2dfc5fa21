"""What can be tuned about polls."""

from __future__ import annotations

from dataclasses import dataclass

from tutorwamp.kernel.settings import setting


@dataclass(frozen=True)
class PollsSettings:
    """How much may be asked."""

    at_most: int = setting("POLLS_AT_MOST", 200, "Polls of one lesson: one a minute for three hours; a list has all.")
    open_at_most: int = setting("POLLS_OPEN_AT_MOST", 20, "Of these open at a time; who joins is given all of them.")
