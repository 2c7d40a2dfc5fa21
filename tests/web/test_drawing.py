"""Drawing in a real browser: by mouse, stylus, fingers and keyboard, and what of it others and the server have."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, cast

from twisted.internet import reactor
from twisted.internet.task import deferLater

from tests.support.node import Node
from tests.support.people import PythonPerson, couple
from tests.support.wamp import PATIENCE_S
from tests.web.browser import LOOKS_EVERY_S, Browser, Point, executable

SHEET = """() => {
  const { left, top, width } = document.querySelector(".sheet").getBoundingClientRect();
  return [left, top, width / 1600];
}"""
Plain = dict[str, Any]


class Drawer:
    """Somebody at the board, in a tab of their own; places are those of the board."""

    def __init__(self, browser: Browser, person: PythonPerson, lesson_id: str) -> None:
        self.browser = browser
        self.person = person
        self.lesson_id = lesson_id

    async def enter(self, node: Node) -> Drawer:
        await self.browser.sign_in(self.person.user["email"])
        await self.browser.go(f"{node.url}/#lesson={self.lesson_id}")
        await self.browser.until("() => !!document.querySelector('.page')")
        return self

    async def places(self, points: Sequence[Point]) -> list[Point]:
        left, top, scale = await self.browser.value(f"({SHEET})()")
        return [(left + x * scale, top + y * scale) for x, y in points]

    async def drag(self, *points: Point, **how: Any) -> None:
        await self.browser.drag(await self.places(points), **how)

    async def choose(self, tool: str) -> None:
        await self.browser.value(f"document.querySelector('[name=board-tool][value={tool}]').click()")

    async def elements(self) -> list[Plain]:
        state = await self.person.call("tutorwamp.board.open", lesson_id=self.lesson_id)
        elements: list[Plain] = state["elements"]
        return elements

    async def has(self, right: Callable[[list[Plain]], Any]) -> list[Plain]:
        """What the server has, once it is right."""
        found: list[Plain] = await until(self.elements, right)
        return found

    async def hears(self, text: str) -> None:
        """What a screen reader is told."""
        await self.browser.sees(text, "#announcer")


async def until(ask: Callable[[], Awaitable[Any]], right: Callable[[Any], Any]) -> Any:
    for _ in range(round(PATIENCE_S / LOOKS_EVERY_S)):
        found = await ask()
        if right(found):
            return found
        await deferLater(cast("Any", reactor), LOOKS_EVERY_S)
    raise AssertionError(f"in vain: {found}")


async def test_selecting_moving_locking_and_taking_back(node: Node, tmp_path: Path) -> None:
    """A tutor's hands on a mouse; then those of a student, who meets what is locked."""
    executable()
    tutor, student, lesson_id = await couple(node)
    await tutor.call("tutorwamp.lesson.set_pen", lesson_id=lesson_id, student_ids=[student.user["id"]])
    browser = await Browser.open(tmp_path, f"{node.url}/")
    try:
        tina = await Drawer(browser, tutor, lesson_id).enter(node)
        await tina.choose("rect")
        await tina.drag((200, 200), (300, 280), (400, 300))
        await tina.choose("pen")
        await tina.drag((600, 200), (640, 260), (700, 200), pen=[0.2, 0.9, 0.9])
        rect, stroke = await tina.has(lambda found: len(found) == 2 and found[1].get("finished"))
        assert stroke["points"][-1][2] == 0.9, "lifted, a stylus tells no pressure"
        await tina.choose("select")
        await tina.drag((150, 150), (500, 200), (900, 400))  # a frame around both
        await browser.sees("Duplicate", ".selection-tools")
        await tina.drag((200, 225), (230, 260), (300, 325))  # by the rectangle's edge
        await tina.has(lambda found: [one["version"] for one in found] == [2, stroke["version"] + 1])
        await browser.press("z", "ctrl")
        await tina.has(lambda found: found[0]["x"] == rect["x"] and found[1]["points"] == stroke["points"])
        await browser.press("z", "ctrl", "shift")
        await tina.has(lambda found: found[0]["x"] == rect["x"] + 100)
        await browser.press("ArrowLeft", "shift")
        await tina.has(lambda found: found[0]["x"] == rect["x"] + 99)
        await browser.press("d", "ctrl")
        await tina.hears("2 elements placed")
        await browser.press("Delete")
        await tina.has(lambda found: len(found) == 2)
        await browser.press("a", "ctrl")
        await browser.press("L", "ctrl", "shift")
        await tina.has(lambda found: all(one.get("locked") for one in found))
        await browser.press("Delete")
        await browser.sees("Unlock it first", "#notices")
        theirs = await browser.another(f"{node.url}/")
        stan = await Drawer(theirs, student, lesson_id).enter(node)
        await theirs.until("() => document.querySelector('[data-do=clear]').disabled")  # before, not after
        await theirs.until("() => document.querySelectorAll('.sheet > *').length === 2")
        await stan.choose("eraser")
        await stan.drag((250, 300), (500, 300), (900, 300))
        await stan.choose("select")
        await stan.drag((100, 100), (900, 600), (1500, 900))
        await stan.choose("line")
        await stan.drag((100, 800), (200, 800), (400, 800))
        await stan.has(lambda found: len(found) == 3)
        assert not await theirs.value("document.querySelector('#notices').innerText")
        await theirs.close()
    finally:
        await browser.close()
        for person in (tutor, student):
            await person.close()
