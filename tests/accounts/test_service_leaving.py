"""Leaving, being thrown out, and what the gate and other processes hear of it: on both engines."""

from __future__ import annotations

from collections.abc import Awaitable
from datetime import timedelta
from pathlib import Path

import pytest

from tests.accounts.ada import EMAIL, Ada, Elsewhere
from tests.support.machine import PASSWORD, Stage
from tests.support.refused import refused
from tutorwamp.accounts.contracts import LogOut, Register, Tokens
from tutorwamp.accounts.errors import EmailTaken
from tutorwamp.gate.contracts import CLOSE_REVOKED
from tutorwamp.kernel.errors import NotFound, Unauthenticated, Unavailable


async def test_A14_logging_out_ends_one_login(stage_on_both: Stage, ada: Ada) -> None:
    here, elsewhere = await ada.log_in(), await ada.log_in()
    newer = await ada.refresh(here)
    await ada.log_out(here)
    await ada.log_out(here)
    assert not await ada.stays(newer)
    assert await ada.stays(elsewhere)
    assert ada.drops() == [], "live sessions are not asked to leave"
    await ada.accounts.log_out(LogOut(refresh_token="unknown", everywhere=True))


async def test_A14_a_token_that_is_worth_nothing_ends_nothing(stage_on_both: Stage, ada: Ada) -> None:
    ended, expired = await ada.log_in(), await ada.log_in()
    await ada.log_out(ended)
    stage_on_both.clock.turn(days=31)
    elsewhere = await ada.log_in()
    for tokens in (ended, expired):
        await ada.log_out(tokens, everywhere=True)
    assert ada.drops() == []
    assert await ada.is_let_in(elsewhere)
    assert await ada.stays(elsewhere)


async def check_revoked(ada: Ada, before: list[Tokens], attempt: Awaitable[object], password: str) -> None:
    """Everything from before is worth nothing, the gate knows, and a new login is good."""
    ada.stage.clock.turn(milliseconds=1)
    revoked_at = ada.stage.clock()
    await attempt
    assert ada.drops() == [(revoked_at, CLOSE_REVOKED)]
    for tokens in before:
        assert not await ada.is_let_in(tokens)
        assert not await ada.stays(tokens)
    after = await ada.log_in(password)
    assert await ada.is_let_in(after)
    assert await ada.stays(after)


async def test_A15_A16_logging_out_everywhere(stage_on_both: Stage, ada: Ada) -> None:
    before = [await ada.log_in(), await ada.log_in()]
    await check_revoked(ada, before, ada.log_out(before[0], everywhere=True), PASSWORD)


async def test_A15_A16_a_new_password(stage_on_both: Stage, ada: Ada) -> None:
    before = [await ada.log_in(), await ada.log_in()]
    await check_revoked(ada, before, ada.accounts.set_password(EMAIL, "a new horse"), "a new horse")
    await refused(Unauthenticated, ada.log_in(PASSWORD))


async def test_A15_others_are_not_touched(stage_on_both: Stage, ada: Ada) -> None:
    ben = await stage_on_both.given.user()
    bens = await ada.log_in(email=ben.email)
    await ada.accounts.set_password(EMAIL, "a new horse")
    assert await ada.is_let_in(bens)
    assert await ada.stays(bens)


async def test_A15_a_token_of_the_very_instant_of_a_revocation_is_refused(stage_on_both: Stage, ada: Ada) -> None:
    tokens = await ada.log_in()
    await ada.log_out(tokens, everywhere=True)
    assert not await ada.is_let_in(tokens)


async def test_A16_a_clock_that_is_set_back_keeps_nobody_out(stage_on_both: Stage, ada: Ada) -> None:
    before = await ada.log_in()
    await ada.accounts.set_password(EMAIL, "another horse")
    stage_on_both.clock.now -= timedelta(hours=1)
    after = await ada.log_in("another horse")
    assert [await ada.is_let_in(one) for one in (before, after, await ada.refresh(after))] == [False, True, True]


async def test_A19_a_closed_account(stage_on_both: Stage, ada: Ada) -> None:
    tokens = await ada.log_in()
    await ada.accounts.deactivate(EMAIL)
    assert ada.drops() == [(stage_on_both.clock(), CLOSE_REVOKED)]
    stage_on_both.clock.turn(seconds=1)
    assert not await ada.is_let_in(tokens)
    assert not await ada.stays(tokens)
    await refused(Unauthenticated, ada.log_in())
    again = Register(email=EMAIL, password=PASSWORD, name="Eve", role="student")
    await refused(EmailTaken, ada.accounts.register(again))
    await ada.accounts.set_password(EMAIL, "a new horse")
    await refused(Unauthenticated, ada.log_in("a new horse"))
    assert (await ada.accounts.person(ada.user.id)).name == "Ada"


async def test_nobody_can_be_changed_who_does_not_exist(stage: Stage) -> None:
    for attempt in (
        stage.machine.accounts.set_password("nobody@school.example", PASSWORD),
        stage.machine.accounts.deactivate("nobody@school.example"),
    ):
        await refused(NotFound, attempt)
    assert stage.gate.heard == []


# the gate, and other processes


async def test_A18_a_revocation_made_elsewhere_is_told_once(stage_on_both: Stage, tmp_path: Path, ada: Ada) -> None:
    tokens = await ada.log_in()
    tell = stage_on_both.machine.accounts.tell_gate_of_revocations
    await tell()
    assert ada.drops() == []
    other = Elsewhere(stage_on_both, tmp_path / "elsewhere")
    try:
        await other.accounts.set_password(EMAIL, "a new horse")
    finally:
        other.stop()
    assert not await ada.is_let_in(tokens), "REST asks the database"
    revoked_at = stage_on_both.clock()
    for _ in range(3):
        stage_on_both.clock.turn(minutes=5)
        await tell()
        assert ada.drops() == [(revoked_at, CLOSE_REVOKED)]
    stage_on_both.clock.turn(minutes=5)
    await tell()
    assert ada.accounts._told == {}, "what no token can ignore any more is forgotten"


async def test_A18_each_revocation_is_told(stage_on_both: Stage, ada: Ada) -> None:
    told = []
    for _ in range(3):
        stage_on_both.clock.turn(seconds=1)
        await ada.accounts.log_out_everywhere(ada.user.id)
        await ada.accounts.tell_gate_of_revocations()
        told.append((stage_on_both.clock(), CLOSE_REVOKED))
    assert ada.drops() == told


async def test_A18_a_machine_that_starts_tells_what_it_finds(stage_on_both: Stage, tmp_path: Path, ada: Ada) -> None:
    await ada.accounts.log_out_everywhere(ada.user.id)
    (drop,) = ada.drops()
    other = Elsewhere(stage_on_both, tmp_path / "elsewhere")
    try:
        await other.accounts.tell_gate_of_revocations()
        assert [heard[1:4] for heard in other.stage.gate.heard] == [(ada.user.id, *drop)]
    finally:
        other.stop()


async def test_A18_a_gate_that_cannot_be_reached_is_told_later(
    stage_on_both: Stage, monkeypatch: pytest.MonkeyPatch, ada: Ada
) -> None:
    tokens = await ada.log_in()
    stage_on_both.clock.turn(seconds=1)
    revoked_at = stage_on_both.clock()

    async def away(*_: object, **__: object) -> int:
        raise Unavailable("The router cannot be reached just now.")

    with monkeypatch.context() as broken:
        broken.setattr(stage_on_both.gate, "drop_user", away)
        await refused(Unavailable, ada.accounts.log_out_everywhere(ada.user.id))
    assert not await ada.is_let_in(tokens), "it is durable all the same"
    await ada.accounts.tell_gate_of_revocations()
    assert ada.drops() == [(revoked_at, CLOSE_REVOKED)]
