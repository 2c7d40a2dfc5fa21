"""What a connection is made of while nothing is said: settings are its class's, and what it came with is gone."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.address import IPv4Address
from twisted.internet.testing import StringTransport

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of the libraries Crossbar imports, not of ours
    from crossbar.router.protocol import WampWebSocketServerFactory, WampWebSocketServerProtocol
    from crossbar.router.router import RouterFactory
    from crossbar.router.session import RouterSessionFactory

    from tutorwamp.gate.resting import FIELDS, let_go, with_settings_of
    from tutorwamp.gate.wire import _BINARY, _TEXT, _framed

ASKED = b"\r\n".join(
    [
        b"GET /ws HTTP/1.1",
        b"Host: 127.0.0.1:9000",
        b"Upgrade: websocket",
        b"Connection: Upgrade",
        b"Sec-WebSocket-Version: 13",
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        b"Sec-WebSocket-Protocol: wamp.2.cbor",
        b"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits",  # as every browser does
        b"",
        b"",
    ]
)


class Wire(WampWebSocketServerProtocol):  # type: ignore[misc]  # Crossbar ships no types
    """Crossbar's own, with our fields."""

    __slots__ = FIELDS


@pytest.fixture
def door(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Opens a WebSocket to a factory of Crossbar's with these options, up to the session's HELLO."""
    monkeypatch.setattr(WampWebSocketServerFactory, "protocol", with_settings_of(Wire))
    opened: list[Any] = []

    def open_(factory: Any) -> Any:
        wire = factory.buildProtocol(None)
        wire.makeConnection(StringTransport(peerAddress=IPv4Address("TCP", "127.0.0.1", 50_000)))
        wire.dataReceived(ASKED)
        assert b" 101 " in wire.transport.value()
        opened.append(wire)
        return wire

    yield open_
    for wire in opened:
        if wire.autoPingPendingCall is not None:
            wire.autoPingPendingCall.cancel()


def factory(folder: Path, **options: Any) -> Any:
    """One of Crossbar's, as a transport of a router makes it."""
    config = {"type": "websocket", "serializers": ["cbor"], "options": options}
    return WampWebSocketServerFactory(RouterSessionFactory(RouterFactory("", "", None)), str(folder), config, None)


def test_settings_are_the_classs_and_each_factorys_own(door: Any, tmp_path: Path) -> None:
    one, other = factory(tmp_path, auto_ping_interval=25_000), factory(tmp_path, auto_ping_interval=7_000)
    first, second, foreign = door(one), door(one), door(other)
    assert (first.autoPingInterval, second.autoPingInterval, foreign.autoPingInterval) == (25.0, 25.0, 7.0)
    assert type(first) is type(second)
    assert not set(vars(first)) & {*Wire.CONFIG_ATTRS, *FIELDS}


def test_a_setting_that_is_a_function_stays_one(door: Any, tmp_path: Path) -> None:
    made = factory(tmp_path)
    made.setProtocolOptions(perMessageCompressionAccept=lambda offers: None if len(offers) == 1 else 1)
    assert b"permessage-deflate" not in door(made).transport.value()


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65_535, 65_536, 1 << 20])
def test_a_message_is_framed_as_autobahn_frames_it(door: Any, tmp_path: Path, size: int) -> None:
    wire, payload = door(factory(tmp_path)), b"x" * size
    for binary, opcode in ((True, _BINARY), (False, _TEXT)):
        wire.transport.clear()
        wire.sendMessage(payload, isBinary=binary)
        assert wire.transport.value() == _framed(payload, opcode)


def test_what_somebody_came_with_is_let_go(door: Any, tmp_path: Path) -> None:
    wire, before = (door(factory(tmp_path)) for _ in range(2))
    session = wire._session
    session._session_roles = before._session._session_roles = {}
    let_go(session)
    let_go(before._session)
    assert wire.http_request_data is wire.http_headers is wire.http_response_data is session._pending_auth is None
    assert wire._serializer is wire.factory._serializers["cbor"]
    assert session._session_roles is before._session._session_roles
    assert "log" not in vars(session)
    session.log.debug("its class has one")
    assert len(vars(wire)) < 30
    wire.sendMessage(b"still there", isBinary=True)
    assert wire.transport.value().endswith(b"still there")
