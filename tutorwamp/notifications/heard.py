"""What streams were announced to say since the last look: just enough to know whether there is anything to tell."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Final

from tutorwamp.kernel.contracts import StreamEvent
from tutorwamp.notifications.progress import Known

TOLD_OF_STATE: Final = frozenset({"lesson.updated", "lesson.cancelled"})
"""N5: what else becomes of a lesson is not told."""


@dataclass
class Heard:
    """Of one stream. ``after``: the number before the first event; null: none was heard, one has to look."""

    after: int | None = None
    up_to: int = 0
    is_whole: bool = True
    """Whether no event is missing in between."""
    tells: bool = False
    """Whether the lesson itself has changed in a way that is told."""
    authors: set[str] = field(default_factory=set)
    readers: dict[str, int] = field(default_factory=dict)
    """Who has read the chat, and up to where."""

    def hear(self, event: StreamEvent) -> None:
        """One more."""
        if self.after is None:
            self.after = self.up_to = event.seq - 1
        self.is_whole &= event.seq == self.up_to + 1
        self.up_to = event.seq
        self.tells |= event.type in TOLD_OF_STATE
        if event.type == "message.created":
            self.authors.add(event.data["author"]["id"])
        elif event.type == "read.advanced" and event.actor is not None:
            self.readers[event.actor["id"]] = event.data["read_seq"]

    def goes_on_from(self, known: Known | None) -> bool:
        """Whether these are all events after what is known."""
        return known is not None and self.is_whole and self.after == known.seq

    def to_be_told(self, absent: Collection[str]) -> set[str]:
        """Those of these people who do not know what was said: nobody is told of their own words."""
        return {one for one in absent if self.authors - {one}}
