"""A network that goes silent: connections are dead, and nobody is told. In a program and in a browser."""

from __future__ import annotations

import json
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted

from tests.support.network import Line
from tests.support.node import Node
from tests.support.people import PythonPerson, couple, planned_lesson, register
from tests.support.waiting import until
from tests.web.browser import Browser
from tests.web.program import Program
from tests.web.test_delivery import NEWEST

SAID_WITHIN_S = 5.0
RIGHT_WITHIN_S = 20.0
SHOWN_WITHIN_S = 2.0
DRAW = """new tutorwamp.PenStroke(
  lesson.board, { page: lesson.board.pages[0], color: "#000000", width: 2 }, [1, 1],
).end([9, 9])"""
HIDDEN = """{{
  Object.defineProperty(document, "hidden", {{ value: {}, configurable: true }});
  document.dispatchEvent(new Event("visibilitychange"));
}}"""
MACHINE_S = 0.5
"""For the machine, which does other things as well."""


@pytest_twisted.async_yield_fixture()
async def line(node: Node) -> AsyncIterator[Line]:
    """A person's way to the node."""
    made = Line(node.port)
    yield made
    await made.shut()


@pytest.mark.skipif(shutil.which("node") is None, reason="Node.js is not installed")
async def test_S29_a_program_notices_within_five_seconds_and_loses_nothing(node: Node, line: Line) -> None:
    tutor_email, _ = await register(node, "Tina", "tutor")
    email, student = await register(node, "Stan", "student")
    tutor = await PythonPerson.enter(node, tutor_email)
    lesson = await planned_lesson(tutor.call, student)
    await tutor.call("tutorwamp.lesson.set_pen", lesson_id=lesson["id"], student_ids=[student["id"]])
    await tutor.join(lesson["id"])
    chat = tutor.heard[f"tutorwamp.lesson.{lesson['id']}.chat"]
    program = Program.start(f"http://127.0.0.1:{line.port}", email)
    try:
        await program.becomes("connected")
        await program.run(f"open({json.dumps(lesson['id'])})")

        line.freeze()
        await program.run("lesson.chat.send('into the silence')")
        await program.run(DRAW)
        assert await program.becomes("reconnecting", within_s=SAID_WITHIN_S + MACHINE_S) <= SAID_WITHIN_S + MACHINE_S
        assert program.reason == "silent"
        unsent = await program.run("client.pending")
        assert (unsent["words"], unsent["strokes"]) == (1, 1)
        await tutor.call("tutorwamp.chat.send", lesson_id=lesson["id"], body="said meanwhile")

        line.strand()  # the network is back; the old connection is not
        await program.becomes("connected", within_s=RIGHT_WITHIN_S)
        bodies = "lesson.chat.picture.messages.map(({body}) => body)"

        async def both() -> bool:
            shown: list[str] = await program.run(bodies)
            return sorted(shown) == ["into the silence", "said meanwhile"]

        await until(both, "both messages, once each", within_s=RIGHT_WITHIN_S)

        async def all_sent() -> bool:
            pending: dict[str, Any] = await program.run("client.pending")
            return pending == {"words": 0, "strokes": 0, "lessons": {}}

        await until(all_sent, "all of it to be sent", within_s=RIGHT_WITHIN_S)
        assert await program.run("[lesson.recovered, lesson.board.recovered]") == [True, True]
        await tutor.heard_until(lambda: len(chat) >= 2)
        board = await tutor.call("tutorwamp.board.open", lesson_id=lesson["id"])
        assert [len(element["points"]) for element in board["elements"]] == [2]

        # Only slow: the same connection goes on, and nobody has left.
        line.freeze()
        await program.becomes("reconnecting", within_s=SAID_WITHIN_S + MACHINE_S)
        line.turn_on()
        await program.becomes("connected", within_s=RIGHT_WITHIN_S)
    finally:
        await program.close()
        await tutor.close()


async def test_S29_the_page_says_it_within_five_seconds_and_is_right_again(
    node: Node, line: Line, tmp_path: Path, either: type[Browser]
) -> None:
    tutor_email, _ = await register(node, "Tina", "tutor")
    email, student = await register(node, "Stan", "student")
    tutor = await PythonPerson.enter(node, tutor_email)
    lesson = await planned_lesson(tutor.call, student)
    await tutor.join(lesson["id"])
    browser = await either.open(tmp_path, f"http://127.0.0.1:{line.port}/#lesson={lesson['id']}")

    def bodies() -> list[str]:
        heard = tutor.heard[f"tutorwamp.lesson.{lesson['id']}.chat"]
        return [event["data"]["body"] for event in heard if event["type"] == "message.created"]

    connected = "() => document.body.dataset.connection === 'connected'"
    shown = "() => document.querySelector('.messages').textContent.includes('{}')"
    try:
        await browser.sign_in(email)
        await browser.until("() => document.querySelector('#body')?.checkVisibility()")
        await browser.until("() => document.querySelector('.people .count').textContent.startsWith('2')")

        line.freeze()
        said = "() => document.querySelector('#connection .words').textContent.includes('No answer')"
        await browser.until(said, patience_s=SAID_WITHIN_S + MACHINE_S)
        await browser.fill("#body", "typed in silence")
        await browser.press("Enter")
        await browser.until("() => document.querySelector('#connection .words').textContent.includes('1 to send')")
        line.strand()
        await browser.until(connected, patience_s=RIGHT_WITHIN_S)
        await browser.until(shown.format("typed in silence"))
        await tutor.call("tutorwamp.chat.send", lesson_id=lesson["id"], body="welcome back")
        await browser.until(shown.format("welcome back"))

        # The page is hidden while its connection dies, and shown again: no minute of "Connected".
        await browser.value(HIDDEN.format("true"))
        line.strand()
        await tutor.call("tutorwamp.chat.send", lesson_id=lesson["id"], body="behind your back")
        await browser.value(HIDDEN.format("false"))
        await browser.until(shown.format("behind your back"), patience_s=SHOWN_WITHIN_S + MACHINE_S)
        await browser.until(connected)

        # Written without a network, and gone elsewhere: it is sent from the list.
        line.turn_off()
        await browser.until("() => document.body.dataset.connection === 'reconnecting'")
        await browser.fill("#body", "written in the tunnel")
        await browser.press("Enter")
        await browser.until("() => document.querySelector('#connection .words').textContent.includes('1 to send')")
        await browser.value("location.hash = ''")
        line.turn_on()
        await tutor.heard_until(lambda: "written in the tunnel" in bodies())
        await browser.until("() => document.querySelector('#connection .words').textContent === 'Connected'")
        assert await browser.value("location.hash") == ""
        assert bodies().count("written in the tunnel") == 1
    finally:
        await browser.close()
        await tutor.close()


async def test_what_is_written_and_drawn_without_a_network_survives_a_reload(
    node: Node, line: Line, tmp_path: Path, either: type[Browser]
) -> None:
    tutor, student, lesson_id = await couple(node)
    browser = await either.open(tmp_path, f"http://127.0.0.1:{line.port}/#lesson={lesson_id}")
    connection = "document.querySelector('#connection .words').textContent"
    try:
        await browser.sign_in(tutor.user["email"])
        await browser.until("() => !!document.querySelector('.space.drawable')")
        await browser.until(NEWEST)
        line.turn_off()
        await browser.until("() => document.body.dataset.connection === 'reconnecting'")
        await browser.fill("#body", "written in the tunnel")
        await browser.press("Enter")
        at = await browser.place(".sheet")
        await browser.drag([(at["x"] + across, at["y"] + across / 2) for across in range(0, 60, 6)])
        await browser.until(f"() => {connection}.includes('2 to send')")
        await browser.fill("#body", "not sent yet")
        await browser.reload()
        await browser.until(f"() => {connection}.includes('2 to send')")
        line.turn_on()
        await browser.until(f"() => {connection} === 'Connected'")
        await browser.sees("written in the tunnel", ".messages")
        assert await browser.value("document.querySelector('#body').value") == "not sent yet"
        said = await student.call("tutorwamp.chat.history", lesson_id=lesson_id)
        assert [one["body"] for one in said["items"]] == ["written in the tunnel"]
        [stroke] = (await student.call("tutorwamp.board.open", lesson_id=lesson_id))["elements"]
        assert len(stroke["points"]) > 5
    finally:
        await browser.close()
        for person in (tutor, student):
            await person.close()
