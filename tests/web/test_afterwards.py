"""A lesson that is over, in a real browser: looked at again, printed, who was there; also written from the right."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any
from unicodedata import normalize

from pypdf import PdfReader

from tests.support.node import Node
from tests.support.people import PythonPerson, planned_lesson, register
from tests.web.browser import PHONE, Browser, executable
from tutorwamp.kernel.contracts import new_id

MARKUP = "<img src=x onerror=document.title='caught'> & <b>bold</b>"
ARABIC = "مرحبا، 3 + 4 = 7"
HOSTILE = "\u202e<script>alert(1)</script>"
STAYS = """() => {
  const isSeen = (one) => one.checkVisibility() && !one.closest(".unseen") && one.getClientRects().length;
  const out = [...document.querySelectorAll("body *")].filter((one) => isSeen(one)).filter((one) => {
    const { left, right } = one.getBoundingClientRect();
    for (let up = one.parentElement; up; up = up.parentElement) {
      if (getComputedStyle(up).overflowX !== "visible") return false;
    }
    return left < -1 || right > innerWidth + 1;
  });
  return out.map((one) => one.outerHTML.slice(0, 120));
}"""
"""What sticks out of the window, to the side."""


async def past_lesson(node: Node) -> tuple[dict[str, str], dict[str, Any]]:
    """Tina taught Stan, and Nora did not come: their addresses, and the lesson."""
    emails, users = {}, {}
    for name, role in (("Tina", "tutor"), (HOSTILE, "student"), ("Nora", "student")):
        emails[name], users[name] = await register(node, name, role)
    tina, stan = await PythonPerson.enter(node, emails["Tina"]), await PythonPerson.enter(node, emails[HOSTILE])
    lesson = await planned_lesson(tina.call, users[HOSTILE], users["Nora"], title=MARKUP)
    about = {"lesson_id": lesson["id"]}
    await tina.join(lesson["id"])
    await tina.call("tutorwamp.chat.send", **about, body="Good morning")
    await tina.call("tutorwamp.lesson.start", **about)
    await stan.join(lesson["id"])
    await stan.call("tutorwamp.chat.send", **about, body=MARKUP)
    page = (await tina.call("tutorwamp.board.open", **about))["pages"][0]["id"]
    await tina.call("tutorwamp.board.submit", **about, changes=[put(page, "text", x=100, y=100, text=ARABIC, size=60)])
    second = new_id()
    await tina.call("tutorwamp.board.add_page", **about, page=second)
    await tina.call("tutorwamp.board.submit", **about, changes=[put(second, "rect", x=9, y=9, width=500, height=300)])
    await stan.call("tutorwamp.chat.send", **about, body=f"{ARABIC} 🎉")
    gone = await stan.call("tutorwamp.chat.send", **about, body="I did not say this")
    await stan.call("tutorwamp.chat.delete", message_id=gone["id"])
    ended = await tina.call("tutorwamp.lesson.end", **about)
    for person in (tina, stan):
        await person.close()
    return {**emails, "Stan": emails[HOSTILE]}, ended


def put(page: str, kind: str, **more: Any) -> dict[str, Any]:
    return {"op": "put", "element": {"id": new_id(), "page": page, "kind": kind, "color": "#102030", **more}}


async def test_a_lesson_is_looked_at_again(node: Node, tmp_path: Path) -> None:
    executable()
    emails, lesson = await past_lesson(node)
    stan = await Browser.open(tmp_path, f"{node.url}/#replay={lesson['id']}")
    try:
        await stan.sign_in(emails["Stan"])
        await stan.until("() => document.querySelector('#replay .reading')?.hidden")
        # At its beginning: what was said before, and nothing that came later.
        assert await said(stan) == ["Good morning"]
        assert await drawn(stan) == 0
        await stan.value("document.querySelector('#replay .position').focus()")
        await stan.press("End")
        assert await said(stan) == ["Good morning", MARKUP, f"{ARABIC} 🎉", "This message was deleted."]
        assert await stan.value("document.querySelectorAll('#replay .page')[2].ariaPressed") == "true"  # the second
        await stan.click("#replay .page:nth-of-type(2)")
        assert await stan.value("document.querySelector('#replay .sheet').textContent") == ARABIC
        await stan.press("Home")
        await stan.click("#replay .page:nth-of-type(1)")
        assert await drawn(stan) == 0
        await stan.choose("#replay .speed", "2")
        await stan.click("#replay .play")
        await stan.until("() => document.querySelectorAll('#replay .messages .message').length === 4")
        await stan.until(
            "() => document.querySelector('#replay .play').dataset.does === 'play'"
        )  # by itself, at the end
        assert await stan.value("document.querySelector('#replay .message bdi').textContent") == "Tina"
        assert "\u202e" not in await stan.value("document.body.innerText")
        assert await stan.value(
            "document.title !== 'caught' && !document.querySelector('#replay .to-attendance').checkVisibility()"
        )
    finally:
        await stan.close()


async def test_a_lesson_is_printed_and_attendance_is_read(node: Node, tmp_path: Path) -> None:
    executable()
    emails, lesson = await past_lesson(node)
    tina = await Browser.open(tmp_path, f"{node.url}/#print={lesson['id']}")
    try:
        await tina.sign_in(emails["Tina"])
        await tina.until("() => document.querySelector('#print .do-print')?.checkVisibility()")
        pages = [page.extract_text() for page in PdfReader(BytesIO(await tina.pdf())).pages]
        assert MARKUP in pages[0].replace("\n", " ")
        assert "Good morning" in pages[-1]
        assert set(ARABIC) <= set(normalize("NFKC", pages[1]))  # as letters, in whichever form, not as a drawing
        assert not any("I did not say this" in page or "Sign out" in page for page in pages)
        sheets = [
            page for page in PdfReader(BytesIO(await tina.pdf())).pages if page.mediabox.width > page.mediabox.height
        ]
        assert len(sheets) == 2
        body = "[...document.querySelectorAll('#print .body')].find((one) => one.textContent.includes('🎉'))"
        assert await tina.value(f"getComputedStyle({body}).direction") == "rtl"
        await tina.value(f"location.hash = 'attendance={lesson['id']}'")
        rows = await tina.until(
            "() => { const all = [...document.querySelectorAll('#attendance tbody tr')]; "
            "return all.length === 3 && all.map((one) => one.innerText.replace(/\\s+/g, ' ')); }"
        )
        assert rows[0].startswith("T Tina Tutor")
        assert rows[2] == "N Nora Student was not there"
        await tina.resize(PHONE, touch=True)
        assert await tina.value(f"({STAYS})()") == []
    finally:
        await tina.close()


async def said(browser: Browser) -> list[str]:
    found: list[str] = await browser.value(
        "[...document.querySelectorAll('#replay .body')].map((one) => one.textContent)"
    )
    return found


async def drawn(browser: Browser) -> int:
    found: int = await browser.value("document.querySelector('#replay .sheet').childElementCount")
    return found
