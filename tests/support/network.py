"""A network that can be cut: a port of its own for each person, behind which the node is, or is not."""

from __future__ import annotations

from collections import deque
from typing import Any, cast

from twisted.internet import reactor as _reactor
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.protocol import ClientFactory, Factory, Protocol

reactor = cast("Any", _reactor)

SLOW_S = 0.4
"""One way, through a slow line: a satellite, or a phone at the edge of its cell."""


class _End(Protocol):
    """One end of a connection; what comes in here goes out at the other end."""

    def __init__(self, line: Line, other: _End | None = None) -> None:
        self.line = line
        self.other = other
        self.early: list[bytes] = []
        self._on_its_way: deque[bytes] = deque()

    @property
    def wire(self) -> Any:
        """The TCP transport; null before there is one."""
        return self.transport

    def dataReceived(self, data: bytes) -> None:
        if self.line.is_slow or self._on_its_way:  # nothing overtakes what is on its way
            self._on_its_way.append(data)
            reactor.callLater(SLOW_S, self._arrive)
        else:
            self._hand_on(data)

    def _arrive(self) -> None:
        if self._on_its_way:
            self._hand_on(self._on_its_way.popleft())

    def _hand_on(self, data: bytes) -> None:
        if self.other is not None and self.other.connected:
            self.other.wire.write(data)
        else:
            self.early.append(data)

    def connectionLost(self, _reason: Any = None) -> None:
        self.line.forget(self)
        if self._on_its_way:
            reactor.callLater(SLOW_S, self._end_other)
        else:
            self._end_other()

    def _end_other(self) -> None:
        if self.other is not None and self.other.connected:
            self.other.wire.loseConnection()


class _Caller(_End):
    """The person's end; it calls the node."""

    def connectionMade(self) -> None:
        if self.line.is_off:
            self.wire.abortConnection()
            return
        self.other = _Node(self.line, self)
        self.line.come(self)
        reactor.connectTCP("127.0.0.1", self.line.node_port, _Towards(self.other))


class _Node(_End):
    """The node's end."""

    def connectionMade(self) -> None:
        self.line.come(self)
        caller = self.other
        if caller is None or not caller.connected:
            self.wire.abortConnection()
            return
        self.wire.writeSequence(caller.early)
        caller.early.clear()


class _Towards(ClientFactory):
    noisy = False

    def __init__(self, end: _End) -> None:
        self._end = end

    def buildProtocol(self, _address: Any) -> Protocol:
        return self._end

    def clientConnectionFailed(self, _connector: Any, _reason: Any) -> None:
        if self._end.other is not None and self._end.other.connected:
            self._end.other.wire.abortConnection()  # as a port that nobody listens on would


class Line(Factory):
    """One person's way to a node on loopback; ``port`` is where they connect to."""

    noisy = False

    def __init__(self, node_port: int) -> None:
        self.node_port = node_port
        self.ends: set[_End] = set()
        self._stranded: set[_End] = set()
        self.is_off = False
        self.is_frozen = False
        self.is_slow = False
        self._listening: Any = reactor.listenTCP(0, self, interface="127.0.0.1")
        self.port: int = self._listening.getHost().port

    def buildProtocol(self, _address: Any) -> Protocol:
        return _Caller(self)

    def come(self, end: _End) -> None:
        """An end is connected."""
        self.ends.add(end)
        if self.is_frozen:
            end.wire.pauseProducing()

    def forget(self, end: _End) -> None:
        """An end is not connected any more."""
        self.ends.discard(end)
        self._stranded.discard(end)

    def cut(self) -> None:
        """What is on its way is lost, and both ends notice at once."""
        for end in [*self.ends, *self._stranded]:
            end.wire.abortConnection()

    def close(self) -> None:
        """The connections end in order, with what is on its way delivered."""
        for end in list(self.ends):
            end.wire.loseConnection()

    def turn_off(self) -> None:
        """No connection, and none can be made."""
        self.is_off = True
        self.cut()

    def freeze(self) -> None:
        """Nothing arrives at either end, and neither is told."""
        self.is_frozen = True
        for end in self.ends:
            end.wire.pauseProducing()

    def strand(self) -> None:
        """What is connected now is silent for ever, and neither end is told; who connects anew gets through.

        As for a telephone that was carried into another network, or behind a router that has forgotten the connection.
        """
        for end in self.ends:
            end.wire.pauseProducing()
        self._stranded |= self.ends
        self.ends.clear()
        self.turn_on()

    def slow_down(self) -> None:
        """Everything arrives, in its order, SLOW_S later."""
        self.is_slow = True

    def turn_on(self) -> None:
        """As if nothing had been; what was frozen arrives."""
        self.is_off = self.is_frozen = self.is_slow = False
        for end in list(self.ends):
            end.wire.resumeProducing()

    def shut(self) -> Deferred[Any]:
        """Leave nothing behind."""
        self.cut()
        return maybeDeferred(self._listening.stopListening)
