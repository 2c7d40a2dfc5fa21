"""Pins what the gate uses of Crossbar and autobahn without their promise: an upgrade that moves it fails here.

That these names still *do* the same is what test_wamp.py shows on a real node.
"""

from __future__ import annotations

import inspect
import warnings
from importlib.metadata import version
from typing import Any

import pytest
from autobahn.twisted.rawsocket import WampRawSocketServerProtocol
from autobahn.twisted.websocket import WampWebSocketServerProtocol
from autobahn.wamp import serializer
from autobahn.wamp.types import TransportDetails
from autobahn.websocket.protocol import WebSocketServerProtocol
from twisted.web.http import HTTPChannel
from twisted.web.server import Request, Site

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of the libraries Crossbar imports, not of ours
    from crossbar.common.twisted.web import Site as CrossbarSite
    from crossbar.router.broker import Broker
    from crossbar.router.dealer import Dealer
    from crossbar.router.observation import UriObservation
    from crossbar.router.router import Router
    from crossbar.router.session import RouterApplicationSession, RouterSession
    from crossbar.worker import transport
    from crossbar.worker.router import RouterController
    from crossbar.worker.transport import RouterWebTransport


def parameters(function: Any) -> list[str]:
    return list(inspect.signature(function).parameters)


def test_the_version_these_were_read_in() -> None:
    assert version("crossbar") == "26.10.1", "read the names below again in the new source, then change this"


@pytest.mark.parametrize(
    ("owner", "names"),
    [
        (Router.__init__, ["_session_id_to_session", "_broker"]),
        (RouterApplicationSession.__init__, ["_router"]),
        (RouterSession.__init__, ["_transport", "_goodbye_sent"]),
        (Broker.__init__, ["_session_to_subscriptions"]),
        (UriObservation.__init__, ["uri"]),
    ],
)
def test_attributes(owner: Any, names: list[str]) -> None:
    source = inspect.getsource(owner)
    for name in names:
        assert f"self.{name}" in source, name


def test_functions() -> None:
    assert parameters(RouterSession.leave) == ["self", "reason", "message"]
    assert parameters(Broker._unsubscribe) == ["self", "subscription", "session", "unsubscribe"]
    for protocol in (WampWebSocketServerProtocol, WampRawSocketServerProtocol):
        assert parameters(protocol.close) == ["self"]


def test_what_a_websocket_keeps_of_its_request() -> None:
    """``Router.lighten`` lets go of it; where it is not kept any more, the method can go as well."""
    assert "registerProducer(self, True)" in inspect.getsource(HTTPChannel.connectionMade)
    assert parameters(WampWebSocketServerProtocol.unregisterProducer) == ["self"]
    assert "self.http_headers" in inspect.getsource(WebSocketServerProtocol.processHandshake)
    assert isinstance(inspect.getattr_static(TransportDetails, "http_headers_received"), property)


def test_what_our_intake_stands_on() -> None:
    """The public transport makes its channels and requests as its class says when a connection comes."""
    assert "transport_factory = Site(" in inspect.getsource(RouterWebTransport._create_web_factory)
    assert transport.Site is CrossbarSite
    for name in ("buildProtocol", "protocol", "requestFactory"):
        assert name not in vars(CrossbarSite), "it would not be ours"
    assert "channel.requestFactory = self.requestFactory" in inspect.getsource(Site.buildProtocol)
    assert parameters(Request.gotLength) == ["self", "length"]
    assert parameters(Request.handleContentChunk) == ["self", "data"]
    heads = inspect.getsource(HTTPChannel.allHeadersReceived)
    assert heads.index("req.gotLength(self.length)") < heads.index("self._send100Continue()")
    assert "self._path = request" in inspect.getsource(HTTPChannel.lineReceived)
    assert "self._respondToBadRequestAndDisconnect()" in inspect.getsource(HTTPChannel.headerReceived)
    assert "self.resetTimeout()" in inspect.getsource(HTTPChannel.dataReceived)
    assert "self._savedTimeOut = self.setTimeout(None)" in inspect.getsource(HTTPChannel.allContentReceived)
    assert "self.setTimeout(self._savedTimeOut)" in inspect.getsource(HTTPChannel.requestDone)
    assert "self._handlingRequest = True" in inspect.getsource(HTTPChannel.allContentReceived)


def test_a_stopping_router_waits_for_its_components_to_leave() -> None:
    source = inspect.getsource(RouterController.onLeave)
    assert "maybeDeferred(component.session.leave)" in source
    assert "DeferredList(leaves" in source


def test_callers_are_named_by_options_that_the_gate_refuses() -> None:
    """If Crossbar stops to believe ``forward_for``, the rule stays right; if it believes more, read it again."""
    source = inspect.getsource(Dealer)
    assert 'caller_authid = call.forward_for[0]["authid"]' in source
    assert "call.caller_authid" not in source


def test_the_json_serializer_that_is_made_lenient() -> None:
    assert parameters(serializer.JsonObjectSerializer.unserialize) == ["self", "payload"]
    assert isinstance(serializer.JsonSerializer()._serializer, serializer.JsonObjectSerializer)
