"""A WebSocket of one's own: whatever bytes a test wants to send, and what comes back."""

from __future__ import annotations

import json
from typing import Any

import cbor2
import msgpack
from autobahn.twisted.websocket import WebSocketClientFactory, WebSocketClientProtocol
from twisted.internet import reactor
from twisted.internet.defer import Deferred, DeferredQueue
from twisted.internet.endpoints import TCP4ClientEndpoint

from tests.gate.people import soon, ticket
from tests.support.node import Node

WRITERS: dict[str, Any] = {
    "json": lambda value: json.dumps(value).encode(),
    "cbor": cbor2.dumps,
    # What it has no form for goes as an extension, so that it can be sent at all.
    "msgpack": lambda value: msgpack.packb(
        value, datetime=True, default=lambda odd: msgpack.ExtType(1, repr(odd).encode())
    ),
}
READERS: dict[str, Any] = {"json": json.loads, "cbor": cbor2.loads, "msgpack": msgpack.unpackb}
HELLO: list[Any] = [
    1,
    "tutor",
    {"roles": {"caller": {}, "subscriber": {}, "publisher": {}}, "authmethods": ["ticket"], "authid": "x"},
]


class Raw(WebSocketClientProtocol):
    """One connection that speaks a serialization of WAMP and nothing else by itself."""

    def __init__(self, serializer: str) -> None:
        super().__init__()
        self.serializer = serializer
        self.batched = False
        self.deaf = False
        """Does not answer when the other side wants to end."""
        self.session = 0
        self.opened: Deferred[None] = Deferred()
        self.closed: Deferred[int | None] = Deferred()
        """Fires with the close code."""
        self.heard: DeferredQueue[list[Any]] = DeferredQueue()

    @classmethod
    async def connect(cls, node: Node, serializer: str, *, protocol: str | None = None) -> Raw:
        factory = WebSocketClientFactory(node.ws_url, protocols=[protocol or f"wamp.2.{serializer}"])
        factory.setProtocolOptions(openHandshakeTimeout=0, closeHandshakeTimeout=0)
        made = cls(serializer)
        factory.protocol = lambda: made  # type: ignore[assignment]  # it is called, and nothing else
        await TCP4ClientEndpoint(reactor, "127.0.0.1", node.port).connect(factory)
        await soon(made.opened)
        return made

    @classmethod
    async def join(cls, node: Node, serializer: str, token: str | None = None) -> Raw:
        """In, as Visit.join lets in."""
        made = await cls.connect(node, serializer)
        made.say(HELLO)
        assert (await made.hear())[0] == 4
        made.say([5, token or ticket(), {}])
        welcome = await made.hear()
        assert welcome[0] == 2, welcome
        made.session = welcome[1]
        return made

    def onOpen(self) -> None:
        self.opened.callback(None)

    def onMessage(self, payload: bytes, isBinary: bool) -> None:  # noqa: N803  # autobahn's name
        if self.batched:
            payload = payload[:-1] if self.serializer == "json" else payload[4:]
        self.heard.put(READERS[self.serializer](payload))

    def onClose(self, _clean: bool, code: int | None, _reason: str | None) -> None:
        if not self.opened.called:
            self.opened.errback(ConnectionError(code))
        self.closed.callback(code)

    def onCloseFrame(self, code: Any, reasonRaw: Any) -> None:  # noqa: N803  # autobahn's name
        if not self.deaf:
            super().onCloseFrame(code, reasonRaw)

    def cut(self) -> None:
        """Drop the socket without a word."""
        self.transport.abortConnection()  # type: ignore[union-attr]  # a TCP transport has it

    def say(self, message: Any) -> None:
        payload = WRITERS[self.serializer](message)
        if self.batched:
            payload = payload + b"\x18" if self.serializer == "json" else len(payload).to_bytes(4) + payload
        self.say_bytes(payload)

    def say_bytes(self, payload: bytes, *, in_pieces_of: int | None = None) -> None:
        self.sendMessage(payload, self.serializer != "json", in_pieces_of)  # type: ignore[no-untyped-call]  # autobahn's

    async def hear(self) -> list[Any]:
        """The next message."""
        return await soon(self.heard.get())

    async def lives(self) -> bool:
        """Whether a call is answered, after what was heard before it."""
        self.say([48, 4_000_000, {}, "tutorwamp.test.shout", [], {"text": "four"}])
        answer = await self.hear()
        return answer[:2] == [50, 4_000_000] and answer[3][0]["length"] == 4

    async def ended(self) -> int | None:
        """Wait for the end; the close code."""
        return await soon(self.closed)
