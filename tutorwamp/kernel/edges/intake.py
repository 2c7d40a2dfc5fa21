"""What of an HTTP request is let in, decided as it comes: by its head first, then byte by byte.

Twisted has a whole body, and has parsed a form, before any resource of ours is asked. Both of our sites, the router's
public one and REST's own, therefore take requests through ``Channel`` and ``BoundedRequest``, which ask an Admission.
Whatever is refused here is answered at once, and nothing that still comes of it is decoded.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Any, Final

from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel
from twisted.web.server import Request

from tutorwamp.kernel.edges import problems
from tutorwamp.kernel.edges.admission import Admission, Room
from tutorwamp.kernel.edges.open_files import open_files
from tutorwamp.kernel.edges.origins import readable
from tutorwamp.kernel.errors import (
    Internal,
    Malformed,
    MethodNotAllowed,
    TooLarge,
    TutorwampError,
    Unavailable,
)

log = Logger()

HEAD_WITHIN_S: Final = 10.0
"""From the first byte of a request (of a connection: from its beginning) to the end of its headers."""
BODY_BYTES_A_S: Final = 16_384
"""The slowest line a body may come over; slower than any on which a lesson can be held."""
BODY_PAUSES_AT_MOST_S: Final = 30.0
"""Without a byte of a body, however fast the others came: longer than a telephone takes from one cell to the next."""
NO_ROOM_S: Final = 60.0
"""Where the disk is full: somebody has to make room first."""
ANSWER_STANDS_AT_MOST_S: Final = 60.0
"""How long a client may leave an answer unread before it is taken for gone."""
LINGER_S: Final = 10.0
"""How long a refused client may go on sending: closed at once, it would lose our answer (RFC 9112, 9.6)."""
DISCARDED_AT_MOST: Final = 64 * 1024 * 1024
"""Bytes read and thrown away meanwhile."""
BACK_AFTER_S: Final = 5.0
"""Where hardly any file was left: half a head's time, in which those who say nothing have gone."""
GO_FOR_ONE: Final = 2
"""Silent connections, for each that comes then: so there is more room than before, and who has just come stays."""
_ALWAYS_ANSWERED: Final = (b"/api/health", b"/metrics")
METHODS: Final = "GET, HEAD, POST, PATCH, PUT, DELETE, OPTIONS"
_HOST: Final = re.compile(rb"(?:[A-Za-z0-9_-]{1,63}\.?)*+(?::[0-9]{0,5})?|\[[0-9A-Fa-f:.]{2,45}\](?::[0-9]{0,5})?")
"""Of names as they are on the wire (RFC 1035, 2.3.4); those that are not go to nobody who would encode them."""
HOST_BYTES_AT_MOST: Final = 261
"""A name of 255 bytes and a port."""
_ABSOLUTE: Final = re.compile(rb"https?://([^/?#]+)(.*)", re.IGNORECASE | re.DOTALL)


_Request: Any = Request
_HTTPChannel: Any = HTTPChannel
"""Twisted's classes, most of whose methods carry no types."""


class BoundedRequest(_Request):  # type: ignore[misc]  # as above
    """A request whose body is counted as it comes and never parsed as a form.

    Pages of the ``origins`` read also what is answered before a resource is asked.
    """

    uri: bytes
    path: bytes

    def __init__(
        self, admission: Admission, channel: Any, *args: Any, origins: Collection[str] = (), **kwargs: Any
    ) -> None:
        super().__init__(channel, *args, parsePOSTFormSubmission=False, **kwargs)
        self._admission = admission
        self._origins = origins
        self._came = 0
        self.room = Room(0, TooLarge("The body is too large."))

    def gotLength(self, length: int | None) -> None:  # noqa: N802  # Twisted's name
        """The head is whole, and nobody has asked for the body yet. Raises what ``Admission.admit`` does."""
        self.content = BytesIO()  # for whom we do not admit
        if length != 0:
            self.room = self._admission.admit(self.channel._path, self.requestHeaders, length)  # noqa: SLF001  # pinned in tests/gate/test_private_names.py
            if self.room.person is not None:
                self._let_in(self.room.person)
            with _room_on_disk():
                super().gotLength(length)

    def _let_in(self, person: str) -> None:
        def gone(_: object) -> None:
            self._admission.end(person)

        self._admission.begin(person)
        self.notifyFinish().addBoth(gone)

    def handleContentChunk(self, data: bytes) -> None:  # noqa: N802  # Twisted's name
        """More of the body. Raises what the room says where it is more than that."""
        self._came += len(data)
        if self._came > self.room.bytes:
            raise self.room.beyond
        with _room_on_disk():
            super().handleContentChunk(data)

    def readable(self) -> dict[str, str]:
        """Headers of the answer by which the page that asks may read it."""
        return readable(self.requestHeaders, self._origins)

    def process(self) -> None:
        """Answer what is asked of the server itself; all else by the site's resources."""
        try:
            self._read_target()
        except TutorwampError as error:
            for name, value in self.readable().items():
                self.setHeader(name, value)
            problems.write(self, error)
            return
        if self.path == b"*":
            self._answer_for_server()
        else:
            super().process()

    def _read_target(self) -> None:
        """Make ``http://host/path`` the plain path (RFC 9112, 3.2.2). Raises Malformed for no address or host."""
        absolute = _ABSOLUTE.fullmatch(self.uri)
        if absolute is not None:
            self.requestHeaders.setRawHeaders(b"host", [absolute[1]])
            self.uri = absolute[2] if absolute[2].startswith(b"/") else b"/" + absolute[2]
            self.path = self.uri.partition(b"?")[0]
        hosts = self.requestHeaders.getRawHeaders(b"host", [])
        if len(hosts) > 1 or any(len(host) > HOST_BYTES_AT_MOST or not _HOST.fullmatch(host) for host in hosts):
            raise Malformed("A request has one Host header, with the name of a host.")
        if not self.path.startswith(b"/") and self.path != b"*":
            raise Malformed("This is not an address: it begins with a slash.")

    def _answer_for_server(self) -> None:
        if self.method != b"OPTIONS":
            self.setHeader("allow", "OPTIONS")
            problems.write(self, MethodNotAllowed("Only OPTIONS is asked of the server as a whole."))
            return
        problems.begin(self)
        self.setResponseCode(204)
        self.setHeader("allow", METHODS)
        self.finish()

    def processingFailed(self, reason: Failure) -> Failure:  # noqa: N802  # Twisted's name
        """A resource failed in a way nobody foresaw: a problem, and what it was in the log only."""
        log.failure("A request could not be answered.", reason)
        if self.startedWriting:
            self.loseConnection()
        else:
            problems.write(self, Internal())
        return reason


@contextmanager
def _room_on_disk() -> Iterator[None]:
    """What is larger waits in a file without a name until it is whole. Raises Unavailable where there is no room."""
    try:
        yield
    except OSError as error:
        log.warn("A body could not be written: {error}", error=repr(error))  # noqa: G010  # Twisted's logger
        raise Unavailable("There is no room for this just now.", retry_after_s=NO_ROOM_S) from None


class Channel(_HTTPChannel):  # type: ignore[misc]  # as above
    """A connection on which heads, bodies and answers have their time, and a refusal is said and ends it.

    It speaks HTTP/1.1 only, whatever else Twisted has learnt.
    """

    def __init__(self) -> None:
        super().__init__()
        self._refused = False
        self._discarded = 0
        self._begun = True
        self._idle_s: float | None = None
        self._body_ends: Any = None

    def connectionMade(self) -> None:  # noqa: N802  # Twisted's name
        """The first head has its time from here. Where files are short, who has said nothing for longer goes."""
        super().connectionMade()
        self._idle_s = self.timeOut
        self.setTimeout(HEAD_WITHIN_S)
        if open_files.short():
            open_files.let_go(GO_FOR_ONE)
        open_files.is_silent(self)

    def connectionLost(self, reason: Failure) -> None:  # noqa: N802  # Twisted's name
        """It is gone."""
        self._body_ended()
        open_files.is_busy(self)
        super().connectionLost(reason)

    def requestDone(self, request: Any) -> None:  # noqa: N802  # Twisted's name
        """Answered; whether there will be another request is open."""
        open_files.is_silent(self)
        super().requestDone(request)

    def resetTimeout(self) -> None:  # noqa: N802  # Twisted's name
        """Twisted asks this for every byte; here none puts off the end of its head or body."""

    def dataReceived(self, data: bytes) -> None:  # noqa: N802  # Twisted's name
        """Part of a request, or of what was refused."""
        if self._refused:
            self._discard(data)
            return
        if not self._begun and self.timeOut is not None:
            self._begun = True
            self.setTimeout(HEAD_WITHIN_S)
        super().dataReceived(data)

    def lineReceived(self, line: bytes) -> None:  # noqa: N802  # Twisted's name
        """A line of the head."""
        if not self._refused:
            super().lineReceived(line)

    def lineLengthExceeded(self, line: bytes) -> None:  # noqa: N802  # Twisted's name
        """A line that is longer than a whole head may be."""
        self._refuse(Malformed("The head of this request is too large."))

    def allHeadersReceived(self) -> None:  # noqa: N802  # Twisted's name
        """The head is whole."""
        open_files.is_busy(self)
        if not self._path.startswith(_ALWAYS_ANSWERED) and open_files.short():
            self._refuse(Unavailable("There is no room just now.", retry_after_s=BACK_AFTER_S))
            return
        try:
            super().allHeadersReceived()
        except TutorwampError as error:
            self._refuse(error)
            return
        if self.length != 0:
            room: Room = self.requests[-1].room
            whole_s = HEAD_WITHIN_S + (self.length or room.bytes) / BODY_BYTES_A_S
            self.setTimeout(min(whole_s, BODY_PAUSES_AT_MOST_S))
            if whole_s > BODY_PAUSES_AT_MOST_S:
                self._body_ends = self.callLater(whole_s, self.timeoutConnection)

    def _body_ended(self) -> None:
        if self._body_ends is not None and self._body_ends.active():
            self._body_ends.cancel()
        self._body_ends = None

    def rawDataReceived(self, data: bytes) -> None:  # noqa: N802  # Twisted's name
        """Part of a body, or what comes behind it too early."""
        if self._refused:
            self._discard(data)
            return
        if self._body_ends is not None:
            self.setTimeout(BODY_PAUSES_AT_MOST_S)
        try:
            super().rawDataReceived(data)
        except TutorwampError as error:
            self._refuse(error)

    def allContentReceived(self) -> None:  # noqa: N802  # Twisted's name
        """The request is whole. The next one has its time from its own first byte."""
        if self._refused:
            return
        self._begun = False
        self._body_ended()
        self.setTimeout(self._idle_s)  # what Twisted comes back to when this one is answered
        super().allContentReceived()

    def pauseProducing(self) -> None:  # noqa: N802  # Twisted's name
        """The client does not read what is there for it."""
        super().pauseProducing()
        if self._handlingRequest and self.transport is not None:
            self.setTimeout(ANSWER_STANDS_AT_MOST_S)

    def resumeProducing(self) -> None:  # noqa: N802  # Twisted's name
        """It has read it."""
        if self._handlingRequest:
            self.setTimeout(None)
        super().resumeProducing()

    def _respondToBadRequestAndDisconnect(self) -> None:  # noqa: N802  # Twisted's name
        self._refuse(Malformed("This is not a request of HTTP/1.1, or its head is too large."))

    def _refuse(self, error: TutorwampError) -> None:
        """Say why, then end our side and read no more of theirs, but for a while what is on its way."""
        if self._refused:
            return
        self._refused = True
        self._body_ended()
        open_files.is_silent(self)
        self.setRawMode()
        headers, body = problems.alone(error, self.requests[-1].readable() if self.requests else {})
        status = (b"%d" % error.status, problems.PHRASES[error.status])
        self.writeHeaders(b"HTTP/1.1", *status, headers)
        self.write(body)
        if self.isSecure():
            self.loseConnection()  # TLS knows no half-closed connection
        else:
            self.transport.loseWriteConnection()
            self.setTimeout(LINGER_S)

    def _discard(self, data: bytes) -> None:
        self._discarded += len(data)
        if self._discarded > DISCARDED_AT_MOST:
            self.forceAbortClient()
