"""The cast draws."""

from __future__ import annotations

from typing import Any, Self

from tests.support.cast import Cast
from tests.support.machine import Stage
from tutorwamp.board.contracts import (
    BOARD_TOPIC,
    AddPage,
    BoardAt,
    BoardChanged,
    BoardState,
    ClearBoard,
    OpenBoard,
    PageChanged,
    RemovePage,
    SubmitChanges,
    Submitted,
)
from tutorwamp.kernel.contracts import Caller, new_id
from tutorwamp.lessons.contracts import Lesson, SetPen


class Easel(Cast):
    """What people do on their lesson's board; Anna has the pen, and Ben has not."""

    TOPIC, CHANGED = BOARD_TOPIC, BoardChanged

    @property
    def page(self) -> str:
        """The board's first."""
        return self.lesson.id

    @classmethod
    async def meets(cls, stage: Stage) -> Self:
        easel = await super().meets(stage)
        await easel.give_pen(easel.anna)
        return easel

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

    async def open(self, caller: Caller | None = None, *, pages: list[str] | None = None) -> BoardState:
        return await self.machine.board.open(caller or self.tutor, OpenBoard(lesson_id=self.lesson.id, pages=pages))

    async def at(self, seq: int, caller: Caller | None = None) -> BoardState:
        return await self.machine.board.at(caller or self.tutor, BoardAt(lesson_id=self.lesson.id, seq=seq))

    def stroke(self, *points: list[float], **more: Any) -> dict[str, Any]:
        """A stroke as for a put, with an id of its own."""
        return self.element("stroke", points=[*points] or [[0.0, 0.0], [1.0, 1.5]], width=2.0, **more)

    def rect(self, **more: Any) -> dict[str, Any]:
        return self.element("rect", **{"x": 1.0, "y": 2.0, "width": 30.0, "height": 40.0, **more})

    def element(self, kind: str, **more: Any) -> dict[str, Any]:
        return {"id": new_id(), "page": self.page, "kind": kind, "color": "#1a2b3c", **more}


def put(element: dict[str, Any], version: int | None = None) -> dict[str, Any]:
    """Create, or with a version replace."""
    return {"op": "put", "element": element if version is None else {**element, "version": version}}


def append(element: dict[str, Any], version: int, *points: list[float], **more: Any) -> dict[str, Any]:
    return {"op": "append", "id": element["id"], "version": version, "points": list(points), **more}


def delete(element: dict[str, Any], version: int) -> dict[str, Any]:
    return {"op": "delete", "id": element["id"], "version": version}
