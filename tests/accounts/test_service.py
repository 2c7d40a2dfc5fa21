"""Registering, logging in, staying logged in, leaving: on both engines, with a clock to turn."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import jwt
import pytest
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import Clock

from tests.accounts.ada import EMAIL, Ada
from tests.support.machine import PASSWORD, Stage, set_stage
from tests.support.refused import refused
from tutorwamp.accounts import rules, service
from tutorwamp.accounts.contracts import LogIn, Refresh, Register, Tokens, User
from tutorwamp.accounts.errors import EmailTaken
from tutorwamp.accounts.login_throttle import LoginThrottle
from tutorwamp.accounts.store import RefreshToken
from tutorwamp.kernel.contracts import AuthRole, Caller, new_id
from tutorwamp.kernel.errors import Invalid, NotFound, RateLimited, TutorwampError, Unauthenticated, Unavailable
from tutorwamp.kernel.tokens import verify

MS = timedelta(milliseconds=1)


# who


async def test_A1_registering_shows_the_account(stage_on_both: Stage, ada: Ada) -> None:
    assert ada.user == User(
        id=ada.user.id, email=EMAIL, name="Ada", role=AuthRole.TUTOR, created_at=stage_on_both.clock()
    )


async def test_A2_an_address_is_taken_in_other_letters_as_well(stage_on_both: Stage, ada: Ada) -> None:
    for email in (EMAIL, "ADA@School.Example"):
        again = Register(email=email, password=PASSWORD, name="Eve", role="student")
        await refused(EmailTaken, ada.accounts.register(again))
    assert (await ada.log_in(email="Ada@SCHOOL.example")).user == ada.user


async def test_A2_of_many_at_once_one_gets_the_address(stage_on_both: Stage) -> None:
    register = Register(email=EMAIL, password=PASSWORD, name="Ada", role="tutor")
    accounts, outcomes = stage_on_both.machine.accounts, list[str]()

    async def race() -> None:
        try:
            await accounts.register(register)
        except EmailTaken:
            outcomes.append("taken")
        else:
            outcomes.append("made")

    await gatherResults([Deferred.fromCoroutine(race()) for _ in range(5)])
    assert sorted(outcomes) == ["made", "taken", "taken", "taken", "taken"]


async def test_A3_the_command_line_makes_admins(stage: Stage) -> None:
    admin = await stage.machine.accounts.add_user("root@school.example", PASSWORD, "Root", AuthRole.ADMIN)
    tokens = await stage.machine.accounts.log_in(LogIn(email="root@school.example", password=PASSWORD))
    caller, user = await stage.machine.accounts.authenticate(tokens.access_token)
    assert (caller, user) == (Caller(admin.id, AuthRole.ADMIN, None), admin)


# logging in


async def test_A6_a_login_gives_tokens(stage_on_both: Stage, ada: Ada) -> None:
    tokens = await ada.log_in()
    assert (tokens.token_type, tokens.expires_in, tokens.user) == ("Bearer", 900, ada.user)
    said = verify(stage_on_both.machine.settings.node.signing_key(), tokens.access_token, now=stage_on_both.clock())
    assert (said.user_id, said.role) == (ada.user.id, AuthRole.TUTOR)
    assert (said.issued_at, said.expires_at) == (stage_on_both.clock(), stage_on_both.clock() + timedelta(minutes=15))
    assert (await ada.log_in()).refresh_token != tokens.refresh_token


async def test_A7_whoever_cannot_log_in_hears_the_same(stage_on_both: Stage, ada: Ada) -> None:
    closed = await stage_on_both.given.user()
    await ada.accounts.deactivate(closed.email)
    refusals = [
        await refused(TutorwampError, ada.log_in("wrong horse")),
        await refused(TutorwampError, ada.log_in("")),
        await refused(TutorwampError, ada.log_in(email="nobody@school.example")),
        await refused(TutorwampError, ada.log_in(email=closed.email)),
    ]
    assert {(type(error), error.message, str(error.details)) for error in refusals} == {
        (Unauthenticated, "E-mail address and password do not match.", "{}")
    }


async def test_A7_every_refusal_costs_one_verification_of_the_same_cost(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, ada: Ada
) -> None:
    closed = await stage.given.user()
    await ada.accounts.deactivate(closed.email)
    costs, fits = list[str](), rules.password_fits

    def counted(hashed: str, password: str) -> bool:
        costs.append(hashed.rpartition("$")[0].rpartition("$")[0])
        return fits(hashed, password)

    monkeypatch.setattr(rules, "password_fits", counted)
    for email in (EMAIL, "nobody@school.example", closed.email):
        for password in ("wrong horse", "", PASSWORD):
            queries = stage.machine.database.counts.queries()
            if (email, password) != (EMAIL, PASSWORD):
                await refused(TutorwampError, ada.log_in(password, email))
                assert stage.machine.database.counts.queries() - queries == 1
                assert costs == ["$argon2id$v=19$m=19456,t=2,p=1"], (email, password)
                costs.clear()


async def test_A24_an_address_that_guessed_has_to_wait_even_with_the_right_password_others_have_not(
    stage: Stage,
) -> None:
    ada, clock = await Ada.registered(stage), Clock()
    ada.accounts._throttle = LoginThrottle(stage.machine.settings.limits, clock.seconds)
    for email in (EMAIL, "nobody@school.example"):
        for _ in range(10):
            await refused(Unauthenticated, ada.log_in("wrong", email, "192.0.2.7"))
        error = await refused(RateLimited, ada.log_in(PASSWORD, email, "192.0.2.7"))
        assert error.details == {"retry_after_s": 1.0}, "the same for nobody"
    await ada.log_in(address="192.0.2.8")
    clock.advance(1)
    await ada.log_in(address="192.0.2.7")
    for _ in range(9):
        await refused(TutorwampError, ada.log_in("wrong", address="192.0.2.7"))
    await ada.log_in(address="192.0.2.7")


async def test_A24_a_login_that_could_not_be_checked_does_not_count(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, ada: Ada
) -> None:
    ada.accounts._throttle = LoginThrottle(stage.machine.settings.limits, Clock().seconds)
    with monkeypatch.context() as full:
        full.setattr(service, "HASHING_AT_MOST", 0)
        for _ in range(20):
            await refused(Unavailable, ada.log_in(address="192.0.2.7"))
    await ada.log_in(address="192.0.2.7")


async def test_A28_a_weak_password_is_refused_wherever_it_is_chosen_and_goes_on_where_it_is(stage: Stage) -> None:
    ada, weak = await Ada.registered(stage), "Ada-2026"
    asked = Register(email="ada@b.example", password=weak, name="Eve", role="student")
    for choosing in (
        ada.accounts.register(asked),
        ada.accounts.add_user(asked.email, weak, "Eve", AuthRole.ADMIN),
        ada.accounts.set_password(EMAIL, weak),
    ):
        error = await refused(Invalid, choosing)
        assert [fault["loc"] for fault in error.details] == [["password"]]
        assert weak not in f"{error.message}{error.details}"
    now = stage.clock()
    await ada.accounts._store.add(
        User(id=new_id(), email=asked.email, name="Eve", role=AuthRole.STUDENT, created_at=now),
        rules.hash_password(weak),
    )
    await ada.log_in(weak, asked.email)


async def test_A8_a_login_under_way_does_not_survive_a_new_password(stage_on_both: Stage, ada: Ada) -> None:
    store = ada.accounts._store
    looked_up = await store.by_email(EMAIL)
    await ada.accounts.set_password(EMAIL, "a new horse")
    assert looked_up is not None
    # What log_in does with an account it has read before the change.
    late = RefreshToken("hash", new_id(), ada.user.id, stage_on_both.clock() + timedelta(days=1))
    assert not await store.add_refresh_token(late, looked_up, stage_on_both.clock())


async def test_A22_too_many_at_once_are_told_to_come_back(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "HASHING_AT_MOST", 2)
    ada, outcomes = await Ada.registered(stage), list[type]()

    async def log_in() -> None:
        try:
            await ada.log_in()
        except Unavailable as error:
            outcomes.append(type(error))
        else:
            outcomes.append(Tokens)

    await gatherResults([Deferred.fromCoroutine(log_in()) for _ in range(6)])
    assert Unavailable in outcomes
    assert outcomes.count(Tokens) >= 2
    await ada.log_in()


async def test_A9_an_access_token_ends_at_its_very_instant(stage_on_both: Stage, ada: Ada) -> None:
    tokens = await ada.log_in()
    stage_on_both.clock.turn(minutes=15, milliseconds=-1)
    assert await ada.accounts.authenticate(tokens.access_token) == (Caller(ada.user.id, AuthRole.TUTOR, None), ada.user)
    stage_on_both.clock.turn(milliseconds=1)
    assert not await ada.is_let_in(tokens)


async def test_A9_a_token_of_nobody_is_refused(stage: Stage, tmp_path: Path, ada: Ada) -> None:
    tokens = await ada.log_in()
    other, stop = set_stage(tmp_path / "other")
    try:
        await refused(Unauthenticated, other.machine.accounts.authenticate(tokens.access_token))
    finally:
        stop()
    said = jwt.decode(tokens.access_token, options={"verify_signature": False})
    key = stage.machine.settings.node.signing_key()
    assert (said["iss"], said["aud"]) == ("tutorwamp", "tutorwamp")
    assert await ada.accounts.authenticate(jwt.encode(said, key))
    foreign = [jwt.encode({**said, claim: "another"}, key) for claim in ("iss", "aud")]
    without = [jwt.encode({k: v for k, v in said.items() if k != claim}, key) for claim in ("iss", "aud")]
    for text in ("", "x", tokens.refresh_token, *foreign, *without):
        await refused(Unauthenticated, ada.accounts.authenticate(text))


# staying logged in


async def test_A10_refreshing_goes_on_as_often_as_one_likes(stage_on_both: Stage, ada: Ada) -> None:
    tokens, seen = await ada.log_in(), set[str]()
    for _ in range(4):
        seen.add(tokens.refresh_token)
        stage_on_both.clock.turn(days=29)
        tokens = await ada.refresh(tokens)
        assert await ada.is_let_in(tokens)
        assert tokens.user == ada.user
    assert tokens.refresh_token not in seen


async def test_A11_a_reuse_ends_the_family_and_only_it(stage_on_both: Stage, ada: Ada) -> None:
    first, elsewhere = await ada.log_in(), await ada.log_in()
    second = await ada.refresh(first)
    third = await ada.refresh(second)
    reused = await refused(TutorwampError, ada.refresh(first))
    unknown = await refused(TutorwampError, ada.accounts.refresh(Refresh(refresh_token="unknown")))
    assert (reused.uri, reused.message) == (unknown.uri, unknown.message), "a thief learns nothing"
    assert not await ada.stays(third)
    assert await ada.stays(elsewhere)


async def test_A11_a_refresh_whose_answer_was_lost_is_asked_for_again(stage_on_both: Stage, ada: Ada) -> None:
    first = await ada.log_in()

    async def refresh(token: str, client_id: str | None) -> Tokens:
        return await ada.accounts.refresh(Refresh(refresh_token=token, client_id=client_id))

    lost, again = await refresh(first.refresh_token, "r-1"), await refresh(first.refresh_token, "r-1")
    assert again.refresh_token == lost.refresh_token
    second = await refresh(again.refresh_token, "r-1")
    assert second.refresh_token != again.refresh_token
    await refused(TutorwampError, refresh(again.refresh_token, "r-2"))
    assert not await ada.stays(second), "another id is another use"


@pytest.mark.parametrize("client_id", [None, "r-2"])
async def test_A11_who_does_not_know_the_id_is_a_thief(client_id: str | None, ada: Ada) -> None:
    first = await ada.log_in()
    second = await ada.accounts.refresh(Refresh(refresh_token=first.refresh_token, client_id="r-1"))
    await refused(TutorwampError, ada.accounts.refresh(Refresh(refresh_token=first.refresh_token, client_id=client_id)))
    assert not await ada.stays(second)


@pytest.mark.parametrize("rotations", [1, 3])
async def test_A11_a_repetition_buys_nothing_once_its_answer_was_used(
    stage_on_both: Stage, rotations: int, ada: Ada
) -> None:
    first, elsewhere = await ada.log_in(), await ada.log_in()
    asked = Refresh(refresh_token=first.refresh_token, client_id="r-1")
    newest = await ada.accounts.refresh(asked)
    for _ in range(rotations):
        newest = await ada.refresh(newest)
    await refused(Unauthenticated, ada.accounts.refresh(asked))
    assert not await ada.stays(newest), "one of the two is a thief"
    assert await ada.stays(elsewhere)


async def test_A11_of_two_who_use_a_token_at_once_one_gets_new_ones_and_both_are_out(
    stage_on_both: Stage, ada: Ada
) -> None:
    tokens, got = await ada.log_in(), list[Tokens]()

    async def race() -> None:
        with suppress(Unauthenticated):
            got.append(await ada.refresh(tokens))

    await gatherResults([Deferred.fromCoroutine(race()) for _ in range(2)])
    assert len(got) == 1
    assert not await ada.stays(got[0])


async def test_A12_a_refresh_token_lives_thirty_days(stage_on_both: Stage, ada: Ada) -> None:
    in_time, late = await ada.log_in(), await ada.log_in()
    stage_on_both.clock.now += timedelta(days=30) - 3 * MS
    assert await ada.stays(in_time)
    stage_on_both.clock.now += 3 * MS
    assert not await ada.stays(late)


# being seen


async def test_A20_A21_people(stage_on_both: Stage) -> None:
    accounts, given = stage_on_both.machine.accounts, stage_on_both.given
    ada, ben, cleo = await given.user("tutor"), await given.user(), await given.user()
    await accounts.deactivate(ben.email)
    wanted = [cleo.id, new_id(), ben.id, ada.id, cleo.id]
    assert await accounts.persons(wanted) == [cleo.person, ben.person, ada.person, cleo.person]
    assert await accounts.persons(wanted, active_only=True) == [cleo.person, ada.person, cleo.person]
    assert await accounts.person(ada.id) == ada.person
    await refused(NotFound, accounts.person(new_id()))


async def test_people_are_remembered(stage: Stage) -> None:
    ada = await stage.given.user()
    await stage.machine.accounts.person(ada.id)
    before = stage.machine.database.counts.queries()
    assert await stage.machine.accounts.person(ada.id) == ada.person
    assert stage.machine.database.counts.queries() == before
