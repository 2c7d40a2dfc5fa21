"""What one member says with any serializer, every other member's client hears as it was meant, and outlives.

Each client with each serializer it has: autobahn-python, and where npm can install them autobahn-js, wampy and the
page's own connection. Rule S18 in docs/rules/sessions.md.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_twisted

from tests.gate.test_decoding import BAD_VALUES
from tests.listeners.ears import Ears, JavaScript, Python
from tests.listeners.sender import ERROR, HERE, PUBLISHED, Sender
from tests.support.node import Node
from tests.support.people import PythonPerson, planned_lesson, register
from tutorwamp.board.elements import COORDINATE_AT_MOST
from tutorwamp.kernel.contracts import new_id

PAGE = new_id()


def is_text(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True


TAGS_HERE = re.compile(r"(?!tag )|tag \d*00$")
"""The reader's own tests have all of them."""
BAD = {
    "cbor": [value for name, value in BAD_VALUES["cbor"].items() if TAGS_HERE.match(name)],
    "msgpack": list(BAD_VALUES["msgpack"].values()),
    # What is no UTF-8 ends its sender's own connection: RFC 6455 wants that of text frames.
    "json": [value for value in BAD_VALUES["json"].values() if is_text(value)],
}
VALID: list[tuple[str, dict[str, Any]]] = [
    ("typing", {"typing": True}),
    ("typing", {"typing": False}),
    ("cursor", {"page": PAGE, "x": 1, "y": -2.5}),
    ("cursor", {"page": PAGE, "x": -0.0, "y": 5e-324}),
    ("cursor", {"page": PAGE, "x": -COORDINATE_AT_MOST, "y": COORDINATE_AT_MOST, "laser": True}),
]
HOSTILE: list[tuple[str, dict[str, Any]]] = [
    ("typing", {"typing": HERE}),
    ("typing", {"typing": True, "more": HERE}),
    ("cursor", {"page": PAGE, "x": HERE, "y": 1}),
    ("cursor", {"page": HERE, "x": 1, "y": 1}),
]
TEXTS = ["漢字 🧑\u200d🏫 \u2028 x", "NaN", "1e400", "\\u0000", "\\ud800", "x\N{NO-BREAK SPACE}\uffffx"]


@dataclass
class Room:
    """A lesson in which everybody listens. ``tutor`` speaks with any serializer."""

    node: Node
    tutor_email: str
    lesson_id: str
    ears: Ears
    tutor_id: str

    async def sender(self, serializer: str) -> Sender:
        """One of whom nothing was heard yet."""
        self.ears.forget()
        return await Sender.enter(self.node, self.tutor_email, serializer, self.lesson_id)

    def from_tutor(self, listener: str, *topics: str) -> list[Any]:
        return [
            (topic, said) for topic, who, said in self.ears.heard[listener] if topic in topics and who == self.tutor_id
        ]


async def _room(node: Node, kind: Any) -> AsyncIterator[Room]:
    tutor_email, tutor = await register(node, "Tina", "tutor")
    listener_email, listener = await register(node, "Lena", "student")
    planner = await PythonPerson.enter(node, tutor_email)
    lesson = await planned_lesson(planner.call, listener)
    await planner.close()
    ears = Ears()
    listeners = await kind.enter(ears, node, listener_email, lesson["id"])
    yield Room(node, tutor_email, lesson["id"], ears, tutor["id"])
    await listeners.close()


@pytest_twisted.async_yield_fixture(params=[Python, JavaScript], scope="module")
async def room(node: Node, request: pytest.FixtureRequest) -> AsyncIterator[Room]:
    """Listeners of Python, or of JavaScript."""
    async for made in _room(node, request.param):
        yield made


@pytest.mark.parametrize("serializer", BAD)
async def test_S18_every_client_hears_what_is_valid_and_outlives_what_is_not(room: Room, serializer: str) -> None:
    sender = await room.sender(serializer)
    for value in BAD[serializer]:
        refused = [sender.publish(topic, said, value) for topic, said in HOSTILE]
        taken = [sender.publish(topic, said) for topic, said in VALID]
        answers = await sender.answers(refused + taken)
        assert {answers[number][0] for number in refused} == {ERROR}
        assert {answers[number][4] for number in refused} <= {"tutorwamp.error.invalid", "tutorwamp.error.too_large"}
        assert {answers[number][0] for number in taken} == {PUBLISHED}
    last = {"page": PAGE, "x": 1234, "y": 5}
    await sender.answers([sender.publish("cursor", last)])
    await room.ears.all_heard(lambda event: event[2] == last)
    said = [*VALID * len(BAD[serializer]), ("cursor", last)]
    for listener in room.ears.heard:
        assert room.from_tutor(listener, "typing", "cursor") == said, listener
    sender.close()


@pytest.mark.parametrize("serializer", BAD)
async def test_every_client_hears_of_calls_what_is_valid_and_outlives_what_is_not(room: Room, serializer: str) -> None:
    sender = await room.sender(serializer)
    here = {"lesson_id": room.lesson_id}
    rect = {"kind": "rect", "page": room.lesson_id, "y": 2.5, "width": 3, "height": 4, "color": "#204080"}
    refused = []
    for value in BAD[serializer]:
        element = {**rect, "id": new_id(), "x": HERE}
        refused += [
            sender.ask("tutorwamp.chat.send", {**here, "body": HERE}, value),
            sender.ask("tutorwamp.chat.send", {**here, "body": "x", "client_id": HERE}, value),
            sender.ask("tutorwamp.board.submit", {**here, "changes": [{"op": "put", "element": element}]}, value),
        ]
    for answer in (await sender.answers(refused)).values():
        assert answer[0] == ERROR or answer[3][0]["rejected"], answer
    ids = [new_id() for _ in TEXTS]
    for element_id, text in zip(ids, TEXTS, strict=True):
        change = {"op": "put", "element": {**rect, "id": element_id, "x": 1.5}}
        answers = await sender.answers(
            [
                sender.ask("tutorwamp.chat.send", {**here, "body": text}),
                sender.ask("tutorwamp.board.submit", {**here, "changes": [change]}),
            ]
        )
        assert not any(answer[0] == ERROR or answer[3][0].get("rejected") for answer in answers.values()), answers
    await room.ears.all_heard(lambda event: event[0] == "board" and ids[-1] in str(event[2]))
    await room.ears.all_heard(lambda event: event[0] == "chat" and event[2]["data"]["body"] == TEXTS[-1])
    for listener, events in room.ears.heard.items():
        assert [said["data"]["body"] for topic, _, said in events if topic == "chat"] == TEXTS, listener
        drawn = "".join(str(said) for topic, _, said in events if topic == "board")
        assert all(element_id in drawn for element_id in ids), listener
    sender.close()
