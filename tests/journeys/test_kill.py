"""kill -9 in the middle of a lesson: the node comes back, clients return, nothing said is lost or doubled."""

from __future__ import annotations

import itertools
import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import Cooperator

from tests.journeys.test_two_people import whole_history
from tests.support.people import PythonPerson, couple
from tests.support.postgres import Postgres
from tests.support.supervised import Supervised
from tutorwamp.board import rules
from tutorwamp.client import CallError
from tutorwamp.kernel.contracts import StreamEvent, instant_text, new_id
from tutorwamp.kernel.sql import migrate
from tutorwamp.kernel.sql.database import make_engine
from tutorwamp.kernel.sql.streams import read_since

MESSAGES = 1_000
AT_ONCE = 50
KILL_AFTER = 300
"""Acknowledged messages before the container dies."""


STROKES = 4
"""Of each writer, all growing at the same time."""
APPENDS = 24
"""To each stroke."""
PIPELINED = 8
"""Appends to one stroke that do not wait for each other's answers."""
KILL_DRAWING_AFTER = 60


@dataclass(frozen=True)
class Kept:
    """A supervised node and where its data are."""

    node: Supervised
    database_url: str


@pytest.fixture(scope="module")
def kept(request: pytest.FixtureRequest) -> Iterator[Kept]:
    """One for all kills on an engine; it still stops properly after them."""
    env = {}
    if request.param == "postgresql":
        postgres: Postgres = request.getfixturevalue("postgres")
        env["TUTORWAMP_DATABASE_URL"] = postgres.create_database(f"killed{new_id()[-12:]}")
        engine = make_engine(env["TUTORWAMP_DATABASE_URL"])
        migrate.upgrade(engine)
        engine.dispose()
    with Supervised(env={**env, "TUTORWAMP_RATE_LIMITS": "off"}) as made:
        yield Kept(made, env.get("TUTORWAMP_DATABASE_URL", f"sqlite:///{made.data_dir / 'tutorwamp.sqlite3'}"))
        assert made.stop() == 0


every_death = pytest.mark.parametrize(
    ("kept", "victim"),
    [("sqlite", "container"), ("sqlite", "router"), ("postgresql", "container")],
    indirect=["kept"],
    scope="module",
)


@every_death
async def test_kill_9_while_a_thousand_messages_are_sent(kept: Kept, victim: str) -> None:
    supervised = kept.node
    tutor, student, lesson_id = await couple(supervised)

    acknowledged: dict[str, dict[str, Any]] = {}
    killed = supervised.pids()[victim]

    async def send(number: int) -> None:
        answer = await student.client.call_until_answered(
            "tutorwamp.chat.send", lesson_id=lesson_id, body=f"message {number}", client_id=f"m{number}"
        )
        assert f"m{number}" not in acknowledged
        acknowledged[f"m{number}"] = answer
        if len(acknowledged) == KILL_AFTER:
            os.kill(killed, signal.SIGKILL)

    numbers = iter(range(MESSAGES))
    lanes = Cooperator()
    await gatherResults(
        [lanes.coiterate(Deferred.fromCoroutine(send(number)) for number in numbers) for _ in range(AT_ONCE)],
        consumeErrors=True,
    )

    assert len(acknowledged) == MESSAGES
    assert supervised.pids()[victim] != killed
    history = await whole_history(tutor, lesson_id)
    assert [message["seq"] for message in history] == list(range(1, MESSAGES + 1))
    assert {message["client_id"]: message for message in history} == acknowledged

    # Everything once more: the first answers again, and nothing new.
    for number in range(0, MESSAGES, 7):
        again = await student.call(
            "tutorwamp.chat.send", lesson_id=lesson_id, body=f"message {number}", client_id=f"m{number}"
        )
        assert again == acknowledged[f"m{number}"]
    assert await whole_history(student, lesson_id) == history

    # Both are in the room again and hear each other.
    chat = f"tutorwamp.lesson.{lesson_id}.chat"
    await tutor.call("tutorwamp.chat.send", lesson_id=lesson_id, body="all there?")
    await student.heard_until(lambda: student.heard[chat][-1]["data"]["body"] == "all there?")
    await tutor.close()
    await student.close()


@dataclass
class Drawing:
    """One person's submissions: change and answer by client_id, and how many got no answer at first."""

    person: PythonPerson
    lesson_id: str
    answered: Callable[[], None]
    acknowledged: dict[str, tuple[dict[str, Any], dict[str, Any]]] = field(default_factory=dict)
    lost: int = 0

    async def submit(self, client_id: str, change: dict[str, Any], *, stubborn: bool) -> bool:
        """Whether the change was applied; ``stubborn``: ask until there is an answer, otherwise once."""
        call = self.person.client.call_until_answered if stubborn else self.person.client.call
        try:
            answer = await call(
                "tutorwamp.board.submit", lesson_id=self.lesson_id, changes=[change], client_id=client_id
            )
        except CallError as error:
            if stubborn or not error.may_repeat:
                raise
            self.lost += 1
            return False
        self.acknowledged[client_id] = change, answer
        self.answered()
        if answer["rejected"]:
            # It came after one that was lost.
            assert [one["error"] for one in answer["rejected"]] == ["tutorwamp.error.board.stale"]
        return bool(answer["applied"])

    async def insist(self, client_id: str, change: dict[str, Any]) -> None:
        """The same submission until it is answered; what was rejected, as a new one."""
        if not await self.submit(client_id, change, stubborn=True):
            assert await self.submit(f"{client_id}-rebased", change, stubborn=True)

    async def stroke(self, stroke_id: str) -> None:
        """A put and appends, ``PIPELINED`` at a time; what got lost again with the same client_id, in order (B31)."""
        look = {"kind": "stroke", "color": "#000000", "points": [[0, 0]], "width": 2}
        element = {"id": stroke_id, "page": self.lesson_id, **look}
        await self.insist(f"{stroke_id[-12:]}-0", {"op": "put", "element": element})
        changes = {
            f"{stroke_id[-12:]}-{n}": {"op": "append", "id": stroke_id, "version": n, "points": [[n, n]]}
            for n in range(1, APPENDS + 1)
        }
        names = list(changes)
        for first in range(0, APPENDS, PIPELINED):
            sent = names[first : first + PIPELINED]
            applied = await gatherResults(
                [Deferred.fromCoroutine(self.submit(name, changes[name], stubborn=False)) for name in sent],
                consumeErrors=True,
            )
            for name, done in zip(sent, applied, strict=True):
                if not done:
                    await self.insist(name, changes[name])


def stored_events(kept: Kept, lesson_id: str) -> list[StreamEvent]:
    engine = make_engine(kept.database_url)
    with engine.connect() as connection:
        events = read_since(connection, f"tutorwamp.lesson.{lesson_id}.board", 0, 100_000)
    engine.dispose()
    return events


@every_death
async def test_B21_B31_kill_9_while_two_people_draw(kept: Kept, victim: str) -> None:
    tutor, student, lesson_id = await couple(kept.node)
    await tutor.call("tutorwamp.lesson.set_pen", lesson_id=lesson_id, student_ids=[student.user["id"]])

    killed = kept.node.pids()[victim]
    answers = itertools.count(1)

    def kill_in_the_middle() -> None:
        if next(answers) == KILL_DRAWING_AFTER:
            os.kill(killed, signal.SIGKILL)

    drawings = [Drawing(person, lesson_id, kill_in_the_middle) for person in (tutor, student)]
    strokes = {new_id(): drawing for drawing in drawings for _ in range(STROKES)}
    await gatherResults(
        [Deferred.fromCoroutine(drawing.stroke(stroke_id)) for stroke_id, drawing in strokes.items()],
        consumeErrors=True,
    )
    assert any(drawing.lost for drawing in drawings)
    assert kept.node.pids()[victim] != killed

    # Every change is on the board, once.
    state = await tutor.call("tutorwamp.board.open", lesson_id=lesson_id)
    found = {element["id"]: element for element in state["elements"]}
    assert len(state["elements"]) == len(found)
    assert found.keys() == strokes.keys()
    for stroke_id, drawing in strokes.items():
        assert found[stroke_id]["version"] == APPENDS + 1
        assert found[stroke_id]["points"] == [[n, n] for n in range(APPENDS + 1)]
        assert found[stroke_id]["author"]["id"] == drawing.person.user["id"]

    # It is what its events say, and what history says.
    events = stored_events(kept, lesson_id)
    assert [event.seq for event in events] == list(range(1, state["head"] + 1))
    replayed = rules.replay(lesson_id)
    for event in events:
        replayed.take(event.type, instant_text(event.at), event.data)
    assert replayed.plain(state["head"]) == state
    assert await student.call("tutorwamp.board.at", lesson_id=lesson_id, seq=state["head"]) == state

    # Everything once more: the first answers again, and nothing new.
    for drawing in drawings:
        for client_id, (change, first) in list(drawing.acknowledged.items())[::5]:
            again = await drawing.person.call(
                "tutorwamp.board.submit", lesson_id=lesson_id, changes=[change], client_id=client_id
            )
            assert (again["seq"], again["applied"]) == (first["seq"], first["applied"])
    assert await student.call("tutorwamp.board.open", lesson_id=lesson_id) == state
    await tutor.close()
    await student.close()
