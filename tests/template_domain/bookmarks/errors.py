"""How bookmarks say no, beside the kernel's words."""

from __future__ import annotations

from tutorwamp.kernel.errors import Conflict


class TooMany(Conflict, uri="tutorwamp.error.bookmark.too_many"):
    """The lesson has as many bookmarks as it may have."""
