"""A client's WebSocket, as the gate wants it: what waits to be sent is bounded, and so is what is read at once.

Crossbar and autobahn hand every message to the socket's buffer, however much waits there already, and read for as long
as something comes. Here what the socket does not take waits in whole frames that can be counted, and let go of.
"""

from __future__ import annotations

import functools
import struct
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from autobahn.wamp.message import Event, Goodbye
from autobahn.websocket.types import ConnectionDeny, ConnectionRequest
from crossbar.router.protocol import WampWebSocketServerFactory
from crossbar.worker import transport as listening
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure

from tutorwamp.gate.arrivals import Arrivals
from tutorwamp.gate.contracts import CLIENT_ROLES, SessionId
from tutorwamp.gate.counts import traffic
from tutorwamp.gate.door import Door
from tutorwamp.gate.portions import Desk
from tutorwamp.gate.refusals import Refusals
from tutorwamp.gate.resting import FIELDS, with_settings_of
from tutorwamp.kernel.errors import TutorwampError
from tutorwamp.kernel.limits import Allowance
from tutorwamp.kernel.reactor import running_reactor

SKIPPED_FROM_BYTES: Final = 1024 * 1024
"""Behind by so much, somebody is not told of cursors and typing: they would be old when they came."""
BEHIND_AT_MOST_BYTES: Final = 4 * 1024 * 1024
"""Then the session is ended, and resumes. The largest message does not count: a legal answer may be larger."""
BEHIND_BEFORE_WELCOME_BYTES: Final = 64 * 1024
"""What a handshake says is a hundredth of it."""

WELCOME_WITHIN_S: Final = 10.0
"""From the request to WELCOME: as long as the clients wait for the WebSocket alone."""
READ_AT_ONCE_BYTES: Final = 4 * 1024
"""Of one socket, before it is the next one's turn: some thirty cursors, about a millisecond."""
MESSAGES: Final = Allowance(per_s=500, burst=1_000)
"""Of one session, calls (50 a second) and cursors (30) among them; more is left in the socket for a while."""
MESSAGE_BYTES: Final = 4 * 1024
"""A message counts once more for each so many bytes: 4 MiB at once, the largest call, and 2 MB a second."""

LARGE_BYTES: Final = 1024 * 1024
"""A message above it goes out in fragments, so that the router's ping does not wait behind the whole of it."""
FRAGMENT_BYTES: Final = 64 * 1024
HANDED_OVER_BYTES: Final = 64 * 1024
"""To the socket's own buffer at once; what the kernel takes in one go."""

_TEXT, _BINARY, _CLOSE, _PING, _PONG = 1, 2, 8, 9, 10
"""Opcodes of RFC 6455, section 5.2."""


class ClientWire(Door):
    """One client's WebSocket. It is the push producer of its own socket, which says when it is full."""

    __slots__ = FIELDS

    arrivals: Arrivals
    """Of this process, as is the next; set by ``stand_at_the_door``."""
    too_slow: Callable[[SessionId], None]
    """The session is too far behind: it is to be told to go."""
    limited = True
    """Whether what is read is counted."""

    _address: str | None = None
    _welcomed = False
    _patience: Any = None
    _full = False
    """The socket has enough; what comes now waits here."""
    _waiting: deque[tuple[bytes, bool]] | None = None
    """Frames, and whether each is its message's last. Made when it is needed: most people never are behind."""
    behind_bytes = 0
    """What waits here."""
    _largest_bytes = 0
    """The largest message of those waiting since nothing last waited."""
    _message_bytes = 0
    """Of the message whose frames are being sent."""
    _begun = False
    """The socket was given the beginning of a message, and not yet its end."""
    _over = False
    """Told to go: nothing is said any more but that."""
    _opcode, _last, _farewell = 0, True, False
    _messages: tuple[float, float] | None = None
    """What is left of the allowance, and when that was counted."""
    _pause: Any = None

    # coming and going

    def connectionMade(self) -> None:  # noqa: N802  # Twisted's name, as are the others
        """There is an HTTP request that asks for a WebSocket."""
        super().connectionMade()
        self.transport.bufferSize = READ_AT_ONCE_BYTES
        self._patience = running_reactor().callLater(WELCOME_WITHIN_S, self.transport.abortConnection)

    def onConnect(self, request: ConnectionRequest) -> Any:  # noqa: N802  # autobahn's name
        """The request was read; may this address come, it goes on."""
        try:
            self._address = self.arrivals.came(self.peer, request.headers)
        except TutorwampError as error:
            raise ConnectionDeny(error.status, error.message) from None
        return super().onConnect(request)

    def onOpen(self) -> None:  # noqa: N802  # autobahn's name
        """The WebSocket is there, and the producer of the HTTP answer that never comes is not needed any more."""
        self.unregisterProducer()
        self.registerProducer(self, True)  # noqa: FBT003  # Twisted's: a push producer
        super().onOpen()

    def welcome(self) -> None:
        """There is a person from now on."""
        self._stop_waiting()
        if self._address is not None and not self._welcomed:
            self._welcomed = True
            self.arrivals.welcomed(self._address)

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: N802  # Twisted's name
        """Gone. What waited goes as well: cycles of references keep this object until a full collection."""
        self._stop_waiting()
        if self._pause is not None and self._pause.active():
            self._pause.cancel()
        self._pause, self._waiting, self._over = None, None, True
        self.behind_bytes = 0
        if self._address is not None:
            self.arrivals.went(self._address, welcomed=self._welcomed)
            self._address = None
        super().connectionLost(reason)

    def _stop_waiting(self) -> None:
        if self._patience is not None and self._patience.active():
            self._patience.cancel()
        self._patience = None

    # what is said to the client

    def send(self, msg: Any) -> None:
        """Send a WAMP message; who is behind is not told where others point, and who was told to go nothing."""
        if self._over and not isinstance(msg, Goodbye):
            return
        is_event = isinstance(msg, Event)
        if self.behind_bytes > SKIPPED_FROM_BYTES and is_event and msg.publisher_authrole in CLIENT_ROLES:
            traffic.skipped += 1
            return
        before_bytes = traffic.sent_bytes
        self._farewell = isinstance(msg, Goodbye)
        try:
            super().send(msg)
        finally:
            self._farewell = False
        if is_event:
            traffic.events += 1
            traffic.event_bytes += traffic.sent_bytes - before_bytes

    def sendMessage(  # noqa: N802  # autobahn's name
        self,
        payload: bytes,
        isBinary: bool = False,  # noqa: N803  # autobahn's name
        fragmentSize: int | None = None,  # noqa: N803  # autobahn's name
        **more: Any,
    ) -> None:
        """Send a message, in fragments where it is large."""
        self._message_bytes = 0
        traffic.sent += 1
        traffic.sent_bytes += len(payload)
        if fragmentSize is None and len(payload) > LARGE_BYTES:
            fragmentSize = FRAGMENT_BYTES  # noqa: N806  # autobahn's name
        if fragmentSize is None and not more and self._is_one_plain_frame(len(payload)):
            self._opcode, self._last = _BINARY if isBinary else _TEXT, True
            self.sendData(_framed(payload, self._opcode))
            return
        super().sendMessage(payload, isBinary, fragmentSize, **more)

    def _is_one_plain_frame(self, size: int) -> bool:
        """Whether autobahn would write its head before it, and do nothing else but count."""
        return (
            self.state == self.STATE_OPEN
            and self._perMessageCompress is None
            and not (self.maskServerFrames or self.autoFragmentSize)
            and not 0 < self.maxMessagePayloadSize < size
        )

    def sendFrame(self, opcode: int, payload: bytes = b"", fin: bool = True, **more: Any) -> None:  # noqa: N802  # autobahn's name
        """Send a frame."""
        self._opcode, self._last = opcode, fin
        super().sendFrame(opcode, payload, fin, **more)

    def sendData(self, data: bytes, sync: bool = False, chopsize: int | None = None) -> None:  # noqa: N802  # autobahn's name
        """Give the bytes of a frame to the socket, or keep them until it takes more."""
        if self._over and not self._farewell and self._opcode != _CLOSE:
            return
        if self._opcode == _PING:  # it asks whether somebody reads, not how fast
            super().sendData(data)
        elif self._full:
            self._wait(data)
        else:
            self._begun = not self._last
            super().sendData(data)

    def _wait(self, data: bytes) -> None:
        if self._waiting is None:
            self._waiting = deque()
        self._waiting.append((data, self._last))
        self.behind_bytes += len(data)
        if self._opcode < _CLOSE:
            self._message_bytes += len(data)
            self._largest_bytes = max(self._largest_bytes, self._message_bytes)
        if not self._over and self.behind_bytes - self._largest_bytes > self._at_most():
            self._give_up()

    def _at_most(self) -> int:
        return BEHIND_AT_MOST_BYTES if self._welcomed else BEHIND_BEFORE_WELCOME_BYTES

    def _give_up(self) -> None:
        """Too far behind. Not at once: the router is in the middle of telling everybody the same."""
        session = self._session._session_id if self._session is not None else None  # noqa: SLF001  # as Crossbar's own protocol does
        if session is None or not self._welcomed:
            self._over = True
            self._waiting = None
            running_reactor().callLater(0, self.transport.abortConnection)
            return
        self.let_go()
        running_reactor().callLater(0, self.too_slow, session)

    def let_go(self) -> None:
        """Say nothing more but goodbye, after the message that was begun."""
        self._over = True
        kept: deque[tuple[bytes, bool]] = deque()
        while self._begun and self._waiting:
            kept.append(self._waiting.popleft())
            if kept[-1][1]:
                break
        self._waiting = kept
        self.behind_bytes = sum(len(data) for data, _ in kept)

    # asked by the socket, as of any push producer

    def pauseProducing(self) -> None:  # noqa: N802  # Twisted's name
        """The socket has enough."""
        self._full = True

    def resumeProducing(self) -> None:  # noqa: N802  # Twisted's name
        """The socket has nothing left: some more of what waits."""
        self._full = False
        while self._waiting and not self._full:
            frames, size = [], 0
            while self._waiting and size < HANDED_OVER_BYTES:
                data, last = self._waiting.popleft()
                self._begun = not last
                frames.append(data)
                size += len(data)
            self.behind_bytes -= size
            super().sendData(b"".join(frames))
        if not self._waiting:
            self._largest_bytes = 0

    def stopProducing(self) -> None:  # noqa: N802  # Twisted's name
        """The socket is gone; ``connectionLost`` follows."""

    # what the client says

    def dataReceived(self, data: bytes) -> None:  # noqa: N802  # Twisted's name
        """Read what came, and then nothing for a while where that was more than the allowance."""
        if self._address is not None and not self._welcomed:
            try:
                self.arrivals.said(self._address, len(data))
            except TutorwampError:
                self.transport.abortConnection()
                return
        super().dataReceived(data)
        if self._messages is None or self._messages[0] >= 0 or not self.limited or self._pause is not None:
            return
        self._count(0)  # it may be a while since its message began
        if self._messages[0] < 0:
            self.transport.pauseProducing()
            self._pause = running_reactor().callLater(-self._messages[0] / MESSAGES.per_s, self._read_on)

    def _read_on(self) -> None:
        self._pause = None
        self.transport.resumeProducing()

    def onMessageBegin(self, isBinary: bool) -> None:  # noqa: N802, N803  # autobahn's name
        """A message begins; how many frames it may have is the door's to say."""
        self._count()
        super().onMessageBegin(isBinary)

    def onMessageFrameBegin(self, length: int) -> None:  # noqa: N802  # autobahn's name
        """One of its frames."""
        before = self._heard_size
        super().onMessageFrameBegin(length)
        if more := self._heard_size // MESSAGE_BYTES - before // MESSAGE_BYTES:
            self._count(more)

    def onPing(self, payload: bytes) -> None:  # noqa: N802  # autobahn's name
        """Somebody asks whether we are there."""
        self._count()
        super().onPing(payload)

    def onPong(self, payload: bytes) -> None:  # noqa: N802  # autobahn's name
        """Somebody is there."""
        self._count()
        super().onPong(payload)

    def _count(self, messages: int = 1) -> None:
        now_s = time.monotonic()
        tokens, counted_s = self._messages or (float(MESSAGES.burst), now_s)
        self._messages = (min(MESSAGES.burst, tokens + (now_s - counted_s) * MESSAGES.per_s) - messages, now_s)


@functools.lru_cache(maxsize=1)  # an event is said to one after the other
def _framed(payload: bytes, opcode: int) -> bytes:
    """A message as its one frame, unmasked (RFC 6455, section 5.2)."""
    size = len(payload)
    if size < 126:
        head = struct.pack("!BB", 0x80 | opcode, size)
    elif size < 1 << 16:
        head = struct.pack("!BBH", 0x80 | opcode, 126, size)
    else:
        head = struct.pack("!BBQ", 0x80 | opcode, 127, size)
    return head + payload


def stand_at_the_door(
    arrivals: Arrivals,
    too_slow: Callable[[SessionId], None],
    stopping: Callable[[], bool],
    *,
    connections_at_most: int,
    limited: bool,
) -> None:
    """From now on every WebSocket of this process is a ClientWire, and its ports have so many connections at most."""
    ClientWire.arrivals, ClientWire.too_slow, ClientWire.limited = arrivals, too_slow, limited
    ClientWire.stopping = stopping
    ClientWire.desk = Desk(running_reactor())
    ClientWire.refusals = Refusals(time.monotonic) if limited else None
    WampWebSocketServerFactory.protocol = with_settings_of(ClientWire)
    listening.DEFAULT_MAX_CONNECTIONS = connections_at_most
