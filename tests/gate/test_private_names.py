"""Pins what the gate uses of Crossbar and autobahn without their promise: an upgrade that moves it fails here.

That these names still *do* the same is what test_wamp.py shows on a real node.
"""

from __future__ import annotations

import ast
import inspect
import sys
import warnings
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from autobahn.twisted import websocket
from autobahn.twisted.rawsocket import WampRawSocketProtocol, WampRawSocketServerProtocol
from autobahn.twisted.websocket import WebSocketServerFactory
from autobahn.wamp import protocol as wamp_protocol
from autobahn.wamp import serializer
from autobahn.wamp import websocket as wamp_websocket
from autobahn.wamp.message import Event
from autobahn.wamp.types import TransportDetails
from autobahn.websocket import protocol
from autobahn.websocket.protocol import WebSocketProtocol, WebSocketServerProtocol
from twisted.internet import abstract, tcp
from twisted.web.http import HTTPChannel
from twisted.web.server import Request, Site

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of the libraries Crossbar imports, not of ours
    from crossbar.common.twisted.web import Site as CrossbarSite
    from crossbar.node.controller import NodeController
    from crossbar.node.native import NativeWorkerClientProtocol
    from crossbar.node.node import Node
    from crossbar.router import protocol as crossbar_protocol
    from crossbar.router.broker import Broker
    from crossbar.router.dealer import Dealer, InvocationRequest
    from crossbar.router.observation import UriObservation
    from crossbar.router.protocol import WampWebSocketServerFactory, WampWebSocketServerProtocol
    from crossbar.router.role import RouterRoleDynamicAuth
    from crossbar.router.router import Router
    from crossbar.router.session import RouterApplicationSession, RouterSession
    from crossbar.worker import transport
    from crossbar.worker import transport as listening
    from crossbar.worker.router import RouterController
    from crossbar.worker.transport import RouterWebTransport

    from crossbar import _logging
    from tutorwamp.gate import door, router
    from tutorwamp.gate.resting import FIELDS
    from tutorwamp.kernel.log.unsaid import READ_IN, WORDS


def parameters(function: Any) -> list[str]:
    return list(inspect.signature(function).parameters)


def test_the_version_these_were_read_in() -> None:
    assert version("crossbar") == "26.10.1", "read the names below again in the new source, then change this"
    assert {name: version(name) for name in READ_IN} == READ_IN, "the same, and the words of kernel.log.unsaid"


@pytest.mark.parametrize(
    ("owner", "names"),
    [
        (Router.__init__, ["_session_id_to_session", "_broker", "_dealer", "_roles"]),
        (RouterApplicationSession.__init__, ["_router"]),
        (RouterSession.__init__, ["_transport", "_goodbye_sent", "_router"]),
        (Dealer.__init__, ["_caller_to_invocations", "_invocations_by_call"]),
        (InvocationRequest.__init__, ["canceled"]),
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
    for wire in (WampWebSocketServerProtocol, WampRawSocketServerProtocol):
        assert parameters(wire.close) == ["self"]


def test_where_publications_come_by() -> None:
    assert parameters(Broker.processPublish) == ["self", "session", "publish"]
    assert "self._broker.processPublish(session, msg)" in inspect.getsource(Router.process)


def test_where_clients_steps_are_answered() -> None:
    """``Router.answer_steps`` stands in for what Crossbar would call the role's authorizer by, and is told the same."""
    assert parameters(RouterRoleDynamicAuth.authorize) == ["self", "session", "uri", "action", "options"]
    asks = inspect.getsource(Router.authorize)
    assert "authorize = self._roles[authrole].authorize" in asks
    assert "txaio.as_future(authorize, session, uri, action, options)" in asks
    assert "self.call(" not in asks


@pytest.mark.parametrize("name", WORDS)
def test_words_that_nobody_reads_are_nothing_but_arguments_of_lines(name: str) -> None:
    """``kernel.log.unsaid`` has them found later, or never: whoever adds to them or gives them back would notice."""
    tree = ast.parse(Path(str(sys.modules[name].__file__)).read_text())
    above = {below: node for node in ast.walk(tree) for below in ast.iter_child_nodes(node)}
    called: set[str] = set()
    for call in ast.walk(tree):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in WORDS[name]:
            called.add(call.func.id)
            node: ast.AST = above[call]
            while isinstance(node, ast.IfExp):
                node = above[node]
            line = above[node]
            assert isinstance(node, ast.keyword), call.lineno
            assert isinstance(line, ast.Call), call.lineno
            assert isinstance(line.func, ast.Attribute), call.lineno
            assert line.func.attr in {"trace", "debug", "info", "warn", "error"}, call.lineno
    assert called == set(WORDS[name])


def test_what_a_wire_stands_in_for() -> None:
    """Every WebSocket is made of the factory's class, and what it says goes through these, down to the socket."""
    assert isinstance(
        inspect.getattr_static(WampWebSocketServerFactory, "protocol"), type
    )  # a function is given the factory
    assert "self.protocol()" in inspect.getsource(WebSocketServerFactory.buildProtocol)
    assert parameters(WampWebSocketServerProtocol.sendMessage)[:4] == ["self", "payload", "isBinary", "fragmentSize"]
    assert parameters(WampWebSocketServerProtocol.sendFrame)[:4] == ["self", "opcode", "payload", "fin"]
    assert parameters(WampWebSocketServerProtocol.sendData) == ["self", "data", "sync", "chopsize"]
    assert "self.sendFrame(" in inspect.getsource(WampWebSocketServerProtocol.sendMessage)
    assert "self.sendData(raw" in inspect.getsource(WampWebSocketServerProtocol.sendFrame)
    assert "self.transport.write(data)" in inspect.getsource(WampWebSocketServerProtocol.sendData)
    assert "publisher_authrole" in inspect.getsource(Event.__init__)


def test_a_socket_reads_as_much_at_once_as_it_is_told_to_and_says_each_time_that_it_is_full() -> None:
    assert "self.socket.recv(self.bufferSize)" in inspect.getsource(tcp.Connection.doRead)
    accepts = inspect.getsource(tcp.Port.doRead)
    assert "self._logger.namespace, self._logger.observer" in accepts
    assert "bufferingLogger, range(numAccepts), self.socket, _reservedFD" in accepts
    assert "EMFILE and reservedFD.available():" in inspect.getsource(tcp._accept)
    assert "_reservedFD.reserve()" in inspect.getsource(tcp.Port.startListening)
    assert "self.producer.pauseProducing()" in inspect.getsource(abstract.FileDescriptor._maybePauseProducer)


def test_a_port_asks_for_its_connections_at_most_when_it_opens() -> None:
    assert isinstance(listening.DEFAULT_MAX_CONNECTIONS, int)
    assert 'self._config.get("max_connections", DEFAULT_MAX_CONNECTIONS)' in inspect.getsource(listening)


def test_what_a_websocket_keeps_of_its_request() -> None:
    """``Router.welcome`` and ``ClientWire.onOpen`` let go of it; where it is not kept, they need not."""
    assert "registerProducer(self, True)" in inspect.getsource(HTTPChannel.connectionMade)
    assert parameters(WampWebSocketServerProtocol.unregisterProducer) == ["self"]
    assert "self.http_headers" in inspect.getsource(WebSocketServerProtocol.processHandshake)
    assert isinstance(inspect.getattr_static(TransportDetails, "http_headers_received"), property)


def test_what_a_connection_is_made_of() -> None:
    """``gate.resting`` keeps these in the class, in eight bytes each, or not at all."""
    copied = inspect.getsource(WebSocketProtocol._connectionMade)
    assert "if not hasattr(self, configAttr):\n                setattr(self, configAttr, getattr" in copied
    sources = "".join(map(inspect.getsource, (protocol, websocket, wamp_websocket, crossbar_protocol)))
    for name in (*FIELDS, "trafficStats", "send_queue"):
        assert f"self.{name} =" in sources or f"self.{name}: " in sources or f"self.{name}, " in sources, name
    assert not any(name in vars(kind) for kind in WampWebSocketServerProtocol.__mro__ for name in FIELDS)
    for name in WebSocketServerProtocol.CONFIG_ATTRS:
        assert f"self.{name} =" not in inspect.getsource(protocol.WebSocketServerProtocol)
    beginning = inspect.getsource(wamp_protocol.BaseSession.__init__)
    for name in ("self.log = txaio.make_logger()", "self._uri_to_ecls", "self._ecls_to_uri_pat"):
        assert name in beginning, name
    assert "log" in vars(RouterSession)
    assert "self._testaments: " in inspect.getsource(RouterSession.__init__)
    assert "self._pending_auth.authenticate(signature)" in inspect.getsource(RouterSession.onAuthenticate)
    assert "copy.copy(self.factory._serializers[serializerId])" in inspect.getsource(wamp_websocket)


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


def test_what_the_door_takes_over_of_a_websocket() -> None:
    """The door reads in the place of these; what autobahn would do besides is written in docs/security/router.md."""
    assert WampWebSocketServerFactory.protocol in (
        WampWebSocketServerProtocol,
        *WampWebSocketServerProtocol.__subclasses__(),
    )
    for function, names in (
        (WebSocketProtocol.onMessageBegin, ["self", "isBinary"]),
        (WebSocketProtocol.onMessageFrameBegin, ["self", "length"]),
        (WebSocketProtocol.onMessageFrameData, ["self", "payload"]),
        (WebSocketProtocol.onMessageFrameEnd, ["self"]),
        (WebSocketProtocol.onMessageEnd, ["self"]),
        (WebSocketProtocol._fail_connection, ["self", "code", "reason"]),
        (WampWebSocketServerProtocol.onMessage, ["self", "payload", "isBinary"]),
        (WampWebSocketServerProtocol.onClose, ["self", "wasClean", "code", "reason"]),
        (WampWebSocketServerProtocol.send, ["self", "msg"]),
        (WampWebSocketServerProtocol.sendClose, ["self", "code", "reason"]),
    ):
        assert parameters(function) == names, function
    assert "self.failedByMe = True" in inspect.getsource(WebSocketProtocol._fail_connection)
    assert "self._serializer.unserialize(payload, isBinary)" in inspect.getsource(WampWebSocketServerProtocol.onMessage)
    assert "raise SerializationError" in inspect.getsource(WampWebSocketServerProtocol.send)
    sending = inspect.getsource(WebSocketProtocol.sendMessage)
    assert "raise PayloadExceededError" in sending
    assert "raise Disconnected" in sending


def test_what_the_router_keeps_of_calls() -> None:
    cleaning = inspect.getsource(Dealer._remove_invoke_request)
    assert (
        "del self._invocations_by_call[invocation_request.caller_session_id, invocation_request.call.request]"
        in cleaning
    )
    assert "self._invocations_by_call[session._session_id, call.request]" in inspect.getsource(
        Dealer._add_invoke_request
    )
    assert "if invoke.canceled:\n                    continue" in inspect.getsource(Dealer.detach)
    assert parameters(Dealer._remove_invoke_request) == ["self", "invocation_request"]


def test_what_the_router_says_of_a_component_that_is_gone() -> None:
    """``gate.router.is_of_the_dead`` knows it by these; who cancelled a call is told no reason."""
    detaching, calling = inspect.getsource(Dealer.detach), inspect.getsource(Dealer.processCall)
    assert f'ApplicationError.CANCELED,\n                    ["{router._IN_FLIGHT}"]' in detaching
    assert calling.count("ApplicationError.NO_SUCH_PROCEDURE") == 1
    assert router._IN_FLIGHT not in inspect.getsource(Dealer.processCancel)
    assert detaching.index("_transport.send(reply)") < detaching.index(
        "del self._invocations_by_call[(invoke.caller_session_id, invoke.call", detaching.index(router._IN_FLIGHT)
    )
    assert {"canceled", "error_msg"} <= set(InvocationRequest.__slots__)


def test_every_message_that_a_client_may_send_has_a_form() -> None:
    for kind in (*door._STRANGER, *door._WAITING, *door._CHALLENGED, *door._JOINED):
        assert parameters(serializer.Serializer.MESSAGE_TYPE_MAP[kind].parse) == ["wmsg"]  # type: ignore[attr-defined]  # untyped there


def test_the_end_of_a_worker_is_told_to_its_protocol() -> None:
    """``supervision.node`` hears there how each has ended."""
    assert parameters(NativeWorkerClientProtocol.connectionLost) == ["self", "reason"]
    assert "self._pid = self.transport.pid" in inspect.getsource(NativeWorkerClientProtocol.connectionMade)


def test_a_node_loads_its_keys_by_a_name_and_uses_two_things_of_them() -> None:
    """``supervision.node`` has it load none."""
    assert parameters(Node.load_keys) == ["self", "cbdir", "privfile", "pubfile"]
    source = inspect.getsource(Node)
    assert "self._node_secmod = SecurityModuleMemory.from_keyfile(" in source
    assert "if not self._node_secmod.is_open:" in source
    assert "if self._node_secmod.is_locked:" in source
    assert "return self._node.secmod[1].public_key(binary=False)" in inspect.getsource(NodeController.get_public_key)


def test_lines_of_the_log_are_made_of_names_looked_up_each_time() -> None:
    """``kernel.log.lines.tame_crossbar`` puts others in their place."""
    source = inspect.getsource(_logging.make_JSON_observer)
    assert "eventText = formatEvent(event)" in source
    assert 'done_json["text"] = escape_formatting(eventText)' in source
    assert parameters(_logging.escape_formatting) == ["text"]
    assert parameters(_logging.strip_ansi) == ["text"]


def test_what_a_component_sends_and_hears_by_itself() -> None:
    """``kernel.edges.component`` answers calls and publishes in the place of autobahn's session."""
    beginning = inspect.getsource(wamp_protocol.BaseSession.__init__)
    assert "self._request_id_gen = IdGenerator()" in beginning
    assert "request_id = self._request_id_gen.next()" in inspect.getsource(wamp_protocol.ApplicationSession.publish)
    assert "payload, _ = self._serializer.serialize(msg)" in inspect.getsource(WampRawSocketProtocol.send)
    assert "msg.serialize(self._serializer)" in inspect.getsource(serializer.Serializer.serialize)
    assert "txaio.cancel(invoked.on_reply)" in inspect.getsource(wamp_protocol.ApplicationSession.onMessage)
