"""A lesson with polls on a real node: the Python client, raw WAMP in JSON, a crash, and what is left for who looks."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_twisted
from twisted.internet.defer import gatherResults

from tests.conftest import migrated_node
from tests.support.cast import under_way
from tests.support.machine import PASSWORD
from tests.support.node import Node
from tests.support.people import bare, planned_lesson, register
from tests.support.refused import refused
from tests.support.waiting import until
from tests.support.wamp import BareSession
from tutorwamp.client import Backoff, Client, Polls

LOG = "calls.jsonl"


@pytest.fixture(scope="module")
def telling_node() -> Iterator[Node]:
    """A node whose calls have a line each, in a file."""
    made = migrated_node(
        env={"TUTORWAMP_LOG_FORMAT": "json", "TUTORWAMP_LOG_FILE": LOG, "TUTORWAMP_LOG_LEVEL": "debug"}
    )
    with made.running():
        yield made


@dataclass
class Class:
    """Tina and Anna with the Python client, Ben with nothing but WAMP in JSON."""

    node: Node
    tina: Client
    anna: Client
    ben_email: str
    ben_id: str
    lesson_id: str

    async def ben(self) -> BareSession:
        """In the room."""
        session = await bare(self.node, self.ben_email, "json")
        self.joined = await session.ask("tutorwamp.lesson.join", lesson_id=self.lesson_id)
        await session.hear(self.joined["topics"]["polls"])
        return session

    async def polls(self, client: Client) -> Polls:
        return await (await client.join(self.lesson_id)).polls()


async def entered(node: Node, email: str) -> Client:
    client = Client(node.url, backoff=Backoff(first_ceiling_s=0.1, ceiling_cap_s=0.5))
    await client.log_in(email, PASSWORD)
    await client.open()
    return client


@pytest_twisted.async_fixture
async def pupils(telling_node: Node) -> Class:
    (tina, _), (anna, anna_user), (ben, ben_user) = [
        await register(telling_node, name, role)
        for name, role in (("Tina", "tutor"), ("Anna", "student"), ("Ben", "student"))
    ]
    client = await entered(telling_node, tina)
    lesson = await planned_lesson(client.call, anna_user, ben_user)
    await client.call("tutorwamp.lesson.start", lesson_id=lesson["id"])
    return Class(telling_node, client, await entered(telling_node, anna), ben, ben_user["id"], lesson["id"])


def votes(polls: Polls) -> list[list[int | None]]:
    return [[choice["votes"] for choice in poll["choices"]] for poll in polls.items]


def shows(polls: Polls, wanted: list[list[int | None]]) -> Callable[[], bool]:
    return lambda: votes(polls) == wanted


async def test_a_lesson_asks_answers_crashes_and_goes_on(pupils: Class) -> None:
    tina, anna, ben = await pupils.polls(pupils.tina), await pupils.polls(pupils.anna), await pupils.ben()
    told: list[Any] = []
    anna.on_change(lambda event: told.append((event.type, event["seq"])))
    poll = await tina.ask("Which?", ["a", "b", "c"], kind="multiple")
    assert poll["kind"] == "multiple"
    a, b, c = (choice["id"] for choice in poll["choices"])
    mine = await anna.answer(poll["id"], a)
    assert (mine["answered"], mine["choices"][0]["votes"]) == (1, None)
    his = await ben.ask("tutorwamp.poll.answer", poll_id=poll["id"], choice_ids=[c, a])
    assert (his["answered"], [choice["votes"] for choice in his["choices"]]) == (2, [None] * 3)
    await until(shows(tina, [[2, 0, 1]]), lambda: votes(tina))
    await anna.caught_up(3)
    assert votes(anna) == [[None] * 3]
    assert told == [("poll.opened", 1), ("poll.changed", 2), ("poll.changed", 3)]
    await ben.heard_at_least(3)
    assert [(event["seq"], event["type"], event["data"]["answered"]) for _, event in ben.heard] == [
        (1, "poll.opened", 0),
        (2, "poll.changed", 1),
        (3, "poll.changed", 2),
    ]
    for bad in ({}, {"choice_ids": [b, b]}, {"choice_ids": "x"}, {"text": "x"}, {"choice_ids": [pupils.lesson_id]}):
        await refused("tutorwamp.error.invalid", ben.ask("tutorwamp.poll.answer", poll_id=poll["id"], **bad))
    await refused("tutorwamp.error.forbidden", ben.ask("tutorwamp.poll.close", poll_id=poll["id"]))
    await refused("tutorwamp.error.forbidden", ben.ask("tutorwamp.poll.answers", poll_id=poll["id"]))

    pupils.node.kill()
    pupils.node.start()
    changing = under_way(anna.answer(poll["id"], b))  # while there is nobody to answer
    pupils.node.wait_ready()
    assert (await changing)["answered"] == 2
    await until(shows(tina, [[1, 1, 1]]), lambda: votes(tina))
    ben = await pupils.ben()
    assert [(one["id"], one["answered"], one["choices"][0]["votes"]) for one in pupils.joined["polls"]] == [
        (poll["id"], 2, None)
    ]
    found = await tina.answers(poll["id"])
    assert ([one["person"]["name"] for one in found["items"]], found["missing"]) == (["Ben", "Anna"], [])

    why = await tina.ask("Why?")
    assert (await ben.ask("tutorwamp.poll.answer", poll_id=why["id"], text="Because"))["kind"] == "text"
    await pupils.tina.call("tutorwamp.lesson.end", lesson_id=pupils.lesson_id)
    listed = (await ben.ask("tutorwamp.poll.list", lesson_id=pupils.lesson_id))["items"]
    assert [(one["question"], one["state"], one["shown"]) for one in listed] == [
        ("Why?", "closed", False),
        ("Which?", "closed", False),
    ]
    await refused("tutorwamp.error.lesson.state", ben.ask("tutorwamp.poll.answer", poll_id=why["id"], text="So"))
    shown = await tina.close_poll(poll["id"], show=True)
    assert [choice["votes"] for choice in shown["choices"]] == [1, 1, 1]
    replayed = (await ben.ask("tutorwamp.lesson.replay", lesson_id=pupils.lesson_id, limit=100))["items"]
    about = [event for event in replayed if event["stream"].endswith(".polls")]
    assert [event["type"] for event in about] == [
        "poll.opened",
        *["poll.changed"] * 3,
        "poll.opened",
        "poll.changed",
        *["poll.closed"] * 2,
        "poll.changed",
    ]
    assert {json.dumps(event["data"]) for event in about if event["data"]["id"] == poll["id"]} == {json.dumps(shown)}
    for client in (pupils.tina, pupils.anna):
        await client.close()
    ben.leave()


async def test_P17_an_anonymous_poll_leaves_no_tie_in_what_a_node_keeps_and_says(pupils: Class) -> None:
    tina, anna, ben = await pupils.polls(pupils.tina), await pupils.polls(pupils.anna), await pupils.ben()
    people = (pupils.anna.user["id"], pupils.ben_id)
    poll = await tina.ask("Too fast?", ["yes", "no"], anonymous=True)
    why = await tina.ask("Why?", anonymous=True)
    words = ("Long words and many of them", "Short")
    yes, no = (choice["id"] for choice in poll["choices"])
    await gatherResults([under_way(anna.answer(poll["id"], yes)), under_way(anna.answer(why["id"], text=words[0]))])
    await ben.ask("tutorwamp.poll.answer", poll_id=poll["id"], choice_ids=[no])
    await ben.ask("tutorwamp.poll.answer", poll_id=why["id"], text=words[1])
    await until(lambda: votes(tina)[1:] == [[1, 1]], lambda: votes(tina))
    assert await tina.answers(why["id"]) == {
        "items": [{"person": None, "choice_ids": [], "text": text, "at": None} for text in sorted(words)],
        "missing": 0,
    }
    await ben.heard_at_least(6)
    assert [event["actor"] for _, event in ben.heard if event["type"] == "poll.changed"] == [None] * 4
    secrets = (poll["id"], why["id"], yes, no, *words)
    for _ in range(2):
        assert tied(_rows(pupils.node), people, secrets) == []
        await tina.close_poll(poll["id"], show=True)
        await tina.close_poll(why["id"])
    lines = (pupils.node.data_dir / "node" / LOG).read_text().splitlines()
    assert tied([*lines, *pupils.node.log().splitlines()], people, secrets) == []
    answered = [line for line in map(json.loads, lines) if line.get("call") == "tutorwamp.poll.answer"]
    anonymous = [line for line in answered if "user_id" not in line]
    assert len(anonymous) == 4
    assert not [line for line in anonymous if {"bytes_in", "lesson_id"} & line.keys()]
    assert all("user_id" in line for line in lines_of(lines, "tutorwamp.poll.open")), "else this would see nothing"
    replayed = await pupils.tina.call("tutorwamp.lesson.replay", lesson_id=pupils.lesson_id, limit=100)
    told = [json.dumps(event) for event in replayed["items"] if event["stream"].endswith(".polls")]
    assert len(told) == 8
    assert tied(told, people, secrets) == []
    for client in (pupils.tina, pupils.anna):
        await client.close()
    ben.leave()


def lines_of(lines: list[str], call: str) -> list[dict[str, Any]]:
    return [line for line in map(json.loads, lines) if line.get("call") == call]


def tied(told: list[str], people: tuple[str, ...], secrets: tuple[str, ...]) -> list[str]:
    """Where a person stands beside a poll, a choice or words."""
    return [one for one in told if any(who in one for who in people) and any(secret in one for secret in secrets)]


def _rows(node: Node) -> list[str]:
    """Each row of each table, as text."""
    with closing(sqlite3.connect(f"file:{node.data_dir / 'tutorwamp.sqlite3'}?mode=ro", uri=True)) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return [repr(row) for table in tables for row in connection.execute(f'SELECT * FROM "{table}"')]  # noqa: S608  # our own names
