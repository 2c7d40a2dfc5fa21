"""S30 in a browser: the page goes on whatever a later server says, heard or resumed, and shows what it can."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.support.node import Node
from tests.support.people import PythonPerson, couple
from tests.web.browser import Browser, executable
from tutorwamp.kernel.contracts import new_id

UPGRADE = Path(__file__).with_name("later.mjs").read_text()
UNKNOWN_KIND, UNKNOWN_FORM, UNKNOWN_CHANGE, UNKNOWN_STROKE = "#00000a", "#00000b", "#00000c", "#00000d"
Plain = dict[str, Any]


class Lesson:
    """A tutor on a server of today, in whose lesson a page has a server of a later version."""

    def __init__(self, tutor: PythonPerson, lesson_id: str) -> None:
        self._tutor, self._id = tutor, lesson_id

    async def say(self, *bodies: str) -> None:
        for body in bodies:
            await self._tutor.call("tutorwamp.chat.send", lesson_id=self._id, body=body)

    async def draw(self, *colors: str) -> None:
        for number, color in enumerate(colors):
            box = {"kind": "rect", "page": self._id, "x": 20 * number, "y": 10, "width": 15, "height": 15}
            change = {"op": "put", "element": {"id": new_id(), **box, "color": color}}
            answer = await self._tutor.call("tutorwamp.board.submit", lesson_id=self._id, changes=[change])
            assert not answer["rejected"]

    async def call(self, verb: str, **arguments: Any) -> Plain:
        answer: Plain = await self._tutor.call(f"tutorwamp.lesson.{verb}", lesson_id=self._id, **arguments)
        return answer


def boxes(color: str) -> str:
    return f"""() => document.querySelectorAll('.sheet rect[stroke="{color}"]').length === 1"""


async def test_S30_the_page_goes_on_whatever_a_later_server_says(node: Node, tmp_path: Path) -> None:
    executable()
    tutor, student, lesson_id = await couple(node)
    lesson = Lesson(tutor, lesson_id)
    browser = await Browser.open(tmp_path, f"{node.url}/")
    try:
        await browser.ask("Page.addScriptToEvaluateOnNewDocument", source=UPGRADE)
        await browser.ask("Page.reload")
        await browser.sign_in(student.user["email"])
        await browser.go(f"{node.url}/#lesson={lesson_id}")
        await browser.until("() => !!document.querySelector('.page')")
        # Heard
        await lesson.say("translated one", "sealed one", "plain one")
        await browser.sees("plain one", ".messages")
        await browser.sees("sealed one", ".messages")  # it is read for that
        await lesson.draw(UNKNOWN_KIND, UNKNOWN_FORM, "#00000e")
        await browser.until(boxes("#00000e"))
        await lesson.draw(UNKNOWN_CHANGE, UNKNOWN_STROKE)
        for color in (UNKNOWN_CHANGE, UNKNOWN_STROKE):  # the board is opened for these
            await browser.until(boxes(color))
        title = (await lesson.call("get"))["title"]
        await lesson.call("set_timer", ends_at=None)
        version = (await lesson.call("get"))["version"]
        await browser.sees(title, "#room-title")
        await lesson.call("update", version=version, title="Another title")
        await browser.sees("Another title", "#room-title")
        await browser.sees("paused", "#room .state")
        assert await browser.value("document.querySelector('.composer').checkVisibility()"), "it is not over"
        # In the answer of a resume
        await browser.network(offline=True)
        await browser.until("() => !document.querySelector('#connection.connected')")
        await lesson.say("translated two", "sealed two", "plain two")
        await lesson.draw(UNKNOWN_KIND, UNKNOWN_CHANGE, "#00000f")
        await browser.network(offline=False)
        await browser.sees("plain two", ".messages")
        await browser.sees("sealed two", ".messages")
        await browser.until(boxes("#00000f"))
        await browser.until("() => !!document.querySelector('#connection.connected')")
        # And what one says oneself
        await browser.fill("#body", "Still here")
        await browser.press("Enter")
        heard = tutor.heard[f"tutorwamp.lesson.{lesson_id}.chat"]
        await tutor.heard_until(lambda: any(one["data"].get("body") == "Still here" for one in heard))
        await browser.until("() => !document.querySelector('.message.pending')")
        await browser.sees("Still here", ".messages")
    finally:
        await browser.close()
        await student.close()
        await tutor.close()
