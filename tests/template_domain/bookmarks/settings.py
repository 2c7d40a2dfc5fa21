"""What can be tuned about bookmarks."""

from __future__ import annotations

from dataclasses import dataclass

from tutorwamp.kernel.settings import setting


@dataclass(frozen=True)
class BookmarksSettings:
    """How many there may be."""

    bookmarks_at_most: int = setting("BOOKMARKS_AT_MOST", 2, "In one lesson; nobody finds their way through more.")
