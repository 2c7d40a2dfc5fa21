"""Users and their refresh tokens."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, delete, insert, select, update
from sqlalchemy.exc import IntegrityError
from twisted.internet.defer import Deferred

from tutorwamp.accounts.contracts import MailPurpose, Person, User
from tutorwamp.accounts.errors import EmailTaken
from tutorwamp.accounts.tables import refresh_tokens, users
from tutorwamp.accounts.writing import Account, account_of, confirm_address, end_logins, locked_account, queue_mail
from tutorwamp.kernel.contracts import AuthRole, Clock
from tutorwamp.kernel.sql.database import Database
from tutorwamp.kernel.sql.groups import GroupRead


@dataclass(frozen=True)
class RefreshToken:
    """A refresh token to be kept; ``hash`` stands for the token itself."""

    hash: str
    family_id: str
    user_id: str
    expires_at: datetime


class Spent(Enum):
    """Why a refresh token buys nothing."""

    UNKNOWN = "unknown, expired or revoked"
    REUSED = "used before: its family is revoked now"


class AccountsStore:
    """What is remembered of accounts.

    Whoever changes a user's tokens holds the lock on the user's row, so that no token is added to a login that another
    process is ending. A transaction may run again after its commit went through and only the answer was lost: what it
    made the first time is found by its id or hash.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._by_id: GroupRead[str, Account | None] = GroupRead(database, "accounts.by_id", _by_id)

    def add(self, user: User, password_hash: str, *, mailed: bool = False) -> Deferred[None]:
        """Keep a new user; ``mailed``: with the mail by which the address is confirmed. Raises EmailTaken."""

        def thd(connection: Connection) -> None:
            if connection.execute(select(users.c.id).where(users.c.id == user.id)).one_or_none() is not None:
                return
            try:
                row = user.model_dump(mode="python", exclude={"email_confirmed"})
                confirmed_at = user.created_at if user.email_confirmed else None
                more = {"role": str(user.role), "password_hash": password_hash, "email_confirmed_at": confirmed_at}
                connection.execute(insert(users), {**row, **more})
            except IntegrityError as error:
                raise EmailTaken("Somebody has registered with this e-mail address already.") from error
            if mailed:
                queue_mail(connection, user.email, MailPurpose.CONFIRM, user.created_at)

        return self._database.write("accounts.add", thd)

    def by_email(self, email: str) -> Deferred[Account | None]:
        """The account with this e-mail address, deactivated or not."""

        def thd(connection: Connection) -> Account | None:
            return account_of(connection.execute(select(users).where(users.c.email == email)).one_or_none())

        return self._database.read("accounts.by_email", thd)

    def by_id(self, user_id: str) -> Deferred[Account | None]:
        """The account with this id, deactivated or not; every request with a token asks."""
        return self._by_id.submit(user_id)

    def persons(self, user_ids: Sequence[str], *, active_only: bool) -> Deferred[dict[str, Person]]:
        """Those of these who exist, by id."""
        query = select(users.c.id, users.c.name, users.c.role).where(users.c.id.in_(user_ids))
        if active_only:
            query = query.where(users.c.deactivated_at.is_(None))

        def thd(connection: Connection) -> dict[str, Person]:
            return {
                row.id: Person(id=row.id, name=row.name, role=AuthRole(row.role)) for row in connection.execute(query)
            }

        return self._database.read("accounts.persons", thd)

    def add_refresh_token(self, token: RefreshToken, account: Account, now: datetime) -> Deferred[bool]:
        """Keep the first token of a family. False where the account is no longer what the login was checked against."""

        def thd(connection: Connection) -> bool:
            now_it_is = locked_account(connection, token.user_id)
            if now_it_is is None or not now_it_is.lets_in_as(account):
                return False
            if _token(connection, token.hash) is None:
                _forget_expired(connection, token.user_id, now)
                _add_token(connection, token)
            return True

        return self._database.write("accounts.add_refresh_token", thd)

    def spend(
        self, spent_hash: str, fresh_hash: str, fresh_expires_at: datetime, now: datetime
    ) -> Deferred[RefreshToken | Spent]:
        """Exchange a token for a fresh one of its family; a second use revokes the family.

        A repetition finds its first answer as long as nobody has used that one: who has, has heard it.
        """

        def thd(connection: Connection) -> RefreshToken | Spent:
            row = _token_of_locked_user(connection, spent_hash)
            if row is None or row.revoked_at is not None or row.expires_at <= now:
                return Spent.UNKNOWN
            fresh = RefreshToken(fresh_hash, row.family_id, row.user_id, fresh_expires_at)
            if row.spent_at is None:
                spent = refresh_tokens.c.hash == spent_hash
                connection.execute(update(refresh_tokens).where(spent).values(spent_at=now))
                _add_token(connection, fresh)
            elif not _is_unspent(_token(connection, fresh_hash)):
                _revoke_family(connection, row.family_id, now)
                return Spent.REUSED
            return fresh

        return self._database.write("accounts.spend", thd)

    def revoke_family_of(self, token: str, now: datetime) -> Deferred[str | None]:
        """Revoke the login a token's hash belongs to; the user's id, or None where the token is worth nothing."""

        def thd(connection: Connection) -> str | None:
            row = _token_of_locked_user(connection, token)
            if row is None or row.expires_at <= now or (row.revoked_at is not None and row.revoked_at != now):
                return None
            _revoke_family(connection, row.family_id, now)
            return str(row.user_id)

        return self._database.write("accounts.revoke_family_of", thd)

    def revoke_user(
        self,
        user_id: str,
        clock: Clock,
        *,
        deactivate: bool = False,
        password_hash: str | None = None,
        role: AuthRole | None = None,
    ) -> Deferred[datetime]:
        """End all logins of a user; with it a new password or role, or the account's deactivation. From when it holds.

        The clock is read once nobody else can give the user a token any more.
        """

        def thd(connection: Connection) -> datetime:
            locked_account(connection, user_id)
            now = clock()
            values: dict[str, object] = {}
            if deactivate:
                values |= {"deactivated_at": now, "changed_at": now}
            if password_hash is not None:
                values["password_hash"] = password_hash
            if role is not None:
                values |= {"role": str(role), "changed_at": now}
            return end_logins(connection, user_id, now, values)

        return self._database.write("accounts.revoke_user", thd)

    def change_password(
        self, before: Account, password_hash: str, token: RefreshToken, clock: Clock
    ) -> Deferred[datetime | None]:
        """Set a password, end all logins and begin one with this token. From when it holds.

        None where the account is no longer what the old password was checked against.
        """

        def thd(connection: Connection) -> datetime | None:
            account = locked_account(connection, token.user_id)
            if account is not None and account.password_hash == password_hash:
                return account.revoked_at  # hashes are salted: we have written it ourselves, before
            if account is None or not account.lets_in_as(before):
                return None
            now = end_logins(connection, token.user_id, clock(), {"password_hash": password_hash})
            _add_token(connection, token)
            return now

        return self._database.write("accounts.change_password", thd)

    def rename(self, user_id: str, name: str, now: datetime) -> Deferred[None]:
        """Another name, from now on."""

        def thd(connection: Connection) -> None:
            connection.execute(update(users).where(users.c.id == user_id).values(name=name, changed_at=now))

        return self._database.write("accounts.rename", thd)

    def confirm_address(self, user_id: str, now: datetime) -> Deferred[None]:
        """The school knows that mail reaches them."""
        return self._database.write("accounts.confirm_address", lambda one: confirm_address(one, user_id, now))

    def reachable(self, user_ids: Collection[str]) -> Deferred[set[str]]:
        """Those of these whose account is open and whose address is confirmed."""
        query = select(users.c.id).where(
            users.c.id.in_(user_ids), users.c.deactivated_at.is_(None), users.c.email_confirmed_at.is_not(None)
        )
        return self._database.read("accounts.reachable", lambda one: set(one.scalars(query)))

    def activate(self, user_id: str) -> Deferred[None]:
        """Open a closed account again; its logins stay ended."""

        def thd(connection: Connection) -> None:
            connection.execute(update(users).where(users.c.id == user_id).values(deactivated_at=None))

        return self._database.write("accounts.activate", thd)

    def all(self, after: str, at_most: int) -> Deferred[list[Account]]:
        """Accounts by e-mail address, those after one."""
        query = select(users).where(users.c.email > after).order_by(users.c.email).limit(at_most)

        def thd(connection: Connection) -> list[Account]:
            return [account for row in connection.execute(query) if (account := account_of(row)) is not None]

        return self._database.read("accounts.all", thd)

    def changed_since(self, instant: datetime) -> Deferred[dict[str, datetime]]:
        """Who was changed at or after an instant, and when; see PersonChanged."""
        query = select(users.c.id, users.c.changed_at).where(users.c.changed_at >= instant)
        return self._database.read(
            "accounts.changed_since", lambda one: {row.id: row.changed_at for row in one.execute(query)}
        )

    def revoked_since(self, instant: datetime) -> Deferred[dict[str, datetime]]:
        """Who was revoked at or after an instant, and when."""
        return self._revoked(users.c.revoked_at >= instant)

    def revoked(self, user_ids: Collection[str]) -> Deferred[dict[str, datetime]]:
        """Those of these who ever were, and when it was last."""
        return self._revoked(users.c.id.in_(user_ids) & users.c.revoked_at.is_not(None))

    def _revoked(self, which: ColumnElement[bool]) -> Deferred[dict[str, datetime]]:
        query = select(users.c.id, users.c.revoked_at).where(which)
        return self._database.read(
            "accounts.revoked", lambda one: {row.id: row.revoked_at for row in one.execute(query)}
        )


def _by_id(connection: Connection, user_ids: Sequence[str]) -> list[Account | None]:
    rows = connection.execute(select(users).where(users.c.id.in_(set(user_ids))))
    found = {row.id: account_of(row) for row in rows}
    return [found.get(user_id) for user_id in user_ids]


def _forget_expired(connection: Connection, user_id: str, now: datetime) -> None:
    old = and_(refresh_tokens.c.user_id == user_id, refresh_tokens.c.expires_at <= now)
    connection.execute(delete(refresh_tokens).where(old))


def _token(connection: Connection, token_hash: str) -> Row[Any] | None:
    return connection.execute(select(refresh_tokens).where(refresh_tokens.c.hash == token_hash)).one_or_none()


def _token_of_locked_user(connection: Connection, token_hash: str) -> Row[Any] | None:
    """A token as it is once nobody else can change it."""
    row = _token(connection, token_hash)
    if row is None:
        return None
    locked_account(connection, row.user_id)
    return _token(connection, token_hash)


def _is_unspent(row: Row[Any] | None) -> bool:
    return row is not None and row.spent_at is None


def _add_token(connection: Connection, token: RefreshToken) -> None:
    connection.execute(insert(refresh_tokens), vars(token))


def _revoke_family(connection: Connection, family_id: str, now: datetime) -> None:
    connection.execute(
        update(refresh_tokens)
        .where(refresh_tokens.c.family_id == family_id, refresh_tokens.c.revoked_at.is_(None))
        .values(revoked_at=now)
    )
