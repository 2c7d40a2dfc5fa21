"""Ask, and see what was asked."""

from __future__ import annotations

from tutorwamp.polls.contracts import POLLS_TOPIC, OpenPoll, Poll, Polls, PollsChanged
from tutorwamp.polls.errors import TooMany
from tutorwamp.polls.settings import PollsSettings
from tutorwamp.polls.store import PollsStore

from tutorwamp.accounts.contracts import People
from tutorwamp.kernel.contracts import Caller, Clock, new_id
from tutorwamp.kernel.errors import Forbidden
from tutorwamp.kernel.events import Events
from tutorwamp.kernel.streams import Draft, key_for
from tutorwamp.lessons.contracts import LessonAccessChecker, OneLesson


class PollsService:
    """The polls of all lessons."""

    def __init__(
        self,
        store: PollsStore,
        access: LessonAccessChecker,
        people: People,
        events: Events,
        *,
        settings: PollsSettings,
        clock: Clock,
    ) -> None:
        self._store = store
        self._access = access
        self._people = people
        self._events = events
        self._settings = settings
        self._clock = clock

    async def open_poll(self, caller: Caller, asked: OpenPoll) -> Poll:
        """Ask everybody. Raises NotFound, Forbidden or TooMany."""
        if not (await self._access.admit(caller, asked.lesson_id, fresh=True)).moderates:
            raise Forbidden("Only the lesson's tutor may do this.")
        if len(await self._store.of_lesson(asked.lesson_id)) >= self._settings.polls_at_most:
            raise TooMany("This lesson has enough polls.")
        poll = Poll(id=new_id(), lesson_id=asked.lesson_id, question=asked.question, opened_at=self._clock())
        draft = Draft(
            stream=POLLS_TOPIC.of(asked.lesson_id),
            guard=None,
            type="polls.opened",
            at=poll.opened_at,
            actor=(await self._people.person(caller.user_id)).plain(),
            key=key_for(None),
            digest="",
            subject=poll.id,
            data=lambda _: poll.plain(),
        )
        self._events.announce(PollsChanged(await self._store.add(poll, draft)))
        return poll

    async def list_polls(self, caller: Caller, asked: OneLesson) -> Polls:
        """What was asked. Raises NotFound."""
        await self._access.admit(caller, asked.lesson_id, fresh=True)
        return Polls(items=await self._store.of_lesson(asked.lesson_id))
