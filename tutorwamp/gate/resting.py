"""What a person's connection is made of while nothing is said: as few bytes as it goes.

Crossbar and autobahn give each connection a copy of all settings, and keep what its request and its coming were made
of. Of 21.6 KiB that a person cost the router that was 9 (docs/performance/sessions.md). The private names in here
are pinned with those of ``gate/router.py``.
"""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType, MappingProxyType
from typing import Any, Final

from autobahn.websocket.protocol import TrafficStats

FIELDS: Final = (
    # of a request and its coming
    *("http_request_data", "http_status_line", "http_headers", "http_request_uri", "http_request_path"),
    *("http_request_params", "http_request_host", "http_response_data", "_wskey", "websocket_version"),
    *("websocket_protocols", "websocket_origin", "websocket_extensions", "websocket_extensions_in_use", "_origin"),
    # of the WebSocket
    *("state", "send_state", "data", "utf8validator", "triggered", "current_frame", "current_frame_masker"),
    *("inside_message", "message_is_binary", "_isMessageCompressed", "utf8validateIncomingCurrentMessage"),
    *("trackedTimings", "_perMessageCompress", "_serializer"),
    # of its pings and its end
    *("autoPingPending", "autoPingPendingCall", "autoPingPendingSeq", "autoPingPendingSent", "autoPingTimeoutCall"),
    *("openHandshakeTimeoutCall", "closeHandshakeTimeoutCall", "closedByMe", "failedByMe", "droppedByMe", "wasClean"),
    *("wasNotCleanReason", "wasMaxFramePayloadSizeExceeded", "wasMaxMessagePayloadSizeExceeded"),
    *("wasServerConnectionDropTimeout", "wasOpenHandshakeTimeout", "wasCloseHandshakeTimeout"),
    *("wasServingFlashSocketPolicyFile", "localCloseCode", "localCloseReason", "remoteCloseCode", "remoteCloseReason"),
)
"""Attributes of autobahn's that every connection has: eight bytes each here, and in a dictionary 28 and more."""
_OF_THE_REQUEST: Final = (
    *("http_request_data", "http_status_line", "http_headers", "http_request_uri", "http_request_path"),
    *("http_request_params", "http_request_host", "http_response_data", "_wskey"),
    *("websocket_protocols", "websocket_extensions", "websocket_extensions_in_use"),
)
_FEATURES_AT_MOST: Final = 100
"""Kinds of clients, by what they say they can. Those of others are their own."""

_NOTHING: Final[MappingProxyType[str, Any]] = MappingProxyType({})
_NO_TESTAMENTS: Final = MappingProxyType({"destroyed": (), "detached": ()})
"""What is to be published when a session ends; clients may not ask for that."""
_features: Final[dict[object, dict[str, Any]]] = {}


def with_settings_of(wire: type[Any]) -> Callable[[Any], Any]:
    """Make a factory's connections: of ``wire``, with the factory's settings in the class instead of in each of them.

    autobahn copies a setting to a connection that has none of that name; they are read and never written.
    """
    classes: dict[Any, type[Any]] = {}

    def connection(factory: Any) -> Any:
        made = classes.get(factory)
        if made is None:
            settings = {name: _as_it_is(getattr(factory, name)) for name in wire.CONFIG_ATTRS}
            # Counted for each connection, and read by nobody; what waits for a slow network, which we never ask for.
            settings.update(trafficStats=TrafficStats(), send_queue=(), __slots__=())
            made = classes[factory] = type(wire.__name__, (wire,), settings)
        return made()

    return connection


def _as_it_is(setting: Any) -> Any:
    """In a class a function would become a method, and be called with the connection as well."""
    return staticmethod(setting) if isinstance(setting, FunctionType) else setting


def let_go(session: Any) -> None:
    """Somebody is in: what their coming was made of is not needed any more."""
    wire = session._transport  # noqa: SLF001  # the purpose of this room
    wire._transport_details.http_headers_received = None  # noqa: SLF001  # as above
    for name in _OF_THE_REQUEST:
        setattr(wire, name, None)
    # Its own count of what it wrote would be the only difference.
    wire._serializer = wire.factory._serializers.get(wire._serializer.SERIALIZER_ID, wire._serializer)  # noqa: SLF001  # as above
    kept = vars(wire)
    wire.__dict__ = {name: kept[name] for name in kept if name not in ("trafficStats", "send_queue")}
    session._pending_auth = None  # noqa: SLF001  # as above
    session._testaments = _NO_TESTAMENTS  # noqa: SLF001  # as above
    # Errors that a session's procedures may raise; a client's session is a partner, and has none.
    session._uri_to_ecls = session._ecls_to_uri_pat = _NOTHING  # noqa: SLF001  # as above
    session._session_roles = _shared(session._session_roles)  # noqa: SLF001  # as above
    kept = vars(session)
    session.__dict__ = {name: kept[name] for name in kept if name != "log"}  # its class has one


def _shared(features: dict[str, Any]) -> dict[str, Any]:
    """The same, and the same object for all who say they can the same."""
    said = tuple((role, type(one), tuple(sorted(vars(one).items()))) for role, one in sorted(features.items()))
    if len(_features) >= _FEATURES_AT_MOST:
        return _features.get(said, features)
    return _features.setdefault(said, features)
