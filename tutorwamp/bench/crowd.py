"""Light WAMP clients, thousands in one process: for ``tutorwamp bench sessions`` and the tests of crowds.

A socket, the WAMP messages a classroom needs in CBOR, and nothing else: autobahn's client would make the load's own
process the slowest part. ``Visitor`` lives by the rules of a real client: it comes back with the Python client's
pauses, enters its lesson again, resumes, and sends heartbeats with its positions.
"""

from __future__ import annotations

import random
import struct
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import cbor2
from twisted.internet import defer, task
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.error import ConnectError
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure

from tutorwamp.client.errors import TRANSPORT_LOST, CallError, Disconnected
from tutorwamp.client.rules import Backoff
from tutorwamp.gate.contracts import CONNECTION_TIMEOUT
from tutorwamp.kernel.reactor import running_reactor
from tutorwamp.lessons.contracts import JOIN, streams_of, topics_of
from tutorwamp.sessions.contracts import HEARTBEAT, RESUME

REALM: Final = "tutor"
_UNMASKED: Final = b"\0\0\0\0"
"""The mask of what we send; all zeros leave it as it is, which costs nothing (RFC 6455 section 5.3)."""
_CLOSE, _PING, _PONG, _BINARY, TEXT, _CONTINUED = 8, 9, 10, 2, 1, 0
_LAST = 0x80
_HELLO, _WELCOME, _ABORT, _CHALLENGE, _AUTHENTICATE, _GOODBYE = 1, 2, 3, 4, 5, 6
_ERROR, _SUBSCRIBE, _SUBSCRIBED, EVENT, _CALL, RESULT = 8, 32, 33, 36, 48, 50

Hear = Callable[[str, dict[str, Any]], object]
"""Called with the topic and the event's keyword arguments."""


class Light(Protocol):
    """One session. ``joined`` fires with its id or fails with Disconnected; ``over`` with why it ended, never fails."""

    path = "/ws"
    protocol = "wamp.2.cbor"
    """Of the WebSocket, none where it is empty."""

    def __init__(self, ticket: str, hear: Hear = lambda *_: None) -> None:
        self.joined: Deferred[int] = Deferred()
        self.told: Deferred[str] = Deferred()
        """Fires with the reason of GOODBYE."""
        self.over: Deferred[Disconnected] = Deferred()
        self.stubborn = False
        """Does not go when it is told to."""
        self._ticket = ticket
        self._hear = hear
        self._topics: dict[int, str] = {}
        self._asked: dict[int, tuple[Deferred[Any], str]] = {}
        self.asked = 0
        """The number of the newest request."""
        self._unread = bytearray()
        self._fragments: list[bytes] = []
        self._kind = _BINARY
        self._upgraded = False
        self._reason = ""

    # what a test or a visitor does

    def call(self, uri: str, /, **arguments: Any) -> Deferred[Any]:
        """Call; fails with CallError."""
        return self._call(_CALL, uri, [], arguments)

    def subscribe(self, topic: str) -> Deferred[Any]:
        """Hear a topic from now on; fails with CallError."""
        return self._call(_SUBSCRIBE, topic)

    def cut(self) -> None:
        """Drop the socket without a word."""
        if self.transport is not None:
            self.transport.abortConnection()  # type: ignore[attr-defined]  # a TCP transport has it

    def _call(self, code: int, about: str, *more: Any) -> Deferred[Any]:
        if self.over.called:
            return defer.fail(Disconnected(self._reason or TRANSPORT_LOST))
        number = self.asked = self.asked + 1
        answer: Deferred[Any] = Deferred()
        self._asked[number] = (answer, about)
        self._say([code, number, {}, about, *more])
        return answer

    def answer(self, number: int, result: Any) -> None:
        """A call is answered."""
        self._asked.pop(number)[0].callback(result)

    # the wire

    def start(self, host: str, address: str | None) -> None:
        """Ask for the WebSocket; ``address`` is where a proxy would say that we come from."""
        lines = [
            f"GET {self.path} HTTP/1.1",
            f"Host: {host}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
            *([f"Sec-WebSocket-Protocol: {self.protocol}"] if self.protocol else []),
            *([f"X-Forwarded-For: {address}"] if address else []),
        ]
        self._write("".join(f"{line}\r\n" for line in [*lines, ""]).encode())

    def dataReceived(self, data: bytes) -> None:  # noqa: N802  # Twisted's name
        """Take what has come, frame by frame."""
        self._unread += data
        if not self._upgraded:
            head, end, rest = bytes(self._unread).partition(b"\r\n\r\n")
            if not end:
                return
            if b" 101 " not in head[:20]:
                self.cut()
                return
            self._upgraded, self._unread = True, bytearray(rest)
            self.greet()
        for opcode, payload in self._frames():
            if opcode in (_BINARY, TEXT):
                self.take(payload)
            elif opcode == _PING:
                self.send_frame(_PONG, payload)
            elif opcode == _CLOSE and not self.stubborn:
                self.send_frame(_CLOSE, payload[:2])

    def greet(self) -> None:
        """The first words over the WebSocket."""
        details = {"authmethods": ["ticket"], "authid": "whoever", "roles": {"caller": {}, "subscriber": {}}}
        self._say([_HELLO, REALM, details])

    def _frames(self) -> Iterator[tuple[int, bytes]]:
        unread = self._unread
        while len(unread) >= 2:
            begins, length = 2, unread[1]
            if length > 125:
                begins = 4 if length == 126 else 10
                if len(unread) < begins:
                    return
                length = int.from_bytes(unread[2:begins])
            if len(unread) < begins + length:
                return
            first, payload = unread[0], bytes(unread[begins : begins + length])
            del unread[: begins + length]
            opcode = first & 15
            if opcode in (_CONTINUED, _BINARY, TEXT):  # a large message comes in fragments, with pings between them
                self._kind = opcode or self._kind
                self._fragments.append(payload)
                if not first & _LAST:
                    continue
                opcode, payload = self._kind, b"".join(self._fragments)
                self._fragments.clear()
            yield opcode, payload

    def _say(self, message: list[Any]) -> None:
        self.send_frame(_BINARY, cbor2.dumps(message))

    def send_frame(self, opcode: int, payload: bytes) -> None:
        """One frame, masked with nothing."""
        length = len(payload)
        if length < 126:
            head = bytes([0x80 | opcode, 0x80 | length])
        elif length < 65_536:
            head = struct.pack("!BBH", 0x80 | opcode, 0xFE, length)
        else:
            head = struct.pack("!BBQ", 0x80 | opcode, 0xFF, length)
        self._write(head + _UNMASKED + payload)

    def _write(self, data: bytes) -> None:
        if self.transport is not None:
            self.transport.write(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: N802  # Twisted's name
        """However it went: everybody who waits is told."""
        ended = Disconnected(self._reason or TRANSPORT_LOST, str(reason.value))
        self.over.callback(ended)
        asked, self._asked = self._asked, {}
        for waiting in [self.joined, *(answer for answer, _ in asked.values())]:
            if not waiting.called:
                waiting.errback(Disconnected(ended.uri, ended.message))

    def take(self, payload: bytes) -> None:
        """Read a message, and do what it says."""
        message = cbor2.loads(payload)
        code = message[0]
        if code == EVENT:
            self._hear(self._topics.get(message[1], ""), message[5] if len(message) > 5 else {})
        elif code == RESULT:
            self.answer(message[1], message[3][0] if len(message) > 3 and message[3] else None)
        elif code == _SUBSCRIBED:
            answer, topic = self._asked.pop(message[1])
            self._topics[message[2]] = topic
            answer.callback(None)
        elif code == _ERROR:
            said = message[6] if len(message) > 6 else {}
            error = CallError.from_fields(message[4], said.get("message", ""), said)
            self._asked.pop(message[2])[0].errback(error)
        elif code == _CHALLENGE:
            self._say([_AUTHENTICATE, self._ticket, {}])
        elif code == _WELCOME:
            self.joined.callback(message[1])
        elif code == _ABORT:
            self._reason = message[2]
            self.cut()
        elif code == _GOODBYE:
            self._reason = message[2]
            if not self.stubborn:
                self._say([_GOODBYE, {}, "wamp.close.goodbye_and_out"])
                self.send_frame(_CLOSE, struct.pack("!H", 1000))
            self.told.callback(self._reason)


async def connect(port: int, light: Light, *, address: str | None = None) -> Light:
    """Connect on loopback and wait for WELCOME. Raises Disconnected."""
    factory = Factory.forProtocol(lambda: light)
    factory.noisy = False
    try:
        await TCP4ClientEndpoint(running_reactor(), "127.0.0.1", port).connect(factory)
    except ConnectError as error:
        raise Disconnected(TRANSPORT_LOST, str(error)) from error
    light.start(f"127.0.0.1:{port}", address)
    await light.joined
    return light


class Visitor:
    """One person in one lesson, over one session after another, until ``stop``."""

    def __init__(self, port: int, user_id: str, ticket: str, lesson_id: str, *, address: str | None = None) -> None:
        self._port, self._ticket, self._address = port, ticket, address
        self.lesson_id = lesson_id
        topics = topics_of(lesson_id).values()
        notifications = f"tutorwamp.user.{user_id}.notifications"
        self._topics: Sequence[str] = [*topics, notifications, CONNECTION_TIMEOUT]
        self._streams = frozenset([*streams_of(lesson_id), notifications])
        self.positions: dict[str, int] = {}
        self.incomplete = 0
        """Streams that could not be resumed."""
        self.light: Light | None = None
        self.is_in = False
        """Whether it has joined and resumed."""
        self.refused: list[str] = []
        """Why it did not get in, or was sent away."""
        self.beats = 0
        """Heartbeats answered."""
        self._arrivals: list[Deferred[float]] = []
        self._wanted = True
        self._beating: Any = None
        self._interval_s = 0.0

    def arrival(self) -> Deferred[float]:
        """Fires when it has joined and resumed the next time, with the time of the monotonic clock."""
        self._arrivals.append(Deferred())
        return self._arrivals[-1]

    async def live(self) -> None:
        """Be there, again and again."""
        tries = 0
        while self._wanted:
            try:
                reason: CallError = await self._one_session()
            except CallError as error:
                reason = error
            self.refused.append(reason.uri)
            tries = 1 if self.is_in else tries + 1
            self.is_in = False
            if self._beating is not None and self._beating.active():
                self._beating.cancel()
            self.cut()
            if self._wanted:
                pause_s = Backoff().pause_s(tries, random.random(), at_least_s=reason.retry_after_s)  # noqa: S311  # jitter
                await task.deferLater(running_reactor(), pause_s)

    def stop(self) -> None:
        """Go, and do not come back."""
        self._wanted = False
        self.cut()

    def cut(self) -> None:
        """Lose the connection."""
        if self.light is not None:
            self.light.cut()

    async def call(self, uri: str, /, **arguments: Any) -> Any:
        """Call. Raises CallError."""
        if self.light is None:
            raise Disconnected
        return await self.light.call(uri, **arguments)

    async def _one_session(self) -> Disconnected:
        light = self.light = Light(self._ticket, self._heard)
        await connect(self._port, light, address=self._address)
        joined = await light.call(JOIN.uri, lesson_id=self.lesson_id)
        asked = defer.DeferredList([light.subscribe(topic) for topic in self._topics], consumeErrors=True)
        if not all(done for done, _ in await asked):
            raise await light.over if light.over.called else Disconnected("wamp.error.not_authorized")
        if not self.positions:
            self.positions = {**dict.fromkeys(self._streams, 0), **joined["heads"]}
        resumed = await light.call(RESUME.uri, positions=self.positions)
        self._resume(resumed["streams"])
        self._interval_s = (await light.call(HEARTBEAT.uri, positions=self.positions))["interval_s"]
        self._beat_in(random.random() * self._interval_s)  # noqa: S311  # so that not all come at once
        self.is_in = True
        arrivals, self._arrivals = self._arrivals, []
        for arrival in arrivals:
            arrival.callback(time.monotonic())
        return await light.over

    def _resume(self, streams: Mapping[str, Mapping[str, Any]]) -> None:
        for name, stream in streams.items():
            if stream["complete"]:
                self.positions[name] = max(self.positions[name], stream["head"])
            else:
                self.incomplete += 1

    def _heard(self, topic: str, event: dict[str, Any]) -> None:
        if topic in self._streams:
            self.positions[topic] = max(self.positions[topic], event["seq"])

    def _beat_in(self, seconds: float) -> None:
        self._beating = running_reactor().callLater(seconds, self._beat)

    def _beat(self) -> None:
        if self.light is not None:
            # Where it fails, ``over`` says why.
            self.light.call(HEARTBEAT.uri, positions=self.positions).addCallbacks(self._answered, lambda _: None)
            self._beat_in(self._interval_s)

    def _answered(self, _beat: Any) -> None:
        self.beats += 1
