"""``tutorwamp bench board-lesson``: all that a lesson of two hours draws, as fast as it goes.

Everybody's session hears the board; a few pens draw at once, each change after the answer to the one before. The node's
tick is set to nothing: in two hours the changes come at 30 a second, hardly ever two in one tick, and the history must
become as long as it would then. At the start and after each tenth everybody pauses and the board is measured.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import cbor2
from twisted.internet import task
from twisted.internet.defer import Deferred, gatherResults

from tutorwamp.app.settings import Settings
from tutorwamp.bench.board import Room, prepare
from tutorwamp.bench.drawing import Drawn, Turned, lesson, submissions_of
from tutorwamp.bench.members import Member, arrive, decoded
from tutorwamp.bench.node import on_node, processes
from tutorwamp.board.contracts import AT, OPEN, SUBMIT
from tutorwamp.client.replica import Replica
from tutorwamp.kernel.contracts import new_id
from tutorwamp.kernel.reactor import running_reactor

PENS: Final = 4
"""Drawing at once: one is the tutor's, who draws a quarter of all; the students share the others."""
PARTS: Final = 10
ASKED: Final = 5
"""Times each reading is made; medians are told."""
NEVER: Final = "86400"
"""Seconds."""
QUIET_S: Final = 1.0
"""Before a measurement: snapshots and events under way come to their end."""


@dataclass(frozen=True)
class Measured:
    """The node at one moment of the lesson, nobody drawing."""

    submissions: int
    """So far, all acknowledged."""
    submits_per_s: float
    """Since the moment before."""
    head: int
    elements: int
    router_mib: float
    container_mib: float
    page_ms: float
    """``board.open`` of the page with the most elements: what somebody who comes in waits for."""
    open_ms: float
    open_bytes: int
    """Of the answer, as CBOR."""
    at_middle_ms: float
    """``board.at`` of half the head."""
    database_mib: float
    """With what waits in the write-ahead log."""


@dataclass(frozen=True)
class Result:
    """The moments in their order, the first before anybody has drawn."""

    people: int
    lesson_s: float
    submissions: int
    moments: list[Measured]
    boards_equal: bool
    """One member's replayed board, ``board.open`` and ``board.at`` of the head."""


def run(people: int, seconds: float) -> Result:
    """Run the benchmark; progress goes to standard error. Takes the process's only reactor."""
    os.environ["TUTORWAMP_BOARD_TICK"] = "0"
    os.environ["TUTORWAMP_REALTIME_PING_TIMEOUT"] = NEVER  # our members have no hearts

    async def measure(settings: Settings, room: Room) -> Result:
        members = [await arrive(settings.node.port, token) for token in room.tokens]
        return await _Lesson(settings, room.lesson_id, members).take_place(seconds)

    return on_node(lambda machine: prepare(machine, people), measure)


class _Lesson:
    def __init__(self, settings: Settings, lesson_id: str, members: Sequence[Member]) -> None:
        self._settings = settings
        self._id = lesson_id
        self._members = members
        self._replica = Replica()
        self._submitted = 0
        self._moments: list[Measured] = []
        self._since = (0, time.monotonic())

    async def take_place(self, seconds: float) -> Result:
        """Draw everything, measuring now and then."""
        self._members[0].hear_bytes = lambda payload: self._replica.apply(decoded(payload)) and None
        states = [await one.enter(self._id) for one in self._members]
        self._replica.open(states[0])
        steps = list(lesson(self._id, len(self._members), seconds))
        total = submissions_of(steps)
        print(f"{total} submissions of {len(self._members)} people", file=sys.stderr)  # noqa: T201  # progress
        await self._measure()
        portion: list[Drawn] = []
        done = 0
        for step in steps:
            if isinstance(step, Turned):
                await self._draw(portion)
                await self._turn(step)
            else:
                portion.append(step)
            done += submissions_of([step])
            if done >= total * len(self._moments) / PARTS:
                await self._draw(portion)
                await self._measure()
        opened = await self._call(OPEN.uri)
        was = await self._call(AT.uri, seq=opened["head"])
        equal = self._replica.state() == opened == was
        return Result(len(self._members), seconds, self._submitted, self._moments, equal)

    async def _draw(self, steps: list[Drawn]) -> None:
        """All of these, and none are left. A person's are done one after another."""
        pens = [[step for step in steps if _pen_of(step.who) == pen] for pen in range(PENS)]
        steps.clear()
        await gatherResults([Deferred.fromCoroutine(self._draw_with(pen)) for pen in pens], consumeErrors=True)

    async def _draw_with(self, steps: Sequence[Drawn]) -> None:
        for step in steps:
            for change in step.changes:
                answer = await self._members[step.who].call(
                    SUBMIT.uri, lesson_id=self._id, changes=[change], client_id=new_id()
                )
                if answer["rejected"]:
                    raise RuntimeError(str(answer["rejected"]))
                self._submitted += 1

    async def _turn(self, step: Turned) -> None:
        await self._call(step.procedure, page=step.page, client_id=new_id())
        self._submitted += 1

    async def _call(self, procedure: str, **arguments: Any) -> Any:
        return await self._members[0].call(procedure, lesson_id=self._id, **arguments)

    async def _measure(self) -> None:
        before, began_at = self._since
        rate = (self._submitted - before) / (time.monotonic() - began_at)
        await task.deferLater(running_reactor(), QUIET_S)
        memory = {process.kind: process.rss_mib for process in processes()}
        open_s, opened = await self._timed(OPEN.uri)
        fullest = Counter(element["page"] for element in opened["elements"]).most_common(1)
        page_s, _ = await self._timed(OPEN.uri, pages=[page for page, _ in fullest])
        at_s, _ = await self._timed(AT.uri, seq=opened["head"] // 2)
        self._moments.append(
            Measured(
                submissions=self._submitted,
                submits_per_s=rate,
                head=opened["head"],
                elements=len(opened["elements"]),
                router_mib=memory["router"],
                container_mib=memory["container"],
                page_ms=page_s * 1000,
                open_ms=open_s * 1000,
                open_bytes=len(cbor2.dumps(opened)),
                at_middle_ms=at_s * 1000,
                database_mib=_size_mib(self._settings.node.data_dir),
            )
        )
        print(_line(self._moments[-1]), file=sys.stderr)  # noqa: T201  # progress
        self._since = (self._submitted, time.monotonic())

    async def _timed(self, procedure: str, **arguments: Any) -> tuple[float, Any]:
        """Seconds from asking to the decoded answer, and the answer."""
        times = []
        for _ in range(ASKED):
            began_at = time.monotonic()
            answer = await self._call(procedure, **arguments)
            times.append(time.monotonic() - began_at)
        return statistics.median(times), answer


def _pen_of(who: int) -> int:
    return 0 if who == 0 else 1 + who % (PENS - 1)


def _size_mib(folder: Path) -> float:
    """Of the SQLite files; 0 for a database elsewhere."""
    return sum(file.stat().st_size for file in folder.glob("tutorwamp.sqlite3*")) / 2**20


HEAD: Final = "  submits    /s    head elements   router container  page ms  open ms  open MB  at 1/2 ms   db MiB"


def _line(one: Measured) -> str:
    return (
        f"{one.submissions:>9} {one.submits_per_s:>5.0f} {one.head:>7} {one.elements:>8} {one.router_mib:>8.0f} "
        f"{one.container_mib:>9.0f} {one.page_ms:>8.1f} {one.open_ms:>8.1f} {one.open_bytes / 1e6:>8.2f} "
        f"{one.at_middle_ms:>10.1f} {one.database_mib:>8.1f}"
    )


def lines(result: Result) -> Iterator[str]:
    """The result for a person; memory in MiB."""
    yield f"{result.submissions} submissions of {result.people} people in a lesson of {result.lesson_s:g} s"
    yield HEAD
    yield from map(_line, result.moments)
    yield f"all boards equal: {'yes' if result.boards_equal else 'NO'}"
