"""A chat that is kept: one's own words at once, everybody's in one order, and nothing missing after a drop."""

from __future__ import annotations

from typing import Any, cast

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.threads import deferToThread

from tests.client.room import Enter, Room
from tests.client.talk import Watcher, patiently
from tests.support.node import Node
from tests.support.refused import refused
from tutorwamp.client import CallError, Chat, Client, Disconnected, Event


def doing(something: Any) -> Deferred[Any]:
    return patiently(Deferred.fromCoroutine(something))


def bodies(chat: Chat) -> list[str | None]:
    return [message["body"] for message in chat.messages]


def pause(client: Client) -> Any:
    """Nothing is read any more; answers it."""
    session = client.connection._session
    assert session is not None
    socket = cast("Any", session._transport).transport
    socket.pauseProducing()
    return socket


async def chats(room: Room) -> tuple[Chat, Chat]:
    tina, stan = await room.tutor.join(room.lesson_id), await room.student.join(room.lesson_id)
    return await tina.chat(), await stan.chat()


async def test_what_one_says_is_shown_at_once_and_takes_its_place(enter: Enter) -> None:
    tina, stan = await chats(await enter())
    told: list[str | None] = []
    tina.on_change(lambda event: told.append(event.type))
    sending = doing(tina.send("  Good morning "))
    shown = tina.messages
    assert [(one["body"], one["pending"], one["seq"]) for one in shown] == [("Good morning", True, None)]
    sent = await sending
    assert tina.messages == (sent,)
    assert told[:2] == ["chat.pending", "message.created"]
    await doing(stan.caught_up(sent["seq"]))
    assert stan.messages == (sent,)


async def test_C1_what_one_says_is_composed_and_shown_as_it_will_be_kept(enter: Enter) -> None:
    room = await enter()
    tina, _ = await chats(room)
    lesson = await room.tutor.join(room.lesson_id)
    sending = doing(tina.send("e\u0301te\u0301\r\n\u1112\u1161\u11ab"))
    assert bodies(tina) == ["été\n한"]
    sent = await sending
    assert bodies(tina) == ["été\n한"]
    edited = await doing(lesson.edit(sent["id"], "Vie\u0323\u0302t"))
    assert edited["body"] == "Việt"
    board = await doing(lesson.board())
    words = {"kind": "text", "x": 0, "y": 0, "text": "Zoe\u0308", "size": 20, "color": "#102030"}
    drawn = await doing(board.put(words))
    assert board.elements[drawn["applied"][0]]["text"] == "Zoë"


async def test_changes_and_read_marks_are_kept(enter: Enter) -> None:
    room = await enter()
    tina, stan = await chats(room)
    lesson = await room.tutor.join(room.lesson_id)
    sent = await doing(tina.send("Good mroning"))
    edited = await doing(lesson.edit(sent["id"], "Good morning"))
    marked = await (await room.student.join(room.lesson_id)).mark_read(sent["seq"])
    await doing(tina.send("?"))
    await doing(stan.caught_up(tina.head))
    assert bodies(stan) == bodies(tina) == ["Good morning", "?"]
    assert stan.messages[0]["edited_at"] == edited["edited_at"] is not None
    assert tina.read_marks == {room.student.user["id"]: marked["read_seq"]}


async def test_a_refused_message_is_taken_back_and_said_why(enter: Enter) -> None:
    tina, _ = await chats(await enter())
    error = await refused(CallError, tina.send("x" * 4_001))
    assert (error.uri, tina.messages) == ("tutorwamp.error.invalid", ())


async def test_earlier_messages_are_read_when_they_are_wanted(enter: Enter) -> None:
    room = await enter()
    lesson = await room.tutor.join(room.lesson_id)
    await gatherResults([doing(lesson.send(f"{number}")) for number in range(130)])
    _, stan = await chats(room)
    assert (len(stan.messages), stan.has_older) == (100, True)
    await doing(stan.read_older())
    assert bodies(stan) == [f"{number}" for number in range(130)]
    assert not stan.has_older


async def test_what_is_deleted_while_its_page_is_read_is_not_shown_as_it_was_before(enter: Enter) -> None:
    room = await enter()
    lesson = await room.tutor.join(room.lesson_id)
    sent = await gatherResults([doing(lesson.send(f"{number}")) for number in range(103)])
    _, stan = await chats(room)
    history, pages = stan._history, 0

    async def slow(**asked: Any) -> Any:
        nonlocal pages
        pages += 1
        page = await history(**asked)
        if pages == 1:  # behind the answer, and before it is heard
            gone = stan.head + 1
            await lesson.delete(sent[0]["id"])
            await stan.caught_up(gone)
        return page

    stan._history = slow
    await doing(stan.read_older())
    assert (bodies(stan), pages) == ([None, *(f"{number}" for number in range(1, 103))], 2)


async def test_S10_what_was_missed_during_a_drop_is_resumed(enter: Enter) -> None:
    room = await enter()
    tina, stan = await chats(room)
    read_afresh: list[Event] = []
    stan.on_change(lambda event: read_afresh.append(event) if event.type == "chat.opened" else None)
    await doing(tina.send("before"))
    states = Watcher(room.student.connection)
    back = states.next("connected")
    pause(room.student).abortConnection()
    sent = await doing(tina.send("meanwhile"))
    await back
    await doing(stan.caught_up(sent["seq"]))
    assert bodies(stan) == ["before", "meanwhile"]
    assert read_afresh == []


async def test_S10_who_missed_too_much_reads_the_newest_messages_afresh(enter: Enter) -> None:
    room = await enter()
    tina, stan = await chats(room)
    await doing(tina.send("before"))
    back = Watcher(room.student.connection).next("connected")
    socket = pause(room.student)
    lesson = await room.tutor.join(room.lesson_id)
    await gatherResults([doing(lesson.send(f"{number}")) for number in range(301)])
    socket.abortConnection()
    await back
    last = await doing(tina.send("after"))
    await doing(stan.caught_up(last["seq"]))
    assert bodies(stan)[-100:] == [*(f"{number}" for number in range(202, 301)), "after"]


async def test_S12_what_is_said_offline_is_sent_in_its_order_and_once(node: Node, enter: Enter) -> None:
    room = await enter()
    tina, stan = await chats(room)
    node.kill()
    sending = [doing(tina.send(f"{number}")) for number in range(5)]
    assert bodies(tina) == [f"{number}" for number in range(5)]
    node.start()
    await deferToThread(node.wait_ready)
    last = (await gatherResults(sending))[-1]
    await doing(stan.caught_up(last["seq"]))
    assert bodies(stan) == bodies(tina) == [f"{number}" for number in range(5)]
    assert not any(one.get("pending") for one in tina.messages)


async def test_S12_a_lost_answer_leaves_one_message(enter: Enter) -> None:
    room = await enter()
    tina, stan = await chats(room)
    arrived: Deferred[Event] = Deferred()
    stan.on_change(lambda event: arrived.callback(event) if event.type == "message.created" else None)
    socket = pause(room.tutor)
    sending = doing(tina.send("only once"))
    stored = (await patiently(arrived))["data"]
    socket.abortConnection()
    sent = await sending
    assert (sent["id"], bodies(tina), bodies(stan)) == (stored["id"], ["only once"], ["only once"])


async def test_nobody_waits_for_a_chat_that_is_over(enter: Enter) -> None:
    room = await enter()
    tina, _ = await chats(room)
    waiting = doing(refused(CallError, tina.caught_up(9)))
    await (await room.tutor.join(room.lesson_id)).leave()
    assert isinstance(await waiting, Disconnected)
    await refused(Disconnected, tina.open())


async def test_a_chat_is_one_however_often_it_is_asked_for(enter: Enter) -> None:
    room = await enter()
    lesson = await room.tutor.join(room.lesson_id)
    assert await lesson.chat() is await lesson.chat()
