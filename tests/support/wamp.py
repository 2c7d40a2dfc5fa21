"""A bare WAMP session for tests: no reconnect, no conveniences, every option in the test's hands."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, Protocol

from autobahn.twisted.wamp import ApplicationSession
from autobahn.twisted.websocket import WampWebSocketClientFactory
from autobahn.wamp.exception import ApplicationError
from autobahn.wamp.message import Call, Publish
from autobahn.wamp.request import CallRequest, PublishRequest
from autobahn.wamp.serializer import CBORSerializer, JsonSerializer, MsgPackSerializer
from autobahn.wamp.types import CallOptions, Challenge, CloseDetails, ComponentConfig, SessionDetails, SubscribeOptions
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint

PATIENCE_S = 30.0
"""For an answer of a real process; reaching it is a failure."""
SERIALIZERS: dict[str, Any] = {"cbor": CBORSerializer, "msgpack": MsgPackSerializer, "json": JsonSerializer}


class Reachable(Protocol):
    """A node, however it was started."""

    @property
    def url(self) -> str: ...

    @property
    def ws_url(self) -> str: ...

    port: int


class BareSession(ApplicationSession):
    """Joins with a ticket; ``joined`` fires with itself or fails with the ABORT as an ApplicationError."""

    def __init__(self, ticket: str) -> None:
        super().__init__(ComponentConfig("tutor"))
        self.ticket = ticket
        self.joined: Deferred[BareSession] = Deferred()
        self.left: Deferred[CloseDetails] = Deferred()
        self.heard: list[tuple[str, dict[str, Any]]] = []
        self._waiting: list[tuple[Callable[[], bool], Deferred[None]]] = []

    def onConnect(self) -> None:
        self.join("tutor", ["ticket"], "whoever")

    def onChallenge(self, _challenge: Challenge) -> str:
        return self.ticket

    def onJoin(self, _details: SessionDetails) -> None:
        self.joined.callback(self)

    def onLeave(self, details: CloseDetails) -> None:
        if not self.joined.called:
            self.joined.errback(ApplicationError(details.reason, details.message))
        self.left.callback(details)
        self.disconnect()

    async def ask(self, uri: str, /, **arguments: Any) -> Any:
        """Call, and fail instead of waiting for ever."""
        return await self.ask_raw(uri, arguments)

    async def ask_raw(self, uri: str, arguments: Any, positional: Any = None) -> Any:
        """Call with whatever the serializer carries; autobahn's ``call`` takes only what Python's keywords can."""
        number = self._request_id_gen.next()
        answer: Deferred[Any] = Deferred()
        self._call_reqs[number] = CallRequest(number, uri, answer, CallOptions())
        self.wire().send(Call(number, uri, args=positional, kwargs=arguments))
        return await answer.addTimeout(PATIENCE_S, reactor)

    def wire(self) -> Any:
        """The transport, for what no session would send."""
        assert self._transport is not None
        return self._transport

    async def publish_raw(self, topic: str, arguments: Any) -> None:
        """Publish, acknowledged, whatever the serializer carries. Raises ApplicationError where it is refused."""
        number = self._request_id_gen.next()
        done: Deferred[Any] = Deferred()
        self._publish_reqs[number] = PublishRequest(number, done, was_encrypted=False)
        self.wire().send(Publish(number, topic, args=[], kwargs=arguments, acknowledge=True))
        await done.addTimeout(PATIENCE_S, reactor)

    async def hear(self, topic: str, match: Literal["exact", "prefix", "wildcard"] | None = None) -> None:
        """Subscribe; what comes goes to ``heard``. Raises ApplicationError where it is refused."""

        def note(*_: Any, **values: Any) -> None:
            self.heard.append((topic, values))
            for done, waiting in list(self._waiting):
                if not waiting.called and done():
                    waiting.callback(None)

        options = SubscribeOptions(match=match) if match else None
        await self.subscribe(note, topic, options=options).addTimeout(PATIENCE_S, reactor)

    async def heard_at_least(self, count: int) -> None:
        """Wait until so many events have come."""
        await self.heard_until(lambda: len(self.heard) >= count)

    async def heard_until(self, done: Callable[[], bool], *, patience_s: float = PATIENCE_S) -> None:
        """Wait until what was heard is enough."""
        if not done():
            waiting: Deferred[None] = Deferred()
            self._waiting.append((done, waiting))
            await waiting.addTimeout(patience_s, reactor)


async def connect(node: Reachable, ticket: str, serializer: Literal["cbor", "msgpack", "json"] = "cbor") -> BareSession:
    """Connect and join. Raises ApplicationError with the ABORT's reason."""
    session = BareSession(ticket)
    factory = WampWebSocketClientFactory(lambda: session, url=node.ws_url, serializers=[SERIALIZERS[serializer]()])
    factory.setProtocolOptions(openHandshakeTimeout=PATIENCE_S, maxMessagePayloadSize=0)
    await TCP4ClientEndpoint(reactor, "127.0.0.1", node.port).connect(factory)
    return await session.joined.addTimeout(PATIENCE_S, reactor)
