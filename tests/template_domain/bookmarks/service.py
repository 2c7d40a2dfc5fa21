"""Mark moments, and find them again."""

from __future__ import annotations

from tutorwamp.bookmarks.contracts import BOOKMARKS_TOPIC, AddBookmark, Bookmark, Bookmarks, BookmarksChanged
from tutorwamp.bookmarks.errors import TooMany
from tutorwamp.bookmarks.settings import BookmarksSettings
from tutorwamp.bookmarks.store import BookmarksStore

from tutorwamp.accounts.contracts import People
from tutorwamp.kernel.contracts import Caller, Clock, new_id
from tutorwamp.kernel.errors import Forbidden
from tutorwamp.kernel.events import Events
from tutorwamp.kernel.streams import Draft, key_for
from tutorwamp.lessons.contracts import LessonAccessChecker, OneLesson


class BookmarksService:
    """The bookmarks of all lessons."""

    def __init__(
        self,
        store: BookmarksStore,
        access: LessonAccessChecker,
        people: People,
        events: Events,
        *,
        settings: BookmarksSettings,
        clock: Clock,
    ) -> None:
        self._store = store
        self._access = access
        self._people = people
        self._events = events
        self._settings = settings
        self._clock = clock

    async def add_bookmark(self, caller: Caller, asked: AddBookmark) -> Bookmark:
        """Mark this moment. Raises NotFound, Forbidden or TooMany."""
        if not (await self._access.admit(caller, asked.lesson_id, fresh=True)).moderates:
            raise Forbidden("Only the lesson's tutor may do this.")
        if len(await self._store.of_lesson(asked.lesson_id)) >= self._settings.bookmarks_at_most:
            raise TooMany("This lesson has enough bookmarks.")
        bookmark = Bookmark(id=new_id(), lesson_id=asked.lesson_id, label=asked.label, made_at=self._clock())
        draft = Draft(
            stream=BOOKMARKS_TOPIC.of(asked.lesson_id),
            guard=None,
            type="bookmarks.added",
            at=bookmark.made_at,
            actor=(await self._people.person(caller.user_id)).plain(),
            key=key_for(None),
            digest="",
            subject=bookmark.id,
            data=lambda _: bookmark.plain(),
        )
        self._events.announce(BookmarksChanged(await self._store.add(bookmark, draft)))
        return bookmark

    async def list_bookmarks(self, caller: Caller, asked: OneLesson) -> Bookmarks:
        """What was marked. Raises NotFound."""
        await self._access.admit(caller, asked.lesson_id, fresh=True)
        return Bookmarks(items=await self._store.of_lesson(asked.lesson_id))
