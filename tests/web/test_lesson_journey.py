"""A whole lesson by two people in real browsers, from the invite link to the replay: one at a desk, one with a phone.

``TUTORWAMP_TEST_SHOTS`` names a folder for pictures of the way, as those of docs/classroom are. Then nobody
is called like an attack, for who looks at them.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from pypdf import PdfReader

from tests.support.machine import PASSWORD
from tests.support.node import Node
from tests.web.browser import DESK, PHONE, Browser
from tests.web.door import press
from tests.web.test_afterwards import STAYS
from tutorwamp.kernel.contracts import new_id

SHOTS = os.environ.get("TUTORWAMP_TEST_SHOTS")
TUTOR = "Tina Okafor"
STUDENT = "Stan Lee" if SHOTS else '\u202e<b onclick="alert(1)">Stan</b>'
SHOWN_AS = STUDENT.removeprefix("\u202e")
LONG = "Donaudampfschifffahrt" * 5
TITLE = "Fractions" if SHOTS else f"Fractions & <i>more</i> 🎉 {LONG}"
SAID = "5/6" if SHOTS else "<script>document.title = 'caught'</script> مرحبا 🎉"
SHEET = """() => {
  const { left, top, width } = document.querySelector("#room .stage").getBoundingClientRect();
  return [left, top, width / 1600];
}"""
"""Where the board is in the window, and how many pixels one of its units has."""
WAVE = [(200, 500), (350, 380), (500, 500), (650, 620), (800, 500)]
IN_THE_ROOM = "() => location.hash.startsWith('#lesson=') && document.querySelector('#body')?.checkVisibility()"
STROKES = "() => document.querySelectorAll('#room .sheet path').length === {count}"
SHAPE = "() => document.querySelectorAll('#room .sheet rect').length === 1"
HOSTILE = () if SHOTS else ("🎉" * 300, LONG * 3, "مرحبا" * 60, "not \u202egpj.exe")
LAST = "[...document.querySelectorAll('.message .body')].at(-1).textContent"
"""Not as it is shown: of that Firefox leaves out overrides."""
WIDER = """() => [...document.querySelectorAll("#room .messages, #room .message *")]
  .filter((one) => one.clientWidth && one.scrollWidth > one.clientWidth).map((one) => one.outerHTML.slice(0, 120))"""
"""What of the chat is wider than its place."""
TURNED = """() => [...document.querySelectorAll("body *")].filter((one) => !(one.matches(".body *")
  || (one.matches(".body") && getComputedStyle(one).display === "block")))
  .flatMap((one) => [...one.childNodes]).filter((one) => one.nodeType === Node.TEXT_NODE)
  .map(({ data }) => data).filter((data) => data.includes("\\u202e"))"""
"""Where an override turns around what others wrote: anywhere but in a message's own block."""


async def shot(browser: Browser, name: str) -> None:
    if SHOTS and type(browser) is Browser:
        await browser.value("document.querySelector('#notices').replaceChildren()")
        await browser.shot(Path(SHOTS) / f"{name}.png")


async def make_account(browser: Browser, name: str, role: str) -> None:
    """By the page's form."""
    await press(browser, "#sign-in [data-mode=up]")
    await browser.fill("#name", name)
    await browser.fill("#email", f"{new_id()}@school.example")
    await browser.fill("#password", PASSWORD)
    if role == "tutor":
        await browser.click("#sign-in label:has([value=tutor])")
    await browser.press("Enter")


async def meet(either: type[Browser], node: Node, folder: Path) -> tuple[Browser, Browser]:
    """Tina plans a lesson and invites; Stan comes by the link, with a phone, and makes an account."""
    tina = await either.open(folder, f"{node.url}/")
    await tina.resize(DESK)
    await make_account(tina, TUTOR, "tutor")
    await press(tina, '[data-do="new-lesson"]')
    await tina.fill("#plan-title", TITLE)
    await press(tina, "#plan-dialog [type=submit]")
    await tina.until("() => !!document.querySelector('#invite-dialog .qr')")
    await shot(tina, "invite")
    link = await tina.value("document.querySelector('#invite-dialog .link').value")
    await tina.click("#invite-dialog .icon")
    stan = await tina.another(link)
    await stan.resize(PHONE, touch=True)
    await make_account(stan, STUDENT, "student")
    await stan.until("() => location.hash.startsWith('#lesson=')")
    await stan.sees(TITLE, "#room-title")
    await shot(tina, "lessons")
    await tina.click("#lessons .lesson")
    await tina.until(IN_THE_ROOM)
    await tina.sees("2 here", ".people .count")
    await tina.click('[data-do="start"]')
    await tina.sees("Live", "#room .state")
    return tina, stan


async def draw(browser: Browser, points: list[tuple[int, int]], *, finger: bool) -> None:
    left, top, scale = await browser.value(f"({SHEET})()")
    places = [(left + x * scale, top + y * scale) for x, y in points]
    await (browser.touch([places]) if finger else browser.drag(places))


async def talk_and_draw(tina: Browser, stan: Browser) -> None:
    await tina.fill("#body", "What is 1/2 + 1/3?")
    await tina.press("Enter")
    await stan.tap(".sides [value=chat]")
    await stan.sees("What is 1/2 + 1/3?", ".messages")
    await stan.tap("#body")
    await stan.write(f"I think **{SAID}**")
    await stan.tap("#room .send")
    await tina.sees(f"I think {SAID}", ".messages")
    assert await tina.value("document.querySelector('.message:not(.mine) .by bdi').textContent") == SHOWN_AS
    assert await tina.value("document.querySelector('.message:not(.mine) strong').closest('.by') !== null")
    for hostile in HOSTILE:
        await stan.fill("#body", hostile)
        await stan.press("Enter")
        await tina.until(f"() => {LAST} === {json.dumps(hostile)}")
    for tab in (tina, stan):
        assert await tab.value(f"({WIDER})()") == []
    await shot(stan, "phone-chat")

    # A hand, the pen, and both draw.
    await draw(tina, WAVE, finger=False)
    await tina.click(".board-tools label:has([value=rect])")
    await draw(tina, [(1000, 100), (1200, 200), (1400, 300)], finger=False)
    await stan.tap(".sides [value=board]")
    await stan.until(STROKES.format(count=1))
    await stan.until(SHAPE)
    await draw(stan, WAVE, finger=True)  # without the pen a finger moves the board
    await stan.click(".hand")
    await tina.until("() => document.querySelector('.queue > button').textContent.includes('1')")
    await tina.click(".queue > button")
    await tina.click(".queue li button")
    await stan.until("() => document.querySelector('.space').classList.contains('drawable')")
    await stan.click('[data-do="fit"]')
    await draw(stan, [(x, y + 150) for x, y in WAVE], finger=True)
    await tina.until(STROKES.format(count=2))
    await tina.press("Escape")
    await shot(stan, "phone-board")


async def ask_and_answer(tina: Browser, stan: Browser, file: Path) -> None:
    await tina.click(".polls-button")
    await tina.click(".ask summary")
    await tina.fill(".poll-form [name=question]", "Which is larger?")
    for place, choice in enumerate(("1/2", "2/3"), start=1):
        await tina.fill(f".poll-choices li:nth-child({place}) input", choice)
    await tina.click(".poll-form [type=submit]")
    await stan.sees("Which is larger?", ".poll legend")
    await stan.tap(".poll-answer label:nth-of-type(2) input")
    await stan.tap(".poll-answer [type=submit]")
    await tina.sees("1 vote", ".poll-votes li:nth-child(2)")
    await shot(tina, "room")
    await tina.press("Escape")
    await stan.tap(".polls-tool .close")
    await stan.tap(".sides [value=chat]")
    await stan.upload(".composer [type=file]", file)
    await stan.until(
        "() => !document.querySelector('.attachments progress') && !document.querySelector('.send').disabled"
    )
    await stan.tap("#room .send")
    await tina.sees(file.name, ".messages .file")


async def test_from_the_invite_link_to_the_replay(node: Node, tmp_path: Path, either: type[Browser]) -> None:
    homework = tmp_path / "home <work>.txt"
    homework.write_text("5/6")
    tina, stan = await meet(either, node, tmp_path)
    try:
        await talk_and_draw(tina, stan)
        await ask_and_answer(tina, stan, homework)
        for tab in (tina, stan):
            assert await tab.value(f"({STAYS})()") == []
            assert await tab.value(f"({TURNED})()") == []
            assert "\u202e" not in await tab.value("document.title")
            assert await tab.value("document.title") != "caught"

        await tina.click('[data-do="end"]')
        await tina.click("dialog .danger")
        await stan.sees("This lesson has ended", ".chat > .closed")
        await stan.tap(".chat > .closed a")
        await stan.until("() => document.querySelector('#replay .reading')?.hidden")
        await stan.value("document.querySelector('#replay .position').focus()")
        await stan.press("Home")
        assert await stan.value("document.querySelector('#replay .sheet').childElementCount") == 0
        await stan.press("End")
        await stan.until("() => document.querySelector('#replay .sheet').childElementCount === 3")
        await stan.sees(homework.name, "#replay .messages")
        await stan.sees("Poll: Which is larger?", "#replay .messages")
        await shot(stan, "phone-replay")
        lesson = await stan.value("location.hash.split('=')[1]")
        await tina.value(f"location.hash = 'replay={lesson}'")
        await tina.until("() => document.querySelector('#replay .reading')?.hidden")
        await tina.value("document.querySelector('#replay .position').focus()")
        await tina.press("End")
        await shot(tina, "replay")
        await tina.click("#replay .to-attendance")
        await tina.sees(SHOWN_AS, "#attendance tbody")
        await shot(tina, "attendance")
        await tina.value(f"location.hash = 'print={lesson}'")
        await tina.until("() => document.querySelector('#print .do-print')?.checkVisibility()")
        printed = tmp_path / "lesson.pdf"
        printed.write_bytes(await tina.pdf())
        assert SHOWN_AS in PdfReader(printed).pages[-1].extract_text()
    finally:
        await stan.close()
        await tina.close()
