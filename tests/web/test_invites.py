"""Students come by a link or a code, in a real browser: from the tutor's plan into the room."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.support.machine import PASSWORD
from tests.support.node import Node
from tests.support.people import PythonPerson, planned_lesson, register
from tests.web.browser import PHONE, Browser
from tests.web.door import be_signed_in, open_at, press
from tutorwamp.kernel.contracts import new_id

DARK_SQUARES = "document.querySelector('.qr path').getAttribute('d').split('M').length"
IN_THE_ROOM = "() => location.hash.startsWith('#lesson=') && document.querySelector('#room')?.checkVisibility()"


async def invited(browser: Browser) -> tuple[str, str]:
    """Link and code in the dialog that is open, once they are there."""
    await browser.until("() => !!document.querySelector('#invite-dialog .qr')")
    link, code = await browser.value(
        "[...document.querySelectorAll('#invite-dialog :is(.link, .code)')].map((one) => one.value)"
    )
    return str(link), str(code)


async def test_from_a_plan_without_students_to_somebody_new_in_the_room(node: Node, tmp_path: Path, axe: str) -> None:
    tutor_email, _ = await register(node, "Tina", "tutor")
    tutor = await open_at(tmp_path, node, tutor_email)
    student = None
    try:
        await press(tutor, '[data-do="new-lesson"]')
        await tutor.fill("#plan-title", "Open to all")
        await press(tutor, "#plan-dialog [type=submit]")
        link, code = await invited(tutor)  # it is made at once: nobody is in the lesson yet
        assert link == f"{node.url}/#invite={code}"
        assert await tutor.value(DARK_SQUARES) > 300
        assert await tutor.faults(axe) == []

        student = await tutor.another(link)
        await student.resize(PHONE, touch=True)
        await student.sees("invited to a lesson", "#sign-in .lead")
        await press(student, "#sign-in [data-mode=up]")
        assert not await student.value("document.querySelector('.role-choice').checkVisibility()")
        assert await student.faults(axe) == []
        email = f"{new_id()}@school.example"
        await student.fill("#name", "Nele Neu")
        await student.fill("#email", email)
        await student.fill("#password", "password")
        await student.press("Enter")
        await student.sees("too easy to guess", "#sign-in .problem")
        await student.fill("#password", PASSWORD)
        await student.press("Enter")
        await student.until(IN_THE_ROOM)
        await student.sees("Open to all", "#room-title")

        # Who opens the link once more is in it once; another code ends the first.
        await student.go(link)
        await press(student, "#join button", "Join the lesson")
        await student.until(IN_THE_ROOM)
        await press(tutor, "#invite-dialog button", "Make another one")
        await tutor.until(f"() => document.querySelector('#invite-dialog output').value !== '{code}'")
        assert len(tutor.dialogs) == 1  # it was asked about
        newest = await tutor.value("document.querySelector('#invite-dialog output').value")
        await press(tutor, "#invite-dialog .icon")
        room = await student.value("location.hash")
        await tutor.go(f"{node.url}/{room}")
        await press(tutor, "[data-do=invite]")  # in the room as well, and this tab knows the code
        await tutor.sees(newest, "#invite-dialog output")
        await student.go(f"{node.url}/#invite={code}")
        await press(student, "#join button", "Join the lesson")
        await student.sees("opens nothing for you", "#join .problem")
        assert await student.faults(axe) == []
    finally:
        if student:
            await student.close()
        await tutor.close()


async def test_a_code_is_typed_by_hand_and_why_not_is_said_in_words(node: Node, tmp_path: Path) -> None:
    tutor_email, _ = await register(node, "Tina", "tutor")
    email, _ = await register(node, "Stan", "student")
    tutor = await PythonPerson.enter(node, tutor_email)
    lesson = await planned_lesson(tutor.call, title="By hand")
    code = (await tutor.call("tutorwamp.lesson.invite", lesson_id=lesson["id"]))["code"]
    browser = await open_at(tmp_path, node, email)
    try:
        await browser.fill(".join-by-code input", "K7QD 93XM")
        await browser.press("Enter")
        await browser.sees("twelve letters and digits", ".join-by-code .problem")
        await browser.fill(".join-by-code input", code.lower().replace("-", " ").replace("0", "o"))
        await browser.press("Enter")
        await browser.until(IN_THE_ROOM)

        # Taken off again: no code lets them in, and they are told what that may be.
        version = (await tutor.call("tutorwamp.lesson.get", lesson_id=lesson["id"]))["version"]
        await tutor.call("tutorwamp.lesson.update", lesson_id=lesson["id"], version=version, student_ids=[])
        await browser.value("location.hash = ''")
        await browser.fill(".join-by-code input", code)
        await browser.press("Enter")
        await browser.sees("taken you off it", ".join-by-code .problem")
        await browser.value(f"location.hash = 'lesson={lesson['id']}'")
        await browser.sees("not in this lesson", "#notices")

        # Full, and by a link of before that stood in the query.
        full = await planned_lesson(tutor.call, begins=datetime.now(UTC) + timedelta(days=1), title="Full")
        people = [(await register(node, f"Student {number}", "student"))[1]["id"] for number in range(30)]
        change = {"lesson_id": full["id"], "version": full["version"], "student_ids": people}
        await tutor.call("tutorwamp.lesson.update", **change)
        code = (await tutor.call("tutorwamp.lesson.invite", lesson_id=full["id"]))["code"]
        await browser.go(f"{node.url}/?invite={code}")
        await press(browser, "#join button", "Join the lesson")
        await browser.sees("as many students", "#join .problem")
        assert code not in await browser.value("location.search")

        # A tutor is told that a code is not for them.
        await be_signed_in(browser, node, (await register(node, "Tom", "tutor"))[0], address=f"#invite={code}")
        await press(browser, "#join button", "Join the lesson")
        await browser.sees("Only students", "#join .problem")
        await press(browser, "#join .link", "Use another account")
        await browser.sees("invited to a lesson", "#sign-in .lead")
        assert code in await browser.value("location.hash")
    finally:
        await browser.close()
        await tutor.close()
