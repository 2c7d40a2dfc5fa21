"""Two people, one lesson, a real node: what the product is for, from registering to leaving."""

from __future__ import annotations

import functools
from typing import Any

from twisted.internet.defer import Deferred, gatherResults

from tests.journeys.javascript import JavaScriptPerson
from tests.support import npm
from tests.support.node import Node
from tests.support.people import PythonPerson, Someone, bare, planned_lesson, register
from tests.support.refused import refused
from tutorwamp.board import rules
from tutorwamp.kernel.contracts import new_id

EACH_WAY = 200
STROKES = 3
"""Of each person."""
APPENDS = 20
"""To each stroke."""


async def whole_history(person: Someone, lesson_id: str) -> list[dict[str, Any]]:
    """All messages, oldest first, walked page by page."""
    found: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while True:
        page = await person.call("tutorwamp.chat.history", lesson_id=lesson_id, limit=100, **cursor)
        found += page["items"]
        if page["next_cursor"] is None:
            return found[::-1]
        cursor = {"cursor": page["next_cursor"]}


def has_heard(person: Someone, topic: str, count: int) -> bool:
    return len(person.heard[topic]) >= count


async def say_much(person: Someone, lesson_id: str) -> list[dict[str, Any]]:
    """Many messages, without waiting for one another."""
    sending = [
        Deferred.fromCoroutine(
            person.call(
                "tutorwamp.chat.send",
                lesson_id=lesson_id,
                body=f"{person.user['name']} {number}",
                client_id=f"m{number}",
            )
        )
        for number in range(EACH_WAY)
    ]
    answers: list[dict[str, Any]] = await gatherResults(sending, consumeErrors=True)
    return answers


async def the_journey(node: Node, tutor: PythonPerson, student: Someone, lesson: dict[str, Any]) -> None:
    lesson_id, chat = lesson["id"], f"tutorwamp.lesson.{lesson['id']}.chat"

    # 200 messages each way at once: both hear all of them, in one and the same order, without a gap.
    said = await gatherResults(
        [Deferred.fromCoroutine(say_much(tutor, lesson_id)), Deferred.fromCoroutine(say_much(student, lesson_id))],
        consumeErrors=True,
    )
    for person in (tutor, student):
        await person.heard_until(functools.partial(has_heard, person, chat, 2 * EACH_WAY))
        assert [event["seq"] for event in person.heard[chat]] == list(range(1, 2 * EACH_WAY + 1))
        assert {event["type"] for event in person.heard[chat]} == {"message.created"}
    assert tutor.heard[chat] == student.heard[chat]
    acknowledged = sorted((message for messages in said for message in messages), key=lambda message: message["seq"])
    assert [event["data"] for event in tutor.heard[chat]] == acknowledged
    assert await whole_history(student, lesson_id) == acknowledged
    assert [message["body"] for message in said[1]] == [f"{student.user['name']} {n}" for n in range(EACH_WAY)]

    # Edits, deletes, reactions and read marks: everybody hears what a reader would read now.
    mine, other = said[1][0], said[0][0]
    edited = await student.call("tutorwamp.chat.edit", message_id=mine["id"], body="mended")
    deleted = await tutor.call("tutorwamp.chat.delete", message_id=said[1][1]["id"])
    reacted = await student.call("tutorwamp.chat.react", message_id=other["id"], emoji="👍", on=True)
    marked = await student.call("tutorwamp.chat.mark_read", lesson_id=lesson_id, seq=100)
    unread = [m for m in acknowledged if m["seq"] > 100 and m["author"]["id"] != student.user["id"]]
    assert marked == {"read_seq": 100, "unread_count": len(unread)}
    assert (edited["body"], deleted["body"], reacted["reactions"]) == ("mended", None, {"👍": [student.user["id"]]})
    for person in (tutor, student):
        await person.heard_until(functools.partial(has_heard, person, chat, 2 * EACH_WAY + 4))
        latest = person.heard[chat][2 * EACH_WAY :]
        assert [(event["type"], event["seq"]) for event in latest] == [
            ("message.updated", 401),
            ("message.deleted", 402),
            ("reaction.changed", 403),
            ("read.advanced", 404),
        ]
        assert [event["data"] for event in latest[:3]] == [edited, deleted, reacted]
        assert latest[3]["data"]["read_seq"] == 100
        assert latest[3]["data"]["person"]["id"] == student.user["id"]
    changed = {message["id"]: message for message in (edited, deleted, reacted)}
    assert await whole_history(tutor, lesson_id) == [changed.get(m["id"], m) for m in acknowledged]

    # Search finds what is there, and not what was there.
    found = await tutor.call("tutorwamp.chat.search", query="MENDED")
    assert [message["id"] for message in found["items"]] == [mine["id"]]
    found = await tutor.call("tutorwamp.chat.search", query=f"{student.user['name']} 1", lesson_id=lesson_id, limit=100)
    assert said[1][1]["id"] not in {message["id"] for message in found["items"]}


async def draw_strokes(person: Someone, lesson_id: str) -> list[str]:
    """Some strokes growing at once, nothing waited for; their ids."""
    strokes = [new_id() for _ in range(STROKES)]
    like = {"page": lesson_id, "kind": "stroke", "color": "#1a2b3c", "width": 2, "points": [[0, 0.5]]}
    changes: list[dict[str, Any]] = [{"op": "put", "element": {"id": one, **like}} for one in strokes]
    changes += [
        {"op": "append", "id": one, "version": version, "points": [[version, 0.5, 0.25]]}
        for version in range(1, APPENDS + 1)
        for one in strokes
    ]
    sending = [
        Deferred.fromCoroutine(
            person.call("tutorwamp.board.submit", lesson_id=lesson_id, changes=[change], client_id=f"d{number}")
        )
        for number, change in enumerate(changes)
    ]
    answers = await gatherResults(sending, consumeErrors=True)
    assert [answer["rejected"] for answer in answers] == [[]] * len(changes)
    return strokes


async def they_draw(tutor: Someone, student: Someone, lesson_id: str) -> None:
    state, board = (f"tutorwamp.lesson.{lesson_id}.{kind}" for kind in ("state", "board"))
    lesson = await tutor.call("tutorwamp.lesson.set_pen", lesson_id=lesson_id, student_ids=[student.user["id"]])
    await student.heard_until(lambda: student.heard[state][-1]["type"] == "pen.changed")
    assert student.heard[state][-1]["data"] == lesson

    drawn = await gatherResults(
        [Deferred.fromCoroutine(draw_strokes(person, lesson_id)) for person in (tutor, student)], consumeErrors=True
    )
    opened = await tutor.call("tutorwamp.board.open", lesson_id=lesson_id)
    assert await student.call("tutorwamp.board.open", lesson_id=lesson_id) == opened
    authors = {one: person.user["id"] for person, ids in zip((tutor, student), drawn, strict=True) for one in ids}
    assert {element["id"]: element["author"]["id"] for element in opened["elements"]} == authors
    points = [[0, 0.5]] + [[version, 0.5, 0.25] for version in range(1, APPENDS + 1)]
    assert [element["points"] for element in opened["elements"]] == [points] * (2 * STROKES)

    # Both hear all of it, once and in one order, and have the board by that alone.
    for person in (tutor, student):
        await person.heard_until(functools.partial(has_heard, person, board, opened["head"]))
        followed = rules.replay(lesson_id)
        for event in person.heard[board]:
            followed.take(event["type"], event["at"], event["data"])
        assert followed.plain(opened["head"]) == opened
    assert tutor.heard[board] == student.heard[board]
    assert [event["seq"] for event in tutor.heard[board]] == list(range(1, opened["head"] + 1))

    # Clearing: nothing is left but history.
    cleared = await student.call("tutorwamp.board.clear", lesson_id=lesson_id)
    emptied = await tutor.call("tutorwamp.board.open", lesson_id=lesson_id)
    assert (emptied["elements"], emptied["head"]) == ([], cleared["seq"])
    assert await tutor.call("tutorwamp.board.at", lesson_id=lesson_id, seq=opened["head"]) == opened


async def an_outsider_sees_nothing(node: Node, lesson: dict[str, Any], message_id: str) -> None:
    email, outsider_user = await register(node, "Oscar", "student")
    outsider = await bare(node, email)
    lesson_id = lesson["id"]
    for uri, arguments in {
        "tutorwamp.lesson.get": {"lesson_id": lesson_id},
        "tutorwamp.lesson.join": {"lesson_id": lesson_id},
        "tutorwamp.lesson.leave": {"lesson_id": lesson_id},
        "tutorwamp.lesson.start": {"lesson_id": lesson_id},
        "tutorwamp.chat.send": {"lesson_id": lesson_id, "body": "hello?"},
        "tutorwamp.chat.history": {"lesson_id": lesson_id},
        "tutorwamp.chat.search": {"query": "mended", "lesson_id": lesson_id},
        "tutorwamp.chat.mark_read": {"lesson_id": lesson_id, "seq": 1},
        "tutorwamp.chat.edit": {"message_id": message_id, "body": "mine now"},
        "tutorwamp.chat.delete": {"message_id": message_id},
        "tutorwamp.chat.react": {"message_id": message_id, "emoji": "👍", "on": True},
        "tutorwamp.lesson.set_pen": {"lesson_id": lesson_id, "student_ids": [outsider_user["id"]]},
        "tutorwamp.board.open": {"lesson_id": lesson_id},
        "tutorwamp.board.submit": {
            "lesson_id": lesson_id, "changes": [{"op": "delete", "id": message_id, "version": 1}]
        },
        "tutorwamp.board.at": {"lesson_id": lesson_id, "seq": 1},
        "tutorwamp.board.export": {"lesson_id": lesson_id, "format": "svg"},
        "tutorwamp.board.clear": {"lesson_id": lesson_id},
    }.items():  # fmt: skip
        await refused("tutorwamp.error.not_found", outsider.ask(uri, **arguments))
    assert (await outsider.ask("tutorwamp.lesson.list"))["items"] == []
    assert (await outsider.ask("tutorwamp.chat.search", query="mended"))["items"] == []
    for topic, match in {
        f"tutorwamp.lesson.{lesson_id}.chat": None,
        f"tutorwamp.lesson.{lesson_id}": "prefix",
        "tutorwamp.lesson.": "prefix",
        "": "prefix",
        "tutorwamp.lesson..chat": "wildcard",
        f"tutorwamp.lesson.{lesson_id}.board": None,
        "tutorwamp.lesson..board": "wildcard",
        "tutorwamp.user..notifications": "wildcard",
    }.items():
        await refused("wamp.error.not_authorized", outsider.hear(topic, match))  # type: ignore[arg-type]  # a dict of literals
    outsider.leave()
    await outsider.left


async def travel(node: Node, *, javascript: bool) -> None:
    tutor_email, _ = await register(node, "Tina", "tutor")
    student_email, student_user = await register(node, "Stan", "student")
    tutor = await PythonPerson.enter(node, tutor_email)
    lesson = await planned_lesson(tutor.call, student_user)
    await tutor.join(lesson["id"])
    student: Someone
    if javascript:
        student = await JavaScriptPerson.enter(node, student_email, lesson["id"])
    else:
        student = python = await PythonPerson.enter(node, student_email)
        await python.join(lesson["id"])
    presence, state = (f"tutorwamp.lesson.{lesson['id']}.{kind}" for kind in ("presence", "state"))
    await tutor.heard_until(lambda: bool(tutor.heard[presence]))
    assert tutor.heard[presence][0]["type"] == "participant.joined"
    assert tutor.heard[presence][0]["participant"]["person"]["name"] == "Stan"

    live = await tutor.call("tutorwamp.lesson.start", lesson_id=lesson["id"])
    await student.heard_until(lambda: bool(student.heard[state]))
    assert student.heard[state][0]["type"] == "lesson.started"
    assert student.heard[state][0]["data"] == live

    await the_journey(node, tutor, student, lesson)
    await they_draw(tutor, student, lesson["id"])
    history = await tutor.call("tutorwamp.chat.history", lesson_id=lesson["id"], limit=1)
    await an_outsider_sees_nothing(node, lesson, history["items"][0]["id"])

    await student.call("tutorwamp.lesson.leave", lesson_id=lesson["id"])
    await tutor.heard_until(lambda: tutor.heard[presence][-1]["type"] == "participant.left")
    await student.close()
    await tutor.call("tutorwamp.lesson.end", lesson_id=lesson["id"])
    await tutor.close()


async def test_the_journey_on_sqlite(node: Node) -> None:
    await travel(node, javascript=False)


async def test_the_journey_on_postgresql(postgres_node: Node) -> None:
    await travel(postgres_node, javascript=False)


async def test_the_journey_with_a_javascript_student(node: Node) -> None:
    npm.folder()  # without wampy it skips, and says so
    await travel(node, javascript=True)
