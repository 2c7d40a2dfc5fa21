"""Pictures, words, files and elements that come onto the board from elsewhere: pasted or dropped, in a real browser."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.support.node import Node
from tests.support.people import couple, planned_lesson
from tests.web.browser import Browser, executable
from tests.web.test_drawing import Drawer, keys

GIVEN = """async (type, selector, text) => {
  const canvas = Object.assign(document.createElement("canvas"), { width: 60, height: 40 });
  canvas.getContext("2d").fillRect(10, 10, 30, 20);
  const picture = await new Promise((done) => canvas.toBlob(done, "image/png"));
  const data = new DataTransfer();
  if (text) data.setData("text/plain", text);
  else data.items.add(new File([picture], "circle.png", { type: "image/png" }));
  const place = document.querySelector(selector);
  if (type === "paste") {
    place.dispatchEvent(new ClipboardEvent("paste", { bubbles: true, cancelable: true, clipboardData: data }));
    return [];
  }
  const said = (one) => new DragEvent(one, { bubbles: true, cancelable: true, dataTransfer: data });
  return ["dragover", "drop"].map((one) => !place.dispatchEvent(said(one)));
}"""
"""What the browser tells of a paste or a drop; of a drop, whether the page took it: else the browser shows the file."""


async def test_what_is_pasted_and_dropped(node: Node, tmp_path: Path) -> None:
    executable()
    tutor, student, lesson_id = await couple(node)
    other_id = (await planned_lesson(tutor.call, student.user, begins=datetime.now(UTC) + timedelta(hours=2)))["id"]
    browser = await Browser.open(tmp_path, f"{node.url}/")
    try:
        tina = await Drawer(browser, tutor, lesson_id).enter(node)
        await browser.until("() => !!document.querySelector('.space.drawable')")
        await browser.value("document.querySelector('.space').focus()")
        await browser.value(f"({GIVEN})('paste', '.space', 'Thirds are\\n  not halves')")
        [words] = await tina.has(lambda found: len(found) == 1)
        assert words["text"].startswith("Thirds are\n")
        await browser.value(f"({GIVEN})('paste', '.space')")
        *_, pasted = await tina.has(lambda found: len(found) == 2)
        assert (pasted["kind"], pasted["width"], pasted["height"]) == ("image", 60, 40)
        assert await browser.value(f"({GIVEN})('drop', '.space')") == [True, True]
        await tina.has(lambda found: [one["kind"] for one in found] == ["text", "image", "image"])
        assert await browser.value(f"({GIVEN})('drop', '.messages')") == [True, True]
        await browser.sees("circle.png", ".attachments")
        # Beside them a file is not shown in place of the lesson.
        for beside in (".drawing-tools", "body"):
            assert await browser.value(f"({GIVEN})('drop', {beside!r})") == [True, True], beside
        await browser.value("document.querySelector('.space').focus()")
        await browser.press("a", "ctrl")
        await keys(browser, "copy")
        await tina.hears("3 elements copied")
        await browser.go(f"{node.url}/#lesson={other_id}")
        await browser.until("() => document.querySelector('.space.drawable')?.dataset.elements === '0'")
        there = Drawer(browser, tutor, other_id)
        await browser.value("document.querySelector('.space').focus()")
        await keys(browser, "paste")
        brought = await there.has(lambda found: len(found) == 3)
        assert [one["kind"] for one in brought] == ["text", "image", "image"]
        assert pasted["asset_id"] not in [one.get("asset_id") for one in brought]
        await browser.until("() => document.querySelectorAll('.sheet image[href^=blob]').length === 2")
    finally:
        await browser.close()
        for person in (tutor, student):
            await person.close()
