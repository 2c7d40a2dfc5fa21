"""Mails that were asked for, and the tokens that are in those that were sent."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, Row, and_, delete, exists, select, update
from twisted.internet.defer import Deferred

from tutorwamp.accounts.contracts import MailPurpose, User
from tutorwamp.accounts.tables import account_mails, mailed_tokens, users
from tutorwamp.accounts.writing import account_of, confirm_address, end_logins, locked_account, queue_mail
from tutorwamp.kernel.contracts import Clock
from tutorwamp.kernel.sql.columns import put
from tutorwamp.kernel.sql.database import Database

TAKEN_FOR: Final = timedelta(minutes=2)
"""Longer than a relay may take; where the process has died meanwhile, the mail is due again after that."""


@dataclass(frozen=True)
class TakenMail:
    """A mail that is ours to send until ``taken_until``, which tells this taking from others."""

    email: str
    purpose: MailPurpose
    queued_at: datetime
    tries: int
    """This one among them."""
    taken_until: datetime


class RecoveryStore:
    """What is remembered of mails about accounts."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def ask(self, email: str, purpose: MailPurpose, now: datetime) -> Deferred[None]:
        """A mail is wanted for an address, whether or not there is an account: the same one statement."""
        return self._database.write("accounts.ask_mail", lambda connection: queue_mail(connection, email, purpose, now))

    async def take_due(self, at_most: int, now: datetime) -> list[TakenMail]:
        """Mails that are due, nobody else's for TAKEN_FOR. Where there are none, mostly, nothing is written."""
        is_due = account_mails.c.due_at <= now
        something = select(exists().where(is_due))
        if not await self._database.read("accounts.look_for_mails", lambda one: one.execute(something).scalar()):
            return []
        due = select(account_mails).where(is_due).order_by(account_mails.c.due_at).limit(at_most)

        def thd(connection: Connection) -> list[TakenMail]:
            rows = connection.execute(due.with_for_update(skip_locked=True)).all()
            return [_take(connection, row, now + TAKEN_FOR) for row in rows]

        return await self._database.write("accounts.take_mails", thd)

    def issue(self, mail: TakenMail, token_hash: str, expires_at: datetime) -> Deferred[User | None]:
        """Let a token do what the mail is for, and no other; whose it is. None, and the mail is gone, where nobody is.

        That is: no open account has the address, it is confirmed already, or the mail is not ours any more.
        """
        mine = _is(mail)

        def thd(connection: Connection) -> User | None:
            found = connection.execute(select(users.c.id).where(users.c.email == mail.email)).scalar()
            account = locked_account(connection, found) if found is not None else None
            wanted = account is not None and account.active
            if account is not None and mail.purpose is MailPurpose.CONFIRM and account.user.email_confirmed:
                wanted = False
            if account is None or not wanted or connection.execute(select(account_mails).where(mine)).first() is None:
                connection.execute(delete(account_mails).where(mine))
                return None
            row = {"user_id": account.user.id, "purpose": mail.purpose.value, "hash": token_hash}
            put(connection, mailed_tokens, [{**row, "expires_at": expires_at}])
            return account.user

        return self._database.write("accounts.issue_token", thd)

    def finish(self, mail: TakenMail) -> Deferred[None]:
        """It needs nothing more, unless it was asked for again meanwhile."""

        def thd(connection: Connection) -> None:
            connection.execute(delete(account_mails).where(_is(mail)))

        return self._database.write("accounts.finish_mail", thd)

    def later(self, mail: TakenMail, due_at: datetime) -> Deferred[None]:
        """It was not taken, and is tried again."""

        def thd(connection: Connection) -> None:
            connection.execute(update(account_mails).where(_is(mail)).values(due_at=due_at))

        return self._database.write("accounts.mail_later", thd)

    def bearer(self, token_hash: str, purpose: MailPurpose, now: datetime) -> Deferred[User | None]:
        """Whose token it is; None where it is worth nothing."""
        return self._database.read("accounts.bearer", lambda connection: _bearer(connection, token_hash, purpose, now))

    def reset(self, token_hash: str, user: User, password_hash: str, clock: Clock) -> Deferred[datetime | None]:
        """Set a password once for a token: all logins end. From when it holds; None where it is worth nothing."""

        def thd(connection: Connection) -> datetime | None:
            account = locked_account(connection, user.id)
            if account is not None and account.password_hash == password_hash:
                return account.revoked_at  # hashes are salted: this is what we have written ourselves
            now = clock()
            if _bearer(connection, token_hash, MailPurpose.RESET, now) is None:
                return None
            confirm_address(connection, user.id, now)  # the mail with the token has come there
            return end_logins(connection, user.id, now, {"password_hash": password_hash})

        return self._database.write("accounts.reset", thd)

    def confirm(self, token_hash: str, now: datetime) -> Deferred[User | None]:
        """Mail reaches whoever has the token; whose it is. None where it is worth nothing."""

        def thd(connection: Connection) -> User | None:
            user = _bearer(connection, token_hash, MailPurpose.CONFIRM, now)
            if user is not None:
                confirm_address(connection, user.id, now)
            return user

        return self._database.write("accounts.confirm", thd)


def _take(connection: Connection, row: Row[Any], until: datetime) -> TakenMail:
    taken = TakenMail(row.email, MailPurpose(row.purpose), row.queued_at, row.tries + 1, until)
    which = and_(account_mails.c.email == row.email, account_mails.c.purpose == row.purpose)
    connection.execute(update(account_mails).where(which).values(due_at=until, tries=taken.tries))
    return taken


def _is(mail: TakenMail) -> Any:
    return and_(
        account_mails.c.email == mail.email,
        account_mails.c.purpose == mail.purpose.value,
        account_mails.c.due_at == mail.taken_until,
    )


def _bearer(connection: Connection, token_hash: str, purpose: MailPurpose, now: datetime) -> User | None:
    token = and_(mailed_tokens.c.hash == token_hash, mailed_tokens.c.purpose == purpose.value)
    query = select(users).join(mailed_tokens, and_(mailed_tokens.c.user_id == users.c.id, token))
    account = account_of(connection.execute(query.where(mailed_tokens.c.expires_at > now)).one_or_none())
    return account.user if account is not None and account.active else None
