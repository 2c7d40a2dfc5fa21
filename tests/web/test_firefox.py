"""The page in the machine's Firefox: two people sign in, talk, draw, raise a hand and see the end."""

from __future__ import annotations

from pathlib import Path

from tests.support.node import Node
from tests.support.people import PythonPerson, planned_lesson, register
from tests.web.firefox import Firefox, executable

WORDS = "Grüße, 你好 \U0001f44b"
INK = (
    """() => [...document.querySelectorAll(".space[data-elements]")].some((one) => Number(one.dataset.elements) > 0)"""
)


async def test_two_people_in_firefox(node: Node, tmp_path: Path) -> None:
    executable()
    tutor_email, _ = await register(node, "Tina", "tutor")
    email, stan = await register(node, "Stan", "student")
    tina = await PythonPerson.enter(node, tutor_email)
    lesson_id = (await planned_lesson(tina.call, stan))["id"]
    tutor = await Firefox.open(tmp_path, f"{node.url}/#lesson={lesson_id}")
    student = await tutor.another(f"{node.url}/#lesson={lesson_id}")
    try:
        await tutor.sign_in(tutor_email)
        await student.sign_in(email)
        for person in (tutor, student):
            await person.until("() => document.querySelector('#body')?.checkVisibility()")
        await tutor.sees("2 here")
        await tutor.click('[data-do="start"]')
        await student.sees("Live")
        await student.fill("#body", WORDS)
        await student.press("Enter")
        await tutor.sees(WORDS)
        at = await tutor.place(".sheet")
        await tutor.drag([(at["x"] + across, at["y"] + across / 2) for across in range(0, 60, 6)])
        await student.until(INK)
        await student.click("button.hand")
        await tutor.until("() => document.querySelector('.lesson-tools').innerText.includes('1')")
        await tina.call("tutorwamp.lesson.end", lesson_id=lesson_id)
        await student.until("() => !document.querySelector('#body').checkVisibility()")
    finally:
        await student.close()
        await tutor.close()
        await tina.close()
