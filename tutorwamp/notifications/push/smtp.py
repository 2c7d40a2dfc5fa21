"""One mail handed to a relay over SMTP (RFC 5321), and what became of it."""

from __future__ import annotations

import io
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.mail.smtp import (
    DNSNAME,
    Address,
    CramMD5ClientAuthenticator,
    ESMTPClient,
    LOGINAuthenticator,
    PLAINAuthenticator,
    SMTPClientError,
)

from tutorwamp.notifications.push.contracts import Later, Outcome, Refused, Sent

_Client: Any = ESMTPClient
"""Twisted's mail has no types."""
SUCCESS: Final = range(200, 300)
TEMPORARY: Final = range(400, 500)
"""It was not taken and may be another time (RFC 5321 section 4.2.1)."""


class Exact(Address):
    """An address as it goes over the wire; Twisted's own reads ASCII only."""

    def __init__(self, address: str) -> None:
        self._address = address

    def __bytes__(self) -> bytes:
        return self._address.encode()


class Conversation(_Client):  # type: ignore[misc]  # see there
    """Says all that is to be said, once. ``outcome`` fires when it is known what became of the mail.

    Before the relay has been given the whole mail, whatever ends the conversation leaves it unsent: Later. After that
    it may have been taken: without an answer it is not sent again. A relay that does not let us in has not looked at
    the mail, and may another time.
    """

    debug = False
    """No record of what was said: there are addresses in it, and errors carry it into logs."""

    def __init__(self, login: tuple[str, str] | None, sender: str, recipient: str, mail: bytes) -> None:
        """``sender`` and ``recipient``: with ASCII domains; without an ASCII local part SMTPUTF8 is needed."""
        user, password = (text.encode() for text in login or ("", ""))
        super().__init__(password or None, None, DNSNAME)
        mechanisms: tuple[Any, ...] = (CramMD5ClientAuthenticator, LOGINAuthenticator, PLAINAuthenticator)
        for made in mechanisms:
            self.registerAuthenticator(made(user))
        self.requireAuthentication = login is not None
        self.outcome: Deferred[Outcome] = Deferred()
        self._sender, self._recipient, self._mail = sender, recipient, mail
        self._needs_utf8 = not recipient.isascii()
        self._offered: frozenset[bytes] = frozenset()
        self._is_let_in = False
        self._was_given = False

    def late(self, *_: object) -> Outcome:
        """It has taken too long."""
        self.transport.abortConnection()
        return self._unanswered("no answer")

    # What Twisted's client asks

    def authenticate(self, code: int, resp: bytes, items: dict[bytes, bytes | None]) -> None:
        """Note what is offered (the last EHLO counts), and go on."""
        self._offered = frozenset(name.upper() for name in items)
        super().authenticate(code, resp, items)

    def smtpState_from(self, code: int, resp: bytes) -> None:  # noqa: N802  # Twisted's name
        """Say who sends it, once; there is nothing more to say the second time."""
        self._is_let_in = True
        if self._needs_utf8 and b"SMTPUTF8" not in self._offered:
            self._settle(Refused("the relay does not take international addresses"))
        if self.outcome.called:
            self._from = None
            self._disconnectFromServer()
            return
        self._from = Exact(self._sender)
        self._failresponse = self.smtpTransferFailed
        self._expected, self._okresponse = [250], self.smtpState_to
        self.sendLine(b"MAIL FROM:<" + bytes(self._from) + b">" + (b" SMTPUTF8" if self._needs_utf8 else b""))

    def getMailTo(self) -> list[Exact]:  # noqa: N802  # Twisted's name
        """To whom."""
        return [Exact(self._recipient)]

    def getMailData(self) -> io.BytesIO:  # noqa: N802  # Twisted's name
        """What."""
        return io.BytesIO(self._mail)

    def finishedFileTransfer(self, lastsent: bytes) -> None:  # noqa: N802  # Twisted's name
        """From here on it may be taken."""
        self._was_given = True
        super().finishedFileTransfer(lastsent)

    # How it ends

    def sentMail(self, code: int, *_: object) -> None:  # noqa: N802  # Twisted's name
        """The relay has said what it makes of the mail, or of one of the addresses."""
        self._settle(Sent() if code in SUCCESS else self._refused(code))

    def sendError(self, exc: Any) -> None:  # noqa: N802  # Twisted's name
        """It did not come to that."""
        code = exc.code if isinstance(exc, SMTPClientError) else -1
        self._settle(self._refused(code) if code > 0 else self._unanswered(type(exc).__name__))
        super().sendError(exc)

    def connectionLost(self, reason: Any = None) -> None:  # noqa: N802  # Twisted's name
        """Nobody is there any more."""
        super().connectionLost(reason)
        self._settle(self._unanswered("the connection was lost"))

    def _refused(self, code: int) -> Outcome:
        return Later(str(code)) if code in TEMPORARY or not self._is_let_in else Refused(str(code))

    def _unanswered(self, reason: str) -> Outcome:
        return Refused(reason) if self._was_given else Later(reason)

    def _settle(self, outcome: Outcome) -> None:
        if not self.outcome.called:
            self.outcome.callback(outcome)
