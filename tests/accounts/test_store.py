"""What is remembered of accounts, on both engines, also when the answer to a commit is lost."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import cast

import psycopg
import pytest
from sqlalchemy import Connection, event, select, text
from sqlalchemy.exc import OperationalError
from twisted.internet import reactor
from twisted.internet.interfaces import IReactorThreads

from tests.support.machine import Stage, set_stage
from tests.support.postgres import Postgres
from tests.support.waiting import until
from tutorwamp.accounts.contracts import User
from tutorwamp.accounts.errors import EmailTaken
from tutorwamp.accounts.store import AccountsStore, RefreshToken, Spent
from tutorwamp.accounts.tables import refresh_tokens
from tutorwamp.accounts.writing import Account
from tutorwamp.kernel.contracts import AuthRole, new_id
from tutorwamp.kernel.sql.database import Database, make_engine

HASH = "$argon2id$…"
MONTH = timedelta(days=30)
PATIENCE_S = 30.0


class Told:
    """A stage with its store, and a user in it."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.database = stage.machine.database
        self.store = AccountsStore(self.database)

    async def add(self, email: str = "ada@school.example", name: str = "Ada") -> Account:
        user = User(id=new_id(), email=email, name=name, role=AuthRole.TUTOR, created_at=self.stage.clock())
        await self.store.add(user, HASH)
        return Account(user, HASH, active=True, revoked_at=None)

    def token(self, account: Account, hashed: str = "first") -> RefreshToken:
        return RefreshToken(hashed, new_id(), account.user.id, self.stage.clock() + MONTH)

    async def spend(self, spent: str, fresh: str) -> RefreshToken | Spent:
        now = self.stage.clock()
        return await self.store.spend(spent, fresh, now + MONTH, now)

    async def living(self) -> list[str]:
        """Hashes of tokens that would buy something."""
        query = select(refresh_tokens.c.hash).where(
            refresh_tokens.c.spent_at.is_(None), refresh_tokens.c.revoked_at.is_(None)
        )
        return await self.database.read("living", lambda connection: sorted(connection.scalars(query)))

    @contextmanager
    def answer_lost_once(self) -> Iterator[None]:
        """The next commit is done, and then the connection is lost before anybody is told."""
        lost: list[int] = []

        def lose(connection: Connection) -> None:
            if not lost:
                lost.append(1)
                assert connection.connection.dbapi_connection is not None
                connection.connection.dbapi_connection.commit()
                raise OperationalError("COMMIT", None, psycopg.OperationalError("lost"), connection_invalidated=True)

        event.listen(self.database.engine, "commit", lose)
        try:
            yield
        finally:
            event.remove(self.database.engine, "commit", lose)
        assert lost


@pytest.fixture
def told(stage_on_both: Stage) -> Told:
    return Told(stage_on_both)


async def test_an_account_is_found_by_address_and_by_id(told: Told) -> None:
    account = await told.add()
    assert await told.store.by_email("ada@school.example") == account
    assert await told.store.by_id(account.user.id) == account
    assert await told.store.by_email("nobody@school.example") is None
    assert await told.store.by_id(new_id()) is None


async def test_A2_an_address_belongs_to_one_account(told: Told) -> None:
    account = await told.add()
    with pytest.raises(EmailTaken):
        await told.add()
    assert await told.store.by_email("ada@school.example") == account


async def test_A21_people_by_id(told: Told) -> None:
    ada, ben = await told.add(), await told.add("ben@school.example", "Ben")
    await told.store.revoke_user(ben.user.id, told.stage.clock, deactivate=True)
    wanted = [ada.user.id, ben.user.id, new_id()]
    both = {account.user.id: account.user.person for account in (ada, ben)}
    assert await told.store.persons(wanted, active_only=False) == both
    assert await told.store.persons(wanted, active_only=True) == {ada.user.id: ada.user.person}
    assert await told.store.persons([], active_only=False) == {}


async def test_A10_a_token_is_exchanged_for_one_of_its_family(told: Told) -> None:
    account = await told.add()
    first = told.token(account)
    assert await told.store.add_refresh_token(first, account, told.stage.clock())
    told.stage.clock.turn(days=1)
    fresh = await told.spend("first", "second")
    assert fresh == RefreshToken("second", first.family_id, account.user.id, told.stage.clock() + MONTH)
    assert await told.living() == ["second"]


async def test_A11_a_second_use_ends_the_family_and_no_other(told: Told) -> None:
    account = await told.add()
    for secret in ("first", "elsewhere"):
        await told.store.add_refresh_token(told.token(account, secret), account, told.stage.clock())
    await told.spend("first", "second")
    await told.spend("second", "third")
    assert await told.spend("first", "stolen") is Spent.REUSED
    assert await told.living() == ["elsewhere"]
    assert await told.spend("third", "fourth") is Spent.UNKNOWN


async def test_A12_a_token_expires_at_its_very_instant(told: Told) -> None:
    account = await told.add()
    for secret in ("first", "second"):
        await told.store.add_refresh_token(told.token(account, secret), account, told.stage.clock())
    told.stage.clock.turn(days=30, milliseconds=-1)
    assert isinstance(await told.spend("first", "fresh"), RefreshToken)
    told.stage.clock.turn(milliseconds=1)
    assert await told.spend("second", "late") is Spent.UNKNOWN
    assert await told.spend("unknown", "late") is Spent.UNKNOWN


async def test_A8_a_login_counts_only_for_the_account_that_was_checked(told: Told) -> None:
    checked = await told.add()
    told.stage.clock.turn(seconds=1)
    await told.store.revoke_user(checked.user.id, told.stage.clock, password_hash="another")
    assert not await told.store.add_refresh_token(told.token(checked), checked, told.stage.clock())
    assert await told.living() == []
    changed = await told.store.by_id(checked.user.id)
    assert changed is not None
    assert await told.store.add_refresh_token(told.token(changed), changed, told.stage.clock())


async def test_A23_a_login_clears_away_what_has_expired(told: Told) -> None:
    account, ben = await told.add(), await told.add("ben@school.example")
    for owner, hashed in ((account, "old"), (ben, "bens")):
        await told.store.add_refresh_token(told.token(owner, hashed), owner, told.stage.clock())
    told.stage.clock.turn(days=30)
    await told.store.add_refresh_token(told.token(account, "new"), account, told.stage.clock())
    assert await told.living() == ["bens", "new"]


async def test_A14_ending_a_family(told: Told) -> None:
    account = await told.add()
    for secret in ("first", "elsewhere"):
        await told.store.add_refresh_token(told.token(account, secret), account, told.stage.clock())
    await told.spend("first", "second")
    assert await told.store.revoke_family_of("first", told.stage.clock()) == account.user.id
    assert await told.store.revoke_family_of("second", told.stage.clock()) == account.user.id
    assert await told.store.revoke_family_of("unknown", told.stage.clock()) is None
    assert await told.living() == ["elsewhere"]


async def test_A15_revoking_a_user_ends_all_families(told: Told) -> None:
    account, ben = await told.add(), await told.add("ben@school.example")
    for owner, secret in ((account, "first"), (account, "second"), (ben, "bens")):
        await told.store.add_refresh_token(told.token(owner, secret), owner, told.stage.clock())
    now = told.stage.clock()
    assert await told.store.revoke_user(account.user.id, told.stage.clock) == now
    assert await told.living() == ["bens"]
    assert await told.store.by_id(account.user.id) == Account(account.user, HASH, active=True, revoked_at=now)
    await told.store.revoke_user(account.user.id, told.stage.clock, deactivate=True, password_hash="new")
    assert await told.store.by_id(account.user.id) == Account(account.user, "new", active=False, revoked_at=now)


async def test_revocations_since(told: Told) -> None:
    account, before = await told.add(), told.stage.clock()
    await told.add("ben@school.example")
    await told.store.revoke_user(account.user.id, told.stage.clock)
    assert await told.store.revoked_since(before) == {account.user.id: before}
    assert await told.store.revoked_since(before + timedelta(milliseconds=1)) == {}


# lost answers


async def test_A13_a_lost_answer_makes_no_second_account_and_no_error(told: Told) -> None:
    with told.answer_lost_once():
        account = await told.add()
    assert await told.store.by_email("ada@school.example") == account
    with pytest.raises(EmailTaken):
        await told.add()


async def test_A13_a_lost_answer_to_a_login_is_no_error(told: Told) -> None:
    account = await told.add()
    with told.answer_lost_once():
        assert await told.store.add_refresh_token(told.token(account), account, told.stage.clock())
    assert await told.living() == ["first"]


async def test_A13_a_lost_answer_to_a_refresh_is_no_second_use(told: Told) -> None:
    account = await told.add()
    await told.store.add_refresh_token(told.token(account), account, told.stage.clock())
    with told.answer_lost_once():
        fresh = await told.spend("first", "second")
    assert isinstance(fresh, RefreshToken)
    assert await told.living() == ["second"]
    assert await told.spend("first", "third") is Spent.REUSED


# two processes


async def somebody_waits(database: Database) -> None:
    """Return once a transaction on this PostgreSQL database waits for another's lock."""
    waiting = text(
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    )
    await until(lambda: database.read("waiting", lambda connection: connection.scalar(waiting)), "somebody who waits")


async def test_A17_a_revocation_catches_the_token_another_process_is_making(postgres: Postgres, tmp_path: Path) -> None:
    url = postgres.create_database("revocation_race")
    stage, stop = set_stage(tmp_path, url)
    elsewhere = Database(make_engine(url), cast("IReactorThreads", reactor))
    elsewhere.start()
    try:
        told = Told(stage)
        account, now = await told.add(), stage.clock()
        await told.store.add_refresh_token(told.token(account), account, told.stage.clock())
        may_commit = threading.Event()
        event.listen(elsewhere.engine, "commit", lambda _: may_commit.wait(PATIENCE_S))

        exchanged = AccountsStore(elsewhere).spend("first", "second", now + MONTH, now)
        holding = text(
            "SELECT count(*) FROM pg_locks WHERE relation = 'refresh_tokens'::regclass AND mode = 'RowExclusiveLock'"
        )
        await until(lambda: told.database.read("holding", lambda one: one.scalar(holding)), "somebody who holds a lock")
        revoked = told.store.revoke_user(account.user.id, stage.clock)
        await somebody_waits(told.database)
        may_commit.set()
        await exchanged
        await revoked
        assert await told.living() == []
    finally:
        may_commit.set()
        elsewhere.stop()
        stop()
