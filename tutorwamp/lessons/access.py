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
from tutorwamp.lessons.contracts import Admission, Deed, KeptLesson, Lesson
from tutorwamp.lessons.errors import Muted, WrongState
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
        return Admission(
            lesson, rules.moderates(caller, lesson), rules.silence(caller, lesson), rules.shut_out(caller, lesson)
        )

    async def admit_writer(
        self, caller: Caller, lesson_id: str, *, to: Deed | None = None, repeating: bool = False
    ) -> Admission:
        """See LessonAccessChecker."""
        admission = await self.admit(caller, lesson_id, fresh=False)
        if _refusal(admission, to) is not None:
            # Memory may be old where another process has changed the lesson: refuse only what the database refuses.
            admission = await self.admit(caller, lesson_id, fresh=True)
            refusal = _refusal(admission, to)
            if refusal is not None:
                if not repeating:
                    raise refusal
                return replace(admission, closed=refusal)
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

    def forget_person(self, user_id: str) -> None:
        """Ask again how somebody is called in lessons; what is on its way may bring the old name."""
        self._lessons.forget_where(lambda lesson: user_id in {lesson.tutor.id, *(one.id for one in lesson.students)})

    async def _read(self, lesson_id: str) -> Lesson:
        kept = await self._store.by_id(lesson_id)
        if kept is None:
            raise NotFound("There is no such lesson.")
        return (await self._with_people([kept]))[0]

    async def _with_people(self, kept: Sequence[KeptLesson]) -> list[Lesson]:
        wanted = dict.fromkeys(person for one in kept for person in (one.tutor, *one.students))
        people = {person.id: person for person in await self._people.persons(list(wanted))}
        return [one.with_people(people) for one in kept]


def _refusal(admission: Admission, to: Deed | None) -> WrongState | Muted | None:
    try:
        rules.require_open(admission.lesson)
    except WrongState as closed:
        return closed
    return {None: None, "say": admission.muted, "draw": admission.shut_out}[to]
