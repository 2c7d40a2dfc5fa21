"""What others may know of accounts."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal, Protocol

from email_validator import EmailNotValidError, validate_email
from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints

from tutorwamp.kernel.contracts import AuthRole, ClientId, Id, Instant, Line, Value

PASSWORD_LENGTH_AT_LEAST = 8
PASSWORD_LENGTH_AT_MOST = 128
"""NIST SP 800-63B section 5.1.1.2: at least 8; a bound keeps hashing from being abused."""


def _checked_email(text: str) -> str:
    try:
        # globally_deliverable=False: schools have addresses of their own networks.
        return validate_email(text, check_deliverability=False, globally_deliverable=False).normalized.lower()
    except EmailNotValidError as error:
        raise ValueError(f"not an e-mail address: {error}") from error


Email = Annotated[
    str,
    StringConstraints(max_length=254, pattern=r"^[^\x00-\x1f\x7f]+$"),
    AfterValidator(_checked_email),
    BeforeValidator(lambda text: text.strip(" ") if isinstance(text, str) else text),
]
"""An e-mail address, compared and kept in lower case and without the blanks a keyboard leaves around it."""


def _without_control_characters(text: str) -> str:
    if any(ord(character) < 32 or ord(character) == 127 for character in text):
        raise ValueError("must not contain control characters")
    return text


Password = Annotated[
    str,
    Field(min_length=PASSWORD_LENGTH_AT_LEAST, max_length=PASSWORD_LENGTH_AT_MOST),
    AfterValidator(_without_control_characters),
]
Name = Annotated[Line, Field(min_length=1, max_length=100)]
Opaque = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[A-Za-z0-9_-]+$")]


class Person(Value):
    """A person inside another value."""

    id: Id
    name: str
    role: AuthRole


class User(Value):
    """A person as they see themselves."""

    id: Id
    email: str
    name: str
    role: AuthRole
    created_at: Instant
    email_confirmed: bool = False
    """Whether mail is known to reach them; notifications by mail wait for it."""

    @property
    def person(self) -> Person:
        """As others see them."""
        return Person(id=self.id, name=self.name, role=self.role)


class Register(Value):
    """A new account; admins are made on the command line only."""

    email: Email
    password: Password
    name: Name
    role: Literal["student", "tutor"]


class OneAccount(Value):
    """Just which account (command line)."""

    email: Email


class SetPassword(OneAccount):
    """A new password for an account (command line)."""

    password: Password


class ChangeMe(Value):
    """Change what others see of oneself."""

    name: Name


class ChangePassword(Value):
    """A new password of one's own. The old one's form is not checked, as in a login."""

    current_password: Annotated[str, Field(max_length=PASSWORD_LENGTH_AT_MOST)]
    password: Password


class LogIn(Value):
    """Credentials. The password's form is not checked here: that would tell a guesser something."""

    email: Email
    password: Annotated[str, Field(max_length=PASSWORD_LENGTH_AT_MOST)]


class Refresh(Value):
    """Exchange a refresh token for new tokens; each can be used once.

    With a ``client_id`` (over REST: ``Idempotency-Key``) the same request may be repeated, where its answer was lost.
    """

    refresh_token: Opaque
    client_id: ClientId | None = None


class LogOut(Value):
    """End one login, or with ``everywhere`` all of them and the live sessions too."""

    refresh_token: Opaque
    everywhere: bool = False


class Tokens(Value):
    """What a login gives."""

    access_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105  # RFC 6750's name of a scheme, not a secret
    expires_in: int
    """Seconds until the access token expires."""
    refresh_token: str
    user: User


@dataclass(frozen=True)
class PersonChanged:
    """Somebody has another name or role, or their account was opened or closed, perhaps by another process."""

    user_id: str


class Addresses(Protocol):
    """The port by which somebody's e-mail address is found, for mail to them."""

    async def address_of(self, user_id: str) -> str | None:
        """The address, or None where the account is closed, was never there, or has not confirmed it."""
        ...

    async def reachable(self, user_ids: Collection[str]) -> set[str]:
        """Those of these people who have such an address."""
        ...


class Logins(Protocol):
    """The port by which others learn whose logins were ended, all at once."""

    async def ended_at(self, user_ids: Collection[str]) -> Mapping[str, datetime]:
        """When that was last, of those of these people to whom it has happened."""
        ...


class MailPurpose(StrEnum):
    """What a mail about an account is for."""

    RESET = "reset"
    CONFIRM = "confirm"


class Posted(StrEnum):
    """What became of a mail: ``LATER``: it was surely not taken, and may be another time."""

    SENT = "sent"
    LATER = "later"
    REFUSED = "refused"


class Mailer(Protocol):
    """The port by which mail about an account goes out."""

    async def post(self, address: str, subject: str, text: str, at: datetime) -> Posted:
        """Hand one mail over, written at that instant. What may have arrived is SENT or REFUSED."""
        ...


class People(Protocol):
    """The port by which other domains learn who somebody is."""

    async def person(self, user_id: str) -> Person:
        """One person. Raises NotFound."""
        ...

    async def persons(self, user_ids: Sequence[str], *, active_only: bool = False) -> list[Person]:
        """Several people in one query, in the order asked for; those who do not exist are left out."""
        ...
