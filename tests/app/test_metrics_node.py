"""What a real node says of people who use it: the router counts who comes and what is told, the container the rest."""

from __future__ import annotations

import urllib.error
import urllib.request

import pytest
from autobahn.wamp.exception import ApplicationError

from tests.support.metrics import page_of, value_in
from tests.support.node import Node
from tests.support.people import PythonPerson, bare, planned_lesson, register
from tests.support.wamp import connect


class Counted:
    """What has come to a node's counters since this was made."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._before = page_of(node)

    def of(self, name: str, **labels: str) -> float:
        return value_in(page_of(self._node), name, **labels) - value_in(self._before, name, **labels)


def ask(node: Node, path: str) -> None:
    """Blocks. Raises HTTPError."""
    urllib.request.urlopen(f"http://127.0.0.1:{node.port}{path}", timeout=10)


async def test_people_in_a_lesson_are_counted_in_each_process_for_its_part(node: Node) -> None:
    (tina_email, _), (anna_email, anna_user) = [
        await register(node, name, role) for name, role in (("Tina", "tutor"), ("Anna", "student"))
    ]
    counted = Counted(node)
    tina, anna = await PythonPerson.enter(node, tina_email), await PythonPerson.enter(node, anna_email)
    lesson = await planned_lesson(tina.call, anna_user)
    await tina.call("tutorwamp.lesson.start", lesson_id=lesson["id"])
    for person in (tina, anna):
        await person.join(lesson["id"])
    chat = f"tutorwamp.lesson.{lesson['id']}.chat"
    for number in range(3):
        await tina.call("tutorwamp.chat.send", lesson_id=lesson["id"], body=f"{number}")
    await anna.heard_until(lambda: len(anna.heard[chat]) == 3)
    assert counted.of("tutorwamp_joins_total", process="router") == 2
    assert counted.of("tutorwamp_sessions", process="router") == 2
    assert counted.of("tutorwamp_grants_total", process="router", change="opened") == 2
    assert counted.of("tutorwamp_events_published_total", process="components", kind="chat") == 3
    assert counted.of("tutorwamp_events_delivered_total", process="router") >= 6
    assert 300 < counted.of("tutorwamp_event_delivered_bytes_total") < counted.of("tutorwamp_sent_bytes_total")
    assert counted.of("tutorwamp_messages_received_total", process="router") >= 10
    assert counted.of("tutorwamp_lessons_occupied", process="components") == 1
    assert counted.of("tutorwamp_people_in_lessons", process="components") == 2
    assert counted.of("tutorwamp_database_batch_size_sum", transaction="chat.send") == 3
    for person in (tina, anna):
        await person.close()
    assert counted.of("tutorwamp_session_ends_total", reason="left") == 2
    assert counted.of("tutorwamp_sessions") == 0


async def test_calls_are_counted_by_name_door_and_outcome(node: Node) -> None:
    email, _ = await register(node, "Tina", "tutor")
    tina = await PythonPerson.enter(node, email)
    counted = Counted(node)
    await tina.call("tutorwamp.lesson.list")
    missing = {"lesson_id": "01a22dfc-f3e6-76c3-a405-5f2aa3a2bc5e"}
    with pytest.raises(Exception, match="no such lesson"):
        await tina.call("tutorwamp.lesson.get", **missing)
    with pytest.raises(urllib.error.HTTPError):
        ask(node, f"/api/lessons/{missing['lesson_id']}")
    await tina.close()
    wamp = {"process": "components", "door": "wamp"}
    assert counted.of("tutorwamp_calls_total", **wamp, call="tutorwamp.lesson.list", outcome="ok") == 1
    error = {"call": "tutorwamp.lesson.get", "outcome": "tutorwamp.error.not_found"}
    assert counted.of("tutorwamp_calls_total", **wamp, **error) == 1
    assert counted.of("tutorwamp_call_seconds_count", **wamp, call="tutorwamp.lesson.get") == 1
    rest = {"door": "rest", "call": "GET /api/lessons/<lesson_id>", "outcome": "tutorwamp.error.unauthenticated"}
    assert counted.of("tutorwamp_calls_total", **rest) == 1


async def test_what_the_router_refuses_by_itself_is_counted_there(node: Node) -> None:
    email, _ = await register(node, "Anna", "student")
    anna = await bare(node, email)
    counted = Counted(node)
    with pytest.raises(ApplicationError):
        await anna.ask("tutorwamp.lesson.get", lesson_id={1: "a key that is no text"})
    invalid = {"process": "router", "outcome": "tutorwamp.error.invalid"}
    assert counted.of("tutorwamp_door_refusals_total", **invalid) == 1
    assert counted.of("tutorwamp_calls_total", call="tutorwamp.lesson.get") == 0, "no component was asked"
    anna.disconnect()


async def test_who_is_not_let_in_is_counted(node: Node) -> None:
    counted = Counted(node)
    with pytest.raises(ApplicationError):
        await connect(node, "no ticket")
    assert counted.of("tutorwamp_join_refusals_total", process="router", reason="token") == 1
