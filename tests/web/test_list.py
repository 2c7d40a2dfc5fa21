"""The list of lessons in a real browser: what goes on now first, the week, planning, moving and calling off."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.support.node import Node
from tests.support.people import PythonPerson, planned_lesson, register
from tests.web.browser import DESK, PHONE, Browser
from tests.web.door import be_signed_in, gone, open_at, press

MANY = 60
HOSTILE = "<img src=x onerror=alert(1)> \u202eשיעור"
TITLES = "[...document.querySelectorAll('{} .what strong')].map((one) => one.textContent)"


def local(instant: datetime) -> str:
    """As a field for a time has it; the browser's time zone is the machine's."""
    return instant.astimezone().strftime("%Y-%m-%dT%H:%M")


async def lesson_of(tutor: PythonPerson, title: str) -> dict[str, Any]:
    items = (await tutor.call("tutorwamp.lesson.list", limit=100))["items"]
    (found,) = [one for one in items if one["title"] == title]
    return dict(found)


async def no_faults(browser: Browser, axe: str) -> None:
    """None in the light, in the dark, and on a phone."""
    for size, dark in ((DESK, False), (PHONE, True)):
        await browser.resize(size, touch=size == PHONE)
        await browser.dark(on=dark)
        assert await browser.faults(axe) == [], (size, dark)
    await browser.resize(DESK)
    await browser.dark(on=False)


async def test_what_goes_on_now_is_first_and_the_week_is_walked_by_keys(node: Node, tmp_path: Path, axe: str) -> None:
    tutor_email, _ = await register(node, "Tina", "tutor")
    email, stan = await register(node, "Stan", "student")
    _, twin = await register(node, "Tina", "student")
    tutor = await PythonPerson.enter(node, tutor_email)
    now = datetime.now(UTC)
    live = await planned_lesson(tutor.call, stan, twin, title=HOSTILE)
    await tutor.call("tutorwamp.lesson.start", lesson_id=live["id"])
    for number in range(MANY):
        begins = now + timedelta(days=number + 1, hours=2)
        await planned_lesson(tutor.call, stan, begins=begins, title=f"Planned {number}")
    await planned_lesson(tutor.call, stan, begins=now - timedelta(days=2), title="Nobody came")
    held = await planned_lesson(tutor.call, stan, begins=now - timedelta(days=400), title="Long ago")
    for verb in ("start", "end"):
        await tutor.call(f"tutorwamp.lesson.{verb}", lesson_id=held["id"])

    browser = await open_at(tmp_path, node, email)
    try:
        await browser.sees("Planned 0", ".lists")
        assert await browser.value(TITLES.format(".now")) == [HOSTILE.replace("\u202e", "")]
        assert await browser.value(TITLES.format(".lists")) == [f"Planned {number}" for number in range(10)]
        assert "(tutor)" in await browser.value("document.querySelector('.now .what').innerText")  # not the namesake
        assert await browser.value("document.querySelector('.zone').innerText.includes('GMT')")
        await press(browser, ".more")
        await browser.sees("Planned 29", ".lists")
        await no_faults(browser, axe)

        # A lesson that begins elsewhere comes to the top by itself, and the focus stays where it is.
        await browser.value("document.querySelectorAll('.lists a')[4].focus()")
        await tutor.call("tutorwamp.lesson.end", lesson_id=live["id"])
        first = await lesson_of(tutor, "Planned 0")
        await tutor.call("tutorwamp.lesson.update", lesson_id=first["id"], version=first["version"], title="Now")
        await tutor.call("tutorwamp.lesson.start", lesson_id=first["id"])
        await browser.value("document.dispatchEvent(new Event('visibilitychange'))")
        await browser.sees("Now", ".now .what")
        focused = "document.activeElement.querySelector('.what strong').textContent"
        assert await browser.value(focused) == "Planned 4"

        await press(browser, ".looks button", "Past")
        await browser.sees("Long ago", ".lists")
        await browser.sees("Not held", ".lists .badge")
        shown = await browser.value("document.querySelector('.lists li:last-child').innerText")
        assert str((now - timedelta(days=400)).year) in shown
        assert "Replay" in shown
        assert "Attendance" not in shown  # that is the tutor's
        href = await browser.value("document.querySelector('.lists li:last-child .look-back a').hash")
        assert href == f"#replay={held['id']}"

        await press(browser, ".looks button", "Week")
        await browser.until("() => document.querySelectorAll('.days > section').length === 7")
        await no_faults(browser, axe)
        title = await browser.value("document.querySelector('.calendar h2').textContent")
        stops = await browser.value("document.querySelectorAll('.days [tabindex=\"0\"]').length")
        assert stops == 1
        await browser.value("document.querySelector('.days [tabindex=\"0\"]').focus()")
        await browser.press("PageDown")
        await browser.until(f"() => document.querySelector('.calendar h2').textContent !== {json.dumps(title)}")
        await browser.until("() => document.querySelector('#announcer').textContent.includes('7 lessons')")
        await browser.press("Home")
        await browser.press("ArrowDown")
        assert await browser.value("document.activeElement.matches('.entry')")
        await browser.press("Enter")
        await browser.sees("Tina", "#lesson-dialog")
        await no_faults(browser, axe)
        await browser.press("Escape")
        await gone(browser, "dialog")
        assert await browser.value("document.activeElement.matches('.entry')")
        assert browser.dialogs == []

        # A clock that is three hours fast: it is said, and lessons are shown by the school's.
        fast = "const real = Date.now; Date.now = () => real() + 3 * 3_600_000"
        await browser.ask("Page.addScriptToEvaluateOnNewDocument", source=fast)
        await be_signed_in(browser, node, email)
        await browser.sees("clock of this device is wrong", ".clock-off")
        await browser.sees("Planned 1", ".lists")
    finally:
        await browser.close()
        await tutor.close()


async def test_a_lesson_is_planned_moved_and_called_off_whatever_happens_meanwhile(
    node: Node, tmp_path: Path, axe: str
) -> None:
    tutor_email, _ = await register(node, "Tina", "tutor")
    _, stan = await register(node, "Stan", "student")
    _, ben = await register(node, "Stan", "student")  # called the same
    tutor = await PythonPerson.enter(node, tutor_email)
    begins = datetime.now(UTC) + timedelta(days=5)
    await planned_lesson(tutor.call, stan, begins=begins, title="With the first")
    await planned_lesson(tutor.call, ben, begins=begins + timedelta(hours=2), title="With the second")

    browser = await open_at(tmp_path, node, tutor_email)
    try:
        await press(browser, '[data-do="new-lesson"]')
        await browser.fill("#plan-title", "Fractions")
        await browser.sees("With the second", "#plan-dialog .students")
        await no_faults(browser, axe)
        await press(browser, "#plan-dialog .students label", "With the second")
        # A start in the past is asked about, and another one is not.
        await browser.choose("#plan-starts", local(datetime.now(UTC) - timedelta(days=2)))
        await press(browser, "#plan-dialog [type=submit]")
        await browser.sees("in the past", "#plan-dialog .problem")
        await browser.choose("#plan-starts", local(begins))
        await press(browser, "#plan-dialog [type=submit]", "Plan the lesson")
        await browser.sees("“With the first”", "#plan-dialog .problem")  # at the same time

        # Offline nothing typed is lost: not by the failure, nor by a reload.
        moved = (begins + timedelta(days=1)).replace(second=0, microsecond=0)
        await browser.choose("#plan-starts", local(moved))
        await browser.network(offline=True)
        await press(browser, "#plan-dialog [type=submit]")
        await browser.sees("no connection", "#plan-dialog .problem")
        await browser.network()
        await be_signed_in(browser, node, tutor_email)
        await press(browser, '[data-do="new-lesson"]')
        await browser.until("() => document.querySelector('#plan-title')?.value === 'Fractions'")
        await press(browser, "#plan-dialog [type=submit]")
        await gone(browser, "#plan-dialog")
        planned = await lesson_of(tutor, "Fractions")
        assert [one["id"] for one in planned["students"]] == [ben["id"]]
        assert datetime.fromisoformat(planned["starts_at"]) == moved

        # Somebody else changes the title while it is moved here; then both are as they were wished.
        await browser.sees("Fractions", ".lists")
        await press(browser, f'[data-key="more {planned["id"]}"]')
        await press(browser, "#lesson-dialog button", "Change or move")
        await browser.until("() => document.activeElement.id === 'plan-title'")
        later = moved + timedelta(days=1)
        await browser.choose("#plan-starts", local(later))
        change = {"lesson_id": planned["id"], "version": planned["version"], "title": "Ratios"}
        await tutor.call("tutorwamp.lesson.update", **change, subject="Maths")
        await press(browser, "#plan-dialog [type=submit]")
        await browser.sees("changed this lesson meanwhile", "#plan-dialog .problem")
        assert await browser.value("document.querySelector('#plan-title').value") == "Ratios"
        await press(browser, "#plan-dialog [type=submit]")
        await gone(browser, "#plan-dialog")
        found = await lesson_of(tutor, "Ratios")
        assert (datetime.fromisoformat(found["starts_at"]), found["subject"]) == (later, "Maths")

        await press(browser, ".looks button", "Week")
        await browser.until("() => document.querySelectorAll('.days button.day').length === 7")
        await no_faults(browser, axe)
        await press(browser, ".looks button", "Coming up")
        await browser.sees("Ratios", ".lists")
        await press(browser, f'[data-key="more {planned["id"]}"]')
        await press(browser, "#lesson-dialog button", "Call off")
        await no_faults(browser, axe)
        await browser.fill("#call-off-reason", "Snow")
        await press(browser, "#call-off-dialog [type=submit]")
        await browser.sees("Called off", ".lists .badge")
        assert (await lesson_of(tutor, "Ratios"))["state"] == "cancelled"
        assert browser.dialogs == []
    finally:
        await browser.close()
        await tutor.close()
