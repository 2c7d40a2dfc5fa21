"""Mail, to a real SMTP server on loopback."""

from __future__ import annotations

import email
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from email.message import Message
from email.policy import SMTP, compat32, default
from typing import Any, cast

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.defer import Deferred, succeed
from twisted.internet.protocol import Factory, Protocol
from twisted.mail import smtp
from zope.interface import implementer

from tests.notifications.push.devices import Browser
from tests.notifications.push.test_web_push import delivery
from tests.support.node import free_port
from tests.support.wamp import PATIENCE_S
from tutorwamp.kernel.contracts import new_id, utc_now
from tutorwamp.kernel.errors import Unavailable
from tutorwamp.kernel.settings import SettingsError
from tutorwamp.notifications.contracts import Channel, Kind
from tutorwamp.notifications.push.contracts import Delivery, Later, Outcome, Refused, Sent
from tutorwamp.notifications.push.mail import SUBJECTS, Mail, Post, Relay, letter

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


def told(**more: Any) -> Delivery:
    return delivery("email", Browser().keys, channel=Channel.EMAIL, **more)


def mail(port: int, address: str | None = ADA) -> Mail:
    async def address_of(_user_id: str) -> str | None:
        return address

    return Mail(Post(reactor, Relay.from_url(f"smtp://127.0.0.1:{port}?from=school@tutor.example")), address_of)


async def test_P4_the_mail_says_what_the_notification_says(server: MailServer) -> None:
    assert await mail(server.port).send(told()) == Sent()
    (got,) = server.mails
    assert (got["from"], got["to"]) == ("school@tutor.example", ADA)
    assert got["subject"] == "A lesson has changed"
    body = got.get_payload(decode=True)
    assert isinstance(body, bytes)
    assert body.decode().strip() == "Brüche\n\nThe lesson was changed."
    assert got["auto-submitted"] == "auto-generated"


@pytest.mark.parametrize(("code", "kind"), [(450, Later), (550, Refused)])
async def test_P5_a_refusal_is_for_now_or_for_ever(server: MailServer, code: int, kind: type) -> None:
    server.refusing = code
    assert isinstance(await mail(server.port).send(told()), kind)
    assert server.mails == []


async def test_P5_a_relay_that_is_away_is_tried_later_and_a_closed_account_gets_nothing(server: MailServer) -> None:
    assert isinstance(await mail(free_port()).send(told()), Later)
    assert isinstance(await mail(server.port, None).send(told()), Refused)
    assert server.mails == []


async def test_P2_a_mail_whose_address_cannot_be_asked_for_is_sent_later(server: MailServer) -> None:
    async def address_of(_user_id: str) -> str | None:
        raise Unavailable("The database cannot be reached just now.")

    relay = Relay.from_url(f"smtp://127.0.0.1:{server.port}?from=school@tutor.example")
    assert isinstance(await Mail(Post(reactor, relay), address_of).send(told()), Later)


async def test_a_password_is_not_sent_in_the_clear(server: MailServer) -> None:
    async def address_of(_user_id: str) -> str | None:
        return ADA

    url = f"smtp://ada:secret@127.0.0.1:{server.port}?from=school@tutor.example"
    outcome = await Mail(Post(reactor, Relay.from_url(url)), address_of).send(told())
    assert not isinstance(outcome, Sent)
    assert server.mails == []


HEADERS = {
    "From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "MIME-Version", "Content-Type",
    "Content-Transfer-Encoding",
}  # fmt: skip
TITLES = [
    "=?utf-8?q?Exam=0D=0AReply-To:_x@other.example?=",
    "=?utf-8?b?RXhhbQ0KUmVwbHktVG86IHhAb3RoZXIuZXhhbXBsZQ0KDQo8YT5oaTwvYT4=?=",
    "=0D=0A.=0D=0A",
    "Von Brüchen \U0001f600 " * 20,
]


@pytest.mark.parametrize("title", TITLES)
@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("policy", [compat32, default, SMTP])
def test_P4_what_people_write_stands_in_the_text_as_it_is_and_in_no_header(kind: Kind, title: str, policy: Any) -> None:
    address = "=?utf-8?q?a=0D=0AReply-To:_x?=@school.example"
    text = f"{title}\n\n{title} has invited you.\n"
    made = letter(relay(), address, new_id(), SUBJECTS[kind], text, utc_now())
    assert made.isascii()
    assert max(map(len, made.splitlines())) <= 998, "RFC 5322 section 2.1.1"
    read: Message = email.message_from_bytes(made, policy=policy)
    assert set(read) == HEADERS
    assert read["subject"] == SUBJECTS[kind]
    body = read.get_payload(decode=True)
    assert isinstance(body, bytes)
    assert body.decode() == text
    assert not read.defects


@pytest.mark.parametrize("name", ["Schule Süd", "=?utf-8?q?a=0D=0ABcc:_x@b.example?=", 'The "old" school', "a" * 300])
def test_P4_the_senders_name_is_a_name(name: str) -> None:
    made = letter(replace(relay("a@b.example"), name=name), ADA, new_id(), "Hello", "Hello", utc_now())
    read = email.message_from_bytes(made, policy=default)
    assert (read["from"].addresses[0].addr_spec, read["bcc"]) == ("a@b.example", None)
    shown = email.message_from_bytes(made)["from"].rpartition(" <")[0]
    assert str(email.header.make_header(email.header.decode_header(shown))) == name


class Abrupt(Protocol):
    """A mail server that says a line to each command, and closes instead where it is told to."""

    def __init__(self, closes: str, offers: str) -> None:
        self._closes, self._offers, self.said = closes, offers, list[str]()
        self._in_data = False

    def connectionMade(self) -> None:
        self._answer("connect", "220 here")

    def dataReceived(self, data: bytes) -> None:
        for line in data.decode().splitlines():
            if self._in_data:
                self.said.append(line)
                self._in_data = line != "."
                if not self._in_data:
                    self._answer("dot", "250 taken")
                continue
            self.said.append(line)
            word = line.split(" ")[0].split(":")[0].upper()
            self._in_data = word == "DATA" and self._closes != "DATA"
            replies = {"EHLO": f"250-here\r\n{self._offers}250 SIZE", "DATA": "354 go on", "STARTTLS": "220 go on"}
            self._answer(word, replies.get(word, "250 fine"))

    def _answer(self, word: str, line: str) -> None:
        wire = cast("Any", self.transport)
        if word == self._closes:
            wire.loseConnection()
        else:
            wire.write(line.encode() + b"\r\n")


async def outcome_with(closes: str, offers: str = "", address: str = ADA, **more: Any) -> tuple[Outcome, list[str]]:
    servers: list[Abrupt] = []
    factory = Factory()

    def made() -> Abrupt:
        servers.append(Abrupt(closes, offers))
        return servers[-1]

    cast("Any", factory).protocol = made
    port: Any = cast("Any", reactor).listenTCP(0, factory, interface="127.0.0.1")
    try:
        sending = Deferred.fromCoroutine(mail(port.getHost().port, address).send(told(**more)))
        outcome = await sending.addTimeout(PATIENCE_S, reactor)
    finally:
        await port.stopListening()
    return outcome, servers[0].said


@pytest.mark.parametrize("closes", ["connect", "EHLO", "STARTTLS", "MAIL", "RCPT", "DATA"])
async def test_P2_a_server_that_closes_before_it_has_the_mail_gets_it_later(closes: str) -> None:
    outcome, _ = await outcome_with(closes, "250-STARTTLS\r\n" if closes == "STARTTLS" else "")
    assert isinstance(outcome, Later)


async def test_P3_a_server_that_closes_after_it_was_given_the_mail_may_have_it() -> None:
    assert isinstance((await outcome_with("dot"))[0], Refused)
    assert (await outcome_with("QUIT"))[0] == Sent()


@pytest.mark.parametrize(
    ("address", "offers", "sent"),
    [
        ("ada@münchen.example", "", "ada@xn--mnchen-3ya.example"),
        ("éva@münchen.example", "250-8BITMIME\r\n250-SMTPUTF8\r\n", "éva@xn--mnchen-3ya.example"),
        ("éva@münchen.example", "", None),
        ("nobody", "", None),
    ],
)
async def test_P4_international_addresses(address: str, offers: str, sent: str | None) -> None:
    outcome, said = await Deferred.fromCoroutine(outcome_of_international(address, offers))
    if sent is None:
        assert isinstance(outcome, Refused)
        assert address not in outcome.reason, "no address is in the log"
    else:
        assert outcome == Sent()
        assert f"RCPT TO:<{sent}>" in said
        assert ("MAIL FROM:<school@tutor.example> SMTPUTF8" in said) is (not sent.isascii())


async def test_P4_a_server_without_8bitmime_is_given_seven_bits() -> None:
    outcome, said = await outcome_with("", title="Brüche 漢字 \U0001f600")
    assert outcome == Sent()
    assert "MAIL FROM:<school@tutor.example>" in said
    assert all(line.isascii() for line in said)


async def outcome_of_international(address: str, offers: str) -> tuple[Outcome, list[str]]:
    if address == "nobody":
        return await mail(free_port(), address).send(told()), []
    return await outcome_with("", offers, address)


def relay(sender: str = "school@tutor.example") -> Relay:
    return Relay.from_url(f"smtp://mail.example?from={sender}")


@pytest.mark.parametrize(
    ("url", "relay"),
    [
        (
            "smtp://mail.example?from=a@b.example",
            Relay("mail.example", 587, secure=False, user=None, password=None, sender="a@b.example"),
        ),
        (
            "smtp://mail.example?from=school+noreply@b.example",
            Relay("mail.example", 587, secure=False, user=None, password=None, sender="school+noreply@b.example"),
        ),
        (
            "smtp://mail.example?from=The%20School%20<a@xn--mnchen-3ya.example>",
            replace(relay("a@xn--mnchen-3ya.example"), name="The School"),
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
    ["mail.example", "http://mail.example?from=a@b", "smtp://mail.example", "smtp://?from=a@b", "smtp://h:x?from=a@b"]
    + [f"smtp://h?from={one}" for one in ("@", "a@", "@b", "a b@c.example", "éva@c.example", "a@b@c", "a@c..d")],
)
def test_a_url_that_names_none_stops_the_start(url: str) -> None:
    with pytest.raises(SettingsError, match="TUTORWAMP_SMTP_URL"):
        Relay.from_url(url)
