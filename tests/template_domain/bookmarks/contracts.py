"""What others may know of bookmarks: values, procedures, the stream, and the event others can listen to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final

from pydantic import Field

from tutorwamp.kernel.contracts import Id, Instant, Line, Procedure, StreamEvent, Value
from tutorwamp.kernel.topics import Topic
from tutorwamp.lessons.contracts import OneLesson


class Bookmark(Value):
    """A moment of the lesson that the tutor wants found again."""

    id: Id
    lesson_id: Id
    label: str
    made_at: Instant


class AddBookmark(Value):
    """Mark this moment."""

    lesson_id: Id
    label: Annotated[Line, Field(min_length=1, max_length=200)]


class Bookmarks(Value):
    """The bookmarks of a lesson, oldest first."""

    items: list[Bookmark]


ADD: Final = Procedure("tutorwamp.bookmark.add", AddBookmark, Bookmark, "Mark this moment of the lesson.", writes=True)
LIST: Final = Procedure("tutorwamp.bookmark.list", OneLesson, Bookmarks, "What was marked in a lesson, oldest first.")

BOOKMARKS_TOPIC: Final = Topic(
    "tutorwamp.lesson.{lesson_id}.bookmarks", "A stream: what the tutor marks.", events={"bookmarks.added": Bookmark}
)


@dataclass(frozen=True)
class BookmarksChanged:
    """A lesson's bookmarks stream has grown."""

    event: StreamEvent
