"""Who is admitted to lessons, from a memory of them: the ports ``LessonAccessChecker`` and ``LessonDirectory``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import replace
from datetime import datetime

from tutorwamp.accounts.contracts import People
from tutorwamp.kernel.contracts import AuthRole, Caller
from tutorwamp.kernel.errors import NotFound
from tutorwamp.kernel.memo import Memo
from tutorwamp.lessons import rules
from tutorwamp.lessons.contracts import OPEN_STATES, Admission, KeptLesson, Lesson
from tutorwamp.lessons.errors import WrongState
from tutorwamp.lessons.store import LessonsStore


class LessonAccess:
    """Lessons as they were read last, and who may do what in them."""

    def __init__(self, store: LessonsStore, people: People, *, remembered: int) -> None:
        self._store = store
        self._people = people
        self._lessons: Memo[str, Lesson] = Memo(self._read, at_most=remembered)

    async def admit(self, caller: Caller, lesson_id: str, *, fresh: bool) -> Admission:
        """See LessonAccessChecker."""
        if fresh:
            self._lessons.forget(lesson_id)
        lesson = await self._lessons.get(lesson_id)
        if not rules.belongs(caller, lesson):
            if fresh:
                raise NotFound("There is no such lesson.")
            return await self.admit(caller, lesson_id, fresh=True)  # added by another process, perhaps
        return Admission(lesson, rules.moderates(caller, lesson))

    async def admit_writer(self, caller: Caller, lesson_id: str, *, repeating: bool = False) -> Admission:
        """See LessonAccessChecker."""
        admission = await self.admit(caller, lesson_id, fresh=False)
        if admission.lesson.state not in OPEN_STATES:
            # Memory may be old where another process has changed the lesson: refuse only what the database refuses.
            admission = await self.admit(caller, lesson_id, fresh=True)
            try:
                rules.require_open(admission.lesson)
            except WrongState as closed:
                if not repeating:
                    raise
                return replace(admission, closed=closed)
        return admission

    async def lessons(self, lesson_ids: Iterable[str], *, fresh: bool) -> Mapping[str, Lesson]:
        """See LessonDirectory."""
        wanted = set(lesson_ids)
        known = {} if fresh else self._lessons.known(wanted)
        unknown = sorted(wanted - known.keys())
        if not unknown:
            return known
        # Not remembered: one of them may have been changed, and forgotten, while they were read.
        return known | {one.id: one for one in await self._with_people(await self._store.by_ids(unknown))}

    async def starting(self, after: datetime, before: datetime) -> Sequence[Lesson]:
        """See LessonDirectory."""
        return await self._with_people(await self._store.starting(after, before))

    async def of_these(self, caller: Caller, lesson_ids: Iterable[str], *, fresh: bool) -> Set[str]:
        """See LessonAccessChecker."""
        wanted = set(lesson_ids)
        known = {} if fresh else self._lessons.known(wanted)
        mine = {lesson_id for lesson_id, lesson in known.items() if rules.belongs(caller, lesson)}
        return mine.union(await self._store.ids_of(caller, wanted - mine)) if wanted - mine else mine

    async def lesson_ids(self, caller: Caller) -> Sequence[str] | None:
        """See LessonAccessChecker."""
        return None if caller.role is AuthRole.ADMIN else await self._store.ids_of(caller)

    def forget(self, lesson_id: str) -> None:
        """See LessonAccessChecker."""
        self._lessons.forget(lesson_id)

    async def _read(self, lesson_id: str) -> Lesson:
        kept = await self._store.by_id(lesson_id)
        if kept is None:
            raise NotFound("There is no such lesson.")
        return (await self._with_people([kept]))[0]

    async def _with_people(self, kept: Sequence[KeptLesson]) -> list[Lesson]:
        wanted = dict.fromkeys(person for one in kept for person in (one.tutor, *one.students))
        people = {person.id: person for person in await self._people.persons(list(wanted))}
        return [one.with_people(people) for one in kept]
