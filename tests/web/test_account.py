"""One's own account in a real browser: its page, the links of mails, and leaving in all tabs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_twisted

from tests.conftest import migrated_node
from tests.journeys.test_own_account import CONFIRM, NEW, RESET, School
from tests.support.machine import PASSWORD
from tests.support.node import Node
from tests.support.people import PythonPerson, register
from tests.support.waiting import until
from tests.web.browser import DESK, PHONE, Browser
from tests.web.door import be_signed_in, open_at, press
from tutorwamp.client import Login

AT_THE_DOOR = "() => document.querySelector('#sign-in').checkVisibility()"
CELL = "[...document.querySelectorAll('.account-page td input')]"


@pytest_twisted.async_yield_fixture(scope="module")
async def school() -> AsyncIterator[School]:
    made = School()
    yield made
    await made.close()


@pytest.fixture(scope="module")
def mailing_node(school: School) -> Iterator[Node]:
    """A node that sends real mail, whose links lead to its own page."""
    made = migrated_node(env={"TUTORWAMP_SMTP_URL": f"smtp://127.0.0.1:{school.port}?from=school@school.example"})
    with made.running():
        yield made


async def test_name_password_and_what_one_is_told_are_changed_and_other_tabs_are_out(
    mailing_node: Node, tmp_path: Path, axe: str
) -> None:
    node = mailing_node
    email, _ = await register(node, "Stan", "student")
    person = await PythonPerson.enter(node, email)
    browser = await open_at(tmp_path, node, email, address="#account")
    other = await browser.again(f"{node.url}/")
    try:
        await be_signed_in(other, node, email)
        await browser.sees("By mail")
        for size, dark in ((DESK, False), (PHONE, True)):
            await browser.resize(size, touch=size == PHONE)
            await browser.dark(on=dark)
            assert await browser.faults(axe) == []
        await browser.resize(DESK)

        await browser.fill("#own-name", "Stanislaus")
        await browser.press("Enter")
        await browser.sees("Stanislaus", "#account summary")
        assert (await person.call("tutorwamp.session.whoami"))["user"]["name"] == "Stanislaus"

        assert await browser.value(f"{CELL}.map((one) => one.checked).join()") == ",".join(
            ["true"] * 9 + ["true", "true", "false"] * 2
        )
        await browser.value(f"{CELL}[1].click()")
        await browser.sees("Saved.", "#announcer")
        told = (await person.call("tutorwamp.notification.preferences"))["preferences"]["lesson.invited"]
        assert told == {"in_app": True, "web_push": False, "email": True}

        fields = "[name=current_password]", "[name=password]:not(#password)"
        for current, new, said in (
            ("wrong horse", NEW, "not your password"),
            (PASSWORD, "password", "too easy to guess"),
            (PASSWORD, NEW, "stay signed in here only"),
        ):
            await browser.fill(fields[0], current)
            await browser.fill(fields[1], new)
            await browser.press("Enter")
            await browser.sees(said, ".account-page form")
        await browser.until("() => !!document.querySelector('#connection.connected')")
        await other.until(AT_THE_DOOR)
        await other.sees("signed out", "#sign-in .problem")
        await Login(node.url).log_in(email, NEW)
        await browser.ask("Page.reload")  # the new login is kept
        await browser.sees("Stanislaus", "#account summary")
    finally:
        await other.close()
        await browser.close()
        await person.close()


async def test_a_sign_out_ends_all_tabs_of_the_person_and_of_nobody_else(mailing_node: Node, tmp_path: Path) -> None:
    node = mailing_node
    email, _ = await register(node, "Stan", "student")
    tutor_email, _ = await register(node, "Tina", "tutor")
    first = await open_at(tmp_path, node, email)
    second, tutors = await first.again(f"{node.url}/"), await first.again(f"{node.url}/")
    opened = await first.again(f"{node.url}/#account")
    try:
        await be_signed_in(second, node, email, address="#account")
        await be_signed_in(tutors, node, tutor_email)
        await opened.ask("Page.reload")
        # A tab that a link has opened: who is signed in elsewhere is offered, and goes on without a password.
        await opened.sees("Go on as Tina", "#sign-in .others")
        await press(opened, "#sign-in .others button", "Go on as Stan")
        await opened.sees("Stan", "#account summary")
        await opened.sees("Your account")
        await press(first, "#account summary")
        await press(first, "#account [data-do=sign-out]")
        await first.until(AT_THE_DOOR)
        await second.until(AT_THE_DOOR)
        await second.sees("in another window", "#sign-in .problem")
        for tab in (first, second, opened):
            await tab.until(AT_THE_DOOR)
            assert await tab.value("sessionStorage.getItem('tutorwamp.session')") is None

        elsewhere = Login(node.url)
        await elsewhere.log_in(tutor_email, PASSWORD)
        await tutors.value("location.hash = 'account'")
        await press(tutors, ".account-page .danger")
        await tutors.until(AT_THE_DOOR)
        await tutors.sees("signed out on all devices", "#sign-in .problem")
        assert len(tutors.dialogs) == 1
        with pytest.raises(Exception, match="unauthenticated"):
            await elsewhere.replace(await elsewhere.access_token())
    finally:
        for tab in (opened, tutors, second, first):
            await tab.close()


async def test_links_of_mails_set_a_password_and_confirm_an_address_once(
    mailing_node: Node, school: School, tmp_path: Path, axe: str
) -> None:
    node = mailing_node
    email, _ = await register(node, "Ada", "student")
    browser = await Browser.open(tmp_path, f"{node.url}/#confirm={await school.token(email, CONFIRM)}")
    try:
        await browser.sees("Now we know that mail reaches you")
        assert await browser.faults(axe) == []
        await browser.go(f"{node.url}/#confirm={'x' * 43}")
        await browser.sees("replaced by a newer one", "#mail-link .problem")

        await browser.go(f"{node.url}/#")
        await press(browser, "#sign-in [data-mode=forgot]")
        assert await browser.faults(axe) == []
        await browser.fill("#email", email)
        await browser.press("Enter")
        await browser.sees("a mail is on its way")
        link = f"{node.url}/#reset={await school.token(email, RESET)}"
        assert link in school.texts(email, RESET)[0]

        await browser.go(link)
        await browser.sees("Set a new password", "#mail-link")
        assert await browser.faults(axe) == []
        for password, said in (("password", "too easy to guess"), (NEW, "Your new password is set")):
            await browser.fill("#mail-link input", password)
            await browser.press("Enter")
            await browser.sees(said)
        assert "reset" not in await browser.value("location.href")
        await browser.sign_in(email, NEW)

        # Used up; and whoever is signed in is told so as well, and stays.
        await browser.go(link)
        await browser.fill("#mail-link input", NEW)
        await browser.press("Enter")
        await browser.sees("used already", "#mail-link .problem")
        await browser.go(f"{node.url}/#account")
        await browser.sees("Mail reaches you at this address")

        # Asked again where it is not known yet.
        new_email, _ = await register(node, "Bea", "student")
        await school.token(new_email, CONFIRM)
        await be_signed_in(browser, node, new_email, address="#account")
        await press(browser, ".own-address button")
        await browser.sees("The mail is on its way", ".own-address")
        await until(lambda: len(school.texts(new_email, CONFIRM)) == 2, lambda: school.mails)
    finally:
        await browser.close()
