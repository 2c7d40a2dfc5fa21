"""Mail, to a real SMTP server on loopback."""

from __future__ import annotations

import email
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from email.message import Message
from typing import Any, cast

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.defer import Deferred, succeed
from twisted.internet.protocol import Factory
from twisted.mail import smtp
from zope.interface import implementer

from tests.notifications.push.devices import Browser
from tests.notifications.push.test_web_push import parcel
from tests.support.node import free_port
from tutorwamp.kernel.errors import Unavailable
from tutorwamp.kernel.settings import SettingsError
from tutorwamp.notifications.contracts import Channel
from tutorwamp.notifications.push.contracts import Later, Parcel, Refused, Sent
from tutorwamp.notifications.push.mail import Mail, Relay, letter

ADA = "ada@school.example"


@implementer(smtp.IMessage)
class _Message:
    def __init__(self, server: MailServer) -> None:
        self._server = server
        self._lines: list[bytes] = []

    def lineReceived(self, line: bytes) -> None:
        self._lines.append(line)

    def eomReceived(self) -> Deferred[None]:
        self._server.mails.append(email.message_from_bytes(b"\n".join(self._lines)))
        return self._server.taken()

    def connectionLost(self) -> None:
        """It was not finished."""


@implementer(smtp.IMessageDelivery)
@dataclass
class MailServer:
    """Takes mail, or refuses it with a code."""

    refusing: int = 0
    taken: Callable[[], Deferred[None]] = field(default=lambda: succeed(None))
    """Fires when a mail may be acknowledged."""
    mails: list[Message] = field(default_factory=list)

    def __post_init__(self) -> None:
        factory = Factory()
        factory.protocol = self._protocol
        self._port: Any = cast("Any", reactor).listenTCP(0, factory, interface="127.0.0.1")
        self.port: int = self._port.getHost().port

    def _protocol(self) -> Any:
        made: Any = smtp.ESMTP()
        made.delivery = self
        return made

    def receivedHeader(self, *_: Any) -> bytes:
        return b"Received: here"

    def validateFrom(self, _helo: Any, origin: Any) -> Any:
        return origin

    def validateTo(self, user: Any) -> Any:
        if self.refusing:
            raise smtp.SMTPBadRcpt(user, self.refusing)
        return lambda: _Message(self)

    def close(self) -> Deferred[None]:
        stopped: Deferred[None] = self._port.stopListening()
        return stopped


@pytest_twisted.async_yield_fixture
async def server() -> AsyncIterator[MailServer]:
    made = MailServer()
    yield made
    await made.close()


def told(**more: Any) -> Parcel:
    return parcel("email", Browser().keys, channel=Channel.EMAIL, **more)


def mail(port: int, address: str | None = ADA) -> Mail:
    async def address_of(_user_id: str) -> str | None:
        return address

    return Mail(reactor, Relay.from_url(f"smtp://127.0.0.1:{port}?from=school@tutor.example"), address_of)


@pytest_twisted.ensureDeferred
async def test_P4_the_mail_says_what_the_notification_says(server: MailServer) -> None:
    assert await mail(server.port).send(told()) == Sent()
    (got,) = server.mails
    assert (got["from"], got["to"]) == ("school@tutor.example", ADA)
    assert email.header.decode_header(got["subject"])[0][0].decode() == "Brüche"
    body = got.get_payload(decode=True)
    assert isinstance(body, bytes)
    assert body.decode().strip() == "Brüche\n\nThe lesson was changed."
    assert got["auto-submitted"] == "auto-generated"


@pytest.mark.parametrize(("code", "kind"), [(450, Later), (550, Refused)])
@pytest_twisted.ensureDeferred
async def test_P5_a_refusal_is_for_now_or_for_ever(server: MailServer, code: int, kind: type) -> None:
    server.refusing = code
    assert isinstance(await mail(server.port).send(told()), kind)
    assert server.mails == []


@pytest_twisted.ensureDeferred
async def test_P5_a_relay_that_is_away_is_tried_later_and_a_closed_account_gets_nothing(server: MailServer) -> None:
    assert isinstance(await mail(free_port()).send(told()), Later)
    assert isinstance(await mail(server.port, None).send(told()), Refused)
    assert server.mails == []


@pytest_twisted.ensureDeferred
async def test_P2_a_mail_whose_address_cannot_be_asked_for_is_sent_later(server: MailServer) -> None:
    async def address_of(_user_id: str) -> str | None:
        raise Unavailable("The database cannot be reached just now.")

    relay = Relay.from_url(f"smtp://127.0.0.1:{server.port}?from=school@tutor.example")
    assert isinstance(await Mail(reactor, relay, address_of).send(told()), Later)


@pytest_twisted.ensureDeferred
async def test_a_password_is_not_sent_in_the_clear(server: MailServer) -> None:
    async def address_of(_user_id: str) -> str | None:
        return ADA

    url = f"smtp://ada:secret@127.0.0.1:{server.port}?from=school@tutor.example"
    outcome = await Mail(reactor, Relay.from_url(url), address_of).send(told())
    assert not isinstance(outcome, Sent)
    assert server.mails == []


def test_what_stands_in_a_title_is_no_header() -> None:
    made = letter(told(title="Soon\r\nBcc: everybody@school.example"), "a@b.example", ADA)
    assert made["bcc"] is None
    assert made["subject"] == "Soon Bcc: everybody@school.example"


@pytest.mark.parametrize(
    ("url", "relay"),
    [
        (
            "smtp://mail.example?from=a@b.example",
            Relay("mail.example", 587, secure=False, user=None, password=None, sender="a@b.example"),
        ),
        (
            "smtps://u:p%40@mail.example:9?from=a@b.example",
            Relay("mail.example", 9, secure=True, user="u", password="p@", sender="a@b.example"),
        ),
    ],
)
def test_a_url_names_a_relay(url: str, relay: Relay) -> None:
    assert Relay.from_url(url) == relay


@pytest.mark.parametrize(
    "url",
    ["mail.example", "http://mail.example?from=a@b", "smtp://mail.example", "smtp://?from=a@b", "smtp://h:x?from=a@b"],
)
def test_a_url_that_names_none_stops_the_start(url: str) -> None:
    with pytest.raises(SettingsError, match="TUTORWAMP_SMTP_URL"):
        Relay.from_url(url)
