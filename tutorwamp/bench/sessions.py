"""``tutorwamp bench sessions``: many people in lessons who say nothing, and a thousand who come back at once.

A node of its own and light clients (``bench_crowd.py``) in this process, each from an address of its own, as a proxy
would say. First the memory and processor time a person costs who is only there; then the sockets of some are cut while
the node runs, a message is sent in each of their lessons, and the time is taken until each has joined and resumed.
"""

from __future__ import annotations

import os
import resource
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from twisted.internet import task
from twisted.internet.defer import Deferred, gatherResults

from tutorwamp.app.assembly import Machine
from tutorwamp.app.settings import Settings
from tutorwamp.bench.crowd import Visitor
from tutorwamp.bench.node import Process, on_node, processes
from tutorwamp.bench.people import add_people, live_lesson
from tutorwamp.chat.contracts import CHAT_TOPIC, SEND
from tutorwamp.kernel.contracts import AuthRole
from tutorwamp.kernel.reactor import running_reactor

AIM_KIB: Final = 22.0
"""Of memory for a person who is there, in all the node's processes together."""
AIM_BACK_S: Final = 30.0
"""For the last of those who were cut; the grace time."""
IN_A_LESSON: Final = 10
ENTERING: Final = 40
"""At once."""
SPARE_FILES: Final = 512
"""Descriptors a process needs besides its people's sockets."""
QUIET_S: Final = 5.0
"""Before memory is read."""
PATIENCE_S: Final = 120.0
"""For those who come back."""


@dataclass(frozen=True)
class Guest:
    """Who comes, and where to."""

    user_id: str
    ticket: str
    lesson_id: str
    address: str


@dataclass(frozen=True)
class Load:
    """What one process takes."""

    kind: str
    kib_a_person: float
    entering_cpu_ms: float
    """Processor time for each person's coming: socket, session, lesson, subscriptions, resume, heartbeat."""
    cpu: float
    """Seconds of processor time for each second, everybody only there."""
    back_cpu_s: float
    """Processor time while those who were cut came back."""
    rss_mib: float


@dataclass(frozen=True)
class Result:
    """Times are seconds."""

    people: int
    lessons: int
    entered_in_s: float
    heartbeats_per_s: float
    kib_a_person: float
    loads: list[Load]
    cut: int
    back_p50_s: float
    back_p99_s: float
    back_last_s: float
    refusals: int
    """Attempts to come back that failed, of all together."""
    others_disturbed: int
    """Of those who were not cut: sessions that ended meanwhile."""
    missed: int
    """People who came back and do not know of the message, or could not resume."""


def run(people: int, cut: int, seconds: float) -> Result:
    """Run the benchmark; progress goes to standard error. Takes the process's only reactor."""
    allow_files(people + SPARE_FILES)
    os.environ.setdefault("TUTORWAMP_SESSIONS_AT_MOST", str(people + SPARE_FILES))

    async def measure(settings: Settings, guests: list[Guest]) -> Result:
        return await _Crowd(settings, guests).measured(cut, seconds)

    return on_node(lambda machine: prepare(machine, people // IN_A_LESSON), measure)


def allow_files(wanted: int) -> None:
    """So many descriptors for this process and those it starts. Raises OSError where the machine does not let us."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = hard if hard == resource.RLIM_INFINITY else max(hard, wanted)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), most))  # root may have more than it was given
    except (ValueError, OSError) as error:
        raise OSError(f"{wanted} open files are needed and {hard} are allowed (ulimit -Hn)") from error


async def prepare(machine: Machine, lessons: int) -> list[Guest]:
    """Make live lessons and their people, each at an address of their own."""
    roles = [AuthRole.TUTOR, *[AuthRole.STUDENT] * (IN_A_LESSON - 1)] * lessons
    people = await add_people(machine, roles)
    guests: list[Guest] = []
    for first in range(0, len(people), IN_A_LESSON):
        tutor, *students = people[first : first + IN_A_LESSON]
        lesson = await live_lesson(machine, tutor, students)
        for number, one in enumerate([tutor, *students], first):
            address = f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"
            guests.append(Guest(one.caller.user_id, one.token, lesson.id, address))
    return guests


class _Crowd:
    def __init__(self, settings: Settings, guests: Sequence[Guest]) -> None:
        self._visitors = [
            Visitor(settings.node.port, one.user_id, one.ticket, one.lesson_id, address=one.address) for one in guests
        ]

    async def measured(self, cut: int, seconds: float) -> Result:
        """Everybody comes, is there, and some are cut."""
        first, others = self._visitors[:IN_A_LESSON], self._visitors[IN_A_LESSON:]
        await self._enter(first)  # what a process makes with its first lesson is not the people's
        await task.deferLater(running_reactor(), QUIET_S)
        before = {one.pid: one for one in processes()}
        began_at = time.monotonic()
        await self._enter(others)
        entered_in_s = time.monotonic() - began_at
        await task.deferLater(running_reactor(), QUIET_S)
        there = {one.pid: one for one in processes()}
        beats = sum(one.beats for one in self._visitors)
        await task.deferLater(running_reactor(), seconds)
        after = {one.pid: one for one in processes()}
        beats = sum(one.beats for one in self._visitors) - beats
        back = await self._cut(self._visitors[:: len(self._visitors) // cut][:cut])
        moments = [before, there, after, {one.pid: one for one in processes()}]
        loads = [_load([moment[pid] for moment in moments], len(others), seconds) for pid in before]
        for visitor in self._visitors:
            visitor.stop()
        return Result(
            people=len(self._visitors),
            lessons=len(self._visitors) // IN_A_LESSON,
            entered_in_s=entered_in_s,
            heartbeats_per_s=beats / seconds,
            kib_a_person=sum(load.kib_a_person for load in loads),
            loads=loads,
            **back,
        )

    async def _enter(self, visitors: Sequence[Visitor]) -> None:
        def entering() -> Iterator[Deferred[float]]:
            for number, visitor in enumerate(visitors, 1):
                arrival = visitor.arrival()
                Deferred.fromCoroutine(visitor.live())
                yield arrival
                if number % 500 == 0:
                    print(f"{number} have entered", file=sys.stderr)  # noqa: T201  # progress

        work, cooperator = entering(), task.Cooperator()
        await gatherResults([cooperator.coiterate(work) for _ in range(ENTERING)], consumeErrors=True)

    async def _cut(self, visitors: Sequence[Visitor]) -> dict[str, Any]:
        cut = set(visitors)
        staying = [one for one in self._visitors if one not in cut]
        for visitor in self._visitors:
            visitor.refused.clear()
        arrivals = [one.arrival() for one in visitors]
        cut_at = time.monotonic()
        for visitor in visitors:
            visitor.cut()
        speakers = {one.lesson_id: one for one in staying}
        for speaker in speakers.values():
            await speaker.call(SEND.uri, lesson_id=speaker.lesson_id, body="Who is back?")
        waiting = gatherResults(arrivals, consumeErrors=True).addTimeout(PATIENCE_S, running_reactor())
        times = sorted(arrived_at - cut_at for arrived_at in await waiting)
        print(f"the last of {len(times)} is back after {times[-1]:.1f} s", file=sys.stderr)  # noqa: T201  # progress
        # The last messages may be on their way to those who are back already.
        await task.deferLater(running_reactor(), QUIET_S)
        return {
            "cut": len(times),
            "back_p50_s": statistics.median(times),
            "back_p99_s": times[round(len(times) * 0.99) - 1],
            "back_last_s": times[-1],
            "refusals": sum(len(one.refused) - 1 for one in visitors),
            "others_disturbed": sum(len(one.refused) for one in staying),
            "missed": sum(
                one.incomplete > 0 or one.positions[CHAT_TOPIC.of(one.lesson_id)] != (one.lesson_id in speakers)
                for one in visitors
            ),
        }


def _load(moments: Sequence[Process], people: int, seconds: float) -> Load:
    before, there, after, back = moments
    return Load(
        kind=before.kind,
        kib_a_person=(there.rss_mib - before.rss_mib) * 1024 / people,
        entering_cpu_ms=(there.cpu_s - before.cpu_s) * 1000 / people,
        cpu=(after.cpu_s - there.cpu_s) / seconds,
        back_cpu_s=back.cpu_s - after.cpu_s,
        rss_mib=there.rss_mib,
    )


def lines(result: Result) -> Iterator[str]:
    """The result for a person."""
    yield f"{result.people} people in {result.lessons} lessons, in after {result.entered_in_s:.0f} s"
    yield f"{'':<12} {'KiB a person':>12} {'entering ms':>12} {'cpu':>6} {'back s':>7} {'RSS MiB':>8}"
    for load in result.loads:
        yield (
            f"{load.kind:<12} {load.kib_a_person:>12.1f} {load.entering_cpu_ms:>12.1f} {load.cpu:>6.2f} "
            f"{load.back_cpu_s:>7.1f} {load.rss_mib:>8.0f}"
        )
    aim = "within" if result.kib_a_person <= AIM_KIB else "above"
    yield f"{'all':<12} {result.kib_a_person:>12.1f}  {aim} the aim of {AIM_KIB:g}"
    yield f"{result.heartbeats_per_s:.0f} heartbeats a second"
    yield (
        f"{result.cut} cut at once: back, joined and resumed after {result.back_p50_s:.1f} s (median), "
        f"{result.back_p99_s:.1f} s (99 %), {result.back_last_s:.1f} s (the last; aim {AIM_BACK_S:g} s)"
    )
    yield f"{result.refusals} refusals, {result.others_disturbed} others disturbed, {result.missed} missed something"
