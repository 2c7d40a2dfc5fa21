"""What the gate does to Crossbar's router itself: every private name of Crossbar that we use is in this room.

``tests/gate/test_private_names.py`` pins them.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from autobahn.twisted.wamp import ApplicationSession

from tutorwamp.gate.contracts import SessionId


class Router:
    """The router in whose process the gate runs. Sessions that are not there any more are passed over."""

    def __init__(self, component: ApplicationSession) -> None:
        transport: Any = component._transport  # noqa: SLF001  # the purpose of this room
        self._router: Any = transport._router  # noqa: SLF001  # as above

    def _session(self, session: SessionId) -> Any:
        return self._router._session_id_to_session.get(session)  # noqa: SLF001  # the purpose of this room

    def goodbye(self, session: SessionId, reason: str, message: str) -> None:
        """Tell a session to go. A cooperative client answers and leaves; others need ``close`` and ``cut``."""
        found = self._session(session)
        if found is not None and not found._goodbye_sent:  # noqa: SLF001  # the purpose of this room
            found.leave(reason=reason, message=message)

    def lighten(self, session: SessionId) -> None:
        """Let go of the HTTP request a client's WebSocket began with, which is kept for as long as it lasts.

        The socket holds it as the producer of an answer that will never be, and its headers were kept twice more.
        A fifth of what a person costs the router (docs/performance/sessions.md).
        """
        found = self._session(session)
        if found is not None and found._transport is not None:  # noqa: SLF001  # the purpose of this room
            found._transport.unregisterProducer()  # noqa: SLF001  # as above
            found._transport.http_headers = found._transport.transport_details.http_headers_received = None  # noqa: SLF001  # as above

    def take_subscriptions(self, session: SessionId, topics: Collection[str] | None = None) -> None:
        """End a session's subscriptions to these topics, or to all, without a word to the client.

        WAMP would have us send UNSUBSCRIBED, but autobahn-python takes the router's own for a protocol error and
        ends the connection. The meta events are those of any other unsubscription.
        """
        broker, found = self._router._broker, self._session(session)  # noqa: SLF001  # the purpose of this room
        for subscription in list(broker._session_to_subscriptions.get(found, ())):  # noqa: SLF001  # as above
            if topics is None or subscription.uri in topics:
                broker._unsubscribe(subscription, found)  # noqa: SLF001  # as above

    def close(self, session: SessionId) -> None:
        """Begin the closing handshake of the session's connection."""
        found = self._session(session)
        if found is not None and found._transport is not None:  # noqa: SLF001  # the purpose of this room
            found._transport.close()  # noqa: SLF001  # as above

    def cut(self, session: SessionId) -> None:
        """End the session's connection now."""
        found = self._session(session)
        if found is not None and found._transport is not None:  # noqa: SLF001  # the purpose of this room
            found._transport.transport.abortConnection()  # noqa: SLF001  # as above


def calls_waiting(session: Any) -> int:
    """How many calls of a router session have not been answered."""
    router = session._router  # noqa: SLF001  # the purpose of this room
    return 0 if router is None else len(router._dealer._caller_to_invocations.get(session, ()))  # noqa: SLF001  # as above


def is_waiting(session: Any, request: int) -> bool:
    """Whether a call of a router session has not been answered. A second one of that id would never be forgotten."""
    router = session._router  # noqa: SLF001  # the purpose of this room
    return router is not None and (session._session_id, request) in router._dealer._invocations_by_call  # noqa: SLF001  # as above


def forget_cancelled_calls(session: Any) -> None:
    """Before a router session is gone: Crossbar would keep calls that were cancelled and not answered yet for ever."""
    router = session._router  # noqa: SLF001  # the purpose of this room
    if router is not None:
        for call in list(router._dealer._caller_to_invocations.get(session, ())):  # noqa: SLF001  # as above
            if call.canceled:
                router._dealer._remove_invoke_request(call)  # noqa: SLF001  # as above
