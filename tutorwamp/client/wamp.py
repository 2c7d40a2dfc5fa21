"""One WebSocket and the WAMP session over it, from the first byte to the end; coming back is not decided here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Literal, TypeVar

from autobahn.exception import Disconnected as SocketClosed
from autobahn.exception import PayloadExceededError
from autobahn.twisted.wamp import ApplicationSession
from autobahn.twisted.websocket import WampWebSocketClientFactory, WampWebSocketClientProtocol
from autobahn.wamp import message
from autobahn.wamp.exception import ApplicationError, InvalidUriError, SerializationError, TransportLost
from autobahn.wamp.interfaces import IMessage
from autobahn.wamp.request import Subscription as Held
from autobahn.wamp.serializer import CBORSerializer, JsonSerializer, MsgPackSerializer
from autobahn.wamp.types import Challenge, CloseDetails, ComponentConfig, SessionDetails
from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as DeferredTimeout
from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.error import ConnectError, DNSLookupError
from twisted.internet.interfaces import IReactorTime, IStreamClientEndpoint
from twisted.internet.ssl import optionsForClientTLS

from tutorwamp.client.errors import TIMED_OUT, TRANSPORT_LOST, CallError, Disconnected

REALM: Final = "tutor"
DRAINING: Final = "tutorwamp.connection.draining"
"""On it a session is told when to come back, before a node that is stopped ends it."""

CONNECT_TIMEOUT_S: Final = 10.0
"""TCP: two lost SYNs (1 s, 3 s) and a slow network still fit."""
HANDSHAKE_TIMEOUT_S: Final = 10.0
"""The WebSocket upgrade: one round trip, but a node thrown into a reconnect storm takes its time."""
JOIN_TIMEOUT_S: Final = 30.0
"""All of it, with the ticket being checked: the router itself would let us wait for ever."""
PING_INTERVAL_S: Final = 20.0
"""Below the 30 to 60 s after which home routers and proxies forget a quiet connection."""
PING_TIMEOUT_S: Final = 10.0
"""With the interval: a server that died without a word is noticed within 30 s, the grace time of a lesson."""
CLOSE_TIMEOUT_S: Final = 2.0
"""For the other side's half of the closing handshake; what matters was answered before."""
SEND_AT_MOST_BYTES: Final = 8 * 1024 * 1024
"""The node answers a longer message by ending the connection, so we refuse it ourselves."""
RECEIVE_AT_MOST_BYTES: Final = 16 * 1024 * 1024
"""A full board is read in one answer; beyond this it is not ours that is talking."""

Serializer = Literal["cbor", "msgpack", "json"]
_SERIALIZERS: Final[Mapping[str, Any]] = {"cbor": CBORSerializer, "msgpack": MsgPackSerializer, "json": JsonSerializer}

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Event:
    """Something that was published. ``event["data"]`` reads the keyword arguments it came with."""

    topic: str
    values: Mapping[str, Any]
    publisher: str | None = None
    """The publisher's user id, on topics that disclose it (typing, cursor)."""

    def __getitem__(self, name: str) -> Any:
        return self.values[name]

    @property
    def type(self) -> str | None:
        """For example ``message.created``; None on topics without types."""
        return self.values.get("type")


class Session(ApplicationSession):
    """A session that says how it ended."""

    def __init__(self, ticket: str, on_revoked: Callable[[Held, str], None]) -> None:
        super().__init__(ComponentConfig(realm=REALM))
        self.welcomed: Deferred[SessionDetails] = Deferred()
        self.over: Deferred[Disconnected] = Deferred()
        """Fires once the socket is gone, with the reason, and never fails."""
        self.joined = False
        self.cut: Callable[[], None] = _nothing_to_cut
        """Drop the socket at once, without a goodbye."""
        self._ticket = ticket
        self._on_revoked = on_revoked
        self._reason: Disconnected | None = None
        self._back_after_s: float | None = None

    def onConnect(self) -> None:  # noqa: N802 - autobahn's name, as are the next five
        """The socket is open: ask to join. The router reads the person from the ticket."""
        self.join(REALM, ["ticket"])

    def onChallenge(self, challenge: Challenge) -> str:  # noqa: N802  # autobahn's name
        """Show the ticket."""
        return self._ticket

    def onJoin(self, details: SessionDetails) -> None:  # noqa: N802  # autobahn's name
        """WELCOME."""
        self.joined = True
        self.subscribe(self._drain, DRAINING).addErrback(lambda _: None)  # an older node does not know it
        self.welcomed.callback(details)

    def _drain(self, values: Mapping[str, Any]) -> None:
        wished = values.get("retry_after_s")
        if isinstance(wished, int | float):
            self._back_after_s = max(0.0, float(wished))

    def onLeave(self, details: CloseDetails) -> Any:  # noqa: N802  # autobahn's name
        """ABORT or GOODBYE, or neither and the socket is gone; autobahn then fails the calls in flight."""
        self.joined = False
        if self._reason is None:
            self._reason = Disconnected(
                details.reason or TRANSPORT_LOST, details.message or "", retry_after_s=self._back_after_s
            )
        return super().onLeave(details)

    def onMessage(self, msg: IMessage) -> None:  # noqa: N802  # autobahn's name
        """Keep three things from autobahn over which it would end the connection.

        A subscription the router takes away is let go of. An event's keywords are handed over as one value: another
        client may have named one ``self``. What the router answers after its GOODBYE, to calls that were under way
        when a callee died, comes too late: those calls have failed with the session.
        """
        if self.welcomed.called and not self.joined:
            return
        if isinstance(msg, message.Event):
            msg.kwargs, msg.args = {"values": msg.kwargs or {}}, None
        if isinstance(msg, message.Unsubscribed) and msg.request == 0:
            for held in self._subscriptions.pop(msg.subscription, []):
                held.active = False
                self._on_revoked(held, msg.reason or "")
            return
        super().onMessage(msg)

    def gone(self, explanation: str) -> None:
        """The socket is gone, whether or not anybody said goodbye before."""
        reason = self._reason or Disconnected(TRANSPORT_LOST, explanation)
        if not self.welcomed.called:
            self.welcomed.errback(reason)
        if not self.over.called:
            self.over.callback(reason)


def _nothing_to_cut() -> None:
    """There is no socket yet."""


class _Wire(WampWebSocketClientProtocol):
    def __init__(self, session: Session) -> None:
        super().__init__()
        self._whose = session

    def onClose(self, wasClean: bool, code: int, reason: str | None) -> None:  # noqa: N802, N803  # autobahn's name
        super().onClose(wasClean, code, reason)
        self._whose.gone(reason or "")

    def sendMessage(  # noqa: N802 - autobahn's names
        self,
        payload: bytes,
        isBinary: bool = False,  # noqa: N803  # autobahn's name
        fragmentSize: int | None = None,  # noqa: N803  # autobahn's name
        sync: bool = False,
        doNotCompress: bool = False,  # noqa: N803  # autobahn's name
    ) -> None:
        if len(payload) > SEND_AT_MOST_BYTES:
            raise PayloadExceededError(f"{len(payload)} bytes, at most {SEND_AT_MOST_BYTES}")
        super().sendMessage(payload, isBinary, fragmentSize, sync, doNotCompress)  # type: ignore[no-untyped-call]  # autobahn's


def _factory(session: Session, url: str, serializer: Serializer, reactor: Any) -> Any:
    factory: Any = WampWebSocketClientFactory(
        lambda: session, url=url, serializers=[_SERIALIZERS[serializer]()], reactor=reactor
    )
    factory.protocol = partial(_Wire, session)
    factory.setProtocolOptions(
        openHandshakeTimeout=HANDSHAKE_TIMEOUT_S,
        closeHandshakeTimeout=CLOSE_TIMEOUT_S,
        autoPingInterval=PING_INTERVAL_S,
        autoPingTimeout=PING_TIMEOUT_S,
        maxMessagePayloadSize=RECEIVE_AT_MOST_BYTES,
        maxFramePayloadSize=RECEIVE_AT_MOST_BYTES,
    )
    return factory


def _endpoint(factory: Any, reactor: Any) -> IStreamClientEndpoint:
    endpoint = HostnameEndpoint(reactor, factory.host, factory.port, timeout=CONNECT_TIMEOUT_S)
    return wrapClientTLS(optionsForClientTLS(factory.host), endpoint) if factory.isSecure else endpoint


async def join(session: Session, url: str, *, serializer: Serializer, reactor: Any, clock: IReactorTime) -> None:
    """Connect and wait for WELCOME. Raises Disconnected with the reason; then nothing is left behind."""
    factory = _factory(session, url, serializer, reactor)
    try:
        wire: Any = await _endpoint(factory, reactor).connect(factory)
    except (ConnectError, DNSLookupError) as error:
        raise Disconnected(TRANSPORT_LOST, f"{url} cannot be reached: {error}") from error
    session.cut = wire.transport.abortConnection
    try:
        await session.welcomed.addTimeout(JOIN_TIMEOUT_S, clock)
    except DeferredTimeout as error:
        raise Disconnected(TRANSPORT_LOST, f"{url} does not answer.") from error
    finally:
        if not session.joined:
            session.cut()


async def answer_of(request: Callable[[], Deferred[Answer]], *, timeout_s: float, clock: IReactorTime) -> Answer:
    """Make a request of a session and wait for its answer. Raises CallError for all that can go wrong."""
    try:
        return await request().addTimeout(timeout_s, clock)
    except ApplicationError as error:
        raise _translated(error) from error
    except (TransportLost, SocketClosed) as error:
        raise Disconnected from error
    except DeferredTimeout as error:
        raise CallError(TIMED_OUT, f"No answer within {timeout_s:g} s.") from error
    except PayloadExceededError as error:
        raise CallError("tutorwamp.error.too_large", str(error)) from error
    except (SerializationError, InvalidUriError) as error:
        raise CallError("tutorwamp.error.invalid", str(error)) from error


def _translated(error: ApplicationError) -> CallError:
    said = error.args[0] if error.args and isinstance(error.args[0], str) else ""
    if error.error.startswith(("wamp.close.", "tutorwamp.close.")):
        return Disconnected(error.error, said)  # how autobahn fails the calls in flight when a session ends
    return CallError.from_fields(error.error, error.kwargs.get("message", said), error.kwargs)
