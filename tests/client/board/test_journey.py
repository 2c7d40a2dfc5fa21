"""The board's client against a whole node: two people draw, kill -9 in the middle of it."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread

from tests.client.room import Enter
from tests.client.talk import patiently
from tests.support.node import Node

BOX = {"kind": "rect", "x": 0, "y": 0, "width": 8, "height": 5, "color": "#204080"}


async def test_two_people_have_the_same_board_also_after_kill_9(node: Node, enter: Enter) -> None:
    room = await enter()
    tina = await (await room.tutor.join(room.lesson_id)).board()
    stan = await (await room.student.join(room.lesson_id)).board()
    box = (await tina.put(BOX))["applied"][0]
    stroke = tina.stroke(color="#c03020", width=3)
    for number in range(1, 1200):
        stroke.add([number, number / 2, 0.5])
    await stroke.finish()
    assert [len(tina.elements[one]["points"]) for one in stroke.ids] == [500, 500, 201]
    page = (await tina.add_page())["page"]
    await tina.put({**BOX, "page": page})
    await tina.clear()
    assert not tina.elements
    await tina.undo()
    assert list(tina.elements)[:4] == [box, *stroke.ids]

    node.kill()
    drawing = [Deferred.fromCoroutine(tina.put({**BOX, "x": number})) for number in range(3)]
    node.start()
    await deferToThread(node.wait_ready)
    answers = [await patiently(one) for one in drawing]
    assert [tina.elements[answer["applied"][0]]["x"] for answer in answers] == [0, 1, 2]
    for _ in range(5):
        await tina.undo()  # the three, what is on the other page, and the stroke
    await patiently(Deferred.fromCoroutine(stan.caught_up(tina.head)))
    assert stan.state() == tina.state()
    assert list(stan.elements) == [box]
    assert stan.state() == await stan.at(stan.head)
