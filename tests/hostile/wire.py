"""A client without manners: a blocking socket that sends whatever it is given, from an address of its own.

Real clients refuse to send most of what is sent here, so nothing of them is used.
"""

from __future__ import annotations

import http.client
import itertools
import json
import socket
import struct
import time
from collections.abc import Mapping
from typing import Any, Final, Literal, Self

import cbor2
import msgpack

Serializer = Literal["json", "cbor", "msgpack"]
SERIALIZERS: Final[tuple[Serializer, ...]] = ("json", "cbor", "msgpack")
ADDRESS: Final = "127.0.0.66"
"""Where the hostile come from: all of 127/8 is loopback, and what is counted by address must not hit the others."""
PATIENCE_S: Final = 5.0
"""For an answer; who attacks does not wait for long."""
_CLOSE, _PING, _PONG, _TEXT, _BINARY, _MORE = 8, 9, 10, 1, 2, 0
HELLO, WELCOME, ABORT, CHALLENGE, AUTHENTICATE, GOODBYE, ERROR = 1, 2, 3, 4, 5, 6, 8
PUBLISH, SUBSCRIBE, SUBSCRIBED, EVENT, CALL, RESULT, YIELD = 16, 32, 33, 36, 48, 50, 70
REALM: Final = "tutor"
ROLES: Final[dict[str, Any]] = {"caller": {}, "publisher": {}, "subscriber": {}}


class GoneError(Exception):
    """The other side has ended the connection, or does not answer."""


class SilenceError(GoneError):
    """The other side does not answer, and is there."""


def packed(value: Any, serializer: Serializer) -> bytes:
    """As the serializer writes it, whether it may be sent or not."""
    if serializer == "json":
        return json.dumps(value).encode()
    made: bytes = cbor2.dumps(value) if serializer == "cbor" else msgpack.packb(value)
    return made


def unpacked(raw: bytes, serializer: Serializer) -> Any:
    """What the node has written."""
    if serializer == "json":
        return json.loads(raw, parse_constant=_no_json)
    return cbor2.loads(raw) if serializer == "cbor" else msgpack.unpackb(raw)


def _no_json(name: str) -> Any:
    raise GoneError(f"a browser would end the connection over {name}")


def dial(port: int, *, address: str = ADDRESS, receive_bytes: int | None = None) -> socket.socket:
    """A TCP connection to the node; ``receive_bytes``: the kernel's buffer, small for who does not read."""
    made = socket.socket()
    try:
        if receive_bytes is not None:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        made.settimeout(PATIENCE_S)
        made.bind((address, 0))
        made.connect(("127.0.0.1", port))
    except OSError as error:
        made.close()
        raise GoneError(str(error)) from error
    return made


class WebSocket:
    """One WebSocket, upgraded."""

    def __init__(self, port: int, serializer: Serializer, **more: Any) -> None:
        self.serializer = serializer
        self.socket = dial(port, **more)
        self._unread, self._fragments = bytearray(), bytearray()
        lines = [
            "GET /ws HTTP/1.1",
            f"Host: 127.0.0.1:{port}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
            f"Sec-WebSocket-Protocol: wamp.2.{serializer}",
            "\r\n",
        ]
        self.send("\r\n".join(lines).encode())
        head = self._until(b"\r\n\r\n")
        if b" 101 " not in head[:20]:
            self.close()
            raise GoneError(head[:80].decode("latin-1"))

    def send(self, raw: bytes) -> None:
        """Bytes, as they are."""
        try:
            self.socket.sendall(raw)
        except OSError as error:
            raise GoneError(str(error)) from error

    def message(self, payload: bytes, opcode: int | None = None, *, length: int | None = None) -> None:
        """One frame; ``length``: what it says, where that is not so."""
        self.send(self.frame(payload, opcode, length=length))

    def burst(self, messages: list[list[Any]]) -> None:
        """Several messages of plain values in one write."""
        self.send(b"".join(self.frame(packed(message, self.serializer)) for message in messages))

    def frame(self, payload: bytes, opcode: int | None = None, *, length: int | None = None) -> bytes:
        """A frame as bytes. The mask is all zeros, which leaves the payload as it is (RFC 6455 section 5.3)."""
        kind = opcode if opcode is not None else _TEXT if self.serializer == "json" else _BINARY
        said = len(payload) if length is None else length
        if said < 126:
            head = bytes([0x80 | kind, 0x80 | said])
        elif said < 65_536:
            head = struct.pack("!BBH", 0x80 | kind, 0xFE, said)
        else:
            head = struct.pack("!BBQ", 0x80 | kind, 0xFF, said)
        return head + bytes(4) + payload

    def receive(self, patience_s: float = PATIENCE_S) -> bytes:
        """The next message, of however many fragments; what has come of it is kept over a silence. Raises GoneError."""
        deadline = time.monotonic() + patience_s
        while True:
            is_last, opcode, payload = self._next_frame(deadline)
            if opcode == _CLOSE:
                self.close()
                raise GoneError(payload[2:].decode(errors="replace"))
            if opcode == _PING:
                self.message(payload, _PONG)
            elif opcode in (_TEXT, _BINARY, _MORE):
                self._fragments += payload
                if is_last:
                    message, self._fragments = bytes(self._fragments), bytearray()
                    return message

    def _next_frame(self, deadline: float) -> tuple[bool, int, bytes]:
        self._wait_for(2, deadline)
        head, length, begins = self._unread[0], self._unread[1], 2
        if length > 125:
            begins = 4 if length == 126 else 10
            self._wait_for(begins, deadline)
            length = int.from_bytes(self._unread[2:begins])
        self._wait_for(begins + length, deadline)
        payload = bytes(self._unread[begins : begins + length])
        del self._unread[: begins + length]
        return bool(head & 0x80), head & 15, payload

    def _until(self, mark: bytes) -> bytes:
        deadline = time.monotonic() + PATIENCE_S
        while mark not in self._unread:
            self._more(deadline)
        head, _, rest = bytes(self._unread).partition(mark)
        self._unread = bytearray(rest)
        return head

    def _wait_for(self, count: int, deadline: float) -> None:
        while len(self._unread) < count:
            self._more(deadline)

    def _more(self, deadline: float) -> None:
        try:
            self.socket.settimeout(max(0.001, deadline - time.monotonic()))
            come = self.socket.recv(65_536)
            self.socket.settimeout(PATIENCE_S)
        except TimeoutError as error:
            raise SilenceError("silence") from error
        except OSError as error:
            raise GoneError(str(error)) from error
        if not come:
            raise GoneError("closed")
        self._unread += come

    def close(self) -> None:
        """Without a word."""
        self.socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Wamp(WebSocket):
    """A WAMP session; joined where a ticket is given."""

    def __init__(self, port: int, serializer: Serializer, ticket: str | None = None, **more: Any) -> None:
        super().__init__(port, serializer, **more)
        self._numbers = itertools.count(1)
        if ticket is None:
            return
        self.say([HELLO, REALM, {"authmethods": ["ticket"], "authid": "whoever", "roles": ROLES}])
        if self.hear()[0] != CHALLENGE:
            raise GoneError("refused")
        self.say([AUTHENTICATE, ticket, {}])
        welcome = self.hear()
        if welcome[0] != WELCOME:
            raise GoneError(str(welcome[2]))

    def say(self, message: list[Any]) -> None:
        """One message of plain values."""
        self.message(packed(message, self.serializer))

    def hear(self, patience_s: float = PATIENCE_S) -> list[Any]:
        """The next message. Raises GoneError."""
        heard: list[Any] = unpacked(self.receive(patience_s), self.serializer)
        return heard

    def ask(self, uri: str, /, **arguments: Any) -> int:
        """Send a call and do not wait; its number."""
        number = next(self._numbers)
        self.say([CALL, number, {}, uri, [], arguments])
        return number

    def outcome(self, number: int, patience_s: float = PATIENCE_S) -> tuple[str, Any]:
        """``("", result)``, or the error's URI and its keywords. Raises GoneError."""
        while True:
            message = self.hear(patience_s)
            if message[0] == RESULT and message[1] == number:
                return "", message[3][0] if len(message) > 3 and message[3] else None
            if message[0] == ERROR and message[2] == number:
                return str(message[4]), message[6] if len(message) > 6 else {}

    def call(self, uri: str, /, **arguments: Any) -> tuple[str, Any]:
        """Call and wait."""
        return self.outcome(self.ask(uri, **arguments))

    def must(self, uri: str, /, **arguments: Any) -> Any:
        """Call what has to work. Raises GoneError where it is refused."""
        error, answer = self.call(uri, **arguments)
        if error:
            raise GoneError(f"{uri}: {error} {answer}")
        return answer

    def subscribe(self, topic: str) -> None:
        """Without waiting for the answer."""
        self.say([SUBSCRIBE, next(self._numbers), {}, topic])

    def publish(self, topic: str, arguments: Mapping[str, Any], raw: bytes | None = None) -> None:
        """Without asking for an answer; ``raw``: the arguments as they shall be on the wire."""
        number = next(self._numbers)
        if raw is None:
            self.say([PUBLISH, number, {}, topic, [], dict(arguments)])
        else:
            self.message(_five(self.serializer, [PUBLISH, number, {}, topic, []]) + raw + _end(self.serializer))


def _five(serializer: Serializer, values: list[Any]) -> bytes:
    """The beginning of a message of six values, of which the last is still to come."""
    if serializer == "json":
        return json.dumps(values)[:-1].encode() + b","
    first = b"\x86" if serializer == "cbor" else b"\x96"
    return first + b"".join(packed(value, serializer) for value in values)


def _end(serializer: Serializer) -> bytes:
    return b"]" if serializer == "json" else b""


def call_raw(number: int, uri: str, arguments: bytes, serializer: Serializer) -> bytes:
    """A call whose keyword arguments are these bytes."""
    return _five(serializer, [CALL, number, {}, uri, []]) + arguments + _end(serializer)


def hello_raw(details: bytes, serializer: Serializer) -> bytes:
    """A HELLO whose details are these bytes."""
    if serializer == "json":
        return b'[1,"tutor",' + details + b"]"
    return (b"\x83" if serializer == "cbor" else b"\x93") + b"\x01" + packed(REALM, serializer) + details


def request(
    port: int,
    method: str,
    path: str,
    body: bytes | dict[str, Any] | None = None,
    *,
    token: str = "",
    headers: Mapping[str, str] | None = None,
    address: str = ADDRESS,
    patience_s: float = 20.0,
) -> tuple[int, bytes, dict[str, str]]:
    """One HTTP request: status, body and headers of the answer. Raises GoneError."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=patience_s, source_address=(address, 0))
    sent = dict(headers or {})
    if isinstance(body, dict):
        body, sent = json.dumps(body).encode(), {"content-type": "application/json", **sent}
    if token:
        sent["authorization"] = f"Bearer {token}"
    try:
        connection.request(method, path, body, sent)
        answer = connection.getresponse()
        return answer.status, answer.read(), {name.lower(): value for name, value in answer.getheaders()}
    except (OSError, http.client.HTTPException) as error:
        raise GoneError(str(error)) from error
    finally:
        connection.close()


def shout(port: int, raw: bytes, *, patience_s: float = 2.0, address: str = ADDRESS) -> bytes:
    """Bytes to the HTTP door, and what comes back before it ends or falls silent."""
    heard = bytearray()
    with dial(port, address=address) as line:
        try:
            line.sendall(raw)
            line.settimeout(patience_s)
            while come := line.recv(65_536):
                heard += come
        except OSError:
            pass
    return bytes(heard)
