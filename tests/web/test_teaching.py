"""Teaching in a real browser: hands, pen, rules, timer, polls, files, and what the chat shows; in two people's tabs."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.support.machine import PASSWORD
from tests.support.node import Node
from tests.support.people import PythonPerson, planned_lesson, register
from tests.web.browser import Browser, executable
from tutorwamp.kernel.contracts import instant_text

TUTOR, STUDENT = "Tina", "\u202eStan"
OTHER = "Tina"
"""A student who is called as the tutor is."""
ROW = "[...document.querySelectorAll('.people li')].find((one) => one.textContent.includes('{name}'))"


@dataclass
class Classroom:
    """A lesson with the tabs of its tutor and of one student; ``teaching`` is the tutor, too, ``other`` another student."""

    tutor: Browser
    student: Browser
    teaching: PythonPerson
    other: PythonPerson
    stan: dict[str, Any]
    lesson_id: str

    async def lesson(self) -> dict[str, Any]:
        """As it is now."""
        found: dict[str, Any] = await self.other.call("tutorwamp.lesson.get", lesson_id=self.lesson_id)
        return found

    async def shots(self, name: str) -> None:
        """Pictures to look at, where somebody wants them."""
        folder = os.environ.get("TUTORWAMP_TEST_PICTURES")
        if folder:
            await self.tutor.shot(Path(folder) / f"{name}-tutor.png")
            await self.student.shot(Path(folder) / f"{name}-student.png")


@asynccontextmanager
async def classroom(node: Node, folder: Path) -> AsyncIterator[Classroom]:
    """Everybody is in the room."""
    executable()
    tutor_email, _ = await register(node, TUTOR, "tutor")
    email, stan = await register(node, STUDENT, "student")
    other_email, other = await register(node, OTHER, "student")
    teaching = await PythonPerson.enter(node, tutor_email)
    lesson_id = (await planned_lesson(teaching.call, stan, other))["id"]
    other_person = await PythonPerson.enter(node, other_email)
    await other_person.join(lesson_id)
    tutor = await Browser.open(folder, f"{node.url}/#lesson={lesson_id}")
    student = await tutor.another(f"{node.url}/#lesson={lesson_id}")
    for tab, address in ((tutor, tutor_email), (student, email)):
        await tab.sign_in(address, PASSWORD)
        await tab.until("() => document.querySelector('#body')?.checkVisibility()")
    await tutor.sees("3 here", ".people")
    try:
        yield Classroom(tutor, student, teaching, other_person, stan, lesson_id)
    finally:
        await student.close()
        await tutor.close()
        await other_person.close()
        await teaching.close()


async def menu_of(tab: Browser, name: str, words: str) -> None:
    """Press something in the menu of somebody among the people."""
    row = ROW.format(name=name)
    await tab.until(f"() => {{ const row = {row}; row?.querySelector('.icon')?.click(); return !!row; }}")
    button = f"[...({row}).querySelectorAll('.menu-of button')].find((one) => one.textContent === '{words}')"
    await tab.until(f"() => {{ const found = {button}; found?.click(); return !!found; }}")


async def test_hands_pen_rules_and_removal(node: Node, tmp_path: Path) -> None:
    async with classroom(node, tmp_path) as room:
        tutor, student = room.tutor, room.student
        await student.sees("To draw, raise your hand", ".no-pen")
        await student.click(".hand")
        await student.sees("number 1", ".hand")
        await room.other.call("tutorwamp.lesson.raise_hand", lesson_id=room.lesson_id, up=True)
        await tutor.until("() => document.querySelector('.queue > button').textContent.includes('2')")
        await tutor.click(".queue > button")
        await room.shots("hands")
        waiting = await tutor.value("[...document.querySelectorAll('.queue li .name')].map((one) => one.textContent)")
        assert waiting == ["Stan", OTHER]
        await tutor.click(".queue li button")  # the first one's pen, and the hand goes down
        await student.until("() => document.querySelector('.sheet').classList.contains('drawable')")
        await student.sees("Raise hand", ".hand")
        await tutor.until("() => document.querySelectorAll('.queue li .name').length === 1")
        await tutor.press("Escape")

        # Only the tutor writes: it is said before it is tried, and what was typed stays.
        await student.fill("#body", "half a sent")
        await tutor.click(".rules-button")
        await tutor.click("[name=rule-chat]")
        await student.sees("Only Tina writes just now", ".may-not")
        await room.shots("rules")
        await student.press("Enter")
        assert await student.value(
            "[document.querySelector('#body').value, document.querySelector('.send').disabled]"
        ) == [
            "half a sent",
            True,
        ]
        await tutor.click("[name=rule-chat]")
        await student.until("() => document.querySelector('.may-not').hidden")
        await tutor.click("[value=pen-none]")
        await student.until("() => !document.querySelector('.sheet').classList.contains('drawable')")
        await tutor.click("[name=rule-unattended]")
        await tutor.press("Escape")
        await tutor.until("() => document.querySelector('.popover.card:not([hidden])') === null")

        await menu_of(tutor, "Stan", "Mute")
        await student.sees("Tina has muted you", ".may-not")
        await student.sees("muted", ".people")
        await menu_of(tutor, "Stan", "Unmute")
        await student.until("() => document.querySelector('.may-not').hidden")
        await student.press("Enter")
        await tutor.sees("half a sent", ".messages")

        # Closed while no tutor is there.
        await tutor.value("location.hash = ''")
        await student.sees("The room is closed until Tina is back", ".may-not")
        await student.sees("Nobody draws until Tina is back", ".no-pen")
        await tutor.value(f"location.hash = 'lesson={room.lesson_id}'")
        await student.until("() => document.querySelector('.may-not').hidden")

        # Removed, after it was asked about.
        await tutor.sees("here", ".people .count")
        await menu_of(tutor, "Stan", "Remove")
        await tutor.sees("Remove Stan from this lesson?", "dialog")
        await room.shots("remove")
        await tutor.press("Escape")
        assert len((await room.lesson())["students"]) == 2
        await menu_of(tutor, "Stan", "Remove")
        await tutor.click("dialog .danger")
        await student.sees("You are not in this lesson any more", "#notices")
        assert await student.value("location.hash") == ""
        assert [one["name"] for one in (await room.lesson())["students"]] == [OTHER]


async def test_timer(node: Node, tmp_path: Path) -> None:
    async with classroom(node, tmp_path) as room:
        tutor, student = room.tutor, room.student
        # Their clock is an hour ahead: what counts is the server's.
        script = "{ const now = Date.now; Date.now = () => now() + 3_600_000; }"
        await student.ask("Page.addScriptToEvaluateOnNewDocument", source=script)
        await student.ask("Page.reload")
        await student.until("() => document.querySelector('#body')?.checkVisibility()")
        await student.sees(TUTOR, ".people")
        await student.until("() => !document.querySelector('.timer-button').checkVisibility()")
        await tutor.click(".timer-button")
        await tutor.fill(".timer-form [type=text]", "Exercise <b>3</b>")
        await tutor.click(".timer-form .choices button:nth-child(3)")
        await student.sees("Exercise <b>3</b>: 2:5", ".timer-button")
        await room.shots("timer")
        # The same, nearly over.
        lesson = await room.lesson()
        assert lesson["timer"]["title"] == "Exercise <b>3</b>"
        ends_at = instant_text(datetime.now(UTC) + timedelta(seconds=1.5))
        asked = {"lesson_id": room.lesson_id, "title": "Exercise <b>3</b>", "ends_at": ends_at}
        await room.teaching.call("tutorwamp.lesson.set_timer", **asked)
        await student.sees("Time is up", ".timer-button")
        await student.sees("Time is up: Exercise <b>3</b>", "#notices")
        assert "Time is up" in await student.value("document.querySelector('#announcer').textContent")
        await tutor.click(".timer-button")
        await tutor.click(".timer-form .remove")
        await student.until("() => !document.querySelector('.timer-button').checkVisibility()")


async def test_polls(node: Node, tmp_path: Path) -> None:
    async with classroom(node, tmp_path) as room:
        tutor, student = room.tutor, room.student
        await tutor.click(".polls-button")
        await tutor.click(".ask summary")
        await tutor.fill(".poll-form [name=question]", "Which is <i>larger</i>?")
        for place, choice in enumerate(("1/2", "1/3", "1/4"), start=1):
            await tutor.fill(f".poll-choices li:nth-child({place}) input", choice)
        await room.shots("poll-form")
        await tutor.click(".poll-form [type=submit]")

        # It opens by itself before who is to answer, without taking the focus from what they do.
        await student.sees("Which is <i>larger</i>?", ".poll legend")
        assert await student.value("document.activeElement.closest('.poll') === null")
        await student.sees("Your tutor sees your answer with your name", ".poll")
        await student.click(".poll-answer label:nth-of-type(2) input")
        await student.click(".poll-answer [type=submit]")
        await student.sees("You can change it while the question is open", ".poll")
        await tutor.sees("1 vote", ".poll-votes li:nth-child(2)")
        await tutor.sees("Here, and not answered yet:", ".poll-answers")
        assert await tutor.value("document.querySelector('.poll-answers .missing').textContent") == OTHER
        assert "1 vote" not in await student.value("document.querySelector('.poll').innerText")

        # Changed, also after a reload, which remembers what was answered.
        await student.ask("Page.reload")
        await student.until("() => document.querySelector('#body')?.checkVisibility()")
        await student.click(".polls-button")
        await student.until("() => document.querySelector('.poll-answer label:nth-of-type(2) input')?.checked")
        await student.click(".poll-answer label:nth-of-type(1) input")
        await student.click(".poll-answer [type=submit]")
        await tutor.sees("1 vote", ".poll-votes li:nth-child(1)")
        await tutor.sees("0 votes", ".poll-votes li:nth-child(2)")
        polls = await room.other.call("tutorwamp.poll.list", lesson_id=room.lesson_id)
        (poll,) = polls["items"]
        chosen = [poll["choices"][0]["id"]]
        await room.other.call("tutorwamp.poll.answer", poll_id=poll["id"], choice_ids=chosen)
        await tutor.sees("All students who are here have answered", ".poll-answers")
        await room.shots("poll-open")
        await tutor.click('.poll [data-focus^="show"]')
        await student.sees("2 votes", ".poll-votes li:nth-child(1)")
        await student.sees("(yours)", ".poll-votes li:nth-child(1)")
        await room.shots("poll-shown")

        # Anonymous, in own words: nobody is named, neither who has answered nor who has not.
        await tutor.click(".ask summary")
        await tutor.fill(".poll-form [name=question]", "What is hard?")
        await tutor.click("[name=poll-kind][value=text]")
        await tutor.click(".poll-form [name=anonymous]")
        await tutor.click(".poll-form [type=submit]")
        await student.sees("Anonymous: nobody finds out", ".poll")
        await student.fill(".poll-answer textarea", "<b>all</b>")
        await student.click(".poll-answer [type=submit]")
        await tutor.sees("<b>all</b>", ".poll-answers .said")
        await tutor.sees("Not answered yet: 1", ".poll-answers")
        said = await tutor.value("document.querySelector('.poll-answers').innerText")
        assert "Stan" not in said
        assert OTHER not in said
