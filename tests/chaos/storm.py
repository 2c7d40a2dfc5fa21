"""One seed: a lesson, its people, what they do and what is done to them; afterwards everything must fit together."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, cast

from twisted.internet import reactor as _reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import deferLater

from tests.chaos.checks import check_attendance, check_everybody, check_stored
from tests.chaos.classroom_deeds import ask
from tests.chaos.ledger import Ledger
from tests.chaos.people import Person
from tests.chaos.plan import Step, make_plan
from tests.chaos.world import World
from tests.support.machine import PASSWORD
from tests.support.network import Line
from tests.support.people import planned_lesson
from tests.support.waiting import until
from tutorwamp.client.wamp import Serializer
from tutorwamp.kernel.contracts import new_id

reactor = cast("Any", _reactor)

DEED_EVERY_S = 0.12
"""Of one person, on average: eight a second, where they do not wait for answers."""
WAYS_TO_GO = {"leave": 6, "cut": 3, "frozen": 1}
"""At the end; who does not leave is found out by the node. The tutor leaves, and then asks who was there."""


@dataclass
class Tally:
    """The table: what was suffered and what it did."""

    seeds: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    kills: Counter[str] = field(default_factory=Counter)
    drops: int = 0
    acknowledged: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    events_told: int = 0
    reloads: int = 0
    looked_up: int = 0
    tokens_renewed: int = 0
    events_troubled: Counter[str] = field(default_factory=Counter)
    verdicts: Counter[str] = field(default_factory=Counter)
    recoveries: list[float] = field(default_factory=list)
    answers: list[float] = field(default_factory=list)

    def rows(self) -> dict[str, Any]:
        """One line each."""
        return {
            "seeds": self.seeds,
            "drops": self.drops,
            "faults of the network": dict(sorted(self.faults.items())),
            "kills": dict(sorted(self.kills.items())),
            "tokens renewed": self.tokens_renewed,
            "events troubled": dict(sorted(self.events_troubled.items())),
            "writes acknowledged": self.acknowledged,
            "refused": dict(sorted(self.refused.items())),
            "found again in the database": self.looked_up,
            "events told": self.events_told,
            "read afresh": self.reloads,
            "lost": self.verdicts["lost"],
            "doubled": self.verdicts["doubled"],
            "silent gaps": self.verdicts["gap"],
            "otherwise wrong": self.verdicts["wrong"],
            **_times("to recover", self.recoveries),
            **_times("to be answered after PostgreSQL was killed", self.answers),
        }


def _times(what: str, seconds: list[float]) -> dict[str, float]:
    times = sorted(seconds)
    if not times:
        return {}
    return {
        f"time {what}, median, s": round(times[len(times) // 2], 2),
        f"time {what}, 99 %, s": round(times[min(len(times) - 1, round(len(times) * 0.99))], 2),
        f"time {what}, longest, s": round(times[-1], 2),
    }


class Storm:
    """What a seed decides: who does what, which faults, in which order. The network and the machine decide the rest."""

    def __init__(
        self,
        world: World,
        seed: int,
        *,
        tally: Tally,
        tutor: int = 0,
        students: int = 3,
        deed_every_s: float = DEED_EVERY_S,
        serializers: Sequence[Serializer] = ("cbor",),
    ) -> None:
        self.seed = seed
        self.plan: list[str] = [f"seed {seed}"]
        self._world = world
        self._random = Random(seed)
        self._tally = tally
        self._deed_every_s = deed_every_s
        self._ledger = Ledger()
        self.people: list[Person] = []
        self._began = time.monotonic()
        self._renewed_before = world.tokens_renewed()
        world.on_kill.append(self._killed)
        self.guests: list[str] = []
        """Ids of students of the lesson who are none of its people."""
        for number, (email, user) in enumerate(self._chosen(tutor, students)):
            line, random = Line(world.node.port), Random(self._random.random())
            serializer = serializers[number % len(serializers)]
            self.people.append(Person(user["name"], email, line, random, self._ledger, serializer))

    def _chosen(self, tutor: int, students: int) -> list[tuple[str, dict[str, Any]]]:
        tutors = [one for one in self._world.accounts if one[1]["role"] == "tutor"]
        pupils = [one for one in self._world.accounts if one[1]["role"] == "student"]
        return [tutors[tutor], *self._random.sample(pupils, students)]

    async def gather(self) -> None:
        """Everybody logs in; the tutor plans and starts a lesson; everybody enters, and is asked something."""
        await gatherResults([_doing(person.arrive(PASSWORD)) for person in self.people])
        tutor, *students = self.people
        begins = datetime.now(UTC) + timedelta(hours=2 * self.seed)  # a tutor's lessons may not overlap
        ids = [*(one.id for one in students), *self.guests]
        call = tutor.client.call_until_answered
        planned = await planned_lesson(call, begins=begins, student_ids=ids, client_id=new_id())
        self.lesson_id = planned["id"]
        await tutor.client.call_until_answered("tutorwamp.lesson.start", lesson_id=self.lesson_id)
        await gatherResults([_doing(person.enter(self.lesson_id)) for person in self.people])
        pen = [one.id for one in students]
        await tutor.client.call_until_answered("tutorwamp.lesson.set_pen", lesson_id=self.lesson_id, student_ids=pen)
        await ask(tutor, self._random)  # or there would be nothing to answer for long

    async def blow(self, seconds: float, kills: list[tuple[float, str]]) -> None:
        """People act and faults happen for so long; ``kills``: what dies after how many seconds."""
        steps = make_plan(self._random, seconds, len(self.people), deed_every_s=self._deed_every_s, kills=kills)
        self.plan = [f"seed {self.seed}", *(str(step) for step in steps if step.kind != "deed")]
        began = time.monotonic()
        for step in steps:
            await deferLater(reactor, max(0.0, began + step.at_s - time.monotonic()))  # as planned
            self._take(step)

    @property
    def acknowledged(self) -> int:
        """Writes, until now."""
        return self._ledger.acknowledged

    def _take(self, step: Step) -> None:
        person = self.people[step.who]
        if step.kind == "deed":
            person.act(step)
        elif step.kind == "mend":
            person.mend()
        elif step.kind == "kill":
            if self._world.kill(step.what):
                self._tally.kills[step.what] += 1
        else:
            self._tally.faults[step.what] += 1
            person.suffer(step.what)

    def _killed(self, what: str) -> None:
        for person in self.people:
            person.upsets += 1
            if what == "postgresql":
                person.database_killed()
            elif what != "redis":
                person.server_killed()

    async def settle(self) -> None:
        """No more faults: everybody comes back, and everything that was begun is answered."""
        for person in self.people:
            person.mend()
        await until(lambda: not any(person.busy for person in self.people), self._busy)
        connected = [person.client.connection for person in self.people]
        await until(lambda: all(one.state.kind == "connected" for one in connected), self._busy)

    def _busy(self) -> str:
        return ", ".join(f"{one.name} has {one.busy} unanswered, {one.client.connection.state}" for one in self.people)

    async def check(self) -> None:
        """Everything fits together: what was acknowledged, what is stored, what everybody sees."""
        await check_everybody(self.people, self._ledger, self.lesson_id)
        check_stored(self._world, self._ledger, self.lesson_id)
        found = self._ledger.found
        assert found == [], "\n".join(f"{verdict}: {what}" for verdict, what in found)

    async def leave(self) -> None:
        """Everybody goes, some without a word; what is left of them is looked at."""
        tutor, *students = self.people
        ways = self._random.choices(list(WAYS_TO_GO), list(WAYS_TO_GO.values()), k=len(students))
        self.plan.append(f"they go: {ways}")
        polite = [tutor, *(one for one, way in zip(students, ways, strict=True) if way == "leave")]
        for student, way in zip(students, ways, strict=True):
            if way != "leave":
                student.vanish(frozen=way == "frozen")
        await gatherResults([_doing(person.leave()) for person in polite])
        await check_attendance(self._world, self.lesson_id, tutor, self.people)

    async def end(self) -> None:
        """Nobody and nothing of it is left, however it went; the table has it."""
        self._world.on_kill.remove(self._killed)
        self._count()
        for person in self.people:
            if person.gone:
                person.line.turn_off()
        await gatherResults([_doing(person.client.close()) for person in self.people])
        await gatherResults([person.line.shut() for person in self.people])

    def _count(self) -> None:
        tally, ledger = self._tally, self._ledger
        tally.seeds += 1
        tally.acknowledged += ledger.acknowledged
        tally.refused += ledger.refused
        tally.looked_up += ledger.looked_up
        tally.verdicts.update(verdict for verdict, _ in ledger.found)
        tally.tokens_renewed = self._world.tokens_renewed() - self._renewed_before
        for person in self.people:
            tally.drops += person.drops
            tally.recoveries += person.recoveries
            tally.answers += person.answers
            tally.events_told += sum(one.told for one in person.sequences)
            tally.reloads += sum(one.reloads for one in person.sequences)


def _doing(something: Any) -> Deferred[Any]:
    return Deferred.fromCoroutine(something)
