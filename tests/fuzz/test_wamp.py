"""Hostile calls of every procedure, over all serializers, while somebody else's session is watched."""

from __future__ import annotations

import json
import os
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final, cast

import pytest
from autobahn.wamp.exception import ApplicationError
from autobahn.wamp.request import CallRequest
from autobahn.wamp.types import CallOptions, CloseDetails
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import deferLater

from tests.fuzz.answers import faults, leaks
from tests.fuzz.hostile import Hostile
from tests.gate.raw import WRITERS
from tests.support.node import Node
from tests.support.people import PythonPerson, bare, planned_lesson, register
from tests.support.wamp import PATIENCE_S, BareSession
from tutorwamp.client import CallError
from tutorwamp.client.wamp import SEND_AT_MOST_BYTES
from tutorwamp.reference.catalogue import catalogue

CALLS: Final = int(os.environ.get("TUTORWAMP_TEST_FUZZ_CALLS", "400"))
"""20,000 in the profile: ``tox -e fuzz``."""
SEED: Final = os.environ.get("TUTORWAMP_TEST_FUZZ_SEED", "1")
LOST: Final = "the caller's own session ended"
HEARTBEAT_PAUSE_S: Final = 0.05
"""Between the bystander's heartbeats: often, and yet most calls are the attackers'."""
CALLS_A_LESSON: Final = 100
"""Hostile calls end lessons, too; then there is a fresh one."""

pytestmark = pytest.mark.fuzz


@dataclass
class Tally:
    """What came of the calls."""

    answers: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    heartbeats: int = 0

    def count(self) -> int:
        return sum(self.answers.values())


class Ground:
    """What is there to be called about: by argument, the ids of it. ``tutor`` makes more."""

    def __init__(self, tutor: PythonPerson, student: dict[str, Any]) -> None:
        self._tutor, self._student = tutor, student
        self._hours = 0
        self.known: dict[str, list[str]] = {
            "student_ids": [student["id"]],
            "muted": [student["id"]],
            "user_id": [student["id"]],
        }

    async def renew(self) -> None:
        """Another lesson and what is in it, unless a hostile one takes the time; the next is tried an hour later."""
        try:
            await self._renew()
        except CallError as error:
            assert error.uri == "tutorwamp.error.lesson.overlap"  # noqa: PT017  # any other fails

    async def _renew(self) -> None:
        self._hours += 2
        begins = datetime.now(UTC) + timedelta(hours=self._hours)
        lesson = await planned_lesson(self._tutor.call, self._student, begins=begins)
        message = await self._tutor.call("tutorwamp.chat.send", lesson_id=lesson["id"], body="hello")
        asked = {"lesson_id": lesson["id"], "question": "Clear?", "choices": ["Yes", "No"]}
        poll = await self._tutor.call("tutorwamp.poll.open", **asked)
        file = await self._tutor.client.upload(lesson["id"], b"notes", name="notes.txt")
        self.known.update(lesson_id=[lesson["id"]], page=[lesson["id"]], file_ids=[file["id"]])
        self.known.update(poll_id=[poll["id"]], choice_ids=[choice["id"] for choice in poll["choices"]])
        self.known.update(message_id=[message["id"]], reply_to=[message["id"]])


class Attacker:
    """One person who calls everything, on a session of theirs."""

    def __init__(self, node: Node, name: str, email: str, serializer: str, ground: Ground, tally: Tally) -> None:
        self._node, self._email, self._serializer, self._tally = node, email, serializer, tally
        self._ground = ground
        self._session: BareSession | None = None
        self._waiting: Deferred[Any] = Deferred()
        self._sent_bytes = 0
        """Of the last call: the router ends a connection over a longer one than it takes."""
        found = catalogue()
        self._procedures = found.procedures
        self._schemas = {uri: found.fields(one.arguments) for uri, one in self._procedures.items()}
        self._hostile = Hostile(
            f"{SEED}/{name}/{serializer}", found.definitions, ground.known, as_json=serializer == "json"
        )

    async def attack(self, calls: int) -> None:
        uris = sorted(self._schemas)
        for number in range(calls):
            if number % CALLS_A_LESSON == CALLS_A_LESSON - 1:
                await self._ground.renew()
            if number % len(uris) == 0:
                await self._show_life()
            await self.call(uris[number % len(uris)])
        if self._session is not None:
            self._session.leave()

    async def _show_life(self) -> None:
        """Those among the hostile calls are refused mostly, and who is silent for two minutes is ended."""
        if self._session is not None and self._session.is_attached():
            await self._session.ask("tutorwamp.session.heartbeat")

    async def call(self, uri: str) -> None:
        """One call; whatever is answered is judged."""
        if self._session is None or not self._session.is_attached():
            self._session = await bare(self._node, self._email, self._serializer)
            self._session.left.addCallback(self._lost)
        arguments = self._hostile.arguments(self._schemas[uri])
        positional = [self._hostile.value()] if self._hostile.random.random() < 0.05 else []
        try:
            answer = await self._answer(self._session, uri, positional, arguments)
        except ApplicationError as error:
            self._judge(uri, arguments, error.error, list(faults(error.error, error.args, error.kwargs)))
        except _LostError as lost:
            allowed = self._sent_bytes > SEND_AT_MOST_BYTES
            self._judge(uri, arguments, LOST, [] if allowed else [f"ended the caller's own session: {lost}"])
            self._session = None
        else:
            told = [leak for one in answer.get("rejected", ()) for leak in leaks(one)]
            self._judge(uri, arguments, "answered", [*told, *self._unlike(uri, answer)])

    def _judge(self, uri: str, arguments: Any, outcome: str, wrong: list[str]) -> None:
        self._tally.answers[outcome] += 1
        self._tally.faults += [f"{uri}: {one}, asked with {arguments!r:.300}" for one in wrong]

    def _unlike(self, uri: str, answer: dict[str, Any]) -> list[str]:
        """Where the answer is not what the contract's model says."""
        if uri == "tutorwamp.board.export":  # bytes
            return []
        try:
            self._procedures[uri].result.model_validate_json(json.dumps(answer))
        except ValueError as error:
            return [f"answered {answer!r:.300}: {error}"]
        return []

    async def _answer(self, session: BareSession, uri: str, positional: Any, arguments: Any) -> Any:
        number = session._request_id_gen.next()
        self._waiting = Deferred()
        session._call_reqs[number] = CallRequest(number, uri, self._waiting, CallOptions())
        message = [48, number, {}, uri, positional, arguments]
        raw = WRITERS[self._serializer](message)
        self._sent_bytes = len(raw)
        session.wire().sendMessage(raw, isBinary=self._serializer != "json")
        return await self._waiting.addTimeout(PATIENCE_S, reactor)

    def _lost(self, details: CloseDetails) -> CloseDetails:
        if not self._waiting.called:
            self._waiting.errback(_LostError(details.reason))
        return details


class _LostError(Exception):
    """The connection ended before there was an answer."""


async def watch(bystander: BareSession, tally: Tally, done: list[bool]) -> None:
    """One heartbeat after the other, each answered."""
    while not done:
        assert (await bystander.ask("tutorwamp.session.heartbeat"))["timeout_s"] > 0
        tally.heartbeats += 1
        await deferLater(cast("Any", reactor), HEARTBEAT_PAUSE_S)


async def test_hostile_calls_get_the_contracts_errors_and_disturb_nobody(node: Node) -> None:
    tutor_email, _ = await register(node, "Tina", "tutor")
    student_email, student = await register(node, "Stan", "student")
    stranger_email, _ = await register(node, "Sven", "tutor")
    tutor = await PythonPerson.enter(node, tutor_email)
    ground = Ground(tutor, student)
    bystander = await bare(node, student_email)
    await ground.renew()
    await bystander.ask("tutorwamp.lesson.join", lesson_id=ground.known["lesson_id"][0])
    tally, done = Tally(), list[bool]()
    watching = Deferred.fromCoroutine(watch(bystander, tally, done))
    attackers = [
        Attacker(node, name, email, serializer, ground, tally)
        for name, email in (("tutor", tutor_email), ("student", student_email), ("stranger", stranger_email))
        for serializer in WRITERS
    ]
    share = -(-CALLS // len(attackers))
    await gatherResults([Deferred.fromCoroutine(one.attack(share)) for one in attackers], consumeErrors=True)
    done.append(True)
    await watching
    print(f"\n{tally.count()} calls: {dict(tally.answers)}; {tally.heartbeats} heartbeats answered")  # noqa: T201  # for -s
    assert tally.faults == [], f"{len(tally.faults)}: " + "\n".join(tally.faults[:20])
    assert tally.count() >= CALLS
    assert bystander.is_attached()
    assert not bystander.left.called
    assert tally.heartbeats >= 1
    bystander.leave()
    await tutor.close()
