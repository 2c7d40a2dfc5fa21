"""A lesson without faults: the people of the chaos tests, on networks that hold, every answer looked at."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

from autobahn.wamp.exception import ApplicationError
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

from tests.chaos.plan import Step
from tests.chaos.storm import Storm, Tally
from tests.chaos.world import World, reactor
from tutorwamp.client import wamp as client_wamp
from tutorwamp.reference.catalogue import catalogue

DEEDS: Final = {
    "say": 8,
    "react": 3,
    "read": 2,
    "draw": 4,
    "stroke": 2,
    "replace": 3,
    "erase": 1,
    "read_notifications": 1,
}
"""As in the storms, but for what others may make impossible: here nobody is refused anything."""
DEED_EVERY_S: Final = 3.0
"""Of one person, on average; thirty of them do ten things a second."""
CURSOR_EVERY_S: Final = 1.0
HEARTBEAT_EVERY_S: Final = 10.0
"""More often than the client's own: a hostile minute is short."""


class WatchedSession(client_wamp.Session):
    """Looks at every answer: is it one, and of what was asked?"""

    calls = 0
    wrong: list[str] = []  # noqa: RUF012  # of all sessions together, on purpose
    outcomes: Counter[str] = Counter()  # noqa: RUF012  # the same

    def call(self, procedure: str, *args: Any, **asked: Any) -> Any:
        answer: Deferred[Any] = super().call(procedure, *args, **asked)
        type(self).calls += 1

        def judge(outcome: Any) -> Any:
            error = getattr(outcome, "value", None)
            said = "answered" if error is None else getattr(error, "error", repr(error))
            self.outcomes[said] += 1
            if error is not None:
                self._note(f"{procedure}: {said} {error.kwargs if isinstance(error, ApplicationError) else ''}")
            elif fault := _unlike(procedure, asked, outcome):
                self._note(f"{procedure} {asked!r:.200}: {fault}")
            return outcome

        return answer.addBoth(judge)

    def _note(self, what: str) -> None:
        if self.joined:  # who has said goodbye waits for nothing
            self.wrong.append(what)


def _unlike(procedure: str, asked: Mapping[str, Any], answer: Any) -> str:
    """Where the answer is not what the contract's model says, or of something else; empty where it is."""
    try:
        catalogue().procedures[procedure].result.model_validate_json(json.dumps(answer))
    except ValueError as error:
        return f"{answer!r:.200} is no answer: {error}"
    own = {"id": asked.get("message_id"), **{name: asked.get(name) for name in ("body", "client_id", "lesson_id")}}
    if procedure == "tutorwamp.chat.send":
        found = {name: (answer[name], value) for name, value in own.items() if value is not None}
        found = {name: both for name, both in found.items() if both[0] != both[1]}
        return f"another's: {found}" if found else ""
    if procedure == "tutorwamp.chat.react" and answer["id"] != asked["message_id"]:
        return f"another's: {answer['id']}"
    if procedure == "tutorwamp.board.submit":
        ids = [change["element"]["id"] if change["op"] == "put" else change["id"] for change in asked["changes"]]
        strangers = {*answer["applied"], *(one["id"] for one in answer["rejected"])} ^ set(ids)
        return f"of other elements: {strangers}" if strangers else ""
    return ""


class CalmLesson(Storm):
    """These accounts, the tutor first."""

    def __init__(
        self, world: World, seed: int, accounts: Sequence[tuple[str, dict[str, Any]]], *, guests: Sequence[str] = ()
    ) -> None:
        self._accounts = list(accounts)
        super().__init__(
            world, seed, tally=Tally(), students=len(accounts) - 1, serializers=("cbor", "json", "msgpack")
        )
        self.guests = list(guests)

    def _chosen(self, tutor: int, students: int) -> list[tuple[str, dict[str, Any]]]:
        return self._accounts

    async def teach(self, done: list[bool]) -> None:
        """People do what people do, until ``done`` has something in it."""
        count = len(self.people)
        pauses = {
            "deed": DEED_EVERY_S / count,
            "cursor": CURSOR_EVERY_S / count,
            "heartbeat": HEARTBEAT_EVERY_S / count,
        }
        due = {kind: time.monotonic() + self._random.random() * pause for kind, pause in pauses.items()}
        while not done:
            kind = min(due, key=lambda one: due[one])
            await deferLater(reactor, max(0.0, due[kind] - time.monotonic()))  # as people do
            due[kind] = max(due[kind] + self._random.expovariate(1 / pauses[kind]), time.monotonic() - 1)
            self._do(kind)

    def _do(self, kind: str) -> None:
        who = self._random.randrange(len(self.people))
        person = self.people[who]
        if kind == "deed":
            what = self._random.choices(list(DEEDS), list(DEEDS.values()))[0]
            self._take(Step(0.0, "deed", what, who, self._random.getrandbits(32)))
        elif kind == "cursor":
            place = (self._random.random() * 900, self._random.random() * 600)
            _unless_it_fails(person.lesson.show_cursor(self.lesson_id, *place))
        else:
            _unless_it_fails(person.client.call("tutorwamp.session.heartbeat"))

    @property
    def drops(self) -> int:
        """Sessions that ended."""
        return sum(person.drops for person in self.people)


def _unless_it_fails(doing: Any) -> None:
    """The watched session has noted why."""
    Deferred.fromCoroutine(doing).addErrback(lambda _: None)
