"""Hostile and valid publications of members, over all serializers, and what every client with every serializer hears.

Each client with each serializer it has: autobahn-python, and where npm can install them autobahn-js, wampy and the
page's own connection. Rule S18 in docs/rules/sessions.md.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

import pytest
from twisted.internet.defer import Deferred, TimeoutError, gatherResults  # noqa: A004  # Twisted's own

from tests.fuzz.answers import faults
from tests.fuzz.hostile import Hostile
from tests.fuzz.test_wamp import CALLS, SEED
from tests.gate.raw import WRITERS
from tests.listeners.ears import Ears, Heard, JavaScript, Python
from tests.listeners.installed import why_no_javascript
from tests.listeners.sender import ERROR, HERE, PUBLISHED, Sender
from tests.listeners.test_listeners import BAD
from tests.support.node import Node
from tests.support.people import PythonPerson, planned_lesson, register
from tutorwamp.board.elements import COORDINATE_AT_MOST
from tutorwamp.kernel.contracts import new_id

PUBLICATIONS: Final = CALLS
AT_ONCE: Final = 100
"""Of one sender; then everybody has heard them. A listener that is a megabyte behind would be spared some (S19)."""
LARGE_BYTES: Final = 4_000
LARGE_ONCE_IN: Final = 50
"""Values as large as that are slow to send; so seldom."""
UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
NUMBERS: Final = (0, 1, -1, 2.5, -0.5, 1e-300, 5e-324, 1e5, COORDINATE_AT_MOST, -COORDINATE_AT_MOST, 999_999.999)

pytestmark = pytest.mark.fuzz

Said = tuple[str, dict[str, Any]]
"""The last word of a topic, and what was published there."""


def is_valid(topic: str, said: dict[str, Any]) -> bool:
    """Rule S18, told once more."""
    if topic == "typing":
        return set(said) == {"typing"} and type(said["typing"]) is bool
    if not {"page", "x", "y"} <= set(said) <= {"page", "x", "y", "laser"}:
        return False
    numbers = [said["x"], said["y"]]
    if any(type(one) not in (int, float) or not abs(one) <= COORDINATE_AT_MOST for one in numbers):
        return False
    page, laser = said["page"], said.get("laser", False)
    return type(page) is str and UUID.fullmatch(page) is not None and type(laser) is bool


@dataclass
class Tally:
    """What came of it."""

    answers: Counter[str] = field(default_factory=Counter)
    heard: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)

    def count(self) -> int:
        return sum(self.answers.values())


class Speaker:
    """A member who publishes, well and badly, with one serializer."""

    def __init__(self, sender: Sender, serializer: str, tally: Tally) -> None:
        self.user_id = sender.user_id
        self._sender, self._tally = sender, tally
        self._random = random.Random(f"{SEED}/publications/{serializer}")
        known = {"page": [new_id()]}
        self._hostile = Hostile(f"{SEED}/values/{serializer}", {}, known, as_json=serializer == "json")
        self._bad = [value for value in BAD[serializer] if len(value) <= LARGE_BYTES]
        self._large = [value for value in BAD[serializer] if len(value) > LARGE_BYTES]

    async def speak(self, count: int) -> list[Said]:
        """Publish so many; those that others must hear, in their order."""
        asked = [self._publish() for _ in range(count)]
        answers = await self._sender.answers([number for number, _, _ in asked])
        for number, (topic, said), valid in asked:
            answer = answers[number]
            self._tally.answers["told" if answer[0] == PUBLISHED else answer[4]] += 1
            wrong = self._wrong(answer, valid=valid)
            self._tally.faults += [f"{topic}: {one}, after {said!r:.300}" for one in wrong]
        return [said for _, said, valid in asked if valid]

    def leave(self) -> None:
        self._sender.close()

    def _wrong(self, answer: list[Any], *, valid: bool) -> Iterable[str]:
        if answer[0] != ERROR or valid:
            return [] if (answer[0] == PUBLISHED) is valid else [f"answered with {answer!r:.300}"]
        *_, uri, positional, values = answer
        return faults(uri, tuple(positional or ()), values)

    def _publish(self) -> tuple[int, Said, bool]:
        topic, said = self._good()
        kind = self._random.random()
        if kind < 0.5:
            return self._sender.publish(topic, said), (topic, said), True
        if kind < 0.75:
            spoiled = self._hostile.spoiled(said)
            return self._sender.publish(topic, spoiled), (topic, spoiled), is_valid(topic, spoiled)
        values = self._bad if not self._large or self._random.randrange(LARGE_ONCE_IN) else self._large
        said = {**said, self._random.choice([*said, "more"]): HERE}
        return self._sender.publish(topic, said, self._random.choice(values)), (topic, said), False

    def _good(self) -> Said:
        if self._random.random() < 0.3:
            return "typing", {"typing": self._random.random() < 0.5}
        said = {"page": new_id(), "x": self._number(), "y": self._number()}
        return "cursor", said if self._random.random() < 0.5 else {**said, "laser": self._random.random() < 0.5}

    def _number(self) -> float:
        return self._random.choice([*NUMBERS, self._random.uniform(-2_000, 2_000), self._random.randrange(2_000)])


def by_members(events: list[Heard]) -> list[Heard]:
    return [event for event in events if event[0] in ("typing", "cursor")]


async def everybody(node: Node, ears: Ears, tally: Tally) -> tuple[list[Any], list[Speaker]]:
    """Every client listens in a lesson, and for each serializer there is a member who may speak."""
    tutor_email, _ = await register(node, "Tina", "tutor")
    listener_email, listener = await register(node, "Lena", "student")
    others = [await register(node, name, "student") for name in ("Stan", "Sven")]
    planner = await PythonPerson.enter(node, tutor_email)
    lesson = await planned_lesson(planner.call, listener, *(user for _, user in others))
    await planner.close()
    missing = why_no_javascript()
    if missing:
        print(f"\nnobody listens with JavaScript: {missing}")  # noqa: T201  # for -s
    clients: list[Any] = [Python] if missing else [Python, JavaScript]
    coming = [Deferred.fromCoroutine(client.enter(ears, node, listener_email, lesson["id"])) for client in clients]
    listeners = await gatherResults(coming, consumeErrors=True)
    emails = [tutor_email, *(email for email, _ in others)]
    speakers = [
        Speaker(await Sender.enter(node, email, serializer, lesson["id"]), serializer, tally)
        for email, serializer in zip(emails, WRITERS, strict=True)
    ]
    return listeners, speakers


async def heard_by_all(ears: Ears, speakers: list[Speaker], said: list[list[Said]], tally: Tally) -> None:
    """Each listener hears what each of them has said, in its order, and nothing else."""
    count = sum(map(len, said))
    try:
        await ears.each_heard(lambda events: len(events) >= count and len(by_members(events)) >= count)
    except TimeoutError:
        tally.faults.append("not everything was heard in time")
    for listener, events in ears.heard.items():
        heard = by_members(events)
        tally.heard[listener] += len(heard)
        for speaker, expected in zip(speakers, said, strict=True):
            of_speaker = [(topic, values) for topic, publisher, values in heard if publisher == speaker.user_id]
            if of_speaker != expected:
                tally.faults.append(f"{listener} heard {len(of_speaker)} and should have heard {len(expected)}")
    ears.forget()


async def test_S18_every_client_hears_all_that_is_valid_nothing_else_and_loses_no_session(node: Node) -> None:
    ears, tally = Ears(), Tally()
    listeners, speakers = await everybody(node, ears, tally)
    while tally.count() < PUBLICATIONS and not tally.faults:
        share = min(AT_ONCE, -(-(PUBLICATIONS - tally.count()) // len(speakers)))
        speaking = [Deferred.fromCoroutine(speaker.speak(share)) for speaker in speakers]
        await heard_by_all(ears, speakers, await gatherResults(speaking, consumeErrors=True), tally)
    told = tally.answers["told"]
    print(f"\n{tally.count()} publications: {dict(tally.answers)}; sessions lost: {ears.lost or 'none'}")  # noqa: T201  # for -s
    print(f"of {told} valid ones heard: {dict(tally.heard)}")  # noqa: T201  # for -s
    assert tally.faults == [], f"{len(tally.faults)}: " + "\n".join(tally.faults[:20])
    assert tally.count() >= PUBLICATIONS
    assert told >= PUBLICATIONS // 2 - 3 * AT_ONCE
    assert dict(tally.heard) == dict.fromkeys(ears.heard, told)
    assert ears.lost == {}
    for speaker in speakers:
        speaker.leave()
    for listener in listeners:
        await listener.close()
