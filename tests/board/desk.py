"""Ticks written straight into the database, without a service that gathers them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any, cast
from uuid import UUID

from sqlalchemy import Connection, event, func, select
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.threads import blockingCallFromThread

from tests.board.easel import Easel
from tutorwamp.app.assembly import Machine
from tutorwamp.board import rules
from tutorwamp.board.tables import boards, elements
from tutorwamp.board.writing import Accepted, Submission, Tick, Ticked, commit
from tutorwamp.kernel.contracts import Caller, new_id
from tutorwamp.kernel.errors import Unavailable

GUARD = 2
"""Of an easel's lesson: the pen has been given once."""


class Desk:
    """Writes ticks straight into the database of an easel's machine."""

    def __init__(self, easel: Easel) -> None:
        self.easel = easel
        self.database = easel.machine.database

    def asked(self, caller: Caller, *changes: dict[str, Any], **more: Any) -> Submission:
        return self.wished(caller, [rules.read_change(change) for change in changes], **more)

    def wished(self, caller: Caller, wish: Any, *, key: str = "", digest: str = "", **more: Any) -> Submission:
        person = {"id": caller.user_id, "name": "Ünsal", "role": str(caller.role)}
        given = {"may_draw": caller is not self.easel.ben, "guard": GUARD, **more}
        return Submission(person, key=key.encode() or UUID(new_id()).bytes, digest=digest.encode(), wish=wish, **given)

    def tick(self, *submissions: Submission, **more: Any) -> Tick:
        made = Tick(self.easel.lesson.id, self.easel.stream, self.easel.stage.clock(), new_id(), submissions)
        return replace(made, **more)

    async def commit(self, *ticks: Tick) -> list[Ticked]:
        return await self.database.write("test.commit", commit, ticks)

    async def outcomes(self, *submissions: Submission) -> Sequence[Accepted | Exception]:
        (ticked,) = await self.commit(self.tick(*submissions))
        return ticked.outcomes

    async def sums(self) -> None:
        """What the board's row says is what its elements are."""

        def thd(connection: Connection) -> tuple[Any, Any]:
            of_board = elements.c.lesson_id == self.easel.lesson.id
            weights = select(func.count(elements.c.look), func.sum(elements.c.weight)).where(of_board)
            counted = connection.execute(weights).one()
            row = connection.execute(select(boards).where(boards.c.lesson_id == self.easel.lesson.id)).one()
            return counted, row

        (count, weight), row = await self.database.read("test.sums", thd)
        state = await self.easel.open()
        assert json.loads(row.pages) == {
            page.id: len(rules.elements_of(state.elements, page.id)) for page in state.pages
        }
        assert (count, weight) == (len(state.elements), row.weight)


@contextmanager
def meanwhile(
    machine: Machine, statement: str, other: Machine, deed: Callable[[], Deferred[Any]]
) -> Iterator[list[Any]]:
    """When ``machine`` is about to run the statement, another one tries the deed; it does not wait long for a lock.

    Gives a list to which goes the deed's result, or null where it would have had to wait.
    """
    tried: list[Any] = []

    def be_impatient(connection: Any, _record: Any) -> None:
        connection.execute("SET lock_timeout = '100ms'")
        connection.commit()

    def interfere(_connection: Any, _cursor: Any, about_to_run: str, *_: Any) -> None:
        if about_to_run.startswith(statement):
            tried.append(None)
            with suppress(Unavailable):
                tried[-1] = blockingCallFromThread(cast("Any", reactor), deed)

    event.listen(other.database.engine, "connect", be_impatient)
    other.database.engine.dispose()
    event.listen(machine.database.engine, "before_cursor_execute", interfere)
    try:
        yield tried
    finally:
        event.remove(machine.database.engine, "before_cursor_execute", interfere)
