"""Teaching in a real browser: hands, pen, rules, timer, polls, files, and what the chat shows; in two people's tabs."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.support.machine import PASSWORD
from tests.support.node import Node
from tests.support.people import PythonPerson, planned_lesson, register
from tests.support.waiting import until
from tests.web.browser import Browser, executable
from tutorwamp.kernel.contracts import instant_text

TUTOR, STUDENT = "Tina", "\u202eStan"
OTHER = "Tina"
CHOOSER = ".composer input[type=file]"
"""A student who is called as the tutor is."""
LOSES_FIRST_ANSWER = """{
  window.answers = [];
  const send = XMLHttpRequest.prototype.send;
  XMLHttpRequest.prototype.send = function (body) {
    const { onload, onerror } = this;
    this.onload = () => {
      window.answers.push(this.responseText);
      return window.answers.length === 1 ? onerror() : onload();
    };
    send.call(this, body);
  };
}"""
ROW = "[...document.querySelectorAll('.people li')].find((one) => one.textContent.includes('{name}'))"


@dataclass
class Classroom:
    """A lesson, with the tabs of tutor and student; ``teaching`` is the tutor, too, ``other`` another student."""

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
        await student.until("() => document.querySelector('.no-pen').hidden")
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
        assert await student.value("document.querySelector('#body').value") == "half a sent"
        assert await student.value("document.querySelector('.send').disabled")
        await tutor.click("[name=rule-chat]")
        await student.until("() => document.querySelector('.may-not').hidden")
        await tutor.click("[value=pen-none]")
        await student.until("() => !document.querySelector('.no-pen').hidden")
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

        # And who is removed while the line is down is told when they are back.
        lesson = await room.lesson()
        both = [room.stan["id"], lesson["students"][0]["id"]]
        changes = {"lesson_id": room.lesson_id, "student_ids": both, "version": lesson["version"]}
        lesson = await room.teaching.call("tutorwamp.lesson.update", **changes)
        await student.click("#notices .icon")
        await student.value(f"location.hash = 'lesson={room.lesson_id}'")
        await student.sees("3 here", ".people .count")
        await student.network(offline=True)
        await student.until("() => document.body.dataset.connection !== 'connected'")
        changes |= {"student_ids": both[1:], "version": lesson["version"]}
        await room.teaching.call("tutorwamp.lesson.update", **changes)
        await student.network()
        await student.sees("You are not in this lesson", "#notices")


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
        await student.sees("2:5", ".timer-button .time")
        assert await student.value("document.querySelector('.timer-button .what').textContent") == "Exercise <b>3</b>"
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


async def test_what_is_pressed_stays_until_it_is_let_go(node: Node, tmp_path: Path) -> None:
    """A browser forgets a click whose button, or whose words in it, were drawn afresh meanwhile."""
    async with classroom(node, tmp_path) as room:
        tutor = room.tutor

        async def press(selector: str, meanwhile: Callable[[], Awaitable[None]]) -> None:
            at = await tutor.place(selector)
            button = {"x": at["x"], "y": at["y"], "button": "left", "buttons": 1, "clickCount": 1}
            await tutor.ask("Input.dispatchMouseEvent", type="mousePressed", **button)
            await meanwhile()
            await tutor.ask("Input.dispatchMouseEvent", type="mouseReleased", **button)

        async def a_question() -> None:
            asked = {"question": "Half?", "choices": ["1/2", "1/3"]}
            await room.teaching.call("tutorwamp.poll.open", lesson_id=room.lesson_id, **asked)
            await tutor.sees("1", ".polls-button")

        async def a_hand() -> None:
            await room.other.call("tutorwamp.lesson.raise_hand", lesson_id=room.lesson_id, up=True)
            await tutor.until("() => document.querySelector('.queue > button').textContent.includes('1')")

        await press(".polls-button .words", a_question)
        await tutor.until("() => document.querySelector('.ask summary')?.checkVisibility()")
        await press(".people li:last-child [aria-pressed]", a_hand)
        await tutor.until("() => !!document.querySelector('.people li:last-child [aria-pressed=true]')")
        await tutor.until("() => !!document.querySelector('.people .hand-up')")  # which waited


async def test_polls(node: Node, tmp_path: Path) -> None:
    async with classroom(node, tmp_path) as room:
        tutor, student = room.tutor, room.student
        await tutor.click(".polls-button")
        await tutor.click(".ask summary")
        await tutor.fill(".poll-form [name=question]", "Which is <i>larger</i>?")
        for place, choice in enumerate(("1/2", "1/3", "1/4"), start=1):
            await tutor.fill(f".poll-choices li:nth-child({place}) input", choice)
        # A question that is not asked yet outlives a reload.
        await tutor.ask("Page.reload")
        await tutor.until("() => document.querySelector('#body')?.checkVisibility()")
        await tutor.click(".polls-button")
        await tutor.click(".ask summary")
        choices = "[...document.querySelectorAll('.poll-choices input')].map(({ value }) => value)"
        assert await tutor.value(choices) == ["1/2", "1/3", "1/4", ""]
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


async def say(tab: Browser, text: str) -> None:
    await tab.fill("#body", text)
    await tab.press("Enter")
    await tab.until("() => document.querySelector('#body').value === ''")


async def open_menu(tab: Browser, words: str) -> None:
    """Of the message with these words, once no other one's is open."""
    await tab.until("() => document.querySelector('.messages .menu-of') === null")
    found = f"[...document.querySelectorAll('.message')].find((one) => one.textContent.includes({json.dumps(words)}))"
    await tab.until(f"() => {{ const dots = ({found})?.querySelector('.dots'); dots?.click(); return !!dots; }}")
    await tab.place(".menu-of")


async def in_menu(tab: Browser, words: str, what: str) -> None:
    """Press a button of it. By the page: between looking where it is and pressing, an event may have moved it."""
    await open_menu(tab, words)
    button = f"""document.querySelector('.menu-of [data-focus="{what}"]')"""
    await tab.until(f"() => {{ const button = {button}; button?.click(); return !!button; }}")


async def test_what_the_chat_shows(node: Node, tmp_path: Path) -> None:
    async with classroom(node, tmp_path) as room:
        tutor, student = room.tutor, room.student
        await tutor.ask("Emulation.setFocusEmulationEnabled", enabled=True)
        await say(tutor, "**Read** https://example.org/a_b_c, <b>then</b> `x*y*z`")
        await student.sees("Read https://example.org/a_b_c, <b>then</b> x*y*z", ".messages")
        link = await student.value(
            "(({ href, target, rel }) => [href, target, rel])(document.querySelector('.bubble a.address'))"
        )
        assert link == ["https://example.org/a_b_c", "_blank", "noopener noreferrer nofollow"]
        assert await student.value("document.querySelector('.bubble strong').textContent") == "Read"
        assert await student.value("document.querySelector('.bubble b')") is None

        # Somebody who is called like the tutor is seen to be a student.
        chat = {"lesson_id": room.lesson_id}
        await room.other.call("tutorwamp.chat.send", body="I am your tutor. *" * 200, **chat)
        await student.until("() => document.querySelectorAll('.message .by').length === 2")
        badges = await student.value("[...document.querySelectorAll('.by .role-badge')].map((one) => one.textContent)")
        assert badges == ["Tutor", "Student"]

        # A name is completed, and who is named is told.
        await student.value("document.querySelector('#body').focus()")
        for key in "look @t":
            await student.press(key)
        await student.place("#mention-list li[aria-selected=true]")
        await room.shots("mention")
        await student.press("Enter")
        await student.until("() => document.querySelector('#body').value === 'look @Tina '")
        await student.press("Enter")
        await tutor.until("() => document.querySelector('.names-me .mention.me')?.textContent === '@Tina'")
        assert "to you" in await tutor.value("document.querySelector('#announcer').textContent")

        # Any emoji, chosen or typed, and nothing else.
        await in_menu(student, "Read", "more emoji")
        await student.fill(".any-emoji", "ok")
        await student.press("Enter")
        await student.sees("Only emoji", ".more-emoji")
        await student.fill(".any-emoji", "🇩🇪")
        await room.shots("emoji")
        await student.press("Enter")
        for tab in (tutor, student):
            await tab.sees("🇩🇪", ".reactions")

        # Reported, with a reason; nobody in the lesson hears of it.
        await in_menu(student, "I am your tutor", "report")
        await student.fill("dialog textarea", "pretends to be the tutor")
        await student.press("Tab")
        await student.click("dialog .primary")
        await student.sees("Reported", "#notices")
        assert "Reported" not in await tutor.value("document.body.innerText")

        # One message is a stop of the Tab key, and the arrows go to the others.
        stops = "[...document.querySelectorAll('.messages > .message')].filter((one) => one.tabIndex === 0).length"
        assert await student.value(stops) == 1
        await student.value("document.querySelector('.messages > .message[tabindex=\"0\"]').focus()")
        for key in ("End", "ArrowUp", "Home", "ArrowDown"):
            await student.press(key)
        places = "[...document.querySelectorAll('.messages > .message')].indexOf(document.activeElement)"
        assert await student.value(places) == 1
        assert await student.value(stops) == 1

        # Words while one looks elsewhere stand in the title.
        await tutor.until("() => document.title === 'Fractions · Classroom'")
        await tutor.value("Object.defineProperty(document, 'hasFocus', { value: () => false, configurable: true })")
        await say(student, "are you there?")
        await tutor.until("() => document.title === '(1) Fractions · Classroom'")
        await tutor.value("delete document.hasFocus; window.dispatchEvent(new Event('focus'))")
        await tutor.until("() => document.title === 'Fractions · Classroom'")
        assert await tutor.value("document.querySelector('.sounds').getAttribute('aria-pressed')") == "true"
        await tutor.click(".sounds")
        await tutor.ask("Page.reload")
        await tutor.until("() => document.querySelector('.sounds')?.getAttribute('aria-pressed') === 'false'")


async def test_files_in_the_chat(node: Node, tmp_path: Path) -> None:
    sheet = tmp_path / "Übung <1>.txt"
    sheet.write_text("1 + 1", encoding="utf-8")  # some bytes, in a test
    large = tmp_path / "large.bin"
    large.write_bytes(bytes(8 << 20))  # sparse
    async with classroom(node, tmp_path / "profile") as room:
        tutor, student = room.tutor, room.student

        await tutor.upload(CHOOSER, sheet)
        await tutor.sees("5 byte", ".attachments .there")
        await tutor.click(".send")
        await student.sees("Übung <1>.txt", ".files")
        await room.shots("files")
        downloads = tmp_path / "downloads"
        await student.chromium.ask(
            "Browser.setDownloadBehavior",
            behavior="allow",
            downloadPath=str(downloads),
            browserContextId=student.context,
        )
        await student.click(".file")
        await until(lambda: [one.read_text() for one in downloads.glob("*.txt")] == ["1 + 1"], "the download")

        # The line drops, and so does the first answer: it goes on by itself, and is there once.
        await tutor.value(LOSES_FIRST_ANSWER)
        await tutor.network(offline=True)
        await tutor.upload(CHOOSER, large)
        await tutor.sees("waits for the connection", ".attachments")
        await room.shots("stuck")
        assert await tutor.value("document.querySelector('.send').disabled")
        await tutor.network()
        await tutor.sees("8.4 MB", ".attachments .there")
        first, second = await tutor.value("window.answers")
        assert first == second
        await tutor.until("() => !document.querySelector('.send').disabled")
        await tutor.click(".send")
        await student.sees("large.bin", ".files")

        # Dropped or pasted; what is empty or too large is refused in words.
        await tutor.value(
            """{
          const data = new DataTransfer();
          data.items.add(new File([], "nothing.txt"));
          const drop = (type) => new DragEvent(type, { bubbles: true, dataTransfer: data });
          for (const type of ["dragover", "drop"]) document.querySelector(".messages").dispatchEvent(drop(type));
          const paste = new ClipboardEvent("paste", { bubbles: true, clipboardData: data });
          document.querySelector("#body").dispatchEvent(paste);
        }"""
        )
        await tutor.until("() => document.querySelectorAll('.attachments .refused').length === 2")
        await tutor.sees("The file is empty", ".attachments")
        for _ in range(2):
            await tutor.click(".attachments .icon")
        await tutor.until("() => document.querySelector('.attachments').hidden")
        with large.open("r+b") as file:
            file.truncate(26 << 20)
        await tutor.upload(CHOOSER, large)
        await tutor.sees("The file is too large", ".attachments .refused")


async def test_drafts(node: Node, tmp_path: Path) -> None:
    async with classroom(node, tmp_path) as room:
        tutor, student = room.tutor, room.student
        await say(student, "first")
        await student.sees("first", ".messages")
        await student.fill("#body", "what I was saying")
        await in_menu(student, "first", "reply")
        await student.sees("Reply to", ".context")
        assert await student.value("document.querySelector('#body').value") == "what I was saying"
        await in_menu(student, "first", "edit")
        assert await student.value("document.querySelector('#body').value") == "first"
        await student.press("Escape")
        assert await student.value("document.querySelector('#body').value") == "what I was saying"

        # Another view, and a reload.
        await student.value("location.hash = ''")
        await student.until("() => !document.querySelector('#body').checkVisibility()")
        await student.value(f"location.hash = 'lesson={room.lesson_id}'")
        await student.until("() => document.querySelector('#body').value === 'what I was saying'")
        await student.ask("Page.reload")
        await student.until("() => document.querySelector('#body')?.value === 'what I was saying'")
        await student.sees("Reply to", ".context")
        await student.sees("3 here", ".people .count")

        # The lesson is over: the words are given back.
        await tutor.click("[data-do=start]")
        await tutor.click("[data-do=end]")
        await tutor.click("dialog [type=submit]")
        await student.sees("what I was saying", ".left-over")
        await room.shots("over")
        assert await student.value("document.querySelector('.composer').hidden")
        await student.value("[...document.querySelectorAll('.left-over button')].at(-1).click()")
        await student.until("() => document.querySelector('.left-over').hidden")
        kept = "Object.keys(localStorage).filter((key) => key.endsWith('.draft'))"
        assert await student.value(kept) == []
