"""What was acknowledged of rules, hands, timer and polls, and what must therefore be found afterwards."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from tests.chaos.verdicts import Events, Found, Plain, Verdict, count_of

USUAL_RULES: Final[Plain] = {"chat": "everyone", "unattended": "open", "muted": []}

Given = tuple[frozenset[str], str | None]
"""An answer: its choices and its text."""


@dataclass(frozen=True)
class Hand:
    """The last acknowledged word of its owner, and what had happened until it was asked for."""

    up: bool
    upsets: int
    """Of its owner: who is away loses it."""
    lowered: int
    """How often the tutor has begun or ended to lower hands."""


@dataclass
class Asked:
    """A poll as its tutor knows it, and its answers as who gave them knows them."""

    question: str
    kind: str
    anonymous: bool
    poll: Plain | None = None
    """The first answer; null while there is none."""
    is_closing: bool = False
    is_closed: bool = False
    is_shown: bool = False
    given: dict[str, Given] = field(default_factory=dict)
    """By person, the last acknowledged answer."""
    changes: int = 0
    """Acknowledged answers that were not the same again."""
    doubted: Counter[str] = field(default_factory=Counter)
    """By person, answers that were refused, perhaps when they were repeated."""

    @property
    def id(self) -> str:
        return str(self.poll["id"]) if self.poll else ""

    @property
    def choice_ids(self) -> list[str]:
        """As they stand in the poll."""
        return [choice["id"] for choice in self.poll["choices"]] if self.poll else []

    def answer(self, person: str, given: Given) -> None:
        """It was acknowledged. The same again is no change."""
        self.changes += self.given.get(person) != given
        self.given[person] = given

    def doubt(self, person: str) -> None:
        """It was refused, perhaps when it was repeated: the poll is closed, so it was the last."""
        self.doubted[person] += 1

    def events(self) -> dict[str, range]:
        """How many of each type the stream must have about it."""
        return {
            "poll.opened": range(1, 2),
            "poll.changed": range(self.changes, self.changes + self.doubted.total() + 1),
            "poll.closed": range(int(self.is_closed), int(self.is_closed) + 1),
        }


class Classroom:
    """Of one lesson. ``note``: where it is said what is wrong."""

    def __init__(self, note: Callable[[Verdict, str], None]) -> None:
        self._note = note
        self.rules: Plain = dict(USUAL_RULES)
        self.timer: Plain | None = None
        self.hands: dict[str, Hand] = {}
        self.polls: list[Asked] = []
        self.lowered = 0
        self.is_ruling = self.is_timing = False
        self.moving: set[str] = set()
        """Whose hand is going up or down."""

    def check_lesson(self, lesson: Plain, upsets: Mapping[str, int]) -> None:
        """The tutor's last words hold, and the hands fit together; ``upsets``: by person, until now."""
        if lesson["rules"] != self.rules:
            self._note("lost", f"the rules are {lesson['rules']}, said was {self.rules}")
        if lesson["timer"] != self.timer:
            self._note("lost", f"the timer is {lesson['timer']}, set was {self.timer}")
        self.check_hands(lesson, upsets)

    def check_hands(self, lesson: Plain, upsets: Mapping[str, int]) -> None:
        """``upsets``: of those who are looked for. Who was not away, and whom the tutor let be, has a hand as said."""
        up = [hand["person"]["id"] for hand in lesson["hands"]]
        if len(set(up)) != len(up):
            self._note("doubled", f"somebody has two hands up: {lesson['hands']}")
        if strangers := set(up) - {one["id"] for one in lesson["students"]}:
            self._note("wrong", f"{strangers} have a hand up and are no students of the lesson")
        times = [hand["at"] for hand in lesson["hands"]]
        if times != sorted(times):
            self._note("wrong", f"hands stand in another order than they went up: {lesson['hands']}")
        for person, last in self.hands.items():
            if person not in upsets:
                continue
            if not last.up and person in up:
                self._note("lost", f"{person} has lowered their hand, and it is up")
            elif last.up and person not in up and (upsets[person], self.lowered) == (last.upsets, last.lowered):
                self._note("lost", f"{person} has raised their hand, and it is down")

    def check_polls(self, listed: Sequence[Plain], answers: Mapping[str, Plain], students: Sequence[str]) -> None:
        """``listed``, and ``answers`` by poll: as the tutor is told; ``students``: of the lesson."""
        by_question = {one.question: one for one in self.polls}
        for question, times in Counter(one["question"] for one in listed).items():
            if times > 1:
                self._note("doubled", f"asked once, {times} times there: {question}")
            if question not in by_question:
                self._note("wrong", f"nobody asked {question}")
        there = {poll["id"]: poll for poll in listed}
        for asked in self.polls:
            if asked.id not in there:
                self._note("lost", f"{'acknowledged and not there' if asked.poll else 'never answered'}: {asked}")
                continue
            for verdict, what in _differences(asked, there[asked.id], answers[asked.id], students):
                self._note(verdict, f"{what}: {asked}")

    def check_poll_events(self, events: Events) -> int:
        """What was done once is in the stream once; answers how many were looked up."""
        looked_up = 0
        for asked in self.polls:
            for kind, expected in asked.events().items():
                looked_up += expected.start
                for found in count_of(f"{kind} of {asked}", events.get((kind, asked.id), 0), expected):
                    self._note(*found)
        return looked_up


def _differences(asked: Asked, poll: Plain, answers: Plain, students: Sequence[str]) -> Iterator[Found]:
    told = (poll["kind"], poll["anonymous"], poll["state"], poll["shown"])
    state = "closed" if asked.is_closed else "open"
    if told != (asked.kind, asked.anonymous, state, asked.is_shown):
        yield "lost", f"the poll is {poll}"
    answered = set(asked.given)
    possible = answered | set(+asked.doubted)
    yield from count_of("people have answered", poll["answered"], range(len(answered), len(possible) + 1))
    items = answers["items"]
    if len(items) != poll["answered"]:
        yield "wrong", f"{len(items)} answers, {poll['answered']} people have answered"
    votes = Counter(choice for item in items for choice in item["choice_ids"])
    if [votes[choice["id"]] for choice in poll["choices"]] != [choice["votes"] for choice in poll["choices"]]:
        yield "wrong", f"the votes are {poll['choices']}, answered was {items}"
    if asked.anonymous:
        yield from _nobodys(asked, answers, len(students))
        return
    missing = {one["id"] for one in answers["missing"]}
    if missing != set(students) - answered:
        yield "wrong", f"{missing} are said to be missing"
    if {item["person"]["id"]: _given(item) for item in items} != asked.given:
        yield "lost", f"the answers are {items}"


def _nobodys(asked: Asked, answers: Plain, students: int) -> Iterator[Found]:
    items = answers["items"]
    if any(item["person"] is not None or item["at"] is not None for item in items):
        yield "wrong", f"anonymous, and told by whom: {items}"
    if answers["missing"] != students - len(items):
        yield "wrong", f"{answers['missing']} are said to be missing, {students - len(items)} are"
    sure = Counter(given for person, given in asked.given.items() if not asked.doubted[person])
    if lacking := sure - Counter(_given(item) for item in items):
        yield "lost", f"the answers are {items}, missing is {lacking}"


def _given(item: Plain) -> Given:
    return frozenset(item["choice_ids"]), item["text"]
