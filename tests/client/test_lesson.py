"""The whole client against a whole node: two people, one lesson, kill -9 in the middle of it."""

from __future__ import annotations

from typing import Any, cast

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread

from tests.client.room import Enter, heard
from tests.client.talk import PATIENCE_S, patiently
from tests.support.machine import PASSWORD
from tests.support.node import Node
from tutorwamp.client import CallError, script
from tutorwamp.kernel.contracts import new_id


async def test_two_people_talk(enter: Enter) -> None:
    room = await enter()
    tina, stan = await room.tutor.join(room.lesson_id), await room.student.join(room.lesson_id)
    assert tina.lesson["title"] == "Fractions"
    assert set(tina.topics) == {"state", "chat", "board", "polls", "presence", "typing", "cursor", "view"}
    assert set(tina.heads) == {tina.topics[kind] for kind in ("state", "chat", "board", "polls")}
    assert {one["person"]["name"] for one in stan.participants} == {"Tina", "Stan"}
    assert await room.tutor.join(room.lesson_id) is tina

    created, changed, typing = [await heard(stan, what) for what in ("message.created", "chat", "typing")]
    sent = await tina.send("Good morning")
    event = await created()
    assert event["data"]["body"] == "Good morning"
    assert (event.type, event["stream"], event["seq"]) == ("message.created", stan.topics["chat"], sent["seq"])
    assert (await changed())["seq"] == sent["seq"]
    await tina.edit(sent["id"], "Good evening")
    assert (await changed()).type == "message.updated"
    await stan.react(sent["id"], "👍")
    assert (await changed()).type == "reaction.changed"
    await tina.delete(sent["id"])
    assert (await changed()).type == "message.deleted"
    assert (await stan.mark_read(sent["seq"]))["read_seq"] == sent["seq"]
    assert [item["body"] for item in (await stan.history(limit=10))["items"]] == [None]

    await tina.show_typing(typing=True)
    event = await typing()
    assert (event["typing"], event.publisher) == (True, room.tutor.user["id"])

    closed: list[CallError | None] = []
    stan.on_closed(closed.append)
    await stan.leave()
    assert closed == [None]


async def test_what_is_neither_a_topic_nor_an_event_cannot_be_heard(enter: Enter) -> None:
    room = await enter()
    lesson = await room.tutor.join(room.lesson_id)
    with pytest.raises(ValueError, match="neither a topic"):
        await lesson.on("weather", lambda _: None)


async def test_after_kill_9_of_the_node_the_lesson_goes_on(node: Node, enter: Enter) -> None:
    room = await enter()
    tina, stan = await room.tutor.join(room.lesson_id), await room.student.join(room.lesson_id)
    created = await heard(stan, "message.created")
    await tina.send("before")
    assert (await created())["data"]["body"] == "before"

    node.kill()
    sending = Deferred.fromCoroutine(tina.send("while it was away"))
    node.start()
    await deferToThread(node.wait_ready)
    await patiently(sending)
    await patiently(Deferred.fromCoroutine(room.student.connection.connected()))
    await tina.send("after")
    while (await created())["data"]["body"] != "after":
        pass
    assert [item["body"] for item in (await stan.history())["items"]] == ["after", "while it was away", "before"]


async def test_an_answer_lost_on_its_way_does_not_send_twice(enter: Enter) -> None:
    room = await enter()
    tina, stan = await room.tutor.join(room.lesson_id), await room.student.join(room.lesson_id)
    created = await heard(stan, "message.created")
    session = room.tutor.connection._session
    assert session is not None
    socket = cast("Any", session._transport).transport

    socket.pauseProducing()  # the answer will come, and nobody will read it
    sending = Deferred.fromCoroutine(tina.send("only once"))
    stored = (await created())["data"]
    socket.abortConnection()
    sent = await patiently(sending)
    assert (sent["id"], sent["seq"]) == (stored["id"], stored["seq"])
    assert [item["id"] for item in (await stan.history())["items"]] == [sent["id"]]


async def test_the_end_of_all_logins_ends_the_connection(enter: Enter) -> None:
    room = await enter()
    closed: Deferred[None] = Deferred()
    room.student.connection.watch(lambda state: closed.callback(None) if state.kind == "closed" else None)
    await room.student.login.log_out(everywhere=True)
    await patiently(closed)
    reason = room.student.connection.state.reason
    assert reason is not None
    assert reason.uri == "tutorwamp.close.revoked"


async def test_a_script_waits_for_its_answers(node: Node, enter: Enter) -> None:
    room = await enter()
    tina = await room.tutor.join(room.lesson_id)
    greeted = await heard(tina, "message.created")

    def the_script() -> list[str]:
        bodies = []
        with script.connect(node.url, room.people["student"].email, PASSWORD) as me:
            lesson = me.join(room.lesson_id)
            lesson.send("Hello?")
            for event in lesson.events(timeout_s=PATIENCE_S):
                if event.type == "message.created":
                    bodies.append(event["data"]["body"])
                if len(bodies) == 2:
                    break
            with pytest.raises(CallError):
                me.call("tutorwamp.lesson.get", lesson_id=new_id())
            assert list(lesson.events(timeout_s=0)) == []
            lesson.leave()
            assert list(lesson.events()) == []
        return bodies

    running = deferToThread(the_script)
    assert (await greeted())["data"]["body"] == "Hello?"
    await tina.send("Good morning")
    assert await patiently(running) == ["Hello?", "Good morning"]


def test_the_blocking_client_refuses_the_reactors_own_thread() -> None:
    with pytest.raises(RuntimeError, match="reactor's thread"):
        script.wait_for(None)  # type: ignore[arg-type]  # never called
