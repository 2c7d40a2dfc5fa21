"""What a seed decides, before anything happens: who does what, what happens to whose network, and what is killed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from random import Random
from typing import Final

DEEDS: Final = {
    "say": 8,
    "send_file": 1,
    "edit": 2,
    "delete": 1,
    "react": 3,
    "read": 2,
    "draw": 5,
    "stroke": 5,
    "replace": 3,
    "erase": 1,
    "read_notifications": 1,
}
"""How often people do what, relative to one another."""
TUTORS_DEEDS: Final = {
    **DEEDS,
    "pass_pen": 1,
    "rename": 1,
    "rule": 2,
    "set_timer": 1,
    "lower_hands": 1,
    "poll": 3,
}
STUDENTS_DEEDS: Final = {**DEEDS, "hand": 2, "answer": 3}
FAULTS: Final = {"cut": 2, "off": 2, "frozen": 1, "closed": 1, "slow": 1}
"""Of a person's network; the same."""
LASTING: Final = {"off": 3.0, "frozen": 8.0, "slow": 3.0}
"""Seconds at most, of those that end. Frozen: longer than the node waits for a ping, and for a heartbeat."""
FAULT_EVERY_S: Final = 1.0
"""Of one lesson's network, on average."""


@dataclass(frozen=True)
class Step:
    """One thing that happens. ``who`` is the person's place among the people, the tutor is 0."""

    at_s: float
    kind: str
    """deed, fault, mend (of a lasting fault) or kill."""
    what: str
    who: int = 0
    seed: int = 0
    """Of whatever a deed has to choose by itself when its time comes."""

    def __str__(self) -> str:
        whom = "" if self.kind == "kill" else f" of {self.who}"
        return f"{self.at_s:7.2f} {self.kind} {self.what}{whom}"


def make_plan(
    random: Random, seconds: float, people: int, *, deed_every_s: float, kills: Iterable[tuple[float, str]] = ()
) -> list[Step]:
    """Everything that happens within so many seconds, in its order. ``deed_every_s``: of one person, on average."""
    steps = [Step(at_s, "kill", what) for at_s, what in kills]
    at_s = 0.0
    while at_s < seconds:
        who = random.randrange(people)
        deeds = TUTORS_DEEDS if who == 0 else STUDENTS_DEEDS
        steps.append(Step(at_s, "deed", _one_of(random, deeds), who, random.getrandbits(32)))
        at_s += random.expovariate(people / deed_every_s)
    return sorted([*steps, *_faults(random, seconds, people)], key=lambda step: step.at_s)


def _faults(random: Random, seconds: float, people: int) -> list[Step]:
    """Nobody suffers two at a time."""
    steps = []
    ends = [0.0] * people
    at_s = 0.0
    while at_s < seconds:
        who, what, share = random.randrange(people), _one_of(random, FAULTS), random.random()
        if ends[who] <= at_s:
            steps.append(Step(at_s, "fault", what, who))
            if what in LASTING:
                ends[who] = at_s + share * LASTING[what]
                steps.append(Step(ends[who], "mend", what, who))
        at_s += random.expovariate(1 / FAULT_EVERY_S)
    return [step for step in steps if step.at_s < seconds]  # what lasts longer is mended when all is over


def _one_of(random: Random, weighted: dict[str, int]) -> str:
    return random.choices(list(weighted), list(weighted.values()))[0]
