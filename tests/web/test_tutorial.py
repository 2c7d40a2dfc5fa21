"""docs/javascript.md followed to its end: in Node, and as a page that Vite builds, in Chromium, from another origin."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, cast

from twisted.internet import reactor
from twisted.internet.utils import getProcessOutputAndValue
from twisted.web.resource import Resource
from twisted.web.server import Site

from tests.conftest import HURRIED, migrated_node
from tests.support import npm
from tests.support.machine import PASSWORD
from tests.support.node import Node
from tests.support.people import PythonPerson, planned_lesson, register
from tests.web.browser import Browser, executable
from tests.web.package import FILES, project, run, tool

SERVER = "http://127.0.0.1:8080"
LOGIN = ('"student1@demo.example"', '"demo-lesson"')
UNTIL_SAID = 'lesson.chat.on("update", ({ data }) => data.body === "Good morning" && process.exit());\n'
TRIES_AT_MOST = 50
"""To draw: the page does not show when the pen has come."""
KINDS = {".html": "text/html", ".js": "text/javascript", ".css": "text/css"}


class Built(Resource):
    """What Vite has made, at an address of its own."""

    isLeaf = True  # noqa: N815  # Twisted's name

    def __init__(self, folder: Path) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Twisted's
        self._folder = folder

    def render_GET(self, request: Any) -> bytes:  # Twisted's name
        path = self._folder / (request.path.decode().strip("/") or "index.html")
        if not path.is_file():  # a browser asks for /favicon.ico
            request.setResponseCode(404)
            return b""
        request.setHeader("Content-Type", KINDS[path.suffix])
        return path.read_bytes()


def test_the_tutorial_has_all_its_files() -> None:
    of_the_page = {"index.html", "elements.js", "main.js", "chat.js", "board.js", "words.js"}
    assert set(FILES) == {"first.mjs", "session.js", *of_the_page}
    assert SERVER in FILES["main.js"]


async def test_the_first_connection(node: Node, tmp_path: Path) -> None:
    folder = project(tmp_path, "ws")
    email, _ = await register(node, "Tina", "tutor")
    tutor = await PythonPerson.enter(node, email)
    student_email, student = await register(node, "Stan", "student")
    lesson = await planned_lesson(tutor.call, student)
    await tutor.call("tutorwamp.lesson.start", lesson_id=lesson["id"])
    text = FILES["first.mjs"].replace(SERVER, node.url)
    for word, ours in zip(LOGIN, (student_email, PASSWORD), strict=True):
        assert word in text
        text = text.replace(word, f'"{ours}"')
    (folder / "first.mjs").write_text(text + UNTIL_SAID)
    out, errors, code = await getProcessOutputAndValue(npm.node(), ["first.mjs"], env=os.environ, path=str(folder))
    assert (code, out.decode().strip()) == (0, f"You are in {lesson['title']}"), errors.decode()
    await tutor.close()


def built(folder: Path, server: str) -> Path:
    """What Vite makes of the tutorial's page."""
    project(folder, "vite")
    (folder / "src").mkdir()
    for name, text in FILES.items():
        place = folder / "src" / name if name.endswith(".js") else folder / name
        place.write_text(text.replace(SERVER, server))
    run(folder, *tool("vite"), "build", "--logLevel", "warn")
    return folder / "dist"


async def test_the_view_of_a_lesson(tmp_path: Path) -> None:
    executable()
    npm.folder()
    site = Site(Built(tmp_path / "app" / "dist"))
    port = cast("Any", reactor).listenTCP(0, site, interface="127.0.0.1")
    origin = f"http://127.0.0.1:{port.getHost().port}"
    settings = {"TUTORWAMP_ALLOWED_ORIGINS": origin, "TUTORWAMP_RECONNECT_GRACE": "1s"}
    node = migrated_node(env={**HURRIED, **settings})
    with node.running():
        built(tmp_path / "app", node.url)
        email, _ = await register(node, "Tina", "tutor")
        tutor = await PythonPerson.enter(node, email)
        student_email, student = await register(node, "Stan", "student")
        lesson = await planned_lesson(tutor.call, student)
        await tutor.call("tutorwamp.lesson.start", lesson_id=lesson["id"])
        await tutor.call("tutorwamp.lesson.join", lesson_id=lesson["id"])
        await tutor.call("tutorwamp.lesson.leave", lesson_id=lesson["id"])  # and it is interrupted
        browser = await Browser.open(tmp_path / "profile", f"{origin}/")
        try:
            await browser.until("() => document.readyState === 'complete' && !!document.querySelector('#sign-in')")
            await sign_in(browser, student_email, "wrong password")
            await browser.sees("The e-mail address or the password is not right.", "#problem")
            await browser.fill('[name="password"]', PASSWORD)
            await browser.value("[1, 2, 3].forEach(() => document.querySelector('#sign-in').requestSubmit())")
            await browser.sees(f"{lesson['title']} (interrupted)", "#title")
            assert await browser.value("document.querySelector('#problem').textContent") == ""
            await tutor.call("tutorwamp.lesson.join", lesson_id=lesson["id"])
            await browser.sees(f"{lesson['title']} (live)", "#title")
            await browser.sees("Tina", "#people")
            await refused(browser, tutor, lesson["id"], student["id"])
            await tutor.call("tutorwamp.lesson.set_pen", lesson_id=lesson["id"], student_ids=[student["id"]])
            await draw_a_line(browser, 1)
            await browser.fill('[name="body"]', "Good morning")
            await browser.press("Enter")
            await browser.sees("Stan: Good morning", "#messages")
            await tutor.call("tutorwamp.chat.send", lesson_id=lesson["id"], body="<b>Welcome</b>")
            await browser.sees("Tina: <b>Welcome</b>", "#messages")
            await kept_in_a_tunnel(browser, tutor, lesson["id"], student_email)
            await browser.click("#out")
            await browser.until("() => document.querySelector('#status').textContent === 'disconnected'")
            await browser.until("() => document.querySelector('#lesson').hidden")
            await sign_in(browser, student_email, PASSWORD)
            await browser.sees("Stan: Said in a tunnel", "#messages")
        finally:
            await browser.close()
            await tutor.close()
            await port.stopListening()


async def sign_in(browser: Browser, email: str, password: str) -> None:
    await browser.fill('[name="email"]', email)
    await browser.fill('[name="password"]', password)
    await browser.press("Enter")


async def drag(browser: Browser) -> None:
    box = await browser.place("#board")
    left, top = box["left"] + 40, box["top"] + 40
    await browser.drag([(left, top), (left + 60, top + 10), (left + 120, top + 40)])


async def draw_a_line(browser: Browser, number: int) -> None:
    """The so many-th; again where the pen was not there yet. What the page says of it belongs to this line alone."""
    lines = "document.querySelectorAll('#board path').length"
    for _ in range(TRIES_AT_MOST):
        await browser.value("document.querySelector('#problem').textContent = ''")
        await drag(browser)
        await browser.until(f"() => {lines} === {number} || document.querySelector('#problem').textContent")
        if await browser.value(lines) == number:
            return
    raise AssertionError(await browser.value("document.body.innerText"))


async def refused(browser: Browser, tutor: PythonPerson, lesson_id: str, student_id: str) -> None:
    """What a student may not do is said; refused words stay until they are thrown away."""
    await drag(browser)
    await browser.sees("Ask the tutor for the pen.", "#problem")
    await tutor.call("tutorwamp.lesson.set_rules", lesson_id=lesson_id, muted=[student_id])
    await browser.fill('[name="body"]', "Too loud")
    await browser.press("Enter")
    await browser.sees("Too loud (You cannot write at the moment.)", "#messages")
    await browser.click("#messages button")
    await browser.until("() => document.querySelectorAll('#messages li').length === 0")
    await tutor.call("tutorwamp.lesson.set_rules", lesson_id=lesson_id, muted=[])


async def kept_in_a_tunnel(first: Browser, tutor: PythonPerson, lesson_id: str, email: str) -> None:
    """What is drawn and said without a connection is sent by another tab, then by the first one as well: once."""
    await first.network(offline=True)
    await first.until("() => document.querySelector('#status').textContent.startsWith('reconnecting')")
    await draw_a_line(first, 2)
    await first.fill('[name="body"]', "Said in a tunnel")
    await first.press("Enter")
    await first.sees("Said in a tunnel (sending)", "#messages")
    await first.sees("2 to send", "#status")
    await first.value("dispatchEvent(new Event('pagehide'))")
    second = await first.again(await first.value("location.href"))
    await second.until("() => document.readyState === 'complete' && !!document.querySelector('#sign-in')")
    await sign_in(second, email, PASSWORD)
    await second.sees("Stan: Said in a tunnel", "#messages")
    await first.network(offline=False)
    for tab in (second, first):
        await tab.sees("Stan: Said in a tunnel", "#messages")
        await tab.until("() => document.querySelector('#status').textContent === 'connected'")
        await tab.until("() => document.querySelectorAll('#board path').length === 2")
    state = await tutor.call("tutorwamp.board.open", lesson_id=lesson_id)
    assert len(state["elements"]) == 2
    said = await tutor.call("tutorwamp.chat.history", lesson_id=lesson_id)
    assert [message["body"] for message in said["items"]] == ["Said in a tunnel", "<b>Welcome</b>", "Good morning"]
    await second.close()
