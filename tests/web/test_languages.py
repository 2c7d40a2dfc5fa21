"""The page in other languages: mirrored where one writes from the right; chosen by the browser, or by the person."""

from __future__ import annotations

from pathlib import Path

from tests.support.node import Node
from tests.web.browser import DESK, PHONE, Browser, executable
from tests.web.door import be_signed_in
from tests.web.test_access import look
from tests.web.test_afterwards import past_lesson

MIDDLE = """(selector) => {
  const { left, width } = document.querySelector(selector).getBoundingClientRect();
  return (left + width / 2) / innerWidth;
}"""
"""How far from the left edge of the window something is, of 1."""
DOCUMENT = "[document.documentElement.lang, document.documentElement.dir]"


async def test_all_is_mirrored_but_the_board(node: Node, tmp_path: Path, axe: str) -> None:
    executable()
    emails, lesson = await past_lesson(node)
    browser = await Browser.open(tmp_path, "about:blank")
    try:
        await browser.speak("ar-EG", "en")
        await browser.go(f"{node.url}/")
        await browser.until("() => document.querySelector('#sign-in')?.checkVisibility()")
        assert await browser.value(DOCUMENT) == ["ar", "rtl"]
        await browser.sees("تسجيل الدخول", "#sign-in")
        faults = await look(browser, axe, "sign in")
        await be_signed_in(browser, node, emails["Tina"])

        async def middle(selector: str) -> float:
            found: float = await browser.value(f"({MIDDLE})({selector!r})")
            return found

        for address, ready in {
            "#": "#lessons .looks",
            "#account": "#account-page form",
            f"#lesson={lesson['id']}": "#room .message",
            f"#replay={lesson['id']}": "#replay .message",
            f"#print={lesson['id']}": "#print .do-print",
            f"#attendance={lesson['id']}": "#attendance tbody tr",
        }.items():
            await browser.value(f"location.hash = '{address}'")
            await browser.until(f"() => document.querySelector({ready!r})?.checkVisibility()")
            faults += await look(browser, axe, address)
            assert await middle(".brand") > 0.8
        assert not faults, "\n".join(faults)
        await browser.value(f"location.hash = 'lesson={lesson['id']}'")
        await browser.until("() => document.querySelector('#room .message')?.checkVisibility()")
        assert await middle("#room .chat") < 0.3 < 0.5 < await middle("#room .board")
        assert await middle("#room .back") > 0.9
        # A place on the board is where everybody sees it.
        await browser.until("() => document.querySelector('#room .sheet text') !== null")
        assert await browser.value("getComputedStyle(document.querySelector('#room .sheet text')).direction") == "ltr"
        await browser.resize(PHONE, touch=True)
        assert await middle("#room .people") < 0.5
        await browser.resize(DESK)

        # Another one is chosen, and kept on this device.
        await browser.value("location.hash = 'account'")
        await browser.choose("#account-page select", "de")
        await browser.sees("Dein Konto", "#account-page")
        assert await browser.value(DOCUMENT) == ["de", "ltr"]
        again = await browser.again(f"{node.url}/")
        await again.sees("Anmelden", "#sign-in")
        await again.close()
    finally:
        await browser.close()
