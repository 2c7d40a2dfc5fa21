"""What several stores of accounts write: within a transaction, and the user's row is locked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, select, update

from tutorwamp.accounts.contracts import MailPurpose, User
from tutorwamp.accounts.tables import account_mails, mailed_tokens, refresh_tokens, users
from tutorwamp.kernel.contracts import AuthRole
from tutorwamp.kernel.sql.columns import put


@dataclass(frozen=True)
class Account:
    """A user with what only accounts may know."""

    user: User
    password_hash: str
    active: bool
    revoked_at: datetime | None

    def lets_in_as(self, before: Account) -> bool:
        """Whether a password that was checked against ``before`` counts; another name meanwhile changes nothing."""
        return (self.password_hash, self.active, self.revoked_at, self.user.role) == (
            before.password_hash,
            before.active,
            before.revoked_at,
            before.user.role,
        )


def account_of(row: Row[tuple[object, ...]] | None) -> Account | None:
    """The account that a row of ``users`` is."""
    if row is None:
        return None
    user = User(
        id=row.id,
        email=row.email,
        name=row.name,
        role=AuthRole(row.role),
        created_at=row.created_at,
        email_confirmed=row.email_confirmed_at is not None,
    )
    return Account(user, row.password_hash, row.deactivated_at is None, row.revoked_at)


def locked_account(connection: Connection, user_id: str) -> Account | None:
    """An account as it is once nobody else can change it."""
    # key_share: those who only refer to the user, such as a new lesson, need not wait.
    query = select(users).where(users.c.id == user_id).with_for_update(key_share=True)
    return account_of(connection.execute(query).one_or_none())


def end_logins(connection: Connection, user_id: str, now: datetime, values: Mapping[str, Any]) -> datetime:
    """Revoke a user whose row is locked, and change it; ``now``, read after the lock: from when it holds.

    A new password or a closed account ends what was mailed, and what was to be, for a forgotten password.
    """
    connection.execute(update(users).where(users.c.id == user_id).values(revoked_at=now, **values))
    connection.execute(
        update(refresh_tokens)
        .where(refresh_tokens.c.user_id == user_id, refresh_tokens.c.revoked_at.is_(None))
        .values(revoked_at=now)
    )
    if "password_hash" in values or "deactivated_at" in values:
        reset = MailPurpose.RESET.value
        connection.execute(
            delete(mailed_tokens).where(mailed_tokens.c.user_id == user_id, mailed_tokens.c.purpose == reset)
        )
        address = select(users.c.email).where(users.c.id == user_id).scalar_subquery()
        connection.execute(
            delete(account_mails).where(account_mails.c.email == address, account_mails.c.purpose == reset)
        )
    return now


def queue_mail(connection: Connection, email: str, purpose: MailPurpose, now: datetime) -> None:
    """Have a mail sent; one that waits already is the same."""
    row = {"email": email, "purpose": purpose.value, "due_at": now, "queued_at": now, "tries": 0}
    put(connection, account_mails, [row])


def confirm_address(connection: Connection, user_id: str, now: datetime) -> None:
    """Mail reaches them; since when stays as it was first."""
    connection.execute(
        update(users).where(users.c.id == user_id, users.c.email_confirmed_at.is_(None)).values(email_confirmed_at=now)
    )
