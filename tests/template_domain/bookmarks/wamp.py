"""Bookmarks over WAMP: ``tutorwamp.bookmark.…``, and the topic ``tutorwamp.lesson.<id>.bookmarks``."""

from __future__ import annotations

from typing import Final

from tutorwamp.bookmarks import contracts
from tutorwamp.bookmarks.contracts import BookmarksChanged
from tutorwamp.bookmarks.service import BookmarksService

from tutorwamp.kernel.edges.component import Publisher, serve
from tutorwamp.kernel.events import Events

BOOKMARKS_PROCEDURES: Final = (
    serve(contracts.ADD, BookmarksService.add_bookmark),
    serve(contracts.LIST, BookmarksService.list_bookmarks),
)


def publish_bookmarks(events: Events, publisher: Publisher) -> None:
    """Publish what bookmarks announce."""
    events.listen(BookmarksChanged, lambda changed: publisher.publish_stream_event(changed.event))
