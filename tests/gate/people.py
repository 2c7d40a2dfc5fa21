"""Clients and components for the tests of the gate: plain autobahn sessions on real transports."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import yaml
from autobahn.twisted.rawsocket import WampRawSocketClientFactory
from autobahn.twisted.wamp import ApplicationSession
from autobahn.twisted.websocket import WampWebSocketClientFactory, WampWebSocketClientProtocol
from autobahn.wamp.message import Goodbye
from autobahn.wamp.serializer import CBORSerializer, JsonSerializer, MsgPackSerializer
from autobahn.wamp.types import CallDetails, CloseDetails, ComponentConfig, PublishOptions, RegisterOptions
from twisted.internet import reactor
from twisted.internet.defer import Deferred, DeferredQueue
from twisted.internet.endpoints import TCP4ClientEndpoint, UNIXClientEndpoint
from twisted.python.failure import Failure

from tests.support.node import CONFIG, Node
from tutorwamp.gate.wamp import GateClient
from tutorwamp.kernel.contracts import AuthRole, new_id, utc_now
from tutorwamp.kernel.tokens import sign

KEY = "a key that is known to the tests only"
WAIT_S = 15
"""How long an event may take before the test fails; it comes in milliseconds."""
COMPONENTS = yaml.safe_load(CONFIG.read_text())["workers"][0]["components"][0]["extra"]["components"]
SERIALIZERS: dict[str, Any] = {"cbor": CBORSerializer, "msgpack": MsgPackSerializer, "json": JsonSerializer}
SERVED = ["tutorwamp.test.shout", "tutorwamp.test.slow"]
"""What clients may call; the second is a test's to register."""
T = TypeVar("T")


def gate_node(config: Path, **env: str) -> Node:
    """A router that is not started yet and knows the key of ``ticket``."""
    return Node(config=config, env={"TUTORWAMP_SECRET_KEY": KEY, **env})


def with_gate(gate: str, config: Path, folder: Path) -> Path:
    """The configuration with another gate, one of ``narrow.py``."""
    changed = yaml.safe_load(config.read_text())
    changed["workers"][0]["components"][0]["classname"] = f"tests.gate.narrow.{gate}"
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(changed))
    return path


def soon(deferred: Deferred[T]) -> Deferred[T]:
    """Fail where it takes too long. The one waited for is left alone: autobahn cannot cancel on a lost transport."""
    waiting: Deferred[T] = Deferred()

    def came(result: Any) -> Any:
        if waiting.called:
            return result
        waiting.callback(result)  # a Failure is passed on as one
        return None if isinstance(result, Failure) else result

    deferred.addBoth(came)
    return waiting.addTimeout(WAIT_S, reactor)


def ticket(user_id: str | None = None, *, role: AuthRole = AuthRole.STUDENT, age: timedelta = timedelta()) -> str:
    """An access token, signed as accounts would; of somebody new by default."""
    return sign(
        KEY.encode(),
        user_id=user_id or new_id(),
        role=role,
        family_id=new_id(),
        now=utc_now() - age,
        lifetime=timedelta(minutes=15),
    )


class Refused(Exception):
    """ABORT instead of WELCOME."""

    def __init__(self, details: CloseDetails) -> None:
        super().__init__(f"{details.reason}: {details.message}")
        self.reason, self.message = details.reason, details.message


class Guest(ApplicationSession):
    """A session whose coming and going can be awaited."""

    def __init__(self, methods: list[str], ticket: str | None = None) -> None:
        super().__init__(ComponentConfig("tutor", {}))
        self._methods, self._ticket = methods, ticket
        self.joined: Deferred[Any] = Deferred()
        self.left: Deferred[CloseDetails] = Deferred()
        self.gone: Deferred[None] = Deferred()
        self.heard: DeferredQueue[tuple[str, dict[str, Any]]] = DeferredQueue()

    def onConnect(self) -> None:
        # The claimed identity is nobody's: the ticket decides.
        self.join("tutor", self._methods, "somebody-else" if self._ticket else None)

    def onChallenge(self, challenge: object) -> str:
        assert self._ticket is not None
        return self._ticket

    def onJoin(self, details: Any) -> None:
        self.details = details
        self.joined.callback(details)

    def onLeave(self, details: CloseDetails) -> None:
        if not self.joined.called:
            self.joined.errback(Refused(details))
        self.left.callback(details)
        self.disconnect()

    def onDisconnect(self) -> None:
        self.gone.callback(None)

    def onUserError(self, fail: Any, msg: str) -> None:
        """Errors raised on purpose need no log."""

    @property
    def wire(self) -> Any:
        """The transport below the session."""
        return self._transport

    async def listen(self, topic: str, **options: Any) -> Any:
        """Subscribe; events come to ``heard`` as (topic, kwargs)."""

        def hear(*_: object, **kwargs: Any) -> None:
            self.heard.put((topic, kwargs))

        return await soon(self.subscribe(hear, topic, **options))

    async def hear(self) -> tuple[str, dict[str, Any]]:
        """The next event."""
        return await soon(self.heard.get())

    async def ask(self, uri: str, **arguments: Any) -> Any:
        """Call a procedure."""
        return await soon(self.call(uri, **arguments))


class Stubborn(Guest):
    """Ignores GOODBYE and goes on as if nothing had been said."""

    def __init__(self, methods: list[str], ticket: str | None = None) -> None:
        super().__init__(methods, ticket)
        self.told: Deferred[Goodbye] = Deferred()

    def onMessage(self, msg: Any) -> None:
        if isinstance(msg, Goodbye):
            self.told.callback(msg)
        else:
            super().onMessage(msg)


class DeafToClose(WampWebSocketClientProtocol):
    """Ignores the closing handshake of the WebSocket as well."""

    def onCloseFrame(self, code: int | None, reasonRaw: bytes | None) -> None:  # noqa: N803  # autobahn's names
        """Nothing."""


class Visit:
    """Joins clients through the public door."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._guests: list[Guest] = []

    async def join(
        self,
        token: str | None = None,
        *,
        session: type[Guest] = Guest,
        protocol: type[WampWebSocketClientProtocol] = WampWebSocketClientProtocol,
        serializer: str = "cbor",
        origin: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """A joined session, of somebody new by default. Raises Refused."""
        guest = session(["ticket"], ticket() if token is None else token)
        factory = WampWebSocketClientFactory(
            lambda: guest,
            url=self._node.ws_url,
            serializers=[SERIALIZERS[serializer]()],
            origin=origin,
            headers=dict(headers or {}),
        )
        factory.protocol = protocol
        self._guests.append(guest)
        await TCP4ClientEndpoint(reactor, "127.0.0.1", self._node.port).connect(factory)
        await soon(guest.joined)
        return guest

    async def end(self) -> None:
        for guest in self._guests:
            await _leave(guest)


class Office:
    """A component's session on the private socket, and what components ask of the gate."""

    def __init__(self, session: Guest) -> None:
        self.session = session
        self.gate = GateClient(session.call)
        self.texts: list[str] = []
        """What was said to the test's procedures."""

    @classmethod
    async def open(cls, node: Node, *, ready: bool = True) -> Office:
        session = Guest(["anonymous"])
        factory = WampRawSocketClientFactory(lambda: session, serializer=SERIALIZERS["cbor"]())
        await UNIXClientEndpoint(reactor, str(node.router_socket)).connect(factory)
        await soon(session.joined)
        office = cls(session)
        if ready:
            await office.serve()
        return office

    async def serve(self) -> None:
        """Register the test's procedures and report all components ready."""
        await self.session.register(self._shout, "tutorwamp.test.shout", RegisterOptions(details_arg="call"))
        await self.session.register(self._shout, "tutorwamp.test.hidden", RegisterOptions(details_arg="call"))
        for component in COMPONENTS:
            await self.gate.ready(component, [*SERVED, "tutorwamp.gate.drop", "wamp.session.count"])

    def _shout(self, *, call: CallDetails, **arguments: Any) -> dict[str, Any]:
        text = str(arguments.get("text", ""))
        self.texts.append(text)
        return {"length": len(text), "caller": [call.caller, call.caller_authid, call.caller_authrole]}

    async def serve_slowly(self) -> list[Deferred[Any]]:
        """Register a procedure whose calls are answered when the test says so: each has an entry here."""
        asked: list[Deferred[Any]] = []

        def wait(**_: object) -> Deferred[Any]:
            asked.append(Deferred())
            return asked[-1]

        await self.session.register(wait, SERVED[1])
        return asked

    async def tell(self, topic: str, **event: Any) -> None:
        """Publish, and wait until the router has passed it on."""
        await soon(self.session.publish(topic, options=PublishOptions(acknowledge=True), **event))

    async def close(self) -> None:
        await _leave(self.session)


async def _leave(guest: Guest) -> None:
    if guest.gone.called:
        return
    if guest.is_attached() and not isinstance(guest, Stubborn):
        guest.leave()
    elif guest.is_connected():
        guest.wire.transport.abortConnection()
    await soon(guest.gone)
