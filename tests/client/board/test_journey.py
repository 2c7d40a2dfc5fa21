"""The board's client against a whole node: two people draw, kill -9 in the middle of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import treq
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread

from tests.board.papers import A4, papers
from tests.client.room import Enter
from tests.client.talk import patiently
from tests.support.node import Node
from tests.support.people import planned_lesson, ticket_of
from tutorwamp.client import Rejected
from tutorwamp.kernel.errors import Action

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


async def send(node: Node, email: str, lesson_id: str, content: bytes, key: str) -> tuple[int, dict[str, Any]]:
    """A worksheet, over REST: its bytes are the body."""
    headers: Any = {
        "Authorization": f"Bearer {await ticket_of(node, email)}",
        "Content-Type": "application/pdf",
        "Idempotency-Key": key,
    }
    answer = await treq.post(f"{node.url}/api/lessons/{lesson_id}/board/import", data=content, headers=headers)
    return answer.code, await answer.json()


async def test_B41_B44_a_worksheet_is_brought_worked_on_and_taken_to_the_next_lesson(node: Node, enter: Enter) -> None:
    room = await enter()
    stan = await (await room.student.join(room.lesson_id)).board()
    tutor, student = room.people["tutor"].email, room.people["student"].email
    content = papers(A4, A4)
    assert (await send(node, student, room.lesson_id, content, "s"))[0] == 403
    assert (await send(node, tutor, room.lesson_id, b"no PDF", "x"))[1]["type"] == "tutorwamp.error.invalid"
    status, brought = await send(node, tutor, room.lesson_id, content, "once")
    assert (status, brought["left_out"]) == (200, [])
    assert await send(node, tutor, room.lesson_id, content, "once") == (200, brought)
    await stan.caught_up(brought["seq"])
    first, second = (page["id"] for page in brought["pages"])
    assert [*stan.pages] == [room.lesson_id, first, second]
    lying = next(one for one in stan.elements.values() if one["page"] == first)
    assert (lying["kind"], lying["locked"]) == ("image", True)

    await room.tutor.call("tutorwamp.lesson.set_pen", lesson_id=room.lesson_id, student_ids=[room.student.user["id"]])
    with pytest.raises(Rejected) as caught:
        await stan.delete(lying["id"])
    assert (caught.value.uri, caught.value.action) == ("tutorwamp.error.board.locked", Action.STOP)
    await stan.put({**BOX, "page": first})

    begins = datetime.now(UTC) + timedelta(days=2)
    next_lesson = (await planned_lesson(room.tutor.call, room.student.user, begins=begins))["id"]
    board = await (await room.tutor.join(next_lesson)).board()
    copied = await board.copy(room.lesson_id, pages=[first])
    (page,) = (one["id"] for one in copied["pages"])
    there = [one for one in board.elements.values() if one["page"] == page]
    assert [(one["kind"], one.get("locked")) for one in there] == [("image", True), ("rect", None)]
    assert (await board.export("png", page=page))["data"].startswith(b"\x89PNG")
