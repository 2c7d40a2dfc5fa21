"""What can be tuned about polls."""

from __future__ import annotations

from dataclasses import dataclass

from tutorwamp.kernel.settings import setting


@dataclass(frozen=True)
class PollsSettings:
    """How much may be asked."""

    polls_at_most: int = setting("POLLS_AT_MOST", 2, "In one lesson; nobody answers more.")
