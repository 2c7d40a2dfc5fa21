"""``tutorwamp bench chat --lessons 50`` and ``--lesson-of 30``: chat as a school has it, beside the floor.

In each lesson all talk in turn and all hear; calls go around the lessons, so many in flight at once. What is on by
default is on, limits among it. The floor (``floor.py``) does the same through the same router without a database; both
take turns in every round. What everybody heard is compared afterwards: nothing is lost or told twice, and all of a
lesson hear one order.
"""

from __future__ import annotations

import itertools
import math
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

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
    cpu_to_floor: float
    """Of all of them together, beside the floor's, the median as above."""
    lost: int
    doubled: int
    disordered: int
    """Members who heard another order than the first of their lesson."""


class Contender(Protocol):
    """Who is measured: lessons in which people say something and hear all that is said."""

    name: str
    heard: Sequence[Sequence[list[bytes]]]
    """What each person of each lesson has heard, as it came; emptied after each turn."""

    def say(self, place: int, who: int, number: int) -> Deferred[Any]:
        """A person of a lesson says something with this number; fires when it is acknowledged."""

    def number_of(self, payload: bytes) -> int:
        """The number of what was heard."""

    def cpu_s(self) -> dict[str, float]:
        """Processor time so far, by kind of process."""


@dataclass
class Lesson:
    """A lesson's people."""

    id: str
    tokens: list[str]
    members: list[Member] = field(default_factory=list)
    heard: list[list[bytes]] = field(default_factory=list)

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


class OnNode:
    """A procedure of the node, called in its lessons."""

    def __init__(self, name: str, uri: str, lessons: Sequence[Lesson]) -> None:
        self.name = name
        self.heard: Sequence[Sequence[list[bytes]]] = [lesson.heard for lesson in lessons]
        self._uri = uri
        self._lessons = lessons

    def say(self, place: int, who: int, number: int) -> Deferred[Any]:
        """Call it."""
        lesson, body = self._lessons[place], f"{number} {BODY}"
        return lesson.members[who].say(self._uri, lesson_id=lesson.id, body=body, client_id=f"{self._uri} {number}")

    def number_of(self, payload: bytes) -> int:
        """From the message's text."""
        return int(decoded(payload)["data"]["body"].partition(" ")[0])

    def cpu_s(self) -> dict[str, float]:
        """Of the router and of what stands behind it."""
        return cpu_s_of("router", "container")


async def a_school(machine: Machine, lessons: int, people: int) -> list[Lesson]:
    """Lessons that have begun, with so many people each."""
    everybody = await add_people(machine, [AuthRole.TUTOR, *[AuthRole.STUDENT] * (people - 1)] * lessons)
    made = []
    for first in range(0, len(everybody), people):
        tutor, *students = everybody[first : first + people]
        lesson = await live_lesson(machine, tutor, students)
        made.append(Lesson(lesson.id, [one.token for one in (tutor, *students)]))
    return made


async def measured(
    settings: Settings,
    school: Sequence[Lesson],
    in_flight: Sequence[int],
    rounds: int,
    calls: int,
    others: Sequence[Contender] = (),
) -> list[Row]:
    """Everybody comes in, all contenders take turns; progress goes to standard error."""
    for lesson in school:
        await lesson.enter(settings.node.port)
    contenders: list[Contender] = [OnNode("floor", floor.SAY, school), OnNode("chat.send", SEND.uri, school), *others]
    measuring = _Measuring(calls)
    for number in range(rounds + 1):
        for at_once in in_flight:
            for one in contenders:
                await measuring.take(one, at_once, counts=number > 0)  # the first round warms up
        print(f"round {number} of {rounds}", file=sys.stderr)  # noqa: T201  # progress
    for lesson in school:
        for member in lesson.members:
            member.cut()
    return [measuring.row(one.name, at_once) for at_once in in_flight for one in contenders]


def run(lessons: int, people: int, in_flight: Sequence[int], rounds: int, calls: int) -> list[Row]:
    """Run the benchmark. Takes the process's only reactor."""
    return on_node(
        lambda machine: a_school(machine, lessons, people),
        lambda settings, school: measured(settings, school, in_flight, rounds, calls),
        with_floor=True,
        limited=True,
    )


class _Measuring:
    """What the rounds came to, by contender and calls in flight."""

    def __init__(self, calls: int) -> None:
        self._calls = calls
        self._numbers = itertools.count()
        self._turns: Counter[tuple[str, int]] = Counter()
        self._rates: dict[tuple[str, int], list[float]] = {}
        self._times: dict[tuple[str, int], list[list[float]]] = {}
        self._cpu: dict[tuple[str, int], list[dict[str, float]]] = {}
        self._wrong: Counter[tuple[str, int, str]] = Counter()

    async def take(self, contender: Contender, in_flight: int, *, counts: bool) -> None:
        """One contender's turn."""
        said: list[list[int]] = [[] for _ in contender.heard]
        times: list[float] = []
        places = itertools.islice(itertools.cycle(range(len(said))), self._calls)
        ended: list[Deferred[None]] = [Deferred() for _ in range(in_flight)]

        def go_on(lane: Deferred[None]) -> None:
            place = next(places, None)
            if place is None:
                lane.callback(None)
                return
            number, who, began_s = next(self._numbers), self._turn(contender, place), time.monotonic()
            said[place].append(number)

            def answered(_: Any) -> None:
                times.append(time.monotonic() - began_s)
                go_on(lane)

            contender.say(place, who, number).addCallbacks(answered, lane.errback)

        before, began_s = contender.cpu_s(), time.monotonic()
        for lane in ended:  # callbacks, no coroutines: what the load costs is missing in the node
            go_on(lane)
        await gatherResults(ended, consumeErrors=True)
        await _until_heard(contender, said)
        took_s, after = time.monotonic() - began_s, contender.cpu_s()
        wrong = _compared(contender, said)
        if counts:
            key = (contender.name, in_flight)
            self._rates.setdefault(key, []).append(self._calls / took_s)
            self._times.setdefault(key, []).append(times)
            used = {kind: (after[kind] - before[kind]) / self._calls * 1000 for kind in after}
            self._cpu.setdefault(key, []).append(used)
            self._wrong.update({(*key, what): count for what, count in wrong.items()})

    def _turn(self, contender: Contender, place: int) -> int:
        """All of a lesson talk in turn, from one of a contender's turns to the next."""
        turns = self._turns[contender.name, place]
        self._turns[contender.name, place] += 1
        return turns % len(contender.heard[place])

    def row(self, name: str, in_flight: int) -> Row:
        """What its rounds came to."""
        key, base = (name, in_flight), self._rates["floor", in_flight]
        kinds, cpu = self._cpu[key][0], zip(self._cpu[key], self._cpu["floor", in_flight], strict=True)

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
            statistics.median(sum(one.values()) / (sum(other.values()) or math.inf) for one, other in cpu),
            sums("lost"),
            sums("doubled"),
            sums("disordered"),
        )


def _median_of(rounds: Sequence[list[float]], figure: Callable[[list[float]], float]) -> float:
    return statistics.median(map(figure, rounds))


async def _until_heard(contender: Contender, said: Sequence[Sequence[int]]) -> None:
    patience_until_s = time.monotonic() + SILENCE_S
    while any(
        len(heard) < len(numbers) for lesson, numbers in zip(contender.heard, said, strict=True) for heard in lesson
    ):
        if time.monotonic() > patience_until_s:
            return  # the comparison says what is missing
        await task.deferLater(running_reactor(), 0.002)


def _compared(contender: Contender, said: Sequence[Sequence[int]]) -> Counter[str]:
    wrong = Counter[str]()
    for lesson, numbers in zip(contender.heard, said, strict=True):
        known: dict[bytes, int] = {}
        first: list[int] | None = None
        for heard in lesson:
            order = [known.setdefault(payload, contender.number_of(payload)) for payload in heard]
            heard.clear()
            times_heard = Counter(order)
            wrong["lost"] += sum(number not in times_heard for number in numbers)
            wrong["doubled"] += sum(times - 1 for times in times_heard.values())
            first = first or order
            wrong["disordered"] += order != first
    return wrong


def cpu_s_of(*kinds: str) -> dict[str, float]:
    """Processor time so far of the processes below this one, by these kinds."""
    found = dict.fromkeys(kinds, 0.0)
    for process in processes():
        if process.kind in found:
            found[process.kind] += process.cpu_s
    return found


def lines(rows: Sequence[Row]) -> Iterator[str]:
    """The rows for a person."""
    wide = max(10, *(len(row.name) for row in rows))
    heads = f"{'at once':>8} {'calls/s':>9} {'x floor':>8} {'p50 ms':>8} {'p99 ms':>8} {'cpu x':>6}"
    yield f"{'':<{wide}} {heads}  cpu ms a call"
    for row in rows:
        cpu = ", ".join(f"{kind} {ms:.2f}" for kind, ms in row.cpu_ms.items())
        yield (
            f"{row.name:<{wide}} {row.in_flight:>8} {row.calls_per_s:>9.0f} {row.to_floor:>8.2f} {row.p50_ms:>8.2f} "
            f"{row.p99_ms:>8.2f} {row.cpu_to_floor:>6.2f}  {cpu}"
        )
    lost, doubled, disordered = (sum(getattr(row, what) for row in rows) for what in ("lost", "doubled", "disordered"))
    yield f"lost {lost}, doubled {doubled}, heard in another order {disordered}"
