"""Invited, removed and out: on a real node, with the Python client and with bare sessions."""

from __future__ import annotations

import pytest_twisted
from twisted.internet.defer import Deferred, gatherResults

from tests.support.node import Node
from tests.support.people import PythonPerson, bare, planned_lesson, register
from tests.support.refused import refused
from tests.support.wamp import BareSession
from tutorwamp.kernel.contracts import new_id


@pytest_twisted.async_fixture
async def tutor(node: Node) -> PythonPerson:
    return await PythonPerson.enter(node, (await register(node, "Tina", "tutor"))[0])


async def test_a_class_comes_by_its_code_and_the_removed_stays_out(node: Node, tutor: PythonPerson) -> None:
    lesson_id = (await planned_lesson(tutor.call))["id"]
    await tutor.join(lesson_id)
    room = await tutor.client.join(lesson_id)
    invited = await room.invite(ttl_s=3600)
    assert invited["url"] == f"{node.url}/#invite={invited['code']}"

    student = await PythonPerson.enter(node, (await register(node, "Stan", "student"))[0])
    lesson = await student.client.accept(invited["code"].lower().replace("-", " "))
    assert [one["id"] for one in lesson["students"]] == [student.user["id"]]
    await student.join(lesson_id)
    state = f"tutorwamp.lesson.{lesson_id}.state"
    await tutor.heard_until(lambda: bool(tutor.heard[state]))
    assert [(one["type"], one["actor"]["id"]) for one in tutor.heard[state]] == [("lesson.updated", student.user["id"])]

    await tutor.call("tutorwamp.lesson.update", lesson_id=lesson_id, version=lesson["version"], student_ids=[])
    # The last that they hear: that they are not in it any more (L12: announced, then led out).
    await student.heard_until(lambda: any(one["data"]["students"] == [] for one in student.heard[state]))
    # What was on its way comes before this answer: that they have left the room, perhaps.
    await refused("tutorwamp.error.not_found", student.call("tutorwamp.lesson.join", lesson_id=lesson_id))
    heard = {topic: len(events) for topic, events in student.heard.items()}
    await tutor.call("tutorwamp.chat.send", lesson_id=lesson_id, body="Without Stan")
    for code in (invited["code"], (await room.invite())["code"]):
        await refused("tutorwamp.error.not_found", student.client.accept(code))
    await refused("tutorwamp.error.not_found", student.call("tutorwamp.lesson.join", lesson_id=lesson_id))
    assert {topic: len(events) for topic, events in student.heard.items()} == heard
    for person in (student, tutor):
        await person.close()


async def test_in_plain_json(node: Node) -> None:
    (tutor_email, _), (email, user) = await register(node, "Tina", "tutor"), await register(node, "Stan", "student")
    tutor, student = await bare(node, tutor_email, "json"), await bare(node, email, "json")
    lesson = await planned_lesson(tutor.ask)
    assert lesson["students"] == []
    made = await tutor.ask("tutorwamp.lesson.invite", lesson_id=lesson["id"])
    assert set(made) == {"code", "url", "expires_at"}
    for asked in ({}, {"code": 7}, {"code": "short"}, {"code": made["code"], "lesson_id": lesson["id"]}):
        await refused("tutorwamp.error.invalid", student.ask_raw("tutorwamp.lesson.accept", asked))
    await refused("tutorwamp.error.not_found", student.ask("tutorwamp.lesson.accept", code="0000-0000-0000"))
    joined = await student.ask("tutorwamp.lesson.accept", code=made["code"])
    assert joined["students"] == [{"id": user["id"], "name": "Stan", "role": "student"}]
    for session in (tutor, student):
        session.leave()


async def say_on_every_topic(tutor: BareSession, lesson_id: str, topics: dict[str, str]) -> None:
    """Something is told on every topic of a lesson, or at least tried to be."""
    await tutor.ask("tutorwamp.chat.send", lesson_id=lesson_id, body="hello")
    await tutor.ask("tutorwamp.board.add_page", lesson_id=lesson_id, page=new_id())
    view = {"page": lesson_id, "x": 0, "y": 0, "width": 8, "height": 6}
    await tutor.ask("tutorwamp.lesson.lead", lesson_id=lesson_id, view=view)
    await tutor.publish_raw(topics["typing"], {"typing": True})
    await tutor.publish_raw(topics["cursor"], {"page": new_id(), "x": 1, "y": 2, "laser": True})
    await tutor.ask("tutorwamp.lesson.leave", lesson_id=lesson_id)  # presence
    await tutor.ask("tutorwamp.lesson.join", lesson_id=lesson_id)


async def test_L14_who_is_removed_hears_nothing_more_on_any_topic_whenever_they_join(node: Node) -> None:
    (tutor_email, _), (email, user) = await register(node, "Tina", "tutor"), await register(node, "Stan", "student")
    tutor, (_, other) = await bare(node, tutor_email), await register(node, "Omar", "student")
    for turn in range(4):
        lesson = await planned_lesson(tutor.ask, user, other)
        lesson_id = lesson["id"]
        topics = (await tutor.ask("tutorwamp.lesson.join", lesson_id=lesson_id))["topics"]
        here, coming = await bare(node, email), await bare(node, email, "json")
        await here.ask("tutorwamp.lesson.join", lesson_id=lesson_id)
        for topic in topics.values():
            await here.hear(topic)
        asked = {"lesson_id": lesson_id, "version": lesson["version"], "student_ids": [other["id"]]}
        join = ("tutorwamp.lesson.join", {"lesson_id": lesson_id}, coming)
        joining = [join, ("tutorwamp.lesson.update", asked, tutor)]
        if turn % 2:
            joining.reverse()
        attempts = [who.ask_raw(uri, arguments) for uri, arguments, who in joining]
        await gatherResults([Deferred.fromCoroutine(one).addErrback(lambda failure: failure.value) for one in attempts])
        # From here on the removal is answered, and whichever came first: nothing more is heard by either session.
        await refused("tutorwamp.error.not_found", coming.ask("tutorwamp.lesson.join", lesson_id=lesson_id))
        for topic in topics.values():
            for session in (here, coming):
                await refused("wamp.error.not_authorized", session.hear(topic))
        for name in ("typing", "cursor"):
            await refused("wamp.error.not_authorized", here.publish_raw(topics[name], {"typing": True}))
        heard = len(here.heard)
        await say_on_every_topic(tutor, lesson_id, topics)
        await here.ask("tutorwamp.session.whoami")  # what was published before is delivered before this
        assert (len(here.heard), coming.heard) == (heard, [])
        await tutor.ask("tutorwamp.lesson.cancel", lesson_id=lesson_id)
        for session in (here, coming):
            session.leave()
    tutor.leave()
