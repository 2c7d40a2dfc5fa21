"""The tutor leads: told at once to everybody who is there, and kept for who joins."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final, Protocol

from tutorwamp.kernel.contracts import NOTHING, Caller, Clock, Nothing
from tutorwamp.kernel.errors import TutorwampError
from tutorwamp.kernel.events import Events
from tutorwamp.kernel.log.lines import get_logger
from tutorwamp.lessons.contracts import OPEN_STATES, Admission, LessonChanged
from tutorwamp.lessons.lead.contracts import LeadLesson, ViewChanged
from tutorwamp.lessons.lead.store import ViewsStore
from tutorwamp.lessons.rules import require_moderator
from tutorwamp.lessons.values import View

log = get_logger(__name__)

WRITTEN_EVERY_S: Final = 1.0
"""Of one lesson's view: a view comes as often as a pointer moves, and only the last is asked for."""


class Lessons(Protocol):
    """What is needed of the lessons themselves."""

    async def admit_writer(self, caller: Caller, lesson_id: str) -> Admission:
        """Raise NotFound unless the caller belongs to the lesson, or WrongState unless it is open."""
        ...


class LeadService:
    """Where everybody is led to."""

    def __init__(
        self, store: ViewsStore, lessons: Lessons, events: Events, *, clock: Clock, now_s: Callable[[], float]
    ) -> None:
        self._store = store
        self._lessons = lessons
        self._events = events
        self._clock = clock
        self._now_s = now_s
        self._unwritten: dict[str, tuple[datetime, View | None]] = {}
        """By lesson; what is here is newer than what is kept."""
        self._written_s: dict[str, float] = {}
        """When a lesson's view was written, within the last second."""
        events.listen(LessonChanged, self._lesson_changed)

    async def lead(self, caller: Caller, asked: LeadLesson) -> Nothing:
        """L33: lead everybody to a part of the board. Raises NotFound, Forbidden or WrongState."""
        require_moderator(caller, (await self._lessons.admit_writer(caller, asked.lesson_id)).lesson)
        lesson_id, now = asked.lesson_id, self._clock()
        self._events.announce(ViewChanged(lesson_id, now, asked.view))
        self._unwritten[lesson_id] = (now, asked.view)
        if self._now_s() - self._written_s.get(lesson_id, float("-inf")) >= WRITTEN_EVERY_S:
            await self._write(lesson_id)
        return NOTHING

    async def last(self, lesson_id: str) -> View | None:
        """L33: what everybody is led to, for who joins; null where nobody leads."""
        if lesson_id in self._unwritten:
            return self._unwritten[lesson_id][1]
        return await self._store.last(lesson_id)

    async def write(self) -> None:
        """Write what was not written yet. To be called every second."""
        before_s = self._now_s() - WRITTEN_EVERY_S
        self._written_s = {one: at_s for one, at_s in self._written_s.items() if at_s > before_s}
        for lesson_id in [one for one in self._unwritten if one not in self._written_s]:
            try:
                await self._write(lesson_id)
            except TutorwampError as error:  # the next look tries again
                log.warning("where everybody is led to is kept later", lesson=lesson_id, error=str(error))

    async def _write(self, lesson_id: str) -> None:
        told = self._unwritten.get(lesson_id)
        if told is None:
            return  # over, or written by another call, while other lessons' views were
        self._written_s[lesson_id] = self._now_s()
        await self._store.save(lesson_id, told[1], told[0])
        if self._unwritten.get(lesson_id) is told:
            del self._unwritten[lesson_id]

    def _lesson_changed(self, changed: LessonChanged) -> None:
        if changed.after.state not in OPEN_STATES:
            self._unwritten.pop(changed.after.id, None)
