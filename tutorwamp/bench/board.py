"""``tutorwamp bench board``: everybody draws on one board at the same time.

A node of its own, one tutor and students with the pen, each over a WebSocket of their own, spread over a few processes.
Everybody submits on schedule and hears everybody. The latency of a change is from just before its submit to the arrival
of the event that tells it or a later version of its element, at each other member.
"""

from __future__ import annotations

import multiprocessing
import sys
import time
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any, Final

from twisted.internet.threads import deferToThread

from tutorwamp.app.assembly import Machine
from tutorwamp.app.settings import Settings
from tutorwamp.bench.members import Job, Report, Submission, arrive, people_of, work
from tutorwamp.bench.node import Process, on_node, processes
from tutorwamp.bench.people import add_people, live_lesson
from tutorwamp.board.contracts import AT, OPEN
from tutorwamp.kernel.contracts import AuthRole
from tutorwamp.lessons.contracts import SetPen

AIM_P99_MS: Final = 150.0
"""To every member, submit to arrival."""
HEAD_START_S: Final = 0.5
"""Between everybody's being there and the first submit."""


@dataclass(frozen=True)
class Room:
    """A live lesson in which everybody may draw, and everybody's access token; the tutor is the first."""

    lesson_id: str
    tokens: list[str]


@dataclass(frozen=True)
class Latency:
    """Milliseconds."""

    p50_ms: float
    p99_ms: float
    max_ms: float


@dataclass(frozen=True)
class Load:
    """What one process took during the writing."""

    kind: str
    cpu: float
    """Seconds of processor time for each second."""
    rss_before_mib: float
    rss_after_mib: float


@dataclass(frozen=True)
class Result:
    """All rates are per second of writing."""

    writers: int
    seconds: float
    submits_per_s: float
    """Acknowledged."""
    rejected: int
    events_per_s: float
    deliveries_per_s: float
    """Events arriving, at all members together."""
    changes_per_s: float
    """Changes arriving, at all members together: what the latencies are of."""
    lost: int
    """Changes that did not arrive at somebody."""
    delivered: Latency
    """Submit to arrival, at all other members."""
    worst_member_p99_ms: float
    acknowledged: Latency
    """Submit to answer."""
    late_p99_ms: float
    """How much later than planned the load's own processes submitted."""
    boards_equal: bool
    """Everybody's replayed board, ``board.open`` and ``board.at`` of the head."""
    elements: int
    loads: list[Load]


def run(writers: int, seconds: float, hz: float, processes_of_writers: int) -> Result:
    """Run the benchmark; progress goes to standard error. Takes the process's only reactor."""

    async def measure(settings: Settings, room: Room) -> Result:
        return await _measure(settings, room, seconds, hz, processes_of_writers)

    return on_node(lambda machine: prepare(machine, writers), measure)


async def prepare(machine: Machine, people: int) -> Room:
    """Make the people and their lesson."""
    tutor, *students = await add_people(machine, [AuthRole.TUTOR, *[AuthRole.STUDENT] * (people - 1)])
    lesson = await live_lesson(machine, tutor, students)
    with_pen = [one.caller.user_id for one in students]
    await machine.lessons.set_pen(tutor.caller, SetPen(lesson_id=lesson.id, student_ids=with_pen))
    return Room(lesson.id, [one.token for one in (tutor, *students)])


async def _measure(settings: Settings, room: Room, seconds: float, hz: float, many: int) -> Result:
    port = settings.node.port
    people = len(room.tokens)
    jobs = [
        Job(port, room.lesson_id, people_of(number, room.tokens, many), people, hz, seconds) for number in range(many)
    ]
    with _writing(jobs) as (pipes, pids):
        await _from_all(pipes)
        before = processes()
        start_at = time.monotonic() + HEAD_START_S
        print(f"{people} people are there, writing for {seconds:g} s ...", file=sys.stderr)  # noqa: T201  # progress
        _to_all(pipes, start_at)
        head = max(await _from_all(pipes))
        took_s = time.monotonic() - start_at
        loads = _loads(before, processes(), pids, took_s)
        _to_all(pipes, head)
        reports: list[Report] = await _from_all(pipes)
    states = [state for report in reports for state in report.states]
    reader = await arrive(port, room.tokens[0])
    opened = await reader.call(OPEN.uri, lesson_id=room.lesson_id)
    was = await reader.call(AT.uri, lesson_id=room.lesson_id, seq=opened["head"])
    reader.cut()
    return _result(reports, took_s, loads, opened, all(state == opened for state in [*states, was]))


@contextmanager
def _writing(jobs: Sequence[Job]) -> Iterator[tuple[list[Connection], list[int]]]:
    """The writers' processes: a pipe to each, and its id."""
    fresh = multiprocessing.get_context("spawn")  # a copy of this process would have its reactor, too
    pipes = []
    started = []
    for job in jobs:
        ours, theirs = fresh.Pipe()
        process = fresh.Process(target=work, args=(job, theirs), daemon=True)
        process.start()
        theirs.close()  # so that we notice its end
        pipes.append(ours)
        started.append(process)
    try:
        yield pipes, [process.pid or 0 for process in started]
    finally:
        for process in started:
            process.kill()
            process.join()


async def _from_all(pipes: Sequence[Connection]) -> list[Any]:
    """The next word of each process. Raises EOFError where one has ended."""
    return [await deferToThread(pipe.recv) for pipe in pipes]


def _to_all(pipes: Sequence[Connection], word: float) -> None:
    for pipe in pipes:
        pipe.send(word)


def _loads(before: Sequence[Process], after: Sequence[Process], writers: Sequence[int], took_s: float) -> list[Load]:
    earlier = {process.pid: process for process in before}
    return [
        Load(
            "writers" if now.pid in writers else now.kind,
            (now.cpu_s - earlier[now.pid].cpu_s) / took_s,
            earlier[now.pid].rss_mib,
            now.rss_mib,
        )
        for now in after
        if now.pid in writers or now.kind != "other"
    ]


def _result(reports: Sequence[Report], took_s: float, loads: list[Load], opened: dict[str, Any], equal: bool) -> Result:
    submissions = [one for report in reports for one in report.submissions]
    arrivals = {who: times for report in reports for who, times in report.arrivals.items()}
    taken = [one for one in submissions if one.rejected is None]
    by_member, lost = _delays(taken, _told(reports), arrivals)
    delays = [delay for member in by_member.values() for delay in member]
    return Result(
        writers=len(arrivals),
        seconds=took_s,
        submits_per_s=len(submissions) / took_s,
        rejected=len(submissions) - len(taken),
        events_per_s=opened["head"] / took_s,
        deliveries_per_s=sum(map(len, arrivals.values())) / took_s,
        changes_per_s=len(delays) / took_s,
        lost=lost,
        delivered=latency(delays),
        worst_member_p99_ms=max(latency(member).p99_ms for member in by_member.values()),
        acknowledged=latency([one.answered_at - one.sent_at for one in submissions]),
        late_p99_ms=latency([one.sent_at - one.due_at for one in submissions]).p99_ms,
        boards_equal=equal,
        elements=len(opened["elements"]),
        loads=loads,
    )


Versions = dict[str, tuple[list[int], list[int]]]
"""Of each element: the versions events told of, rising, and the events' numbers."""


def _told(reports: Sequence[Report]) -> Versions:
    told = {seq: changes for report in reports for seq, changes in report.told.items()}
    versions: Versions = {}
    for seq, changes in sorted(told.items()):
        for element_id, version in changes:
            known, seqs = versions.setdefault(element_id, ([], []))
            known.append(version)
            seqs.append(seq)
    return versions


def _delays(
    submissions: Sequence[Submission], versions: Versions, arrivals: dict[int, dict[int, float]]
) -> tuple[dict[int, list[float]], int]:
    """Seconds from each submit to its arrival at each other member, by member; and how many did not arrive.

    Appends of one event are told as one, with the last one's version: a change has arrived with its version or a later.
    """
    delays: dict[int, list[float]] = {who: [] for who in arrivals}
    lost = 0
    for one in submissions:
        known, seqs = versions.get(one.id, ([], []))
        place = bisect_left(known, one.version)
        seq = seqs[place] if place < len(seqs) else None
        for who, times in arrivals.items():
            if who == one.who:
                continue
            if seq is None or seq not in times:
                lost += 1
            else:
                delays[who].append(times[seq] - one.sent_at)
    return delays, lost


def latency(seconds: Sequence[float]) -> Latency:
    """Their distribution; of none at all, infinite."""
    ordered = sorted(seconds) or [float("inf")]
    last = len(ordered) - 1
    return Latency(*(ordered[round(last * share)] * 1000 for share in (0.5, 0.99, 1.0)))


def lines(result: Result) -> Iterator[str]:
    """The result for a person."""
    aim = "reached" if result.worst_member_p99_ms <= AIM_P99_MS else "MISSED"
    yield f"{result.writers} writers, {result.seconds:.1f} s; {result.elements} elements at the end"
    yield f"submits acknowledged  {result.submits_per_s:8.0f} /s   rejected {result.rejected}, lost {result.lost}"
    yield f"events                {result.events_per_s:8.1f} /s   arriving at members {result.deliveries_per_s:.0f} /s"
    yield f"changes arriving      {result.changes_per_s:8.0f} /s"
    for name, times in (("submit to arrival", result.delivered), ("submit to answer", result.acknowledged)):
        yield f"{name:<21} p50 {times.p50_ms:.1f} ms, p99 {times.p99_ms:.1f} ms, max {times.max_ms:.1f} ms"
    yield f"worst member          p99 {result.worst_member_p99_ms:.1f} ms (aim: {AIM_P99_MS:.0f} ms, {aim})"
    yield f"submitted too late    p99 {result.late_p99_ms:.1f} ms"
    yield f"all boards equal      {'yes' if result.boards_equal else 'NO'}"
    yield f"{'process':<12} {'cpu':>6} {'MiB before':>11} {'after':>7}"
    for load in result.loads:
        yield f"{load.kind:<12} {load.cpu:>6.0%} {load.rss_before_mib:>11.0f} {load.rss_after_mib:>7.0f}"
