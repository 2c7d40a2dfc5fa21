"""What a provider gets, what it answers, and how a browser subscribes."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final, Protocol

from cryptography.hazmat.primitives.asymmetric import ec
from pydantic import AfterValidator, Field

from tutorwamp.accounts.contracts import Addresses, Logins, People
from tutorwamp.kernel.contracts import Instant, Value
from tutorwamp.notifications.contracts import Channel, Kind

ENDPOINT_LENGTH_AT_MOST: Final = 1_000
PUBLIC_KEY_BYTES: Final = 65
"""An uncompressed point of P-256 (RFC 8291 section 3.1)."""
AUTH_BYTES: Final = 16
"""RFC 8291 section 3.2."""


def from_base64url(text: str) -> bytes:
    """Read base64url, with or without padding. Raises ValueError."""
    try:
        return base64.b64decode(text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4), altchars=b"-_", validate=True)
    except binascii.Error as error:
        raise ValueError("must be base64url") from error


def to_base64url(value: bytes) -> str:
    """Write base64url without padding."""
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def _point(text: str) -> str:
    found = from_base64url(text)
    if len(found) != PUBLIC_KEY_BYTES or found[0] != 4:
        raise ValueError("must be an uncompressed P-256 point")
    # Raises ValueError off the curve: nothing can be encrypted for such a key.
    ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), found)
    return text


def _secret(text: str) -> str:
    if len(from_base64url(text)) != AUTH_BYTES:
        raise ValueError(f"must be {AUTH_BYTES} bytes")
    return text


class Keys(Value):
    """Of a browser's subscription, base64url."""

    p256dh: Annotated[str, Field(max_length=100), AfterValidator(_point)]
    auth: Annotated[str, Field(max_length=40), AfterValidator(_secret)]


class Subscribe(Value):
    """A browser's ``PushSubscription.toJSON()``."""

    endpoint: Annotated[str, Field(min_length=1, max_length=ENDPOINT_LENGTH_AT_MOST)]
    keys: Keys
    expirationTime: int | None = None  # noqa: N815  # the browser's name


class Unsubscribe(Value):
    """Which one."""

    endpoint: Annotated[str, Field(min_length=1, max_length=ENDPOINT_LENGTH_AT_MOST)]


class Subscribed(Value):
    """A kept subscription."""

    endpoint: str
    created_at: Instant


class PushKey(Value):
    """The application server's public key (VAPID), base64url: ``applicationServerKey`` in the browser."""

    key: str


@dataclass(frozen=True)
class Delivery:
    """A notification for one target of a person. ``p256dh`` and ``auth`` are empty for e-mail."""

    delivery_id: str
    user_id: str
    channel: Channel
    target: str
    """The endpoint, or ``email``."""
    p256dh: str
    auth: str
    notification_id: str
    kind: Kind
    title: str
    body: str
    data: dict[str, Any]
    created_at: datetime
    read_at: datetime | None
    tries: int
    taken_until: datetime
    """Until then nobody else takes it; tells this taking from others."""
    registered_at: datetime | None = None
    """Of the device; null for e-mail, and for one that is not registered any more."""
    more: int = 0
    """P8: how many notifications it tells of beside this one."""

    @property
    def text(self) -> str:
        """The body, with the word that there is more."""
        return f"{self.body} There are {self.more} more notifications for you." if self.more else self.body


@dataclass(frozen=True)
class Sent:
    """It was accepted, or may have been: it is not sent again."""


@dataclass(frozen=True)
class Gone:
    """Nobody is there any more: the subscription is dropped."""


@dataclass(frozen=True)
class Refused:
    """It was not accepted and never will be."""

    reason: str


@dataclass(frozen=True)
class Later:
    """It was surely not accepted, and may be another time; ``after_s``: not before, null: as we like."""

    reason: str
    after_s: float | None = None


@dataclass(frozen=True)
class Doubtful(Later):
    """The same, and perhaps nobody is there any more: where it stays so, the subscription is dropped."""


Outcome = Sent | Gone | Refused | Later


class Accounts(People, Addresses, Logins, Protocol):
    """What push asks about accounts."""


class Provider(Protocol):
    """Sends parcels of one channel. Whatever it raises counts as Refused."""

    async def send(self, delivery: Delivery) -> Outcome:
        """Send it, once."""
        ...
