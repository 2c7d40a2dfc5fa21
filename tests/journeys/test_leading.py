"""The tutor leads and points, and people see and hear one another: on a real node that knows a media server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest_twisted

from tests.conftest import migrated_node
from tests.lessons.room_server import SECRET, RoomServer
from tests.support.node import Node
from tests.support.people import PythonPerson, bare, couple, planned_lesson, register
from tests.support.refused import refused


@pytest_twisted.async_yield_fixture(scope="module")
async def rooms() -> AsyncIterator[RoomServer]:
    made = RoomServer()
    yield made
    await made.close()


@pytest_twisted.async_yield_fixture(scope="module")
async def here(rooms: RoomServer) -> AsyncIterator[Node]:
    with migrated_node(env=rooms.settings).running() as node:
        yield node


def part(page: str, x: float) -> dict[str, Any]:
    return {"page": page, "x": x, "y": 0.5, "width": 800.0, "height": 600.0}


async def test_L33_everybody_is_led_also_who_comes_later_and_after_a_kill(here: Node) -> None:
    tutor, student, lesson_id = await couple(here)
    leading = await tutor.client.join(lesson_id)
    led = await student.client.join(lesson_id)
    topic = led.topics["view"]
    for x in range(20):
        await leading.lead(**part(lesson_id, x))
    await student.heard_until(lambda: len(student.heard[topic]) == 20)
    assert [one["view"]["x"] for one in student.heard[topic]] == list(range(20))
    assert led.view == part(lesson_id, 19)
    await refused("tutorwamp.error.forbidden", led.lead(**part(lesson_id, 1)))
    await leading.show_cursor(lesson_id, 1, 2, laser=True)
    cursor = led.topics["cursor"]
    await student.heard_until(lambda: bool(student.heard[cursor]))
    assert student.heard[cursor] == [{"page": lesson_id, "x": 1, "y": 2, "laser": True}]

    # Answered is kept, whatever dies; within a second of the last time it is kept a second later.
    begins = datetime.now(UTC) + timedelta(hours=2)
    other_id = (await planned_lesson(tutor.call, student.user, begins=begins))["id"]
    await tutor.call("tutorwamp.lesson.lead", lesson_id=other_id, view=part(other_id, 7))
    for person in (tutor, student):
        await person.close()
    here.kill()
    here.start()
    here.wait_ready()
    late = await PythonPerson.enter(here, student.user["email"])
    assert (await late.client.join(other_id)).view == part(other_id, 7)
    await late.close()


async def test_L34_L35_who_is_removed_is_sent_out_of_the_room(here: Node, rooms: RoomServer) -> None:
    tutor, student, lesson_id = await couple(here)
    room = await student.client.join(lesson_id)
    access = await room.media()
    assert (access["provider"], access["url"]) == ("livekit", rooms.url)
    claims = jwt.decode(access["token"], SECRET, ["HS256"])
    assert (claims["sub"], claims["video"]["room"]) == (student.user["id"], lesson_id)
    assert claims["video"]["canPublish"] is True
    rooms.told.clear()
    await tutor.call("tutorwamp.lesson.update", lesson_id=lesson_id, version=1, student_ids=[])
    await refused("tutorwamp.error.not_found", room.media())
    await rooms.told_so_often(1)
    assert rooms.told[0] == ("RemoveParticipant", {"room": lesson_id, "identity": student.user["id"]})
    for person in (tutor, student):
        await person.close()


async def test_in_plain_json(here: Node) -> None:
    (tutor_email, _), (email, user) = await register(here, "Tina", "tutor"), await register(here, "Stan", "student")
    tutor, student = await bare(here, tutor_email, "json"), await bare(here, email, "json")
    one = {"lesson_id": (await planned_lesson(tutor.ask, user))["id"]}
    topics = (await student.ask("tutorwamp.lesson.join", **one))["topics"]
    await student.hear(topics["view"])
    assert await tutor.ask("tutorwamp.lesson.lead", **one, view=part(one["lesson_id"], 1)) == {}
    assert await tutor.ask("tutorwamp.lesson.lead", **one, view=None) == {}
    await student.heard_at_least(2)
    assert [(told["type"], told["view"]) for _, told in student.heard] == [
        ("view.changed", part(one["lesson_id"], 1)),
        ("view.changed", None),
    ]
    for view in ({}, {**part(one["lesson_id"], 1), "z": 1}, {**part(one["lesson_id"], 1), "x": "1"}, 7):
        await refused("tutorwamp.error.invalid", tutor.ask("tutorwamp.lesson.lead", **one, view=view))
    assert set(await student.ask("tutorwamp.lesson.media", **one)) == {"provider", "url", "token", "expires_at"}
    for session in (tutor, student):
        session.leave()
