"""Lessons over REST: ``/api/lessons…``."""

from __future__ import annotations

from tutorwamp.accounts.contracts import Authenticator
from tutorwamp.kernel.contracts import Page
from tutorwamp.kernel.edges.resource import Answer, Request, route
from tutorwamp.lessons import contracts
from tutorwamp.lessons.contracts import (
    Attendance,
    CancelLesson,
    CreateLesson,
    Lesson,
    ListLessons,
    OneLesson,
    Replayed,
    ReplayLesson,
    UpdateLesson,
)
from tutorwamp.lessons.service import LessonsService


class LessonsResource:
    """The REST door of lessons. A lesson's ETag is its version, for ``If-None-Match`` and ``If-Match``."""

    def __init__(self, authenticator: Authenticator, lessons: LessonsService) -> None:
        self._authenticator = authenticator
        self._lessons = lessons

    @route("/api/lessons", "GET", serves=contracts.LIST)
    async def list(self, request: Request) -> Page[Lesson]:
        """The caller's lessons, newest start first."""
        caller = await request.caller(self._authenticator)
        return await self._lessons.list_lessons(caller, request.query(ListLessons))

    @route("/api/lessons", "POST", serves=contracts.CREATE, status=201)
    async def create(self, request: Request) -> Answer:
        """Plan a lesson: 201 and the lesson."""
        caller = await request.caller(self._authenticator)
        lesson = await self._lessons.create(caller, request.creation(CreateLesson))
        return _lesson(lesson, status=201, location=f"/api/lessons/{lesson.id}")

    @route("/api/lessons/<lesson_id>", "GET", serves=contracts.GET)
    async def get(self, request: Request, lesson_id: str) -> Answer:
        """One lesson."""
        caller = await request.caller(self._authenticator)
        asked = request.query(OneLesson, lesson_id=lesson_id)
        return _lesson(await self._lessons.get(caller, asked.lesson_id))

    @route("/api/lessons/<lesson_id>", "PATCH", serves=contracts.UPDATE)
    async def update(self, request: Request, lesson_id: str) -> Answer:
        """Change what is given. ``version`` or ``If-Match`` says what the caller has seen."""
        caller = await request.caller(self._authenticator)
        asked = request.change(UpdateLesson, lesson_id=lesson_id)
        return _lesson(await self._lessons.update(caller, asked))

    @route("/api/lessons/<lesson_id>/start", "POST", serves=contracts.START)
    async def start(self, request: Request, lesson_id: str) -> Answer:
        """Begin a lesson."""
        caller = await request.caller(self._authenticator)
        asked = request.body_if_any(OneLesson, lesson_id=lesson_id)
        return _lesson(await self._lessons.start(caller, asked.lesson_id))

    @route("/api/lessons/<lesson_id>/end", "POST", serves=contracts.END)
    async def end(self, request: Request, lesson_id: str) -> Answer:
        """End a lesson."""
        caller = await request.caller(self._authenticator)
        asked = request.body_if_any(OneLesson, lesson_id=lesson_id)
        return _lesson(await self._lessons.end(caller, asked.lesson_id))

    @route("/api/lessons/<lesson_id>/cancel", "POST", serves=contracts.CANCEL)
    async def cancel(self, request: Request, lesson_id: str) -> Answer:
        """Call a lesson off."""
        caller = await request.caller(self._authenticator)
        asked = request.body_if_any(CancelLesson, lesson_id=lesson_id)
        return _lesson(await self._lessons.cancel(caller, asked))

    @route("/api/lessons/<lesson_id>/replay", "GET", serves=contracts.REPLAY)
    async def replay(self, request: Request, lesson_id: str) -> Replayed:
        """What happened, in order."""
        caller = await request.caller(self._authenticator)
        return await self._lessons.replay(caller, request.query(ReplayLesson, lesson_id=lesson_id))

    @route("/api/lessons/<lesson_id>/attendance", "GET", serves=contracts.ATTENDANCE)
    async def attendance(self, request: Request, lesson_id: str) -> Attendance:
        """Who was there, and for how long."""
        caller = await request.caller(self._authenticator)
        asked = request.query(OneLesson, lesson_id=lesson_id)
        return await self._lessons.attendance(caller, asked.lesson_id)


def _lesson(lesson: Lesson, *, status: int = 200, **headers: str) -> Answer:
    return Answer(lesson, status=status, headers={"etag": f'"{lesson.version}"', **headers})
