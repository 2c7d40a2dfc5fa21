"""Notifications by e-mail, over SMTP."""

from __future__ import annotations

import io
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from typing import Any, Final
from urllib.parse import parse_qs, unquote, urlsplit

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.error import ConnectError, DNSLookupError
from twisted.internet.ssl import optionsForClientTLS
from twisted.mail.smtp import ESMTPSenderFactory, SMTPClientError

from tutorwamp.kernel.errors import TutorwampError
from tutorwamp.kernel.settings import SettingsError
from tutorwamp.notifications.push.contracts import Later, Outcome, Parcel, Refused, Sent

ANSWER_WITHIN_S: Final = 30.0
PORTS: Final = {"smtp": 587, "smtps": 465}


@dataclass(frozen=True)
class Relay:
    """A mail server that takes our mail."""

    host: str
    port: int
    secure: bool
    """TLS from the first byte (smtps); otherwise STARTTLS where it is offered, and always with a password."""
    user: str | None
    password: str | None
    sender: str

    @classmethod
    def from_url(cls, url: str) -> Relay:
        """Read SMTP_URL. Raises SettingsError."""
        try:
            parts = urlsplit(url)
            (sender,) = parse_qs(parts.query).get("from", [""])
            port = parts.port
        except ValueError as error:
            raise SettingsError(f"TUTORWAMP_SMTP_URL: {error}") from None
        if parts.scheme not in PORTS or not parts.hostname or "@" not in sender:
            raise SettingsError("TUTORWAMP_SMTP_URL: smtp://USER:PASSWORD@HOST:PORT?from=ADDRESS is expected")
        user, password = (unquote(text) if text else None for text in (parts.username, parts.password))
        return cls(parts.hostname, port or PORTS[parts.scheme], parts.scheme == "smtps", user, password, sender)


class Mail:
    """A provider. ``address_of``: a person's address, or None where there is none any more."""

    def __init__(self, reactor: Any, relay: Relay, address_of: Callable[[str], Awaitable[str | None]]) -> None:
        self._reactor = reactor
        self._relay = relay
        self._address_of = address_of

    async def send(self, parcel: Parcel) -> Outcome:
        """See Provider. What may have arrived is not sent again."""
        try:
            address = await self._address_of(parcel.user_id)
        except TutorwampError as error:
            return Later(f"nobody says to which address: {error}")
        if address is None:
            return Refused("the account is closed")
        try:
            await self._deliver(address, letter(parcel, self._relay.sender, address))
        except (ConnectError, DNSLookupError) as error:
            return Later(f"cannot be reached: {error}")
        except SMTPClientError as error:
            # A code of 400 to 499 says that it was not taken and may be another time (RFC 5321 section 4.2.1).
            temporary = 400 <= (error.code or 0) < 500
            return Later(str(error.code)) if temporary else Refused(str(error.code))
        return Sent()

    async def _deliver(self, address: str, message: EmailMessage) -> None:
        relay = self._relay
        done: Deferred[Any] = Deferred()
        factory: Any = ESMTPSenderFactory(
            relay.user,
            relay.password,
            relay.sender,
            address,
            io.BytesIO(bytes(message)),
            done,
            retries=0,
            timeout=ANSWER_WITHIN_S,
            contextFactory=None if relay.secure else optionsForClientTLS(relay.host),
            requireAuthentication=relay.user is not None,
            requireTransportSecurity=relay.user is not None and not relay.secure,
        )
        endpoint: Any = HostnameEndpoint(self._reactor, relay.host, relay.port)
        if relay.secure:
            endpoint = wrapClientTLS(optionsForClientTLS(relay.host), endpoint)
        await endpoint.connect(factory)
        await done.addTimeout(ANSWER_WITHIN_S, self._reactor)


def letter(parcel: Parcel, sender: str, address: str) -> EmailMessage:
    """The mail: plain text. ``EmailMessage`` refuses line breaks in headers; there are none in a title (Line)."""
    message = EmailMessage()
    message["From"] = sender
    message["To"] = address
    message["Subject"] = " ".join(parcel.title.split())
    message["Date"] = format_datetime(parcel.created_at)
    message["Message-ID"] = make_msgid(parcel.notification_id, domain=sender.rpartition("@")[2].rstrip(">"))
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(f"{parcel.title}\n\n{parcel.body}\n")
    return message
