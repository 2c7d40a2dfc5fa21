"""What every ``wamp.py`` stands on: register, identify the caller, check arguments, translate errors, publish.

Every procedure of ours runs inside ``_answer``. Nothing but a contract error leaves it: autobahn would send the text of
any exception to the caller, an invalid error URI would cost the component its connection, and a result that cannot be
encoded would leave the caller waiting for ever.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from contextvars import copy_context
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Generic, Protocol, TypeVar

from autobahn.twisted.wamp import ApplicationSession
from autobahn.wamp import message
from autobahn.wamp.exception import ApplicationError, ProtocolError, TransportLost
from autobahn.wamp.serializer import CBORSerializer
from autobahn.wamp.types import CallResult, ComponentConfig, PublishOptions, SessionDetails
from prometheus_client import Counter
from pydantic_core import to_json
from twisted.internet.defer import Deferred, fail
from twisted.python.failure import Failure

from tutorwamp.kernel.contracts import (
    Answer,
    Arguments,
    AuthRole,
    Caller,
    Procedure,
    Stated,
    StreamEvent,
    Value,
)
from tutorwamp.kernel.edges.answered import error_of
from tutorwamp.kernel.edges.arguments import check, size_of
from tutorwamp.kernel.edges.deadline import DEADLINE_S, answer_by_work
from tutorwamp.kernel.edges.portions import LARGE_FROM_BYTES, portions, read_out, with_rests
from tutorwamp.kernel.edges.refusals import application_error, refusal, unable
from tutorwamp.kernel.edges.said import Said
from tutorwamp.kernel.errors import Invalid, TooLarge, Unavailable
from tutorwamp.kernel.limits import Bill, CallLimits
from tutorwamp.kernel.log import timed
from tutorwamp.kernel.log.calls import Call, Edge, Step, begin, call_under_way, calls_under_way, finish
from tutorwamp.kernel.log.lines import get_logger
from tutorwamp.kernel.reactor import running_reactor
from tutorwamp.kernel.topics import topics

log = get_logger(__name__)

MESSAGE_BYTES_AT_MOST: Final = 16 * 1024 * 1024 - 1024
"""Of one answer: what the private socket takes (crossbar/config.yaml), and room for the message around it."""
_CBOR_OF_JSON_AT_MOST: Final = 2.5
"""``1.5,`` is four bytes of JSON and nine of CBOR; nothing else grows as much."""


PlainAnswer = dict[str, Any] | CallResult
"""An answer, as it is or in portions (``kernel/edges/portions.py``)."""
Endpoint = Callable[..., Deferred[PlainAnswer]]


class Calling(Protocol):
    """Who calls, as an invocation says it."""

    caller: int | None
    caller_authid: str | None
    caller_authrole: str | None


Service = TypeVar("Service")


@dataclass(frozen=True)
class Serving(Generic[Service]):
    """A row of a domain's table: a procedure, and the method of the service's class that answers it."""

    procedure: Procedure[Any, Any]
    method: Callable[[Service, Caller, Any], Awaitable[Value | Stated[Any]]]


@dataclass(frozen=True)
class Served:
    """The same of one service."""

    procedure: Procedure[Any, Any]
    method: Callable[[Caller, Any], Awaitable[Value | Stated[Any]]]


def serve(
    procedure: Procedure[Arguments, Answer],
    method: Callable[[Service, Caller, Arguments], Awaitable[Answer | Stated[Answer]]],
) -> Serving[Service]:
    """A row; the types of the procedure and of the method are found to fit here."""
    return Serving(procedure, method)


def served_by(service: Service, table: Iterable[Serving[Service]]) -> list[Served]:
    """A table, answered by this service."""
    return [Served(row.procedure, partial(row.method, service)) for row in table]


PUBLISHED: Final = Counter("tutorwamp_events_published", "Events, by the last word of their topic.", ["kind"])


@functools.cache
def _kinds() -> dict[str, Any]:
    """The counters of all topics that there are; asked for when the domains have declared theirs."""
    return {one.kind: PUBLISHED.labels(one.kind) for one in topics()}


def _published(kind: str) -> Any:
    return _kinds().get(kind) or PUBLISHED.labels("other")


class Publisher:
    """The process's one way to publish and to call: the first of its component sessions that is joined.

    What is said on a topic leaves in the order it was announced. Chat and board go out where their calls are answered:
    an event and its answer are one piece for the socket, and one turn of the router's.
    """

    def __init__(self) -> None:
        self._sessions: list[ApplicationSession] = []
        self._own: dict[str, ApplicationSession] = {}
        self._logged = False
        self.receivers: Callable[[str], int] = lambda _lesson_id: 0
        """How many sessions are in a lesson, as far as this process knows."""

    def attach(self, session: ApplicationSession, kinds: Iterable[str] = ()) -> None:
        """Use this session once those before it are gone; for topics of these kinds from now on."""
        self._sessions.append(session)
        self._own.update(dict.fromkeys(kinds, session))
        self._logged = False

    def _session(self, kind: str = "") -> ApplicationSession:
        own = self._own.get(kind)
        if own is not None and own.is_attached():
            return own
        self._sessions = [session for session in self._sessions if session.is_attached()]
        if not self._sessions:
            raise Unavailable("The router cannot be reached just now.")
        return self._sessions[0]

    def publish(self, topic: str, event: Mapping[str, Any], *, only: int | None = None) -> None:
        """Publish without waiting, with ``only`` to this one session.

        Without a router the event is dropped; readers find the gap in ``seq``.
        """
        options = None if only is None else PublishOptions(eligible=[only])
        kind = topic.rpartition(".")[2]
        for call in calls_under_way():
            self._account(call, topic)
        try:
            self._session(kind).publish(topic, **event, options=options)
            _published(kind).inc()
        except (Unavailable, TransportLost):
            if not self._logged:  # once an outage, not once an event
                log.warning("not published: there is no router", topic=topic)
            self._logged = True

    def _account(self, call: Call, topic: str) -> None:
        whose, owner_id, kind = topic.split(".")[-3:]
        receivers = self.receivers(owner_id) if whose == "lesson" else 1
        call.events += 1
        call.receivers += receivers
        if call.steps is not None:
            call.steps.append(Step("publish", time.monotonic(), attributes={"kind": kind, "receivers": receivers}))

    def publish_stream_event(self, event: StreamEvent) -> None:
        """Publish on the topic that is named like the stream."""
        self.publish(event.stream, event.plain())

    async def call(self, uri: str, **arguments: Any) -> Any:
        """Call a procedure of another component. Raises Unavailable where it does not answer.

        By position go the ``request_id`` of the call that it is done for, and its trace.
        """
        call = call_under_way()
        done_for = () if call is None else (call.request_id, call.traceparent)
        try:
            with timed(uri.removeprefix("tutorwamp.")):
                return await self._session().call(uri, *done_for, **arguments)
        except (TransportLost, ApplicationError) as error:
            log.warning("a component did not answer", procedure=uri, error=repr(error))
            raise Unavailable("A part of the node cannot be reached just now.") from error


class Component(ApplicationSession):
    """One domain's WAMP session: registers what it serves, then calls ``ready`` with itself and the URIs."""

    def __init__(
        self,
        config: ComponentConfig,
        *,
        publisher: Publisher,
        served: Sequence[Served],
        limits: CallLimits,
        ready: Callable[[ApplicationSession, list[str]], Awaitable[None]],
    ) -> None:
        super().__init__(config)
        self._limits = limits
        self._publisher = publisher
        self._served = served
        self._ready = ready
        self._endpoints: dict[int, Endpoint] = {}
        """By the number of their registration."""
        self._under_way: dict[int, Deferred[PlainAnswer]] = {}
        """Answers that are not given yet, by the number of their invocation."""

    def onConnect(self) -> None:  # noqa: N802  # autobahn's name
        """Join over the node's private socket, where opening the file is the credential."""
        self.join(self.config.realm, ["anonymous"])

    async def onJoin(self, details: SessionDetails) -> None:  # noqa: N802  # autobahn's name
        """Register everything, or leave: the container ends with us and the supervisor starts the node again."""
        try:
            # ``tutorwamp.chat.send`` is answered where the topic ``tutorwamp.lesson.<id>.chat`` is published
            self._publisher.attach(self, {served.procedure.uri.split(".")[1] for served in self._served})
            for served in self._served:
                endpoint = _endpoint(served, self._limits)
                registered = await self.register(endpoint, served.procedure.uri)
                self._endpoints[registered.id] = endpoint
            await self._ready(self, [served.procedure.uri for served in self._served])
        except Exception:
            log.exception("a component could not start", component=type(self).__name__)
            self.leave()

    def publish(self, topic: str, *args: Any, **event: Any) -> Any:
        """As autobahn's; what asks for nothing but to be told goes out without a second look."""
        if args or event.get("options") is not None or self.transport is None:
            return super().publish(topic, *args, **event)
        event.pop("options", None)
        number = self._request_id_gen.next()
        self.transport.send(Said(message.Publish.MESSAGE_TYPE, number, {}, topic, [], event))
        return None

    def onMessage(self, msg: Any) -> None:  # noqa: N802  # autobahn's name
        """Answer calls here, and leave all else to autobahn.

        Autobahn hands a caller's arguments on as Python keywords: one named ``self`` or ``fun``, or a key that is no
        text, would raise outside of our wrapper and end this component's connection. And it makes two Deferreds more.
        """
        if isinstance(msg, message.Invocation) and msg.registration in self._endpoints and msg.enc_algo is None:
            self._invoked(msg)
        elif isinstance(msg, message.Interrupt) and msg.request in self._under_way:
            self._under_way[msg.request].cancel()
        else:
            super().onMessage(msg)

    def _invoked(self, msg: message.Invocation) -> None:
        request = msg.request
        if request in self._under_way:
            raise ProtocolError(f"the invocation {request} was there before")
        try:
            answer = self._endpoints[msg.registration](details=msg, arguments=(msg.args or (), msg.kwargs or {}))
        except Exception as raised:  # noqa: BLE001  # such as by who listens to calls: it is this call's trouble only
            answer = fail(raised)
        self._under_way[request] = answer
        answer.addCallbacks(self._answered, self._refused, callbackArgs=(request,), errbackArgs=(request,))

    def _answered(self, plain: PlainAnswer, request: int) -> None:
        if isinstance(plain, CallResult):
            self._say(request, message.Yield(request, args=plain.results, kwargs=plain.kwresults))
        else:
            self._say(request, Said(message.Yield.MESSAGE_TYPE, request, {}, [plain]))

    def _refused(self, failure: Failure, request: int) -> None:
        error = failure.value
        if not isinstance(error, ApplicationError):
            error = unable("a call could not be done", error)
        self._say(request, refusal(request, error))

    def _say(self, request: int, answer: Any) -> None:
        del self._under_way[request]
        if self.transport is None:
            return  # nobody is there to hear it
        try:
            self.transport.send(answer)
        except TransportLost:
            pass
        except Exception as raised:  # noqa: BLE001  # what cannot be written: nobody may wait for ever
            self.transport.send(refusal(request, unable("an answer could not be sent", raised)))

    def onUserError(self, fail: Any, msg: str) -> None:  # noqa: N802  # autobahn's name
        """Autobahn logs every ApplicationError as an error of ours; contract errors are answers, not faults."""
        if not isinstance(fail.value, ApplicationError):
            log.error("unexpected error in a WAMP handler", message=msg, error=repr(fail.value))


def _endpoint(served: Served, limits: CallLimits) -> Endpoint:
    def endpoint(*, details: Calling, arguments: tuple[Sequence[Any], Mapping[str, Any]]) -> Deferred[PlainAnswer]:
        return copy_context().run(_answer, served, Bill(limits), details, arguments)

    return endpoint


def _answer(
    served: Served, bill: Bill, details: Calling, raw: tuple[Sequence[Any], Mapping[str, Any]]
) -> Deferred[PlainAnswer]:
    """Run one call from its raw arguments to its plain result. Fails with ApplicationError only."""
    call = Call(served.procedure.uri, Edge.WAMP, user_id=str(details.caller_authid))
    begin(call)
    try:
        work = _checked(served, bill, details, raw, call)
    except Exception as raised:  # noqa: BLE001  # whatever it was becomes an error of the contract
        return fail(_finished(raised, call))
    droppable = served.procedure.is_droppable
    answer = answer_by_work(DEADLINE_S, work, running_reactor(), droppable=droppable)

    def answered(plain: PlainAnswer) -> PlainAnswer:
        finish(call)
        return plain

    return answer.addCallbacks(answered, lambda failure: Failure(_finished(failure.value, call)))


def _finished(raised: BaseException, call: Call) -> ApplicationError:
    error = error_of(raised, call)
    finish(call, error)
    return application_error(error, call.request_id)


def _checked(
    served: Served, bill: Bill, details: Calling, raw: tuple[Sequence[Any], Mapping[str, Any]], call: Call
) -> Coroutine[Any, Any, PlainAnswer]:
    asked, user_id = served.procedure, str(details.caller_authid)
    bill.open(user_id, writes=asked.writes)
    arguments = _by_keyword(*raw)
    call.bytes_in = size = size_of(arguments)
    checked = check(asked.arguments, arguments, size)
    call.lesson_id = getattr(checked, "lesson_id", None)
    bill.write(size)
    bill.foresee(asked.cost.units(checked))
    caller = Caller(user_id, AuthRole(details.caller_authrole or ""), details.caller)
    return _run(served, bill, caller, checked, call)


def _by_keyword(positional: Sequence[Any], arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    if positional:
        raise Invalid("Arguments go by keyword.", details=[{"loc": [], "msg": "positional arguments are not accepted"}])
    return arguments


async def _run(served: Served, bill: Bill, caller: Caller, arguments: Any, call: Call) -> PlainAnswer:
    with bill:
        line = served.procedure.cost.line
        if line is not None:
            call.queue_s = await bill.begin(line)
        plain = (await served.method(caller, arguments)).plain()
        if line is None:
            call.bytes_out = _bytes_of(plain)
            bill.answer(call.bytes_out)
            return plain
        size, portioned = await with_rests(portions(plain), running_reactor(), _require_room)
        call.bytes_out = size
        bill.answer(size)
        is_small = size < LARGE_FROM_BYTES or not portioned.lists
        return read_out(plain) if is_small else CallResult(**portioned.plain())


def _require_room(size: int) -> None:
    if size > MESSAGE_BYTES_AT_MOST:
        raise _too_large()


def _bytes_of(plain: dict[str, Any]) -> int:
    """Roughly what an answer takes on the wire. Raises TooLarge where the node's processes cannot hand it on."""
    size = len(to_json(plain, bytes_mode="base64"))
    if size * _CBOR_OF_JSON_AT_MOST > MESSAGE_BYTES_AT_MOST:
        exactly, _ = CBORSerializer().serialize(message.Yield(1, kwargs=plain))  # type: ignore[arg-type]  # its messages' own type
        if len(exactly) > MESSAGE_BYTES_AT_MOST:
            raise _too_large()
    return size


def _too_large() -> TooLarge:
    limit = {"bytes_at_most": MESSAGE_BYTES_AT_MOST}
    return TooLarge("The answer is too large. Ask for less of it.", details=limit)
