"""A person looks after their account alone, on a real node, by the mail that a real mail server was given."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.threads import deferToThread

from tests.accounts.mailbox import token_in
from tests.conftest import migrated_node
from tests.notifications.push.test_mail import MailServer
from tests.support.machine import PASSWORD
from tests.support.node import Node
from tests.support.people import PythonPerson, bare, planned_lesson, register
from tests.support.refused import refused
from tests.support.waiting import until
from tests.support.wamp import PATIENCE_S
from tutorwamp.accounts.recovery.contracts import ForgotPassword
from tutorwamp.app.offline import run_offline
from tutorwamp.app.settings import read_settings
from tutorwamp.client import Login

URL = "https://tutor.school.example/classroom"
NEW = "a battery staple"
CONFIRM, RESET = "Confirm your e-mail address", "Set a new password"


class School(MailServer):
    """Its mail, by whom it went to and what it is about."""

    def texts(self, email: str, subject: str) -> list[str]:
        found = [mail for mail in self.mails if (mail["to"], mail["subject"]) == (email, subject)]
        payloads: list[Any] = [mail.get_payload(decode=True) for mail in found]
        return [payload.decode() for payload in payloads]

    async def token(self, email: str, subject: str, number: int = 1) -> str:
        """Of that many mails the last one's, once it has come."""
        await until(lambda: len(self.texts(email, subject)) >= number, lambda: self.mails)
        return token_in(self.texts(email, subject)[number - 1])


@pytest_twisted.async_yield_fixture(scope="module")
async def school() -> AsyncIterator[School]:
    made = School()
    yield made
    await made.close()


@pytest.fixture(scope="module")
def own_node(school: School) -> Iterator[Node]:
    url = f"smtp://127.0.0.1:{school.port}?from=school@school.example"
    made = migrated_node(env={"TUTORWAMP_SMTP_URL": url, "TUTORWAMP_PUBLIC_URL": URL})
    with made.running():
        yield made


async def test_A32_A33_name_and_password_are_changed_and_only_this_session_comes_back(own_node: Node) -> None:
    tina_email, _ = await register(own_node, "Tina", "tutor")
    ben_email, ben_user = await register(own_node, "Ben", "student")
    tina, ben = await PythonPerson.enter(own_node, tina_email), await PythonPerson.enter(own_node, ben_email)
    elsewhere, stolen = await bare(own_node, ben_email, "json"), Login(own_node.url)
    await stolen.log_in(ben_email, PASSWORD)
    lesson_id = (await planned_lesson(tina.call, ben_user))["id"]
    for person in (tina, ben):
        await person.join(lesson_id)

    presence = f"tutorwamp.lesson.{lesson_id}.presence"
    assert (await ben.client.login.change_name(" Benedict ")) == {**ben_user, "name": "Benedict"}
    await tina.heard_until(
        lambda: any(one["participant"]["person"]["name"] == "Benedict" for one in tina.heard[presence])
    )
    assert (await elsewhere.ask("tutorwamp.session.whoami"))["user"]["name"] == "Benedict"
    said = await ben.call("tutorwamp.chat.send", lesson_id=lesson_id, body="It is me")
    assert said["author"]["name"] == "Benedict"
    (student,) = (await tina.call("tutorwamp.lesson.get", lesson_id=lesson_id))["students"]
    assert student["name"] == "Benedict"
    await refused("tutorwamp.error.invalid", ben.client.login.change_name("a\nb"))

    await refused("tutorwamp.error.invalid", ben.client.change_password("wrong", NEW))
    await ben.client.change_password(PASSWORD, NEW)
    assert (await elsewhere.left.addTimeout(PATIENCE_S, reactor)).reason == "tutorwamp.close.revoked"
    assert (await ben.call("tutorwamp.session.whoami"))["user"]["name"] == "Benedict"
    await ben.call("tutorwamp.chat.send", lesson_id=lesson_id, body="Still here")
    await refused("tutorwamp.error.unauthenticated", stolen.request("GET", "/api/auth/me"))
    await refused("tutorwamp.error.unauthenticated", Login(own_node.url).log_in(ben_email, PASSWORD))

    await ben.client.login.log_out_everywhere()
    await refused("tutorwamp.error.unauthenticated", ben.client.login.me())
    for person in (tina, ben):
        await person.close()


async def test_A34_a_forgotten_password_is_set_by_mail_and_everybody_is_out(own_node: Node, school: School) -> None:
    email, _ = await register(own_node, "Ada", "tutor")
    inside, login = await bare(own_node, email), Login(own_node.url)
    await login.forgot_password("nobody@school.example")
    await login.forgot_password(email)
    token = await school.token(email, RESET)
    assert f"{URL}/#reset={token}" in school.texts(email, RESET)[0]
    await refused("tutorwamp.error.invalid", login.reset_password(token, "password"))
    await login.reset_password(token, NEW)
    assert (await inside.left.addTimeout(PATIENCE_S, reactor)).reason == "tutorwamp.close.revoked"
    await refused("tutorwamp.error.not_found", login.reset_password(token, NEW))
    assert (await login.log_in(email, NEW))["email_confirmed"]
    assert not [mail for mail in school.mails if mail["to"] == "nobody@school.example"]
    log = own_node.log()
    assert "what='password reset'" in log
    assert not any(secret in log for secret in (token, NEW, email))


async def test_A37_a_mail_that_was_asked_for_outlives_the_node(own_node: Node, school: School) -> None:
    email, _ = await register(own_node, "Eve", "student")
    await school.token(email, CONFIRM)
    await deferToThread(own_node.kill)
    settings = read_settings({name: text for name, text in own_node.env().items() if name.startswith("TUTORWAMP_")})
    await deferToThread(run_offline, settings, lambda machine: machine.recovery.forgot(ForgotPassword(email=email)))
    own_node.start()
    await deferToThread(own_node.wait_ready)
    await Login(own_node.url).reset_password(await school.token(email, RESET), NEW)
    await Login(own_node.url).log_in(email, NEW)


async def test_A38_notifications_go_by_mail_once_the_address_is_confirmed(own_node: Node, school: School) -> None:
    tutor_email, _ = await register(own_node, "Tom", "tutor")
    tom = await PythonPerson.enter(own_node, tutor_email)
    people = {name: await register(own_node, name, "student") for name in ("Kim", "Lea")}
    kim, lea = people["Kim"][0], people["Lea"][0]
    login = Login(own_node.url)
    assert not (await login.log_in(kim, PASSWORD))["email_confirmed"]
    first = await school.token(kim, CONFIRM)
    await login.ask_confirmation()
    await login.confirm_email(await school.token(kim, CONFIRM, 2))
    await refused("tutorwamp.error.not_found", login.confirm_email(first))
    assert (await login.me())["email_confirmed"]
    await planned_lesson(tom.call, *(user for _, user in people.values()))
    invited = "You are invited to a lesson"
    await until(lambda: school.texts(kim, invited), lambda: school.mails)
    assert school.texts(lea, invited) == []
    await tom.close()
