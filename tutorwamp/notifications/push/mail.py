"""Mail, handed over to a relay: notifications, and what accounts have to say."""

from __future__ import annotations

import quopri
import smtplib
import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from email.header import Header
from email.utils import format_datetime, make_msgid, parseaddr
from functools import partial
from typing import Any, Final
from urllib.parse import parse_qs, unquote, urlsplit

from email_validator import EmailNotValidError, validate_email
from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.error import ConnectError, DNSLookupError
from twisted.internet.protocol import Factory
from twisted.internet.ssl import optionsForClientTLS

from tutorwamp.accounts.contracts import Posted
from tutorwamp.kernel.contracts import new_id
from tutorwamp.kernel.errors import TutorwampError
from tutorwamp.kernel.log.lines import get_logger
from tutorwamp.kernel.settings import SettingsError
from tutorwamp.notifications.contracts import Kind
from tutorwamp.notifications.push.contracts import Delivery, Later, Outcome, Refused, Sent
from tutorwamp.notifications.push.smtp import Conversation

log = get_logger(__name__)

ANSWER_WITHIN_S: Final = 30.0
ASKED_WITHIN_S: Final = 5.0
"""Each answer of a relay that somebody waits for who registers; a node that stops waits for it as well."""
PORTS: Final = {"smtp": 587, "smtps": 465}
SUBJECTS: Final = {
    Kind.LESSON_INVITED: "You are invited to a lesson",
    Kind.LESSON_CHANGED: "A lesson has changed",
    Kind.LESSON_CANCELLED: "A lesson was called off",
    Kind.LESSON_STARTING: "A lesson begins soon",
    Kind.CHAT_MESSAGE: "Somebody has written to you",
}
"""The school's own words: a tutor's title under the school's address would be anybody's letter from the school."""


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
    """The address; its domain in ASCII."""
    name: str = ""
    """The sender's, where the setting says one: ``School <school@school.example>``."""

    @classmethod
    def from_url(cls, url: str) -> Relay:
        """Read SMTP_URL. Raises SettingsError."""
        try:
            parts = urlsplit(url)
            (given,) = parse_qs(parts.query.replace("+", "%2B")).get("from", [""])  # a plus is part of an address
            port = parts.port
        except ValueError as error:
            raise SettingsError(f"TUTORWAMP_SMTP_URL: {error}") from None
        name, address = parseaddr(given)
        sender = wire_address(address)
        if parts.scheme not in PORTS or not parts.hostname or sender is None or not sender.isascii():
            raise SettingsError("TUTORWAMP_SMTP_URL: smtp://USER:PASSWORD@HOST:PORT?from=ADDRESS is expected")
        user, password = (unquote(text) if text else None for text in (parts.username, parts.password))
        return cls(parts.hostname, port or PORTS[parts.scheme], parts.scheme == "smtps", user, password, sender, name)


def takes_utf8(relay: Relay) -> bool:
    """Ask whether mail may go to a local part that is not ASCII (SMTPUTF8, RFC 6531); not known is no. Blocks."""
    context = ssl.create_default_context()
    connect: Callable[..., smtplib.SMTP] = smtplib.SMTP
    if relay.secure:
        connect = partial(smtplib.SMTP_SSL, context=context)
    offered = False
    with (
        suppress(OSError, smtplib.SMTPException, UnicodeError),
        connect(relay.host, relay.port, timeout=ASKED_WITHIN_S) as talk,
    ):
        talk.ehlo()
        if not relay.secure and talk.has_extn("starttls"):
            talk.starttls(context=context)
            talk.ehlo()
        offered = talk.has_extn("smtputf8")
    return offered


def wire_address(address: str) -> str | None:
    """An address as mail servers write it, its domain in ASCII (RFC 5891); None where it is none."""
    try:
        found = validate_email(address, check_deliverability=False, globally_deliverable=False, test_environment=True)
    except EmailNotValidError:
        return None
    return f"{found.local_part}@{found.ascii_domain}"


class Post:
    """Hands mail over to a relay."""

    def __init__(self, reactor: Any, relay: Relay) -> None:
        self._reactor = reactor
        self._relay = relay

    async def post(self, address: str, subject: str, text: str, at: datetime) -> Posted:
        """See Mailer."""
        outcome = await self.hand_over(address, new_id(), subject, text, at)
        if isinstance(outcome, Sent):
            return Posted.SENT
        log.warning("a mail was not taken", reason=getattr(outcome, "reason", None))
        return Posted.LATER if isinstance(outcome, Later) else Posted.REFUSED

    async def hand_over(self, address: str, mail_id: str, subject: str, text: str, at: datetime) -> Outcome:
        """What became of one mail; what may have arrived is not to be sent again. ``mail_id`` stands in its headers."""
        recipient = wire_address(address)
        if recipient is None:
            return Refused("no mail goes to such an address")
        try:
            return await self._talk(recipient, letter(self._relay, recipient, mail_id, subject, text, at))
        except (ConnectError, DNSLookupError) as error:
            return Later(f"cannot be reached: {error}")

    async def _talk(self, recipient: str, mail: bytes) -> Outcome:
        relay = self._relay
        login = None if relay.user is None else (relay.user, relay.password or "")
        said = Conversation(login, relay.sender, recipient, mail)
        said.timeout = ANSWER_WITHIN_S
        endpoint: Any = HostnameEndpoint(self._reactor, relay.host, relay.port)
        if relay.secure:
            endpoint = wrapClientTLS(optionsForClientTLS(relay.host), endpoint)
        else:
            said.context = optionsForClientTLS(relay.host)
            said.requireTransportSecurity = login is not None
        factory: Any = Factory.forProtocol(lambda: said)
        factory.noisy = False
        await endpoint.connect(factory)
        return await said.outcome.addTimeout(ANSWER_WITHIN_S, self._reactor, onTimeoutCancel=said.late)


class LogPost:
    """Writes into the log that a mail would be sent; never what is in it, for it lets its reader in."""

    async def post(self, _address: str, subject: str, _text: str, _at: datetime) -> Posted:
        """Nothing leaves."""
        log.info("mail", subject=subject)
        return Posted.SENT


class Mail:
    """A provider. ``address_of``: a person's address, or None where none is known to reach them."""

    def __init__(self, post: Post, address_of: Callable[[str], Awaitable[str | None]]) -> None:
        self._post = post
        self._address_of = address_of

    async def send(self, delivery: Delivery) -> Outcome:
        """See Provider. What may have arrived is not sent again."""
        try:
            address = await self._address_of(delivery.user_id)
        except TutorwampError as error:
            return Later(f"nobody says to which address: {error}")
        if address is None:
            return Refused("the account is closed, or has confirmed no address")
        text = f"{delivery.title}\n\n{delivery.text}\n"
        subject, at = SUBJECTS[delivery.kind], delivery.created_at
        return await self._post.hand_over(address, delivery.notification_id, subject, text, at)


def letter(relay: Relay, recipient: str, mail_id: str, subject: str, text: str, at: datetime) -> bytes:
    """The mail: plain text, with line feeds. What people have written stands in the text, never in a header.

    The headers are written by hand: ``email.message`` reads encoded words (RFC 2047) that stand in what it is given,
    and would make headers of what is in them.
    """
    headers = {
        "From": f"{_phrase(relay.name)} <{relay.sender}>" if relay.name else relay.sender,
        "To": recipient,
        "Subject": subject,
        "Date": format_datetime(at),
        "Message-ID": make_msgid(mail_id, domain=relay.sender.rpartition("@")[2]),
        "Auto-Submitted": "auto-generated",
        "MIME-Version": "1.0",
        "Content-Type": 'text/plain; charset="utf-8"',
        "Content-Transfer-Encoding": "quoted-printable",
    }
    head = "".join(f"{name}: {value}\n" for name, value in headers.items())
    return f"{head}\n".encode() + quopri.encodestring(text.encode())


def _phrase(name: str) -> str:
    """A name as it stands before an address: always encoded, so that nothing in it means anything."""
    return Header(name, "utf-8", header_name="From").encode()
