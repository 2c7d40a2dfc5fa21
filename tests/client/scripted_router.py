"""A router in the test's own process that says what no router of ours can be made to say when a test wants it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

from autobahn.twisted.websocket import WampWebSocketServerFactory
from autobahn.wamp.message import Abort, Goodbye, Hello, Message, Welcome
from autobahn.wamp.role import RoleBrokerFeatures, RoleDealerFeatures
from twisted.internet import reactor

Script = Callable[[Message], Sequence[Message]]
"""What is said to a message, in one go; the router itself says WELCOME to HELLO where this says nothing."""


class ScriptedRouter:
    """Lets everybody in and answers by its script. ``heard`` are the messages that came, in order."""

    def __init__(self, script: Script) -> None:
        self.heard: list[Message] = []
        self.ended_cleanly: list[bool] = []
        """For each connection that is gone, whether it ended with a closing handshake."""
        self._script = script
        factory = WampWebSocketServerFactory(lambda: _Side(self))
        factory.setProtocolOptions(closeHandshakeTimeout=1)
        self._port = cast("Any", reactor).listenTCP(0, factory, interface="127.0.0.1")
        self.url = f"ws://127.0.0.1:{self._port.getHost().port}/ws"

    async def stop(self) -> None:
        await self._port.stopListening()

    def answers(self, said: Message) -> Sequence[Message]:
        self.heard.append(said)
        answers = self._script(said)
        if isinstance(said, Hello) and not answers:
            roles = {"broker": RoleBrokerFeatures(), "dealer": RoleDealerFeatures()}
            return [Welcome(1, roles, realm="tutor", authid="ada", authrole="person", authmethod="ticket")]
        return answers

    def words(self, kind: type[Message]) -> int:
        """How many messages of a kind came."""
        return sum(isinstance(said, kind) for said in self.heard)


class _Side:
    """The router's side of one connection, as autobahn's transport asks for it."""

    _authid = _session_id = None  # autobahn's transport shows them in its log

    def __init__(self, router: ScriptedRouter) -> None:
        self._router = router
        self._transport: Any = None

    def onOpen(self, transport: Any) -> None:
        self._transport = transport

    def onMessage(self, said: Message) -> None:
        answers = self._router.answers(said)
        for answer in answers:
            self._transport.send(answer)
        if any(isinstance(answer, Abort) for answer in answers) or isinstance(said, Goodbye):
            self._transport.close()

    def onClose(self, clean: bool) -> None:
        self._router.ended_cleanly.append(clean)
