"""One seed: a lesson, its people, what they do and what is done to them; afterwards everything must fit together."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, cast

from twisted.internet import reactor as _reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import deferLater

from tests.chaos.checks import check_attendance, check_everybody, check_stored
from tests.chaos.ledger import Ledger, Plain
from tests.chaos.people import Person
from tests.chaos.world import World, until
from tests.journeys.people import PASSWORD
from tests.support.network import Line
from tutorwamp.kernel.contracts import instant_text, new_id

reactor = cast("Any", _reactor)

DEED_EVERY_S = 0.12
"""Of one person, on average: eight a second, where they do not wait for answers."""
FAULT_EVERY_S = 1.0
"""Of one lesson's network, on average."""
AWAY_AT_MOST_S = 3.0
FROZEN_AT_MOST_S = 8.0
"""Longer than the node waits for a ping, and for a heartbeat."""


@dataclass
class Tally:
    """The table: what was suffered and what it did."""

    seeds: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    kills: Counter[str] = field(default_factory=Counter)
    drops: int = 0
    acknowledged: int = 0
    refused: int = 0
    events_told: int = 0
    reloads: int = 0
    recoveries: list[float] = field(default_factory=list)

    def rows(self) -> dict[str, Any]:
        """One line each."""
        times = sorted(self.recoveries) or [0.0]
        return {
            "seeds": self.seeds,
            "drops": self.drops,
            "faults of the network": dict(sorted(self.faults.items())),
            "kills": dict(sorted(self.kills.items())),
            "writes acknowledged": self.acknowledged,
            "refused": self.refused,
            "events told": self.events_told,
            "read afresh": self.reloads,
            "lost": 0,  # any of these three fails the storm
            "doubled": 0,
            "silent gaps": 0,
            "time to recover, median, s": round(times[len(times) // 2], 2),
            "time to recover, 99 %, s": round(times[min(len(times) - 1, round(len(times) * 0.99))], 2),
            "time to recover, longest, s": round(times[-1], 2),
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
        tutors = [one for one in world.accounts if one[1]["role"] == "tutor"]
        pupils = [one for one in world.accounts if one[1]["role"] == "student"]
        for email, user in [tutors[tutor], *self._random.sample(pupils, students)]:
            line, random = Line(world.node.port), Random(self._random.random())
            self.people.append(Person(user["name"], email, line, random, self._ledger))

    async def gather(self) -> None:
        """Everybody logs in; the tutor plans and starts a lesson; everybody enters."""
        await gatherResults([_doing(person.arrive(PASSWORD)) for person in self.people])
        tutor, *students = self.people
        begins = datetime.now(UTC) + timedelta(hours=2 * self.seed)  # a tutor's lessons may not overlap
        planned = await tutor.client.call_until_answered(
            "tutorwamp.lesson.create",
            title=f"Storm {self.seed}",
            student_ids=[one.id for one in students],
            starts_at=instant_text(begins),
            ends_at=instant_text(begins + timedelta(hours=1)),
            client_id=new_id(),
        )
        self.lesson_id = planned["id"]
        await tutor.client.call_until_answered("tutorwamp.lesson.start", lesson_id=self.lesson_id)
        await gatherResults([_doing(person.enter(self.lesson_id)) for person in self.people])
        pen = [one.id for one in students]
        await tutor.client.call_until_answered("tutorwamp.lesson.set_pen", lesson_id=self.lesson_id, student_ids=pen)

    async def blow(self, seconds: float, kills: list[tuple[float, str]]) -> None:
        """People act and faults happen for so long; ``kills``: what dies after how many seconds."""
        began = time.monotonic()
        waiting = sorted(kills)
        next_deed = next_fault = 0.0
        while (now := time.monotonic() - began) < seconds:
            if now >= next_deed:
                self._random.choice(self.people).act()
                next_deed += self._random.expovariate(len(self.people) / self._deed_every_s)
            if now >= next_fault:
                self._fault(self._random.choice(self.people))
                next_fault += self._random.expovariate(1 / FAULT_EVERY_S)
            if waiting and now >= waiting[0][0]:
                self.kill(waiting.pop(0)[1])
            await deferLater(reactor, 0.005)

    @property
    def acknowledged(self) -> int:
        """Writes, until now."""
        return self._ledger.acknowledged

    def kill(self, what: str) -> None:
        """A process is gone, as with kill -9."""
        self._note(f"{what} is killed")
        self._tally.kills[what] += 1
        self._world.deadly()[what]()

    def _fault(self, person: Person) -> None:
        kind = self._random.choice(("cut", "cut", "off", "off", "frozen", "closed"))
        lasts_s = self._random.random() * (FROZEN_AT_MOST_S if kind == "frozen" else AWAY_AT_MOST_S)
        if person.line.is_off or person.line.is_frozen:
            return
        self._note(f"{person.name}: {kind}" + (f" for {lasts_s:.1f} s" if kind in ("off", "frozen") else ""))
        self._tally.faults[kind] += 1
        if kind == "cut":
            person.line.cut()
        elif kind == "closed":
            person.line.close()
        else:
            (person.line.turn_off if kind == "off" else person.line.freeze)()
            reactor.callLater(lasts_s, self._mend, person)

    def _mend(self, person: Person) -> None:
        person.line.turn_on()
        person.back_possible()

    def _note(self, what: str) -> None:
        self.plan.append(f"{time.monotonic() - self._began:6.2f} {what}")

    async def settle(self) -> None:
        """No more faults: everybody comes back, and everything that was begun is answered."""
        for person in self.people:
            if person.line.is_off or person.line.is_frozen:
                self._mend(person)
        await until(lambda: not any(person.busy for person in self.people), self._busy)
        connected = [person.client.connection for person in self.people]
        await until(lambda: all(one.state.kind == "connected" for one in connected), self._busy)

    def _busy(self) -> str:
        return ", ".join(f"{one.name} has {one.busy} unanswered, {one.client.connection.state}" for one in self.people)

    async def check(self) -> None:
        """Everything fits together: what was acknowledged, what is stored, what everybody sees."""
        await check_everybody(self.people, self._ledger, self.lesson_id)
        check_stored(self._world, self.lesson_id)
        assert self._ledger.faults == [], "\n".join(self._ledger.faults)

    async def leave(self) -> None:
        """Everybody goes; what is left of them is looked at."""
        tutor = self.people[0]
        await gatherResults([_doing(person.lesson.leave()) for person in self.people])
        attended: list[Plain] = (
            await tutor.client.call_until_answered("tutorwamp.lesson.attendance", lesson_id=self.lesson_id)
        )["items"]
        check_attendance(self._world, self.lesson_id, attended, time.monotonic() - self._began)
        self._count()

    async def end(self) -> None:
        """Nobody and nothing of it is left, however it went."""
        await gatherResults([_doing(person.client.close()) for person in self.people])
        await gatherResults([person.line.shut() for person in self.people])

    def _count(self) -> None:
        tally, ledger = self._tally, self._ledger
        tally.seeds += 1
        tally.acknowledged += ledger.acknowledged
        tally.refused += ledger.refused.total()
        for person in self.people:
            tally.drops += person.drops
            tally.recoveries += person.recoveries
            tally.events_told += sum(one.told for one in person.sequences)
            tally.reloads += sum(one.reloads for one in person.sequences)


def _doing(something: Any) -> Deferred[Any]:
    return Deferred.fromCoroutine(something)
