"""Bookmarks over REST: ``/api/lessons/<id>/bookmarks``."""

from __future__ import annotations

from typing import Final

from tutorwamp.bookmarks import contracts
from tutorwamp.bookmarks.service import BookmarksService

from tutorwamp.kernel.edges.resource import forward

BOOKMARKS_ROUTES: Final = (
    forward("GET", "/api/lessons/<lesson_id>/bookmarks", contracts.LIST, BookmarksService.list_bookmarks),
)
