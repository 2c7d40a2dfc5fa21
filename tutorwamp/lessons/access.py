"""Who is admitted to lessons, from a memory of them: the ports ``LessonAccessChecker`` and ``LessonDirectory``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set
from datetime import datetime

from tutorwamp.accounts.contracts import People
from tutorwamp.kernel.contracts import AuthRole, Caller
from tutorwamp.kernel.errors import NotFound
from tutorwamp.kernel.memo import Memo
from tutorwamp.lessons import rules
from tutorwamp.lessons.contracts import OPEN_STATES, Admission, Lesson
from tutorwamp.lessons.store import LessonsStore, Record


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

    async def admit_writer(self, caller: Caller, lesson_id: str) -> Admission:
        """See LessonAccessChecker."""
        admission = await self.admit(caller, lesson_id, fresh=False)
        if admission.lesson.state not in OPEN_STATES:
            # Memory may be old where another process has changed the lesson: refuse only what the database refuses.
            admission = await self.admit(caller, lesson_id, fresh=True)
            rules.require_open(admission.lesson)
        return admission

    async def lesson(self, lesson_id: str) -> Lesson:
        """See LessonDirectory."""
        return await self._read(lesson_id)

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
        record = await self._store.by_id(lesson_id)
        if record is None:
            raise NotFound("There is no such lesson.")
        return (await self._with_people([record]))[0]

    async def _with_people(self, records: Sequence[Record]) -> list[Lesson]:
        wanted = dict.fromkeys(person for record in records for person in (record.tutor_id, *record.student_ids))
        people = {person.id: person for person in await self._people.persons(list(wanted))}
        return [
            Lesson(
                id=record.id,
                title=record.title,
                subject=record.subject,
                state=record.state,
                tutor=people[record.tutor_id],
                students=[people[student_id] for student_id in record.student_ids],
                starts_at=record.starts_at,
                ends_at=record.ends_at,
                started_at=record.started_at,
                ended_at=record.ended_at,
                pen=list(record.pen),
                version=record.version,
                created_at=record.created_at,
            )
            for record in records
        ]
