"""The page in a real browser: what people type and are called there, of every form and direction."""

from __future__ import annotations

import json
import time
from pathlib import Path

from tests.support.machine import PASSWORD
from tests.support.node import Node
from tests.support.people import PythonPerson, planned_lesson, register
from tests.web.browser import Browser, executable
from tutorwamp.client import Login

NAME = "\u202eTessa"
TITLE = "שיעור (1)"
HEBREW = "שלום (world)!"
SHOWN = """() => {
  const message = [...document.querySelectorAll(".message")].find((one) => one.textContent.includes("world"));
  return message && {
    body: getComputedStyle(message.querySelector(".body")).direction,
    by: message.querySelector(".by").textContent,
    name: message.querySelector(".by bdi").textContent,
    title: getComputedStyle(document.querySelector("#room-title")).direction,
  };
}"""


async def signed_in(browser: Browser, node: Node, email: str, lesson_id: str) -> None:
    """In the lesson, at the composer."""
    login = Login(node.url)
    user = await login.log_in(email, PASSWORD)
    kept = {"access_token": await login.access_token(), "refresh_token": "none", "user": user, "refresh_key": "none"}
    session = json.dumps(json.dumps({**kept, "expires_at": (time.time() + 800) * 1_000}))
    await browser.until("() => document.readyState === 'complete' && !!document.querySelector('#sign-in')")
    await browser.value(f"sessionStorage.setItem('tutorwamp.session', {session})")
    await browser.value(f"location.hash = 'lesson={lesson_id}'")
    await browser.ask("Page.reload")
    await browser.until("() => document.querySelector('#body')?.checkVisibility()")
    await browser.value("document.querySelector('#body').focus()")


async def test_odd_text_in_a_browser(node: Node, tmp_path: Path) -> None:
    executable()
    tutor_email, _ = await register(node, NAME, "tutor")
    email, student = await register(node, "Stan", "student")
    tutor = await PythonPerson.enter(node, tutor_email)
    lesson = await planned_lesson(tutor.call, student)
    await tutor.call("tutorwamp.lesson.update", lesson_id=lesson["id"], version=lesson["version"], title=TITLE)
    await tutor.join(lesson["id"])
    heard = tutor.heard[f"tutorwamp.lesson.{lesson['id']}.chat"]

    def bodies() -> list[str]:
        return [one["data"]["body"] for one in heard if one["type"] == "message.created"]

    browser = await Browser.open(tmp_path, f"{node.url}/")
    try:
        await signed_in(browser, node, email, lesson["id"])
        await browser.write("e\u0301te\u0301 \u0092so\u0085 한".replace("한", "\u1112\u1161\u11ab"))
        await browser.press_enter()
        await browser.compose("にほ")
        await browser.press_enter(229)  # while it is chosen
        await browser.write("日本")
        await browser.press_enter(229)  # after compositionend, as Safari says it
        assert await browser.value("document.querySelector('#body').value") == "日本"
        await browser.press_enter()
        await tutor.heard_until(lambda: len(bodies()) == 2)
        assert bodies() == ["été ’so… 한", "日本"]
        await tutor.call("tutorwamp.chat.send", lesson_id=lesson["id"], body=HEBREW)
        shown = await browser.until(SHOWN)
        assert (shown["body"], shown["title"], shown["name"]) == ("rtl", "rtl", "Tessa")
        assert "\u202e" not in shown["by"]
        everywhere = "(document.body.innerText + document.title + document.body.innerHTML).includes('\\u202e')"
        assert not await browser.value(everywhere)
    finally:
        await browser.close()
        await tutor.close()
