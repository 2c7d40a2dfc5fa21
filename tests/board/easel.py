"""One lesson to draw in, with short words for what people do there."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

from tests.support.machine import Stage
from tutorwamp.app.assembly import Machine
from tutorwamp.board.contracts import (
    BOARD_TOPIC,
    AddPage,
    BoardAt,
    BoardChanged,
    BoardState,
    ClearBoard,
    PageChanged,
    RemovePage,
    SubmitChanges,
    Submitted,
)
from tutorwamp.kernel.contracts import Caller, StreamEvent, new_id
from tutorwamp.kernel.sql.streams import read_since
from tutorwamp.lessons.contracts import Lesson, SetPen


class Easel:
    """A tutor, Anna (with the pen) and Ben (without) in a lesson; ``on`` another machine they meet there, too."""

    def __init__(
        self, stage: Stage, machine: Machine, lesson: Lesson, tutor: Caller, anna: Caller, ben: Caller
    ) -> None:
        self.stage, self.machine, self.lesson = stage, machine, lesson
        self.tutor, self.anna, self.ben = tutor, anna, ben
        self.page = lesson.id
        self.stream = BOARD_TOPIC.of(lesson.id)
        self.heard: list[BoardChanged] = []
        machine.events.listen(BoardChanged, self.heard.append)

    @classmethod
    async def set_up(cls, stage: Stage) -> Easel:
        given = stage.given
        tutor, anna, ben = [await given.caller(role) for role in ("tutor", "student", "student")]
        easel = cls(stage, stage.machine, await given.lesson(tutor, anna, ben), tutor, anna, ben)
        await easel.give_pen(anna)
        return easel

    def on(self, machine: Machine) -> Easel:
        """The same easel in another process."""
        return Easel(self.stage, machine, self.lesson, self.tutor, self.anna, self.ben)

    async def give_pen(self, *students: Caller) -> Lesson:
        """Only these students draw from now on."""
        asked = SetPen(lesson_id=self.lesson.id, student_ids=[student.user_id for student in students])
        return await self.machine.lessons.set_pen(self.tutor, asked)

    async def submit(self, caller: Caller, *changes: dict[str, Any], client_id: str | None = None) -> Submitted:
        asked = SubmitChanges(lesson_id=self.lesson.id, changes=list(changes), client_id=client_id)
        return await self.machine.board.submit(caller, asked)

    async def add_page(self, caller: Caller, page: str | None = None, client_id: str | None = None) -> PageChanged:
        return await self.machine.board.add_page(
            caller, AddPage(lesson_id=self.lesson.id, page=page, client_id=client_id)
        )

    async def remove_page(self, caller: Caller, page: str, client_id: str | None = None) -> PageChanged:
        asked = RemovePage(lesson_id=self.lesson.id, page=page, client_id=client_id)
        return await self.machine.board.remove_page(caller, asked)

    async def clear(self, caller: Caller, page: str | None = None, client_id: str | None = None) -> PageChanged:
        asked = ClearBoard(lesson_id=self.lesson.id, page=page, client_id=client_id)
        return await self.machine.board.clear(caller, asked)

    async def open(self, caller: Caller | None = None) -> BoardState:
        return await self.machine.board.open(caller or self.tutor, self.lesson.id)

    async def at(self, seq: int, caller: Caller | None = None) -> BoardState:
        return await self.machine.board.at(caller or self.tutor, BoardAt(lesson_id=self.lesson.id, seq=seq))

    def stroke(self, *points: list[float], **more: Any) -> dict[str, Any]:
        """A stroke as for a put, with an id of its own."""
        return self.element("stroke", points=[*points] or [[0.0, 0.0], [1.0, 1.5]], width=2.0, **more)

    def rect(self, **more: Any) -> dict[str, Any]:
        return self.element("rect", **{"x": 1.0, "y": 2.0, "width": 30.0, "height": 40.0, **more})

    def element(self, kind: str, **more: Any) -> dict[str, Any]:
        return {"id": new_id(), "page": self.page, "kind": kind, "color": "#1a2b3c", **more}

    async def stored(self) -> list[StreamEvent]:
        """The stream as it is kept."""

        def thd(connection: Connection) -> list[StreamEvent]:
            return read_since(connection, self.stream, 0, 100_000)

        return await self.machine.database.read("test.stored", thd)


def put(element: dict[str, Any], version: int | None = None) -> dict[str, Any]:
    """Create, or with a version replace."""
    return {"op": "put", "element": element if version is None else {**element, "version": version}}


def append(element: dict[str, Any], version: int, *points: list[float], **more: Any) -> dict[str, Any]:
    return {"op": "append", "id": element["id"], "version": version, "points": list(points), **more}


def delete(element: dict[str, Any], version: int) -> dict[str, Any]:
    return {"op": "delete", "id": element["id"], "version": version}
