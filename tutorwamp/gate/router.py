"""What the gate does to Crossbar's router itself: every private name of Crossbar that we use is here or in ``resting``.

``tests/gate/test_private_names.py`` pins them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, Final

from autobahn.twisted.wamp import ApplicationSession
from autobahn.wamp.exception import ApplicationError
from autobahn.wamp.message import Call, Error, Publish

from tutorwamp.gate.contracts import CLIENT_ROLES, SessionId
from tutorwamp.gate.counts import REFUSED_AT_DOOR
from tutorwamp.gate.resting import let_go
from tutorwamp.gate.rules import Authorization
from tutorwamp.kernel.contracts import new_id
from tutorwamp.kernel.edges.refusals import wamp_error
from tutorwamp.kernel.errors import RateLimited, TutorwampError

_IN_FLIGHT: Final = "callee disconnected from in-flight request"
"""What Crossbar says to those who called a component that is gone; who cancelled is told no reason."""


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

    def welcome(self, session: SessionId) -> None:
        """A client has come: its wire stops to wait for it, and what it came with is let go of."""
        found = self._session(session)
        if found is not None and found._transport is not None:  # noqa: SLF001  # the purpose of this room
            found._transport.welcome()  # noqa: SLF001  # as above
            let_go(found)

    def check_publications(self, check: Callable[..., None]) -> None:
        """Ask ``check`` about whatever a client publishes, before anybody is told.

        It is given the session, the topic, the options, what was said by position and what by keyword. Where it raises
        a TutorwampError nobody is told; the client hears of that where it asked for an acknowledgement.
        """
        broker = self._router._broker  # noqa: SLF001  # the purpose of this room
        publish = broker.processPublish

        def checked(session: Any, said: Publish) -> None:
            if session._authrole in CLIENT_ROLES:  # noqa: SLF001  # as above
                by_position = said.payload or said.args  # a payload that is not ours to read is neither
                try:
                    check(session._session_id, said.topic, said.marshal_options(), by_position, said.kwargs or {})  # noqa: SLF001  # as above
                except TutorwampError as error:
                    REFUSED_AT_DOOR[error.uri,].inc()
                    if isinstance(error, RateLimited):
                        session._transport.suppress(error.retry_after_s)  # noqa: SLF001  # as above
                    if said.acknowledge:
                        self._router.send(session, _refusal(said, error))
                    return
            publish(session, said)

        broker.processPublish = checked

    def answer_steps(self, roles: Collection[str], answer: Callable[..., Authorization]) -> None:
        """Ask ``answer`` whether sessions of these roles may do what they ask for, instead of the role's authorizer.

        It is given the session, the action, the URI and the options. Crossbar would make a call to a procedure of it:
        four messages and three Deferreds, a seventh of what a person's call costs the router.
        """

        def authorize(session: Any, uri: str, action: str, options: Mapping[str, Any]) -> Authorization:
            return answer(session._session_id, action, uri, options)  # noqa: SLF001  # the purpose of this room

        for role in roles:
            if role in self._router._roles:  # noqa: SLF001  # as above
                self._router._roles[role].authorize = authorize  # noqa: SLF001  # as above

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


def is_of_the_dead(said: Any) -> bool:
    """Whether the router answers a call because its component is gone, and not because the caller gave it up."""
    if not isinstance(said, Error) or said.request_type != Call.MESSAGE_TYPE:
        return False
    if said.error == ApplicationError.NO_SUCH_PROCEDURE:  # of those that are let in: the gate knows the procedure
        return True
    return bool(said.error == ApplicationError.CANCELED and said.args == [_IN_FLIGHT])


def was_given_up(session: Any, request: int) -> tuple[bool, Error | None]:
    """Whether the caller has cancelled this call, and the answer to that, if it was not given yet."""
    router = session._router  # noqa: SLF001  # the purpose of this room
    calls = {} if router is None else router._dealer._invocations_by_call  # noqa: SLF001  # as above
    waiting = calls.get((session._session_id, request))  # noqa: SLF001  # as above
    return (False, None) if waiting is None else (waiting.canceled, waiting.error_msg)


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


def _refusal(said: Publish, error: TutorwampError) -> Error:
    told = wamp_error(error, new_id())
    return Error(Publish.MESSAGE_TYPE, said.request, told.error, kwargs=told.kwargs)
