"""What a student may do, asked of a real node in every state and under all rules together; and a lesson with hands."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest
import pytest_twisted
import treq
from autobahn.wamp.exception import ApplicationError

from tests.conftest import HURRIED, migrated_node
from tests.lessons import students
from tests.lessons.students import ATTENDED, MUTED, TUTORS, UNATTENDED
from tests.support.node import Node
from tests.support.people import PythonPerson, bare, planned_lesson, register
from tests.support.refused import refused
from tests.support.wamp import BareSession
from tutorwamp.client import CallError
from tutorwamp.kernel.contracts import instant_text, new_id

PAGE: Final = Path(__file__).parents[2] / "docs" / "rules" / "students.md"
GRACE_S: Final = 2
TOLD: Final = {
    "tutorwamp.error.lesson.muted": "muted",
    "tutorwamp.error.lesson.state": "state",
    "tutorwamp.error.board.no_pen": "no_pen",
    "wamp.error.not_authorized": "deny",
}
RULES: Final = [
    {"chat": chat, "unattended": unattended, "muted": muted}
    for chat, unattended, muted in itertools.product(("everyone", "tutors"), ("open", "closed"), (False, True))
]
"""All combinations."""


def test_the_page_is_made_from_the_table() -> None:
    assert PAGE.read_text() == students.page(), f"{PAGE.name} must be:\n{students.page()}"


@pytest.fixture(scope="module")
def brisk_node() -> Iterator[Node]:
    """A node with a short grace time."""
    with (made := migrated_node(env={**HURRIED, "TUTORWAMP_RECONNECT_GRACE": str(GRACE_S)})).running():
        yield made


@dataclass
class Class:
    """Tina teaches Anna, who has the pen, and Ben, who has not; a lesson of its own for each question."""

    node: Node
    emails: dict[str, str]
    users: dict[str, dict[str, Any]]
    tutor: BareSession
    anna: BareSession
    ben: BareSession
    hours: int = 0

    async def lesson(self) -> str:
        self.hours += 2
        begins = datetime.now(UTC) + timedelta(hours=self.hours)
        pupils = [self.users["Anna"], self.users["Ben"]]
        lesson_id = str((await planned_lesson(self.tutor.ask, *pupils, begins=begins))["id"])
        await self.tutor.ask("tutorwamp.lesson.set_pen", lesson_id=lesson_id, student_ids=[self.users["Anna"]["id"]])
        return lesson_id

    async def set_rules(self, lesson_id: str, rules: dict[str, Any]) -> Any:
        muted = [self.users[name]["id"] for name in ("Anna", "Ben")] if rules["muted"] else []
        return await self.tutor.ask("tutorwamp.lesson.set_rules", lesson_id=lesson_id, **{**rules, "muted": muted})

    async def said(self, lesson_id: str) -> list[str]:
        """Two messages of Anna's, to edit and to delete, sent while nothing forbids it, and a poll."""
        await self.set_rules(lesson_id, {"chat": "everyone", "unattended": "open", "muted": False})
        sent = [await self.anna.ask("tutorwamp.chat.send", lesson_id=lesson_id, body="Hello") for _ in range(2)]
        asked = await self.tutor.ask("tutorwamp.poll.open", lesson_id=lesson_id, question="Why?", kind="text")
        return [one["id"] for one in (*sent, asked)]

    async def told(self, lesson_id: str, messages: list[str]) -> tuple[str, ...]:
        """What Anna, and of drawing without the pen Ben, is told of each deed."""
        here, first, second, poll = {"lesson_id": lesson_id}, *messages
        anna, ben = self.anna.ask, self.ben.ask
        attempts = [
            anna("tutorwamp.chat.send", **here, body="Me!"),
            anna("tutorwamp.chat.edit", message_id=first, body=f"Good evening {new_id()}"),
            anna("tutorwamp.chat.delete", message_id=second),
            anna("tutorwamp.chat.react", message_id=first, emoji="👍", on=True),
            anna("tutorwamp.chat.mark_read", **here, seq=1),
            _draw(anna, lesson_id),
            _draw(ben, lesson_id),
            anna("tutorwamp.lesson.raise_hand", **here, up=True),
            self.anna.publish_raw(f"tutorwamp.lesson.{lesson_id}.typing", {"typing": True}),
            anna("tutorwamp.poll.answer", poll_id=poll, text="So"),
        ]
        return tuple([await _cell(attempt) for attempt in attempts])


async def _draw(ask: Any, lesson_id: str) -> None:
    box = {"id": new_id(), "page": lesson_id, "kind": "rect", "x": 0, "y": 0, "width": 9, "height": 9}
    changes = [{"op": "put", "element": {**box, "color": "#204080"}}]
    answer = await ask("tutorwamp.board.submit", lesson_id=lesson_id, changes=changes)
    for one in answer["rejected"]:
        raise ApplicationError(one["error"])


async def _cell(attempt: Any) -> str:
    try:
        await attempt
    except ApplicationError as error:
        return TOLD.get(error.error, str(error.error))
    return "yes"


@pytest_twisted.async_yield_fixture(scope="module")
async def pupils(brisk_node: Node) -> AsyncIterator[Class]:
    roles = {"Tina": "tutor", "Anna": "student", "Ben": "student"}
    accounts = {name: await register(brisk_node, name, role) for name, role in roles.items()}
    emails = {name: email for name, (email, _) in accounts.items()}
    users = {name: user for name, (_, user) in accounts.items()}
    tina, anna, ben = [await bare(brisk_node, email, "json") for email in emails.values()]
    yield Class(brisk_node, emails, users, tina, anna, ben)
    for session in (tina, anna, ben):
        session.leave()


def rows(rules: dict[str, Any], *, there: bool) -> list[str]:
    """Which rows of the table hold."""
    closed = [ATTENDED if there else UNATTENDED] if rules["unattended"] == "closed" else []
    return [*([TUTORS] if rules["chat"] == "tutors" else []), *([MUTED] if rules["muted"] else []), *closed]


@pytest.mark.parametrize(
    ("state", "there"),
    [("scheduled", True), ("scheduled", False), ("live", True), ("live", False), ("interrupted", False)],
)
async def test_L24_L25_in_an_open_lesson(pupils: Class, state: str, there: bool) -> None:
    lesson_id = await pupils.lesson()
    here = {"lesson_id": lesson_id}
    await pupils.anna.ask("tutorwamp.lesson.join", **here)
    if state != "scheduled":
        await pupils.tutor.ask("tutorwamp.lesson.start", **here)
    if there or state == "interrupted":
        await pupils.tutor.ask("tutorwamp.lesson.join", **here)
    if state == "interrupted":
        await interrupted(pupils, lesson_id)
    for rules in RULES:
        messages = await pupils.said(lesson_id)
        assert (await pupils.set_rules(lesson_id, rules))["state"] == state
        expected = students.expected(students.OPEN, rows(rules, there=there))
        assert await pupils.told(lesson_id, messages) == expected, rules
        await pupils.tutor.ask("tutorwamp.chat.send", **here, body="The tutor speaks")
        await _draw(pupils.tutor.ask, lesson_id)
        await pupils.anna.ask("tutorwamp.lesson.raise_hand", **here, up=False)
    await pupils.tutor.ask("tutorwamp.lesson.leave", **here)


async def interrupted(pupils: Class, lesson_id: str) -> None:
    """The tutor leaves, and stays away for the grace time."""
    state = f"tutorwamp.lesson.{lesson_id}.state"
    await pupils.anna.hear(state)
    await pupils.tutor.ask("tutorwamp.lesson.leave", lesson_id=lesson_id)
    await pupils.anna.heard_until(
        lambda: any(one["type"] == "lesson.interrupted" for topic, one in pupils.anna.heard if topic == state)
    )


@pytest.mark.parametrize("end", ["end", "cancel"])
async def test_L24_L25_when_the_lesson_is_over(pupils: Class, end: str) -> None:
    for rules in RULES:
        lesson_id = await pupils.lesson()
        await pupils.anna.ask("tutorwamp.lesson.join", lesson_id=lesson_id)
        messages = await pupils.said(lesson_id)
        await pupils.set_rules(lesson_id, rules)
        if end == "end":
            await pupils.tutor.ask("tutorwamp.lesson.start", lesson_id=lesson_id)
        await pupils.tutor.ask(f"tutorwamp.lesson.{end}", lesson_id=lesson_id)
        expected = students.expected(students.OVER, rows(rules, there=False))
        assert await pupils.told(lesson_id, messages) == expected, rules


async def test_L24_to_L27_a_lesson_with_rules_hands_and_a_timer(pupils: Class) -> None:
    """By the Python client, and REST for what needs no room."""
    node, emails = pupils.node, pupils.emails
    tina, anna, ben = [await PythonPerson.enter(node, emails[name]) for name in ("Tina", "Anna", "Ben")]
    lesson_id = await pupils.lesson()
    everybody = (tina, anna, ben)
    for one in everybody:
        await one.join(lesson_id)
    tutor, annas, bens = [await one.client.join(lesson_id) for one in everybody]

    await bens.raise_hand()
    await annas.raise_hand()
    answered = await bens.raise_hand()
    assert [hand["person"]["name"] for hand in answered["hands"]] == ["Ben", "Anna"]
    muted = await tutor.set_rules(muted=[ben.user["id"]])
    assert await _uri(bens.send("Me!")) == "tutorwamp.error.lesson.muted"
    ends_at = instant_text(datetime.now(UTC) + timedelta(minutes=5))
    timed = await tutor.set_timer(ends_at, title="Quiz")
    assert timed["timer"] == {"title": "Quiz", "ends_at": ends_at}
    assert timed["version"] == muted["version"]
    state = annas.topics["state"]
    for one, lesson in zip(everybody, (tutor, annas, bens), strict=True):
        await one.heard_until(partial(_heard_last, one, state, "timer.changed"))
        assert lesson.lesson == timed
        assert [event["type"] for event in one.heard[state]] == [
            "hand.changed", "hand.changed", "rules.changed", "timer.changed"
        ]  # fmt: skip

    status, lowered = await _rest(node, tina, f"{lesson_id}/hand", {"up": False, "user_id": ben.user["id"]})
    assert (status, [hand["person"]["name"] for hand in lowered["hands"]]) == (200, ["Anna"])
    status, problem = await _rest(node, ben, f"{lesson_id}/rules", {"muted": []})
    assert (status, problem["type"]) == (403, "tutorwamp.error.forbidden")
    status, problem = await _rest(node, ben, f"{lesson_id}/messages", {"body": "Me!"})
    assert (status, problem["type"], problem["action"]) == (403, "tutorwamp.error.lesson.muted", "stop")
    status, opened = await _rest(node, tina, f"{lesson_id}/rules", {"muted": [], "unattended": "closed"})
    assert (status, opened["rules"]) == (200, {"chat": "everyone", "unattended": "closed", "muted": []})
    assert (await bens.send("At last"))["body"] == "At last"
    assert (await _rest(node, tina, f"{lesson_id}/timer", {"ends_at": None}))[1]["timer"] is None

    # Who does not come back has no hand, and without the tutor nobody writes; the replay tells all of it.
    await tina.close()
    await anna.close()
    await ben.heard_until(lambda: [] in [event["data"]["hands"] for event in ben.heard[state][-1:]])
    assert ben.heard[state][-1]["actor"] is None
    assert await _uri(bens.send("Is anybody there?")) == "tutorwamp.error.lesson.muted"
    replayed = await ben.call("tutorwamp.lesson.replay", lesson_id=lesson_id, limit=100)
    told = [event for event in replayed["items"] if event["stream"] == state]
    assert [event["type"] for event in told[-3:]] == ["rules.changed", "timer.changed", "hand.changed"]
    await ben.close()


async def _uri(attempt: Any) -> Any:
    return (await refused(CallError, attempt)).uri


def _heard_last(person: PythonPerson, topic: str, event_type: str) -> bool:
    return [event["type"] for event in person.heard[topic][-1:]] == [event_type]


async def _rest(node: Node, person: PythonPerson, path: str, body: dict[str, Any]) -> tuple[int, Any]:
    token: dict[bytes | str, bytes | str] = {"authorization": f"Bearer {await person.client.login.access_token()}"}
    answer = await treq.post(f"{node.url}/api/lessons/{path}", json=body, headers=token)
    return answer.code, await answer.json()
