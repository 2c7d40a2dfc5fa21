"""Drawing in a real browser: by mouse, stylus, fingers and keyboard, and what of it others and the server have."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, cast

from twisted.internet import reactor
from twisted.internet.defer import succeed
from twisted.internet.task import deferLater

from tests.board.papers import A4, papers
from tests.support.node import Node
from tests.support.people import PythonPerson, couple
from tests.support.wamp import PATIENCE_S
from tests.web.browser import LOOKS_EVERY_S, Browser, Point, executable
from tutorwamp.kernel.contracts import new_id

SHEET = """async () => {
  for (let i = 0; i < 2; i++) await new Promise(requestAnimationFrame); // what was asked for a moment ago is drawn
  const { left, top, width } = document.querySelector(".sheet").getBoundingClientRect();
  return [left, top, width / 1600];
}"""
CHOOSER = ".board input[type=file]"
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
        # One's own clearing is a change like any other.
        await browser.click("[data-do=clear]")
        await browser.click(".asking [type=submit]")
        await tina.has(lambda found: found == [])
        await browser.click("[data-do=undo]")
        await tina.has(lambda found: len(found) == 3)
        assert "changed or removed" not in await browser.value("document.querySelector('#notices').innerText")
    finally:
        await browser.close()
        for person in (tutor, student):
            await person.close()


async def keys(browser: Browser, command: str) -> None:
    """What Ctrl+C, X and V are to the browser itself."""
    key = {"copy": "c", "cut": "x", "paste": "v"}[command]
    common = {"key": key, "code": f"Key{key.upper()}", "windowsVirtualKeyCode": ord(key.upper()), "modifiers": 2}
    await browser.ask("Input.dispatchKeyEvent", type="rawKeyDown", commands=[command], **common)
    await browser.ask("Input.dispatchKeyEvent", type="keyUp", **common)


async def test_following_the_tutors_view_and_leaving_it(node: Node, tmp_path: Path) -> None:
    executable()
    tutor, student, lesson_id = await couple(node)
    browser = await Browser.open(tmp_path, f"{node.url}/")
    try:
        tina = await Drawer(browser, tutor, lesson_id).enter(node)
        theirs = await browser.another(f"{node.url}/")
        stan = await Drawer(theirs, student, lesson_id).enter(node)
        [corner] = await tina.places([(400, 300)])
        await browser.click("[data-do=lead]")
        await tina.hears("Everybody sees")
        await theirs.sees("You see what Tina shows", ".led")
        await browser.wheel(corner, down=-500, modifiers=2)
        closer = "() => Number(document.querySelector('.zoom').textContent.split(' ')[0]) > 100"
        await theirs.until(closer)
        await browser.click("[data-do=add-page]")
        await theirs.until("() => document.querySelector('.page:nth-child(2)')?.ariaPressed === 'true'")
        # Who joins later is given the last view; who moves the view themselves is let go, and may come back.
        await theirs.reload()
        await theirs.until("() => document.querySelector('.page:nth-child(2)')?.ariaPressed === 'true'")
        await theirs.click("[data-do=zoom-out]")
        await theirs.sees("Tina shows a part of the board", ".led")
        await theirs.click(".page:nth-child(1)")
        await theirs.until("() => document.querySelector('.page:nth-child(1)').ariaPressed === 'true'")
        await browser.click("[data-do=zoom-in]")
        assert await theirs.value("document.querySelector('.page:nth-child(1)').ariaPressed") == "true"
        await theirs.click(".led button")
        await theirs.until("() => document.querySelector('.page:nth-child(2)').ariaPressed === 'true'")
        await browser.click("[data-do=lead]")
        await theirs.until("() => document.querySelector('.led').hidden")
        await stan.hears("Page 2 of 2")
        # Whoever watches may point, with a light that everybody sees.
        await stan.choose("laser")
        [(x, y), *_] = await stan.places([(800, 500)])
        await theirs.ask("Input.dispatchMouseEvent", type="mousePressed", x=x, y=y, button="left", clickCount=1)
        await theirs.ask("Input.dispatchMouseEvent", type="mouseMoved", x=x + 9, y=y, button="left", buttons=1)
        await browser.until("() => !!document.querySelector('.overlay circle.laser')")
        assert await tina.elements() == []
        await theirs.close()
    finally:
        await browser.close()
        for person in (tutor, student):
            await person.close()


async def test_copying_bringing_in_and_saving(node: Node, tmp_path: Path) -> None:
    """Between pages by the clipboard; an Excalidraw file and a worksheet by the dialog; all pages out as one file."""
    executable()
    tutor, student, lesson_id = await couple(node)
    downloads = tmp_path / "downloads"
    browser = await Browser.open(tmp_path / "profile", f"{node.url}/")
    try:
        how = {"behavior": "allow", "downloadPath": str(downloads), "browserContextId": browser.context}
        await browser.chromium.ask("Browser.setDownloadBehavior", **how)
        tina = await Drawer(browser, tutor, lesson_id).enter(node)
        await tina.choose("ellipse")
        await tina.drag((200, 200), (300, 280), (400, 300))
        await tina.choose("select")
        await tina.drag((150, 150), (500, 200), (900, 400))
        await keys(browser, "copy")
        await tina.hears("1 element copied")
        await browser.click("[data-do=add-page]")
        await browser.until("() => document.querySelector('.page:nth-child(2)')?.ariaPressed === 'true'")
        await browser.value("document.querySelector('.space').focus()")
        await keys(browser, "paste")
        one, other = await tina.has(lambda found: len(found) == 2)
        assert one["page"] != other["page"]
        assert one["width"] == other["width"]
        await keys(browser, "cut")
        await tina.has(lambda found: len(found) == 1)
        scene = tmp_path / "Ideas.excalidraw"
        box = {"type": "rectangle", "id": "a", "x": 10, "y": 10, "width": 50, "height": 40, "strokeColor": "#123456"}
        scene.write_text(json.dumps({"type": "excalidraw", "version": 2, "elements": [box]}), encoding="utf-8")
        await browser.upload(CHOOSER, scene)
        await tina.has(lambda found: [one["kind"] for one in found] == ["ellipse", "rect"])
        worksheet = tmp_path / "Worksheet.pdf"
        worksheet.write_bytes(papers(A4, A4))
        await browser.upload(CHOOSER, worksheet)
        await tina.has(lambda found: sum(one["kind"] == "image" for one in found) == 2)
        await browser.sees("2 new pages", "#notices")
        broken = tmp_path / "broken.pdf"
        broken.write_bytes(b"%PDF-1.7 and no more")
        await browser.upload(CHOOSER, broken)
        await browser.until("() => document.querySelectorAll('#notices .notice').length >= 2")
        await browser.click(".save summary")
        await browser.click(".save [data-pages=all][value=svg]")
        archive = downloads / "Fractions.zip"
        await until(lambda: succeed(archive.exists() and zipfile.is_zipfile(archive)), bool)
        with zipfile.ZipFile(archive) as saved:
            assert saved.testzip() is None
            assert saved.namelist() == [f"Fractions, page {number}.svg" for number in range(1, 5)]
            assert b"<ellipse" in saved.read("Fractions, page 1.svg")
    finally:
        await browser.close()
        for person in (tutor, student):
            await person.close()


async def test_nothing_drawn_or_written_is_lost(node: Node, tmp_path: Path, either: type[Browser]) -> None:
    """Words whose writer loses the pen, also over a reload; a stroke whose page goes away under it; undo afterwards."""
    tutor, student, lesson_id = await couple(node)
    browser = await either.open(tmp_path, f"{node.url}/")

    async def give_pen(*ids: str) -> None:
        await tutor.call("tutorwamp.lesson.set_pen", lesson_id=lesson_id, student_ids=list(ids))

    try:
        await give_pen(student.user["id"])
        stan = await Drawer(browser, student, lesson_id).enter(node)
        await browser.until("() => !!document.querySelector('.space.drawable')")
        await stan.drag(*((100 + 40 * i, 100 + 20 * (i % 2)) for i in range(12)), lifts=False)
        await browser.reload()  # with the pen on the paper
        [stroke] = await stan.has(lambda found: found and found[0].get("finished"))
        assert abs(stroke["points"][-1][0] - 540) < 2  # a pixel, of which Firefox knows no parts
        await browser.until("() => !!document.querySelector('.space.drawable')")
        await browser.until("() => !document.querySelector('[data-do=undo]').disabled")
        await browser.click("[data-do=undo]")
        await stan.has(lambda found: found == [])
        await browser.click("[data-do=redo]")
        await stan.has(lambda found: len(found) == 1)
        await stan.choose("text")
        await stan.drag((300, 500))
        await browser.until("() => document.activeElement.matches('.words-field')")
        await browser.write("half a thought <b>&")
        await give_pen()
        await browser.sees("half a thought <b>&", ".draft")
        await browser.reload()
        await browser.sees("half a thought <b>&", ".draft")
        assert await browser.value("document.querySelector('.draft button').disabled")
        await give_pen(student.user["id"])
        await browser.until("() => !document.querySelector('.draft button').disabled")
        await browser.click(".draft button")
        await stan.has(lambda found: [one.get("text") for one in found] == [None, "half a thought <b>&"])
        await browser.until("() => document.querySelector('.draft').hidden")
    finally:
        await browser.close()
        for person in (tutor, student):
            await person.close()


async def test_fingers_and_keys(node: Node, tmp_path: Path) -> None:
    """Two fingers zoom and draw nothing; after a stylus one finger moves the board; keys alone draw and erase."""
    executable()
    tutor, student, lesson_id = await couple(node)
    browser = await Browser.open(tmp_path, f"{node.url}/")
    zoom = "document.querySelector('.zoom').textContent"
    try:
        tina = await Drawer(browser, tutor, lesson_id).enter(node)
        await browser.resize((390, 844), touch=True)
        await browser.value("document.querySelector('.people details').open = false")
        middle = await browser.place(".space")
        x, y = middle["x"], middle["y"]
        before = await browser.value(zoom)
        await browser.touch([[(x - 20, y), (x - 50, y), (x - 90, y)], [(x + 20, y), (x + 50, y), (x + 90, y)]])
        await browser.until(f"() => {zoom} !== {json.dumps(before)}")
        await browser.touch([[(x - 40, y), (x - 10, y), (x + 30, y + 20)]])
        await tina.has(lambda found: len(found) == 1 and found[0].get("finished"))
        await browser.resize((1280, 800))
        await browser.click("[data-do=fit]")
        await tina.drag((600, 700), (640, 660), (700, 700), pen=[0.5, 0.5, 0.5])
        await browser.sees("fingers move the board", "#notices")
        await browser.resize((1280, 800), touch=True)
        middle = await browser.place(".space")
        x, y = middle["x"], middle["y"]
        await browser.touch([[(x - 40, y), (x - 10, y), (x + 30, y + 20)]])
        await browser.resize((1280, 800))
        await browser.value("document.querySelector('.space').focus()")
        for key in ("r", "Enter", "ArrowRight", "ArrowDown", "ArrowDown", "Enter"):
            await browser.press(key)
        _, _, rect = await tina.has(lambda found: len(found) == 3)
        assert (rect["kind"], rect["x"], rect["y"], rect["width"], rect["height"]) == ("rect", 800, 500, 10, 20)
        await browser.press("e")
        await browser.press("Enter")  # at the rectangle's corner
        await tina.has(lambda found: all(one["kind"] == "stroke" for one in found))
        await browser.press("?")
        await browser.sees("Press at the cross", "#board-shortcuts")
        await browser.press("Escape")
    finally:
        await browser.close()
        for person in (tutor, student):
            await person.close()


async def test_a_crowded_page(node: Node, tmp_path: Path) -> None:
    """Most of it is pixels, which know what is erased; what one draws lies over it."""
    executable()
    tutor, student, lesson_id = await couple(node)
    browser = await Browser.open(tmp_path, f"{node.url}/")
    is_clear = """() => {
      const canvas = document.querySelector(".backdrop");
      const { left, top, width } = document.querySelector(".sheet").getBoundingClientRect();
      const space = document.querySelector(".space").getBoundingClientRect();
      const at = (origin, within, place) => Math.round((origin - within + (place * width) / 1600) * devicePixelRatio);
      const [x, y] = [at(left, space.left, 815), at(top, space.top, 505)];
      return canvas.width > 0 && canvas.getContext("2d").getImageData(x, y, 1, 1).data[3] === 0;
    }"""
    try:
        look = {"page": lesson_id, "kind": "rect", "color": "#aa0000", "fill": "#aa0000", "width": 30, "height": 10}
        for top in range(300, 900, 100):
            places = [(40 * column, top + 20 * row) for row in range(5) for column in range(38)]
            puts = [{"op": "put", "element": look | {"id": new_id(), "x": x, "y": y}} for x, y in places]
            await tutor.call("tutorwamp.board.submit", lesson_id=lesson_id, changes=puts)
        tina = await Drawer(browser, tutor, lesson_id).enter(node)
        await browser.until(f"() => document.querySelector('.backdrop').width > 0 && !({is_clear})()")
        assert await browser.value("document.querySelectorAll('.sheet > *').length") <= 400
        await tina.choose("eraser")
        await tina.drag((815, 505))
        await tina.has(lambda found: len(found) == 1139)
        await browser.until(is_clear)
        await browser.press("z", "ctrl")
        await browser.until(f"() => !({is_clear})() || document.querySelectorAll('.sheet.changing > *').length > 0")
        await browser.wheel((400, 400), down=-100, modifiers=2)
        await browser.until("() => document.querySelector('.backdrop').style.transform === ''")
        await browser.value("document.querySelector('.space').focus()")
        await browser.press("a", "ctrl")
        await browser.press("Delete")
        await tina.has(lambda found: found == [])
        await browser.press("z", "ctrl")
        await tina.has(lambda found: len(found) == 1140)
    finally:
        await browser.close()
        for person in (tutor, student):
            await person.close()
