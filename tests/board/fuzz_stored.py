"""What the database has of one board, looked at past the services."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import bindparam, func, select

from tests.board.fuzz_ledger import Plain, Told
from tests.board.fuzz_process import World
from tutorwamp.board.tables import answers, boards, elements
from tutorwamp.kernel.sql.streams import read_since, streams
from tutorwamp.lessons.tables import lessons

_PEN = select(lessons.c.pen).where(lessons.c.id == bindparam("lesson_id")).scalar_subquery()
_POSITION = select(streams.c.head, _PEN.label("pen")).where(streams.c.name == bindparam("stream"))


class Stored:
    """One board's rows."""

    def __init__(self, world: World, lesson_id: str, stream: str) -> None:
        self._world = world
        self._lesson_id = lesson_id
        self._stream = stream
        self._answers_before = self._count_answers()

    def position(self) -> tuple[int, list[str]]:
        """The stream's head, and who has the pen."""
        with self._world.reading() as connection:
            row = connection.execute(_POSITION, {"stream": self._stream, "lesson_id": self._lesson_id}).one()
        return row.head, json.loads(row.pen)

    def events(self) -> list[Plain]:
        """The whole stream, as it was published."""
        with self._world.reading() as connection:
            return [event.plain() for event in read_since(connection, self._stream, 0, 100_000)]

    def versions(self) -> dict[str, int]:
        """Of every element there ever was."""
        return {row.id: row.version for row in self._elements()}

    def check(self, told: Told, answered: int) -> None:
        """What is counted beside the elements fits them; ``answered``: how many submissions have an answer."""
        weights = {element["id"]: _weight(element) for element in told.elements}
        standing = {row.id: row.weight for row in self._elements() if row.weight or row.look}
        assert standing == weights, "an element is weighed wrong"
        with self._world.reading() as connection:
            board = connection.execute(select(boards).where(boards.c.lesson_id == self._lesson_id)).one()
        counted = [(page, sum(one["page"] == page for one in told.elements)) for page in told.pages]
        assert list(json.loads(board.pages).items()) == counted, "the elements of the pages are counted wrong"
        assert board.weight == sum(weights.values()), "the board is weighed wrong"
        assert self._count_answers() - self._answers_before == answered, "answers are not kept once each"

    def _elements(self) -> list[Any]:
        with self._world.reading() as connection:
            return list(connection.execute(select(elements).where(elements.c.lesson_id == self._lesson_id)))

    def _count_answers(self) -> int:
        with self._world.reading() as connection:
            return connection.execute(select(func.count()).select_from(answers)).scalar_one()


def _weight(element: Plain) -> int:
    """B12, with the author's name."""
    coordinates = sum(1 + 9 * len(point) for point in element.get("points", ()))
    return 400 + coordinates + len(element.get("text", "").encode()) + len(element["author"]["name"].encode())
