"""What is asked by who has forgotten a password, and what this folder needs of accounts."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from tutorwamp.accounts.contracts import Email, Opaque, Password, User
from tutorwamp.kernel.contracts import Value


class ForgotPassword(Value):
    """Have a mail sent, by which a new password can be set."""

    email: Email


class ResetPassword(Value):
    """Set a new password, with the token of that mail."""

    token: Opaque
    password: Password


class ConfirmEmail(Value):
    """Mail reaches me: the token of the mail that came says so."""

    token: Opaque


class Passwords(Protocol):
    """The port to what accounts know of passwords and sessions."""

    async def new_hash(self, password: str, user: User) -> str:
        """The hash of a password that somebody chooses. Raises Invalid where it is too easy to guess, Unavailable."""
        ...

    async def end_sessions(self, user_id: str, revoked_at: datetime, message: str) -> None:
        """Live sessions of somebody whose logins were ended at that instant end as well, at once or a little later.

        It does not fail: what has ended them cannot be asked for again.
        """
        ...
