"""Every view for everybody: what axe finds (nothing), by keyboard, on a phone, zoomed, and from the right."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.node import Node
from tests.support.people import PythonPerson, planned_lesson, register
from tests.web.browser import DESK, PHONE, PHONE_SIDEWAYS, Browser, executable
from tests.web.door import be_signed_in, press
from tests.web.test_afterwards import STAYS, past_lesson, put

MESSAGES = 50
STOPS_AT_MOST = 20
"""Of the Tab key, from the page's beginning to the field for a message."""
WITH_KEYBOARD = (390, 500)
"""What an upright phone leaves of the page while its keyboard is open."""
WAITS = """new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"""
IN_SIGHT = """(selector) => {
  const { left, right, top, bottom, width, height } = document.querySelector(selector).getBoundingClientRect();
  const across = Math.min(right, innerWidth) - Math.max(left, 0);
  const down = Math.min(bottom, innerHeight) - Math.max(top, 0);
  return Math.max(0, across) * Math.max(0, down) / (width * height);
}"""
"""How much of something the window shows, of 1."""


def wave(page: str) -> dict[str, Any]:
    points = [[200 + 12 * step, round(400 + 150 * math.sin(step / 8), 1), 0.5] for step in range(80)]
    return put(page, "stroke", width=6, points=points)


@asynccontextmanager
async def lively(
    node: Node, folder: Path, role: str, kind: type[Browser] = Browser
) -> AsyncIterator[tuple[Browser, str, str]]:
    """In a lesson that goes on, with much in it, as its tutor or a student; the lesson, and the address of the page."""
    emails = {}
    emails["tutor"], _ = await register(node, "Tina Okafor", "tutor")
    emails["student"], stan = await register(node, "Stan Lee", "student")
    _, nora = await register(node, "Nora مريم", "student")
    tina = await PythonPerson.enter(node, emails["tutor"])
    other = await PythonPerson.enter(node, emails["student"])
    lesson = (await planned_lesson(tina.call, stan, nora, title="Fractions and how to add them"))["id"]
    about = {"lesson_id": lesson}
    for person in (tina, other):
        await person.join(lesson)
    await tina.call("tutorwamp.lesson.start", **about)
    page = (await tina.call("tutorwamp.board.open", **about))["pages"][0]["id"]
    words = put(page, "text", x=200, y=120, text="1/2 + 1/3 = 5/6", size=80)
    await tina.call("tutorwamp.board.submit", **about, changes=[wave(page), words])
    for number in range(MESSAGES // 2):
        await tina.call("tutorwamp.chat.send", **about, body=f"What is {number}/2 + {number}/3? **Think** first.")
        await other.call("tutorwamp.chat.send", **about, body=f"مرحبا، {5 * number}/6")
    await other.call("tutorwamp.lesson.raise_hand", **about, up=True)
    await tina.call("tutorwamp.poll.open", **about, question="Which is more?", kind="single", choices=["1/2", "2/3"])
    browser = await kind.open(folder, f"{node.url}/")
    try:
        await be_signed_in(browser, node, emails[role], address=f"#lesson={lesson}")
        await browser.until("() => document.querySelectorAll('#room .message').length > 20")
        yield browser, lesson, page
    finally:
        await browser.close()
        for person in (tina, other):
            await person.close()


async def look(browser: Browser, axe: str, view: str) -> list[str]:
    """What is wrong with what is shown: at the desk and on a phone, in light and dark."""
    faults = []
    for name, size in (("desk", DESK), ("phone", PHONE)):
        await browser.resize(size, touch=size == PHONE)
        for dark in (False, True):
            await browser.dark(dark)
            await browser.value(WAITS)
            found = await browser.faults(axe) + [f"sticks out: {one}" for one in await browser.value(f"({STAYS})()")]
            faults += [f"{view}, {name}{', dark' if dark else ''}: {fault}" for fault in found]
    await browser.resize(DESK)
    await browser.dark(on=False)
    return faults


async def test_axe_finds_nothing_at_the_door(node: Node, tmp_path: Path, axe: str) -> None:
    executable()
    emails, lesson = await past_lesson(node)
    browser = await Browser.open(tmp_path, f"{node.url}/")
    try:
        await browser.until("() => document.querySelector('#sign-in')?.checkVisibility()")
        faults = await look(browser, axe, "sign in")
        for mode in ("up", "forgot"):
            await browser.click(f"#sign-in [data-mode={mode}]")
            faults += await look(browser, axe, mode)
            await browser.click("#sign-in [data-mode=in]")
        await be_signed_in(browser, node, emails["Tina"])
        for address, ready in {
            "#": "#lessons .looks",
            "#account": "#account-page form",
            "#invite=K7QD-93XM-4TFA": "#join h1",
            f"#lesson={lesson['id']}": "#room .closed a",
            f"#replay={lesson['id']}": "#replay .message",
            f"#print={lesson['id']}": "#print .do-print",
            f"#attendance={lesson['id']}": "#attendance tbody tr",
        }.items():
            await browser.value(f"location.hash = '{address}'")
            await browser.until(f"() => document.querySelector({ready!r})?.checkVisibility()")
            faults += await look(browser, axe, address)
        for look_at, ready in {"week": ".days .lesson, .days a, .days button", "past": ".lists .lesson"}.items():
            await browser.value("location.hash = ''")
            await browser.click(f".looks [value={look_at}]")
            await browser.until(f"() => !!document.querySelector('{ready}')")
            faults += await look(browser, axe, look_at)
        await press(browser, '[data-do="new-lesson"]')
        await browser.until("() => !!document.querySelector('dialog[open]')")
        faults += await look(browser, axe, "plan")
        assert not faults, "\n".join(faults)
    finally:
        await browser.close()


@pytest.mark.parametrize("role", ["tutor", "student"])
async def test_axe_finds_nothing_in_a_lesson_and_the_field_is_near(
    node: Node, tmp_path: Path, axe: str, role: str
) -> None:
    executable()
    async with lively(node, tmp_path, role) as (browser, _, _):
        faults = await look(browser, axe, role)
        await browser.click(".polls-button")
        faults += await look(browser, axe, f"polls of the {role}")
        await browser.press("Escape")
        for hand in [".queue > button", ".rules-button", ".timer-button"] if role == "tutor" else []:
            await browser.click(hand)
            faults += await look(browser, axe, hand)
            await browser.press("Escape")
        await browser.resize(PHONE, touch=True)
        await browser.value("document.querySelector('.sides [value=chat]').click()")
        faults += await look(browser, axe, "chat")
        assert not faults, "\n".join(faults)
        await browser.value("document.querySelector('.brand').focus()")
        for _ in range(2, STOPS_AT_MOST + 1):
            await browser.press("Tab")
            if await browser.value("document.activeElement.id") == "body":
                break
        assert await browser.value("document.activeElement.id") == "body"
        # And back: one stop for all that was said, in which arrow keys move.
        await browser.value("document.querySelector('.messages [tabindex=\"0\"]').focus()")
        for key in ("ArrowUp", "ArrowUp", "Home", "End"):
            was = await browser.value("document.activeElement.dataset.seq")
            await browser.press(key)
            assert await browser.value("document.activeElement.dataset.seq") != was
        await browser.press("ArrowUp")
        await browser.value("document.querySelector('.to-message').focus()")
        await browser.press("Enter")
        assert await browser.value("document.activeElement.id") == "body"


async def test_a_small_window_shows_the_board_and_the_field(node: Node, tmp_path: Path, either: type[Browser]) -> None:
    async with lively(node, tmp_path, "student", either) as (browser, _, _):

        async def part(selector: str) -> float:
            await browser.value(WAITS)
            shown: float = await browser.value(f"({IN_SIGHT})({selector!r})")
            return shown

        async def show(side: str) -> None:
            await browser.value(f"document.querySelector('.sides [value={side}]').click()")

        assert await part("#room .window .stage") > 0.99
        for size, zoom in ((PHONE, 1), (PHONE_SIDEWAYS, 1), (DESK, 2)):
            await browser.resize(size, zoom=zoom, touch=zoom == 1)
            await show("board")
            assert await part("#room .window .stage") > 0.5, size
            alone = await browser.value("document.querySelector('#room .space').clientHeight")
            await browser.click(".people summary")  # they lie over it
            assert await browser.value("document.querySelector('#room .space').clientHeight") == alone
            await browser.sees("Tina Okafor", ".people ul")
            await browser.click(".people summary")
            assert await browser.value("document.documentElement.scrollHeight <= innerHeight")
            await show("chat")
            assert await part("#body") > 0.99, size
        await browser.click(".polls-tool .close")  # the question
        await browser.resize(WITH_KEYBOARD, touch=True)
        await browser.tap("#body")
        assert await part("#body") > 0.99
        assert await part("#room .send") > 0.99
        assert await browser.value("document.querySelector('#room .scroll').clientHeight") > WITH_KEYBOARD[1] / 2
        assert await browser.value(f"({STAYS})()") == []
