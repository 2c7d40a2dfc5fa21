"""What happens to polls: they are opened, answered, closed and shown."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from tutorwamp.accounts.contracts import People
from tutorwamp.kernel.contracts import Caller, Clock
from tutorwamp.kernel.errors import NotFound, Unavailable
from tutorwamp.kernel.events import Events
from tutorwamp.kernel.limits import CallLimits
from tutorwamp.kernel.log.calls import leave_unnamed
from tutorwamp.kernel.streams import StaleGuardError, UnknownStreamError, digest_of, key_for
from tutorwamp.lessons.contracts import Admission, LessonAccessChecker, OneLesson
from tutorwamp.polls import rules
from tutorwamp.polls.contracts import (
    Answered,
    AnswerPoll,
    Answers,
    ClosePoll,
    OnePoll,
    OpenPoll,
    Poll,
    Polls,
    PollsChanged,
)
from tutorwamp.polls.rules import KeptPoll, Telling
from tutorwamp.polls.store import KeptAnswer, PollsStore, Written

TRIES_AT_MOST: Final = 5
"""Of a write whose lesson changes at the same moment; each try has read the newest version."""


class PollsService:
    """The polls of all lessons."""

    def __init__(
        self,
        store: PollsStore,
        access: LessonAccessChecker,
        people: People,
        events: Events,
        limits: CallLimits,
        *,
        clock: Clock,
    ) -> None:
        self._store = store
        self._access = access
        self._people = people
        self._events = events
        self._limits = limits
        self._clock = clock

    async def open_poll(self, caller: Caller, asked: OpenPoll) -> Poll:
        """Ask everybody. Raises NotFound, Forbidden, WrongState, Conflict (client_id) or TooLarge."""
        poll = rules.new_poll(asked, self._clock())
        actor = (await self._people.person(caller.user_id)).plain()
        key, digest = key_for(asked.client_id), digest_of(asked.model_dump(mode="json", exclude={"client_id"}))

        async def add(admission: Admission) -> Written:
            rules.require_moderator(admission)
            telling = Telling("poll.opened", poll.created_at, actor, key, admission.guard, digest)
            return await self._store.add(poll, telling)

        size = len(asked.question.encode()) + sum(len(text.encode()) for text in asked.choices)
        written = await self._admitted(caller, poll.lesson_id, add, size, repeating=asked.client_id is not None)
        return rules.seen(written.poll, written.count, moderates=True)

    async def answer(self, caller: Caller, asked: AnswerPoll, *, lesson_id: str | None = None) -> Poll:
        """Answer, in place of what one has answered before; the poll as students see it.

        ``lesson_id``: where the caller takes the poll to be; in another lesson it is not found.
        Raises NotFound, Forbidden, Invalid, WrongState, or Conflict where the poll is closed.
        """
        poll, admission = await self._found(caller, asked.poll_id, lesson_id, fresh=False)
        if poll.anonymous:
            leave_unnamed()
        rules.require_student(caller, admission.lesson)
        ballot = rules.ballot(poll, asked)
        actor = None if poll.anonymous else (await self._people.person(caller.user_id)).plain()
        now, key = self._clock(), key_for(None)

        async def put_in(admission: Admission) -> Written:
            telling = Telling("poll.changed", now, actor, key, admission.guard)
            return await self._store.answer(poll, caller.user_id, ballot, telling)

        size = len((asked.text or "").encode())
        written = await self._admitted(caller, poll.lesson_id, put_in, size, repeating=True)
        self._limits.charge_written(caller.user_id, written.rewritten_bytes)
        return rules.seen(written.poll, written.count)

    async def close_poll(self, caller: Caller, asked: ClosePoll, *, lesson_id: str | None = None) -> Poll:
        """Take no more answers; ``lesson_id`` as above. Raises NotFound or Forbidden."""
        poll, admission = await self._moderated(caller, asked.poll_id, lesson_id)
        actor = (await self._people.person(caller.user_id)).plain()
        telling = Telling("poll.closed", self._clock(), actor, key_for(None))
        students = [student.id for student in admission.lesson.students]
        written = await self._store.close(poll.id, telling, students, show=asked.show)
        self._announce(written)
        self._limits.charge_written(caller.user_id, written.rewritten_bytes)
        return rules.seen(written.poll, written.count, moderates=True)

    async def list_polls(self, caller: Caller, asked: OneLesson) -> Polls:
        """What was asked, newest first. Raises NotFound."""
        admission = await self._access.admit(caller, asked.lesson_id, fresh=True)
        found = await self._store.of_lesson(asked.lesson_id)
        return Polls(items=[rules.seen(poll, count, moderates=admission.moderates) for poll, count in found])

    async def open_ones(self, admission: Admission) -> list[Poll]:
        """Those of a lesson that can be answered, newest first, for who joins."""
        found = await self._store.of_lesson(admission.lesson.id, only_open=True)
        return [rules.seen(poll, count, moderates=admission.moderates) for poll, count in found]

    async def answers(self, caller: Caller, asked: OnePoll, *, lesson_id: str | None = None) -> Answers:
        """What was answered; ``lesson_id`` as above. Raises NotFound or Forbidden."""
        poll, admission = await self._moderated(caller, asked.poll_id, lesson_id)
        students = admission.lesson.students
        found = await self._store.answers(poll, [student.id for student in students])
        ids = [one.user_id for one in found.items if one.user_id is not None]
        people = {person.id: person for person in await self._people.persons(ids)} if ids else {}

        def shown(one: KeptAnswer) -> Answered:
            return Answered(
                person=None if one.user_id is None else people[one.user_id],
                choice_ids=[poll.choices[place][0] for place in one.ballot.choices],
                text=one.ballot.text,
                at=one.at,
            )

        missing = found.missing if poll.anonymous else [one for one in students if one.id not in people]
        return Answers(items=[shown(one) for one in found.items], missing=missing)

    async def _found(
        self, caller: Caller, poll_id: str, lesson_id: str | None, *, fresh: bool
    ) -> tuple[KeptPoll, Admission]:
        """A poll of a lesson the caller belongs to. Raises NotFound, the same for all reasons."""
        poll = await self._store.by_id(poll_id)
        if poll is None or lesson_id not in (None, poll.lesson_id):
            raise NotFound("There is no such poll.")
        try:
            return poll, await self._access.admit(caller, poll.lesson_id, fresh=fresh)
        except NotFound:
            raise NotFound("There is no such poll.") from None

    async def _moderated(self, caller: Caller, poll_id: str, lesson_id: str | None) -> tuple[KeptPoll, Admission]:
        poll, admission = await self._found(caller, poll_id, lesson_id, fresh=True)
        rules.require_moderator(admission)
        return poll, admission

    async def _admitted(
        self,
        caller: Caller,
        lesson_id: str,
        write: Callable[[Admission], Awaitable[Written]],
        size: int,
        *,
        repeating: bool,
    ) -> Written:
        """P4: write in a lesson that is open, and was when it was written; announce it."""
        for tried in range(TRIES_AT_MOST):
            admission = await self._access.admit_writer(caller, lesson_id, repeating=repeating)
            if not tried:
                self._limits.write_in(lesson_id, size)
            try:
                written = await write(admission)
            except (StaleGuardError, UnknownStreamError):
                if admission.closed is not None:
                    raise admission.closed from None
                self._access.forget(lesson_id)
                continue
            self._announce(written)
            return written
        raise Unavailable("The lesson is being changed just now.")

    def _announce(self, written: Written) -> None:
        if written.event is not None:
            self._events.announce(PollsChanged(written.event))
