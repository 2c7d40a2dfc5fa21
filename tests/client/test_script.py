"""The client for scripts: everything that the client on Twisted can do, by methods that wait."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.threads import deferToThread

from tests.support.machine import PASSWORD
from tests.support.node import Node
from tests.support.people import PythonPerson, planned_lesson, register
from tutorwamp.client import CallError, Client
from tutorwamp.client.lesson import Lesson
from tutorwamp.client.script import Me, ScriptLesson, connect

OTHERWISE = {
    "Client": {"open", "close", "log_in"},  # by the ``with`` block
    "Lesson": {"enter", "enter_again", "close", "on", "on_closed"},  # by ``join`` and ``events``
}


@pytest.mark.parametrize(("behind", "waits"), [(Client, Me), (Lesson, ScriptLesson)])
def test_whatever_the_client_does_a_script_does(behind: type, waits: type) -> None:
    does = {name for name, value in vars(behind).items() if callable(value) and not name.startswith("_")}
    missing = does - OTHERWISE[behind.__name__] - set(dir(waits))
    assert not missing


async def test_a_lesson_from_two_scripts(node: Node) -> None:
    tutor_email, _ = await register(node, "Tina", "tutor")
    student_email, student = await register(node, "Stan", "student")
    tina = await PythonPerson.enter(node, tutor_email)
    lesson_id = (await planned_lesson(tina.call, student))["id"]
    await tina.close()

    def lesson() -> dict[str, Any]:
        with connect(node.url, tutor_email, PASSWORD) as tutor, connect(node.url, student_email, PASSWORD) as stan:
            class_, seat = tutor.join(lesson_id), stan.join(lesson_id)
            seat.raise_hand()
            asked, seen = class_.polls(), seat.polls()
            poll = asked.ask("Clear?", ["Yes", "No"])
            seen.caught_up(1)
            seen.answer(poll["id"], poll["choices"][0]["id"])
            sent = stan.upload(lesson_id, b"a,b\n", name="table.csv")
            message = seat.send("Here", file_ids=[sent["id"]])
            board = class_.board()
            stroke = board.stroke(color="#c03020", width=3)
            stroke.add([1, 2])
            stroke.finish()
            try:
                class_.set_rules(chat="nobody")
            except CallError as refused:
                told = str(refused)
            return {
                "hands": tutor.call("tutorwamp.lesson.get", lesson_id=lesson_id)["hands"],
                "answers": [one["choice_ids"] for one in asked.answers(poll["id"])["items"]],
                "file": tutor.download(lesson_id, message["files"][0]["id"]),
                "strokes": [one["points"] for one in board.elements.values()],
                "me": stan.login.me()["name"],
                "code": class_.invite()["code"],
                "told": told,
                "poll": poll,
            }

    was = await deferToThread(lesson)
    assert was["hands"]
    assert was["answers"] == [[was["poll"]["choices"][0]["id"]]]
    assert (was["file"], was["me"]) == (b"a,b\n", "Stan")
    assert was["strokes"][0][0] == [1, 2]
    assert was["code"]
    assert "chat" in was["told"], "which argument was wrong is in the traceback"
