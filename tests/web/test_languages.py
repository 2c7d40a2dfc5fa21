"""The page in other languages: mirrored where one writes from the right; chosen by the browser, or by the person."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.support.node import Node
from tests.support.people import couple, planned_lesson
from tests.web.browser import DESK, PHONE, Browser, executable
from tests.web.door import be_signed_in
from tests.web.test_access import look
from tests.web.test_afterwards import past_lesson
from tutorwamp.kernel.contracts import instant_text

MIDDLE = """(selector) => {
  const { left, width } = document.querySelector(selector).getBoundingClientRect();
  return (left + width / 2) / innerWidth;
}"""
"""How far from the left edge of the window something is, of 1."""
OTHER_DIGITS = """() => {
  const said = [];
  const written = ".body, bdi, svg, kbd, input, [dir=ltr]"; // by people, or for machines
  for (const one of document.querySelectorAll("body *")) {
    if (!one.checkVisibility() || one.closest(written)) continue;
    said.push(...[...one.childNodes].filter(({ nodeType }) => nodeType === Node.TEXT_NODE).map(({ data }) => data));
    said.push(...["title", "aria-label", "aria-valuetext", "placeholder"].map((name) => one.getAttribute(name) ?? ""));
  }
  return said.filter((words) => /[0-9]/.test(words.replaceAll("alert(1)", ""))); // somebody's name
}"""
"""What the page itself says with digits that are not those of Egypt."""
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
            faults += await browser.value(f"({OTHER_DIGITS})()")
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


async def test_every_number_in_a_lesson_has_the_readers_digits(node: Node, tmp_path: Path) -> None:
    executable()
    tina, stan, lesson_id = await couple(node)
    about = {"lesson_id": lesson_id}
    await tina.call("tutorwamp.lesson.start", **about)
    ends_at = instant_text(datetime.now(UTC) + timedelta(hours=2))
    await tina.call("tutorwamp.lesson.set_timer", **about, ends_at=ends_at, title=None)
    await stan.call("tutorwamp.lesson.raise_hand", **about, up=True)
    poll = await tina.call("tutorwamp.poll.open", **about, question="Which?", choices=["this", "that"])
    await stan.call("tutorwamp.poll.answer", poll_id=poll["id"], choice_ids=[poll["choices"][0]["id"]])
    said = await stan.call("tutorwamp.chat.send", **about, body="Which one?")
    await tina.call("tutorwamp.chat.react", message_id=said["id"], on=True, emoji="👍")
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    elsewhere = (await planned_lesson(tina.call, stan.user, begins=tomorrow))["id"]
    await stan.join(elsewhere)
    await stan.call("tutorwamp.chat.send", lesson_id=elsewhere, body="Are you here?")  # for the bell
    browser = await Browser.open(tmp_path, "about:blank")
    try:
        await browser.speak("ar-EG", "en")
        await browser.go(f"{node.url}/")
        await be_signed_in(browser, node, tina.user["email"], address=f"#lesson={lesson_id}")
        for selector in (".reaction", ".queue > button", ".people .hand-up", ".polls-button .count", ".bell .count"):
            await browser.until(f"() => /[٠-٩]/.test(document.querySelector({selector!r})?.textContent ?? '')")
        await browser.sees("١:٥", ".timer-button .time")
        await browser.value("document.querySelector('.polls-button').click()")
        await browser.sees("صوت واحد", ".poll")
        assert await browser.value(f"({OTHER_DIGITS})()") == []
    finally:
        await browser.close()
        await stan.close()
        await tina.close()
