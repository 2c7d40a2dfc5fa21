"""What people change about their own accounts: name and password, on both engines."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from unittest.mock import AsyncMock

import pytest
from structlog.testing import capture_logs
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import Clock

from tests.accounts.ada import EMAIL, Ada, Elsewhere
from tests.support.machine import PASSWORD, Stage
from tests.support.refused import refused
from tutorwamp.accounts import service
from tutorwamp.accounts.contracts import ChangeMe, ChangePassword, PersonChanged, Tokens
from tutorwamp.accounts.login_throttle import LoginThrottle
from tutorwamp.accounts.rules import hash_password
from tutorwamp.accounts.store import RefreshToken
from tutorwamp.gate.contracts import CLOSE_REVOKED
from tutorwamp.kernel.contracts import Caller, new_id
from tutorwamp.kernel.errors import Invalid, RateLimited, Unavailable
from tutorwamp.kernel.log.audit import OURS, Origin
from tutorwamp.lessons.contracts import OneLesson, UpdateLesson

NEW = "a battery staple"


def caller(ada: Ada) -> Caller:
    return Caller(ada.user.id, ada.user.role)


async def change(ada: Ada, password: str = NEW, old: str = PASSWORD, origin: Origin = OURS) -> Tokens:
    ada.stage.clock.turn(milliseconds=1)
    asked = ChangePassword(current_password=old, password=password)
    return await ada.accounts.change_password(caller(ada), ada.user, asked, origin)


async def test_A33_another_password_ends_the_other_logins_and_begins_one(stage_on_both: Stage, ada: Ada) -> None:
    before = [await ada.log_in(), await ada.log_in()]
    tokens = await change(ada)
    assert ada.drops() == [(stage_on_both.clock(), CLOSE_REVOKED)]
    for one in before:
        assert not await ada.is_let_in(one)
        assert not await ada.stays(one)
    assert await ada.is_let_in(tokens)
    assert await ada.stays(tokens)
    assert await ada.stays(await ada.log_in(NEW))
    await refused("tutorwamp.error.unauthenticated", ada.log_in(PASSWORD))


async def test_A33_the_old_password_must_be_right_and_the_new_one_good(stage_on_both: Stage, ada: Ada) -> None:
    tokens = await ada.log_in()
    wrong = await refused(Invalid, change(ada, old="wrong"))
    weak = await refused(Invalid, change(ada, "Ada-2026"))
    assert [error.details[0]["loc"] for error in (wrong, weak)] == [["current_password"], ["password"]]
    assert await ada.is_let_in(tokens)
    assert ada.drops() == []


async def test_A33_guessing_it_with_a_stolen_token_waits_as_a_login_does(stage: Stage) -> None:
    ada, clock, here = await Ada.registered(stage), Clock(), Origin("192.0.2.7")
    ada.accounts._throttle = LoginThrottle(stage.machine.settings.limits, clock.seconds)
    for _ in range(10):
        await refused(Invalid, change(ada, old="wrong", origin=here))
    await refused(RateLimited, change(ada, origin=here))
    await refused(RateLimited, ada.log_in(address=here.address))
    clock.advance(1)
    await change(ada, origin=here)
    await ada.log_in(NEW, address=here.address)


async def test_A33_one_that_could_not_be_checked_does_not_count(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    ada, here = await Ada.registered(stage), Origin("192.0.2.7")
    with monkeypatch.context() as full:
        full.setattr(service, "HASHING_AT_MOST", 0)
        for _ in range(20):
            await refused(Unavailable, change(ada, origin=here))
    await change(ada, origin=here)


async def test_A33_a_weak_new_password_is_no_failed_login(stage: Stage) -> None:
    ada, clock, here = await Ada.registered(stage), Clock(), Origin("192.0.2.7")
    ada.accounts._throttle = LoginThrottle(stage.machine.settings.limits, clock.seconds)
    for _ in range(20):
        error = await refused(Invalid, change(ada, "Ada-2026", origin=here))
        assert error.details[0]["loc"] == ["password"]
    await change(ada, origin=here)


async def test_A33_it_is_changed_also_where_the_gate_does_not_answer_and_hears_later(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = await Ada.registered(stage)
    before = await ada.log_in()
    with monkeypatch.context() as away:
        away.setattr(stage.gate, "drop_user", AsyncMock(side_effect=Unavailable("away")))
        tokens = await change(ada)
        with pytest.raises(Unavailable):
            await ada.accounts.tell_gate_of_revocations()
    assert ada.drops() == []
    assert not await ada.is_let_in(before)
    assert await ada.is_let_in(tokens)
    await ada.accounts.tell_gate_of_revocations()
    assert len(ada.drops()) == 1


async def test_A33_another_name_meanwhile_does_not_make_the_right_password_wrong(
    stage_on_both: Stage, ada: Ada, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked = ada.accounts._hash

    async def renamed_meanwhile(function: Any, *args: str) -> Any:
        found = await checked(function, *args)
        await ada.accounts.change_me(caller(ada), ChangeMe(name=f"Ada {len(names)}"))
        names.append(function.__name__)
        return found

    names: list[str] = []
    monkeypatch.setattr(ada.accounts, "_hash", renamed_meanwhile)
    await ada.log_in()
    await change(ada)
    assert names == ["password_fits", "password_fits", "hash_password"]


async def test_A33_of_two_changes_at_once_one_is_made(stage_on_both: Stage, ada: Ada) -> None:
    outcomes: list[str] = []

    async def race(password: str) -> None:
        try:
            await change(ada, password)
        except Invalid:
            return
        outcomes.append(password)

    await gatherResults([Deferred.fromCoroutine(race(f"{NEW} {number}")) for number in range(3)])
    (won,) = outcomes
    await ada.log_in(won)


async def test_A33_A13_a_change_whose_answer_was_lost_is_made_once(stage_on_both: Stage, ada: Ada) -> None:
    store = ada.accounts._store
    before = await store.by_id(ada.user.id)
    assert before is not None
    hashed, token = hash_password(NEW), RefreshToken("hash", new_id(), ada.user.id, stage_on_both.clock())
    first = await store.change_password(before, hashed, token, stage_on_both.clock)
    stage_on_both.clock.turn(seconds=1)
    assert await store.change_password(before, hashed, token, stage_on_both.clock) == first
    assert await store.change_password(before, hash_password(NEW), token, stage_on_both.clock) is None


async def test_A32_another_name_is_seen_at_once_wherever_the_person_is_shown(stage_on_both: Stage) -> None:
    given, machine = stage_on_both.given, stage_on_both.machine
    tina, ben = await given.caller("tutor", "Tina"), await given.caller("student", "Ben")
    lesson = await given.lesson(tina, ben)
    for one in (tina, ben):
        await machine.lessons.join(one, OneLesson(lesson_id=lesson.id))
    assert (await machine.accounts.change_me(ben, ChangeMe(name="Benedict"))).name == "Benedict"
    seen = await machine.lessons.join(given.again(tina), OneLesson(lesson_id=lesson.id))
    assert [one.name for one in seen.lesson.students] == ["Benedict"]
    assert {one.person.name for one in seen.participants} == {"Tina", "Benedict"}
    assert (await machine.accounts.person(ben.user_id)).name == "Benedict"
    asked = UpdateLesson(lesson_id=lesson.id, version=lesson.version, title="Halves")
    assert (await machine.lessons.update(tina, asked)).students[0].name == "Benedict"


async def test_A32_whoever_hears_of_another_name_finds_it_without_waiting(ada: Ada) -> None:
    found: list[str] = []

    def look(changed: PersonChanged) -> None:
        looking = Deferred.fromCoroutine(ada.accounts.person(changed.user_id))
        looking.addCallback(lambda person: found.append(person.name))

    ada.accounts._events.listen(PersonChanged, look)
    await ada.accounts.change_me(caller(ada), ChangeMe(name="Ada Lovelace"))
    assert found == ["Ada Lovelace"]


async def test_A32_another_process_sees_it_when_it_looks(stage_on_both: Stage, ada: Ada, tmp_path: Path) -> None:
    other = Elsewhere(stage_on_both, tmp_path / "other")
    assert (await other.accounts.person(ada.user.id)).name == "Ada"
    heard = other.stage.events(PersonChanged)
    await ada.accounts.change_me(caller(ada), ChangeMe(name="Ada Lovelace"))
    assert (await other.accounts.person(ada.user.id)).name == "Ada"
    for _ in range(3):
        await other.accounts.notice_changes()
    assert (await other.accounts.person(ada.user.id)).name == "Ada Lovelace"
    assert heard == [PersonChanged(ada.user.id)], "once"
    stage_on_both.clock.turn(seconds=1)
    other.stage.clock.turn(seconds=1)
    await ada.accounts.change_me(caller(ada), ChangeMe(name="Ada"))
    await other.accounts.notice_changes()
    assert (await other.accounts.person(ada.user.id)).name == "Ada"
    other.stop()


async def test_A30_what_people_change_is_noted_without_what_they_typed(ada: Ada) -> None:
    with capture_logs() as lines:
        await ada.accounts.change_me(caller(ada), ChangeMe(name="Grace"), Origin("192.0.2.7"))
        await refused(Invalid, change(ada, old="wrong"))
        await change(ada)
        await ada.accounts.confirm_address(EMAIL)
    audits = [(one["what"], one["user_id"]) for one in lines if one["event"] == "audit"]
    assert audits == [
        (what, ada.user.id)
        for what in ("name changed", "password change refused", "password changed", "address confirmed")
    ]
    assert not any(typed in str(lines) for typed in ("Grace", "wrong", NEW, PASSWORD, EMAIL))
