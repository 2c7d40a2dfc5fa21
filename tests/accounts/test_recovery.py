"""A forgotten password, and an address that is confirmed: on both engines, with a clock to turn."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import AsyncMock

import pytest
from sqlalchemy import Connection, select
from structlog.testing import capture_logs
from twisted.internet.defer import Deferred, gatherResults

from tests.accounts.ada import EMAIL, Ada, Elsewhere
from tests.accounts.mailbox import Mailbox
from tests.support.machine import PASSWORD, Stage, set_stage
from tests.support.refused import refused
from tutorwamp.accounts.contracts import MailPurpose, Posted
from tutorwamp.accounts.recovery import rules
from tutorwamp.accounts.recovery.contracts import ConfirmEmail, ForgotPassword, ResetPassword
from tutorwamp.accounts.recovery.service import RecoveryService
from tutorwamp.accounts.rules import token_hash
from tutorwamp.accounts.tables import account_mails, mailed_tokens
from tutorwamp.gate.contracts import CLOSE_REVOKED
from tutorwamp.kernel.contracts import Caller, utc_now
from tutorwamp.kernel.errors import Invalid, NotFound, RateLimited, Unavailable
from tutorwamp.kernel.log.audit import Origin

NEW = "a battery staple"
HERE = Origin("192.0.2.7")


class Forgetful(Ada):
    """Somebody who has forgotten her password, and reads her mail."""

    mailbox: Mailbox

    @classmethod
    async def of(cls, stage: Stage) -> Forgetful:
        made = cls(stage)
        made.user = (await Ada.registered(stage)).user
        made.mailbox = Mailbox.of(stage)
        return made

    @property
    def recovery(self) -> RecoveryService:
        return self.stage.machine.recovery

    async def forgets(self, email: str = EMAIL, origin: Origin = HERE) -> None:
        """She asks, and what is to be sent is sent."""
        self.stage.clock.turn(milliseconds=1)
        await self.recovery.forgot(ForgotPassword(email=email), origin)
        await self.recovery.send_due()

    async def resets(self, token: str, password: str = NEW) -> None:
        self.stage.clock.turn(milliseconds=1)
        await self.recovery.reset(ResetPassword(token=token, password=password), HERE)

    async def rows(self, table: Any) -> list[Any]:
        def thd(connection: Connection) -> list[Any]:
            return list(connection.execute(select(table)).all())

        return await self.stage.machine.database.read("test.rows", thd)


async def test_A34_a_mail_by_which_a_new_password_is_set_and_everybody_is_out(stage_on_both: Stage) -> None:
    ada = await Forgetful.of(stage_on_both)
    before = await ada.log_in()
    await ada.forgets("ADA@School.example")
    ((address, subject, text),) = ada.mailbox.mails
    assert (address, subject) == (EMAIL, "Set a new password")
    assert f"http://127.0.0.1:8080/#reset={ada.mailbox.token()}\n" in text
    await ada.resets(ada.mailbox.token())
    assert ada.drops() == [(stage_on_both.clock(), CLOSE_REVOKED)]
    assert not await ada.is_let_in(before)
    assert not await ada.stays(before)
    assert (await ada.log_in(NEW)).user.email_confirmed, "the mail has come there"
    await refused("tutorwamp.error.unauthenticated", ada.log_in(PASSWORD))


async def test_A34_whoever_asks_hears_the_same_at_the_same_cost(stage_on_both: Stage) -> None:
    ada = await Forgetful.of(stage_on_both)
    closed = await stage_on_both.given.user()
    await ada.accounts.deactivate(closed.email)
    counts, costs = stage_on_both.machine.database.counts, []
    for email in (EMAIL, closed.email, "nobody@school.example"):
        before = counts.queries()
        await ada.recovery.forgot(ForgotPassword(email=email), HERE)
        costs.append(counts.queries() - before)
    assert costs == [1, 1, 1]
    while await ada.recovery.send_due():
        pass
    assert [address for address, _, _ in ada.mailbox.mails] == [EMAIL]
    assert await ada.rows(account_mails) == []


async def test_A35_a_token_is_for_one_use_and_one_hour_and_a_new_one_ends_the_old_one(stage_on_both: Stage) -> None:
    ada = await Forgetful.of(stage_on_both)
    await ada.forgets()
    first = ada.mailbox.token()
    await ada.forgets()
    second = ada.mailbox.token()
    await refused(NotFound, ada.resets(first))
    await ada.resets(second)
    await refused(NotFound, ada.resets(second, "another staple"))
    await ada.forgets()
    third = ada.mailbox.token()
    stage_on_both.clock.turn(hours=1, milliseconds=-1)
    await refused(NotFound, ada.resets(third))  # asking takes a millisecond
    await refused(NotFound, ada.resets("unknown"))
    stage_on_both.clock.turn(hours=1)
    await ada.forgets()
    stage_on_both.clock.turn(hours=1, milliseconds=-2)
    await ada.resets(ada.mailbox.token(), "another staple")


async def test_A35_it_is_set_also_where_the_gate_does_not_answer(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    # The token is spent: asked again, the answer would be that the link does not hold.
    ada = await Forgetful.of(stage)
    await ada.forgets()
    with monkeypatch.context() as away:
        away.setattr(stage.gate, "drop_user", AsyncMock(side_effect=Unavailable("away")))
        await ada.resets(ada.mailbox.token())
    await ada.log_in(NEW)
    await ada.accounts.tell_gate_of_revocations()
    assert len(ada.drops()) == 1


async def test_A35_only_a_hash_of_it_is_kept(stage_on_both: Stage) -> None:
    ada = await Forgetful.of(stage_on_both)
    with capture_logs() as lines:
        await ada.forgets()
        await ada.resets(ada.mailbox.token())
        await refused(NotFound, ada.resets(ada.mailbox.token()))
        await ada.forgets()
    kept = str([await ada.rows(table) for table in (mailed_tokens, account_mails)]) + str(lines)
    tokens = [mail[2].rpartition("=")[2][:43] for mail in ada.mailbox.mails]
    assert len(tokens) == 2
    assert not any(token in kept for token in (*tokens, NEW, EMAIL))
    audits = [(one["what"], one["user_id"], one["address"]) for one in lines if one["event"] == "audit"]
    assert audits[:4] == [
        ("password forgotten", None, HERE.address),
        ("mail sent", ada.user.id, None),
        ("password reset", ada.user.id, HERE.address),
        ("password reset refused", None, HERE.address),
    ]


async def test_A35_of_many_at_once_one_sets_the_password(stage_on_both: Stage) -> None:
    ada = await Forgetful.of(stage_on_both)
    await ada.forgets()
    token, done = ada.mailbox.token(), list[str]()

    async def race(password: str) -> None:
        with suppress(NotFound):
            await ada.recovery.reset(ResetPassword(token=token, password=password))
            done.append(password)

    await gatherResults([Deferred.fromCoroutine(race(f"{NEW} {number}")) for number in range(4)])
    (won,) = done
    await ada.log_in(won)


async def test_A35_a_weak_password_does_not_cost_the_token(stage_on_both: Stage) -> None:
    ada = await Forgetful.of(stage_on_both)
    await ada.forgets()
    await refused(Invalid, ada.resets(ada.mailbox.token(), "Ada-2026"))
    await ada.resets(ada.mailbox.token())


@pytest.mark.parametrize("how", ["changed", "closed"])
async def test_A35_a_changed_password_and_a_closed_account_end_it(stage_on_both: Stage, how: str) -> None:
    ada = await Forgetful.of(stage_on_both)
    await ada.forgets()
    token = ada.mailbox.token()
    await ada.recovery.forgot(ForgotPassword(email=EMAIL), HERE)  # and one that is not sent yet
    if how == "changed":
        await ada.accounts.set_password(EMAIL, "a newer horse")
    else:
        await ada.accounts.deactivate(EMAIL)
        await ada.accounts.activate(EMAIL)
    assert await ada.recovery.send_due() == 0
    await refused(NotFound, ada.resets(token))
    assert len(ada.mailbox.mails) == 1


async def test_A35_the_new_password_stays_where_the_answer_of_the_database_was_lost(stage_on_both: Stage) -> None:
    ada = await Forgetful.of(stage_on_both)
    await ada.forgets()
    store, hashed = ada.recovery._store, token_hash(ada.mailbox.token())
    user = await store.bearer(hashed, MailPurpose.RESET, stage_on_both.clock())
    assert user is not None
    first = await store.reset(hashed, user, "a hash", stage_on_both.clock)
    stage_on_both.clock.turn(seconds=1)
    assert await store.reset(hashed, user, "a hash", stage_on_both.clock) == first, "it is our own"
    assert await store.reset(hashed, user, "another hash", stage_on_both.clock) is None


async def test_A36_three_mails_an_hour_go_to_one_address_and_nobody_hears_of_it(stage: Stage) -> None:
    ada = await Forgetful.of(stage)
    for number in range(5):
        await ada.forgets(origin=Origin(f"192.0.2.{number}"))
    assert len(ada.mailbox.mails) == 3
    stage.clock.turn(minutes=20)
    await ada.forgets()
    assert len(ada.mailbox.mails) == 4


async def test_A36_one_address_asks_two_hundred_times_for_whomever(stage: Stage) -> None:
    ada = await Forgetful.of(stage)
    for _ in range(200):
        stage.machine.recovery._throttle.ask("192.0.2.7")
    await refused(RateLimited, ada.forgets())
    await refused(RateLimited, ada.resets("unknown"))
    await refused(RateLimited, ada.recovery.confirm(ConfirmEmail(token="unknown"), HERE))
    await ada.forgets(origin=Origin("192.0.2.8"))
    assert len(ada.mailbox.mails) == 1


async def test_A36_who_has_reset_the_password_does_not_wait_for_having_guessed(stage: Stage) -> None:
    ada = await Forgetful.of(stage)
    for _ in range(10):
        await refused("tutorwamp.error.unauthenticated", ada.log_in("wrong", address=HERE.address))
    await refused(RateLimited, ada.log_in(address=HERE.address))
    await ada.forgets()
    await ada.resets(ada.mailbox.token())
    await ada.log_in(NEW, address=HERE.address)


async def test_A37_a_mail_that_was_not_taken_is_tried_again_with_another_token_and_then_given_up(stage: Stage) -> None:
    ada = await Forgetful.of(stage)
    ada.mailbox.answers = [Posted.LATER, OSError("away"), Posted.SENT]
    await ada.forgets()
    stage.clock.turn(seconds=29)
    assert await ada.recovery.send_due() == 0
    stage.clock.turn(seconds=1)
    assert await ada.recovery.send_due() == 1
    stage.clock.turn(seconds=60)
    assert await ada.recovery.send_due() == 1
    assert len({text for _, _, text in ada.mailbox.mails}) == 3
    await ada.resets(ada.mailbox.token())
    ada.mailbox.answers = [Posted.LATER] * 100
    await ada.forgets()
    for _ in range(70):
        stage.clock.turn(minutes=1)
        await ada.recovery.send_due()
    assert await ada.rows(account_mails) == []
    assert len(ada.mailbox.answers) > 80
    ada.mailbox.answers = [Posted.REFUSED]
    await ada.forgets()
    assert await ada.rows(account_mails) == []


async def test_A37_a_mail_outlives_whoever_took_it(stage_on_both: Stage, tmp_path: Path) -> None:
    ada = await Forgetful.of(stage_on_both)
    await ada.recovery.forgot(ForgotPassword(email=EMAIL), HERE)
    taken = await ada.recovery._store.take_due(20, stage_on_both.clock())  # and then the process dies
    assert [one.email for one in taken] == [EMAIL]
    other = Elsewhere(stage_on_both, tmp_path / "other")
    mailbox = Mailbox.of(other.stage)
    assert await other.stage.machine.recovery.send_due() == 0
    other.stage.clock.turn(minutes=2)
    assert await other.stage.machine.recovery.send_due() == 1
    assert [mail[0] for mail in mailbox.mails] == [EMAIL]
    assert await ada.recovery._store.issue(taken[0], "hash", stage_on_both.clock()) is None, "it is not ours any more"
    other.stop()


async def test_A37_without_a_mail_server_the_operator_is_told_and_nobody_else(stage: Stage) -> None:
    ada = await Forgetful.of(stage)
    ada.recovery._mailer = None
    with capture_logs() as lines:
        await ada.forgets()
        await ada.forgets("nobody@school.example")
    told = [one for one in lines if "tutorwamp user password" in one["event"]]
    assert [one["user_id"] for one in told] == [ada.user.id]
    assert EMAIL not in str(lines)


async def test_A37_a_log_instead_of_mail_does_not_say_what_lets_one_in(tmp_path: Path) -> None:
    stage, stop = set_stage(tmp_path, TUTORWAMP_PUSH_LOG="on")
    await Ada.registered(stage)
    with capture_logs() as lines:
        await stage.machine.recovery.forgot(ForgotPassword(email=EMAIL), HERE)
        while await stage.machine.recovery.send_due():
            pass
    subjects = [one["subject"] for one in lines if one["event"] == "mail"]
    assert sorted(subjects) == ["Confirm your e-mail address", "Set a new password"]
    assert "#reset=" not in str(lines)
    stop()


async def test_A38_a_mail_at_registration_confirms_the_address(stage_on_both: Stage) -> None:
    mailbox = Mailbox.of(stage_on_both)
    ada = await Ada.registered(stage_on_both)
    recovery, accounts = stage_on_both.machine.recovery, stage_on_both.machine.accounts
    assert not ada.user.email_confirmed
    assert await accounts.address_of(ada.user.id) is None
    assert await accounts.reachable([ada.user.id]) == set()
    await recovery.send_due()
    assert [(mail[0], mail[1]) for mail in mailbox.mails] == [(EMAIL, "Confirm your e-mail address")]
    assert f"/#confirm={mailbox.token()}\n" in mailbox.mails[0][2]
    await refused(NotFound, recovery.reset(ResetPassword(token=mailbox.token(), password=NEW)))
    stage_on_both.clock.turn(days=7, milliseconds=-1)
    for _ in range(2):  # twice is once
        await recovery.confirm(ConfirmEmail(token=mailbox.token()), HERE)
    assert await accounts.address_of(ada.user.id) == EMAIL
    assert await accounts.reachable([ada.user.id]) == {ada.user.id}
    assert (await ada.log_in()).user.email_confirmed
    stage_on_both.clock.turn(milliseconds=1)
    await refused(NotFound, recovery.confirm(ConfirmEmail(token=mailbox.token()), HERE))
    await accounts.deactivate(EMAIL)
    assert await accounts.reachable([ada.user.id]) == set()


async def test_A38_it_is_asked_for_again_and_not_too_often(stage_on_both: Stage) -> None:
    mailbox = Mailbox.of(stage_on_both)
    ada = await Ada.registered(stage_on_both)
    recovery, caller = stage_on_both.machine.recovery, Caller(ada.user.id, ada.user.role)
    await recovery.send_due()
    old = mailbox.token()
    for _ in range(3):
        await recovery.ask_confirmation(caller, EMAIL, HERE)
        await recovery.send_due()
    assert len(mailbox.mails) == 4
    error = await refused(RateLimited, recovery.ask_confirmation(caller, EMAIL, HERE))
    assert error.details["retry_after_s"] == pytest.approx(1200)
    await refused(NotFound, recovery.confirm(ConfirmEmail(token=old), HERE))
    await recovery.confirm(ConfirmEmail(token=mailbox.token()), HERE)
    stage_on_both.clock.turn(hours=1)
    await recovery.ask_confirmation(caller, EMAIL, HERE)
    await recovery.send_due()
    assert len(mailbox.mails) == 4, "there is nothing to confirm"


def test_A37_pauses_double_up_to_a_quarter_of_an_hour() -> None:
    now = utc_now()
    pauses = [rules.next_try(MailPurpose.CONFIRM, now, tries, now) for tries in (1, 2, 5, 6, 50)]
    assert [pause and pause - now for pause in pauses] == [
        timedelta(seconds=30), timedelta(seconds=60), timedelta(seconds=480), timedelta(minutes=15),
        timedelta(minutes=15),
    ]  # fmt: skip
    assert rules.next_try(MailPurpose.RESET, now - timedelta(minutes=59, seconds=31), 1, now) is None


def test_A34_nothing_that_was_typed_is_in_a_mail() -> None:
    for purpose in MailPurpose:
        assert rules.text_of(purpose, "{x}").count("{x}") == 1
        assert rules.link_of("https://a.example/t", purpose, "T") == f"https://a.example/t/#{purpose}=T"
