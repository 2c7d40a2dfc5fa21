"""``tutorwamp bench chat --lessons 50`` and ``--lesson-of 30``: chat as a school has it, beside the floor.

In each lesson somebody talks and all hear; calls go around the lessons, so many in flight at once. The floor
(``floor.py``) does the same through the same router without a database; both take turns in every round. What everybody
heard is compared afterwards: nothing is lost or told twice, and all of a lesson hear one order.
"""

from __future__ import annotations

import itertools
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from twisted.internet import task
from twisted.internet.defer import Deferred, gatherResults

from tutorwamp.app.assembly import Machine
from tutorwamp.app.settings import Settings
from tutorwamp.bench import floor
from tutorwamp.bench.chat import BODY
from tutorwamp.bench.members import Member, arrive, decoded
from tutorwamp.bench.node import on_node, processes
from tutorwamp.bench.people import add_people, live_lesson
from tutorwamp.chat.contracts import CHAT_TOPIC, SEND
from tutorwamp.kernel.contracts import AuthRole
from tutorwamp.kernel.reactor import running_reactor
from tutorwamp.lessons.contracts import JOIN

CONTENDERS: Final = ("floor", "chat.send")
SILENCE_S: Final = 20.0
"""After the last answer: an event that has not come by then is lost."""


@dataclass(frozen=True)
class Row:
    """One contender with so many calls in flight: medians over the rounds, but for the sums at the end."""

    name: str
    in_flight: int
    calls_per_s: float
    """Acknowledged, and heard by everybody."""
    to_floor: float
    """Its rate beside the floor's, the median of the rounds' own ratios."""
    p50_ms: float
    """From a call to its answer."""
    p99_ms: float
    cpu_ms: dict[str, float]
    """Processor time of each kind of process for one call."""
    lost: int
    doubled: int
    disordered: int
    """Members who heard another order than the first of their lesson."""


@dataclass
class Lesson:
    """A lesson's people; the first one talks."""

    id: str
    tokens: list[str]
    members: list[Member] = field(default_factory=list)
    heard: list[list[bytes]] = field(default_factory=list)
    """What each has heard, as it came."""

    async def enter(self, port: int) -> None:
        """All come in, and hear the chat and the floor."""
        for token in self.tokens:
            one, heard = await arrive(port, token), list[bytes]()
            await one.call(JOIN.uri, lesson_id=self.id)
            await one.subscribe(CHAT_TOPIC.of(self.id))
            await one.call(floor.ENTER, lesson_id=self.id)
            await one.subscribe(floor.topic_of(self.id))
            one.hear_bytes = heard.append
            self.members.append(one)
            self.heard.append(heard)

    def say(self, uri: str, number: int) -> Deferred[Any]:
        """One call of whoever talks."""
        return self.members[0].call(uri, lesson_id=self.id, body=f"{number} {BODY}", client_id=f"{uri} {number}")


def run(lessons: int, people: int, in_flight: Sequence[int], rounds: int, calls: int) -> list[Row]:
    """Run the benchmark; progress goes to standard error. Takes the process's only reactor."""

    async def prepare(machine: Machine) -> list[Lesson]:
        everybody = await add_people(machine, [AuthRole.TUTOR, *[AuthRole.STUDENT] * (people - 1)] * lessons)
        made = []
        for first in range(0, len(everybody), people):
            tutor, *students = everybody[first : first + people]
            lesson = await live_lesson(machine, tutor, students)
            made.append(Lesson(lesson.id, [one.token for one in (tutor, *students)]))
        return made

    async def measure(settings: Settings, school: list[Lesson]) -> list[Row]:
        for lesson in school:
            await lesson.enter(settings.node.port)
        measuring = _Measuring(school, calls)
        for number in range(rounds + 1):
            for at_once in in_flight:
                for name in CONTENDERS:
                    await measuring.take(name, at_once, counts=number > 0)  # the first round warms up
            print(f"round {number} of {rounds}", file=sys.stderr)  # noqa: T201  # progress
        for lesson in school:
            for one in lesson.members:
                one.cut()
        return [measuring.row(name, at_once) for at_once in in_flight for name in CONTENDERS]

    return on_node(prepare, measure, with_floor=True)


class _Measuring:
    """What the rounds came to, by contender and calls in flight."""

    def __init__(self, school: Sequence[Lesson], calls: int) -> None:
        self._school = school
        self._calls = calls
        self._numbers = itertools.count()
        self._rates: dict[tuple[str, int], list[float]] = {}
        self._times: dict[tuple[str, int], list[list[float]]] = {}
        self._cpu: dict[tuple[str, int], list[dict[str, float]]] = {}
        self._wrong: Counter[tuple[str, int, str]] = Counter()

    async def take(self, name: str, in_flight: int, *, counts: bool) -> None:
        """One contender's turn."""
        said: list[list[int]] = [[] for _ in self._school]
        times: list[float] = []
        uri = SEND.uri if name == "chat.send" else floor.SAY

        async def say(place: int) -> None:
            number, began_s = next(self._numbers), time.monotonic()
            said[place].append(number)
            await self._school[place].say(uri, number)
            times.append(time.monotonic() - began_s)

        before, began_s = _cpu_s(), time.monotonic()
        places = itertools.islice(itertools.cycle(range(len(self._school))), self._calls)
        work = (Deferred.fromCoroutine(say(place)) for place in places)
        cooperator = task.Cooperator()
        await gatherResults([cooperator.coiterate(work) for _ in range(in_flight)], consumeErrors=True)
        await self._until_heard(said)
        took_s, after = time.monotonic() - began_s, _cpu_s()
        wrong = self._compare(said)
        if counts:
            key = (name, in_flight)
            self._rates.setdefault(key, []).append(self._calls / took_s)
            self._times.setdefault(key, []).append(times)
            used = {kind: (after[kind] - before[kind]) / self._calls * 1000 for kind in after}
            self._cpu.setdefault(key, []).append(used)
            self._wrong.update({(*key, what): count for what, count in wrong.items()})

    async def _until_heard(self, said: Sequence[Sequence[int]]) -> None:
        patience_until_s = time.monotonic() + SILENCE_S
        while any(
            len(heard) < len(numbers)
            for lesson, numbers in zip(self._school, said, strict=True)
            for heard in lesson.heard
        ):
            if time.monotonic() > patience_until_s:
                return  # the comparison says what is missing
            await task.deferLater(running_reactor(), 0.002)

    def _compare(self, said: Sequence[Sequence[int]]) -> dict[str, int]:
        wrong = Counter[str]()
        for lesson, numbers in zip(self._school, said, strict=True):
            known: dict[bytes, int] = {}
            first: list[int] | None = None
            for heard in lesson.heard:
                order = [known.setdefault(payload, _number(payload)) for payload in heard]
                heard.clear()
                times_heard = Counter(order)
                wrong["lost"] += sum(number not in times_heard for number in numbers)
                wrong["doubled"] += sum(times - 1 for times in times_heard.values())
                first = first or order
                wrong["disordered"] += order != first
        return wrong

    def row(self, name: str, in_flight: int) -> Row:
        """What its rounds came to."""
        key, base = (name, in_flight), self._rates["floor", in_flight]
        kinds = self._cpu[key][0]

        def sums(what: str) -> int:
            return self._wrong[*key, what]

        return Row(
            name,
            in_flight,
            statistics.median(self._rates[key]),
            statistics.median(one / other for one, other in zip(self._rates[key], base, strict=True)),
            _median_of(self._times[key], lambda times: statistics.median(times) * 1000),
            _median_of(self._times[key], lambda times: statistics.quantiles(times, n=100)[98] * 1000),
            {kind: round(statistics.median(used[kind] for used in self._cpu[key]), 3) for kind in kinds},
            sums("lost"),
            sums("doubled"),
            sums("disordered"),
        )


def _median_of(rounds: Sequence[list[float]], figure: Callable[[list[float]], float]) -> float:
    return statistics.median(map(figure, rounds))


def _number(payload: bytes) -> int:
    return int(decoded(payload)["data"]["body"].partition(" ")[0])


def _cpu_s() -> dict[str, float]:
    found: dict[str, float] = {"router": 0.0, "container": 0.0}
    for process in processes():
        if process.kind in found:
            found[process.kind] += process.cpu_s
    return found


def lines(rows: Sequence[Row]) -> Iterator[str]:
    """The rows for a person."""
    yield f"{'':<10} {'at once':>8} {'calls/s':>9} {'x floor':>8} {'p50 ms':>8} {'p99 ms':>8}  cpu ms a call"
    for row in rows:
        cpu = ", ".join(f"{kind} {ms:.2f}" for kind, ms in row.cpu_ms.items())
        yield (
            f"{row.name:<10} {row.in_flight:>8} {row.calls_per_s:>9.0f} {row.to_floor:>8.2f} {row.p50_ms:>8.2f} "
            f"{row.p99_ms:>8.2f}  {cpu}"
        )
    lost, doubled, disordered = (sum(getattr(row, what) for row in rows) for what in ("lost", "doubled", "disordered"))
    yield f"lost {lost}, doubled {doubled}, heard in another order {disordered}"
