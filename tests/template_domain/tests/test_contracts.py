"""Bookmarks."""

from tutorwamp.bookmarks.contracts import BOOKMARKS_TOPIC


def test_a_bookmark_is_told_on_a_stream() -> None:
    assert BOOKMARKS_TOPIC.is_stream
