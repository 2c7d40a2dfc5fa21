"""A component's session, message by message: what it hears of the router and what it says to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import cbor2
import pytest
from autobahn.wamp import message
from autobahn.wamp.exception import ProtocolError
from autobahn.wamp.serializer import CBORSerializer
from autobahn.wamp.types import CallResult, ComponentConfig, PublishOptions, TransportDetails
from structlog.testing import capture_logs
from twisted.internet.defer import Deferred, succeed

from tutorwamp.kernel.contracts import Caller, Nothing, Procedure, Value
from tutorwamp.kernel.edges.component import Component, Publisher, Served
from tutorwamp.kernel.errors import Conflict
from tutorwamp.kernel.limits import UNCOUNTED
from tutorwamp.kernel.log.calls import Call, on_begun, on_finished

CALLER: dict[str, Any] = {"caller": 1, "caller_authid": "ada", "caller_authrole": "student"}
TOPIC = "tutorwamp.lesson.01a22f8c-46c1-715e-a855-b03879e447a1.chat"


class Given(Value):
    """An answer."""

    values: Any


class Router:
    """The router's side of a component's socket; answers what a component needs to begin."""

    def __init__(self) -> None:
        self.sent: list[Any] = []
        self.work: list[Deferred[Given]] = []
        self.publisher = Publisher()
        served = Served(Procedure("tutorwamp.test.give", Nothing, Given), self._give)
        self.component = Component(
            ComponentConfig("tutor"), publisher=self.publisher, served=[served], limits=UNCOUNTED, ready=self._ready
        )
        self.is_ready = False
        self.transport_details = TransportDetails()
        self._serializer = CBORSerializer()
        self.component.onOpen(self)
        self.tell([2, 1, {"roles": {"broker": {}, "dealer": {}}}])
        assert self.is_ready
        self.sent.clear()

    async def _give(self, _caller: Caller, _asked: Nothing) -> Given:
        self.work.append(Deferred())
        return await self.work[-1]

    async def _ready(self, _session: Any, _uris: list[str]) -> None:
        self.is_ready = True

    def send(self, said: Any) -> None:
        """As the socket does, up to its bytes."""
        written, _ = self._serializer.serialize(said)
        self.sent.append(cbor2.loads(written))
        if isinstance(said, message.Register):
            self.tell([65, said.request, 7])

    def isOpen(self) -> bool:  # autobahn's name
        """Always."""
        return True

    def tell(self, said: list[Any]) -> None:
        """Say this to the component."""
        for one in self._serializer.unserialize(cbor2.dumps(said)):
            self.component.onMessage(one)

    def answer_at_once(self, answer: Any) -> None:
        """Instead of the procedure."""
        self.component._endpoints[7] = lambda **_: succeed(answer)

    def call(self, request: int, arguments: dict[str, Any] | None = None, positional: tuple[Any, ...] = ()) -> None:
        """Call its procedure."""
        self.tell([68, request, 7, CALLER, list(positional), arguments or {}])


@pytest.fixture
def router() -> Iterator[Router]:
    made = Router()
    yield made
    for work in made.work:
        if not work.called:
            work.callback(Given(values=None))


def test_calls_are_answered_each_by_its_number(router: Router) -> None:
    router.call(11)
    router.call(12)
    router.work[1].callback(Given(values="second"))
    router.work[0].callback(Given(values="first"))
    assert router.sent == [[70, 12, {}, [{"values": "second"}]], [70, 11, {}, [{"values": "first"}]]]


def test_an_answer_in_portions_goes_by_keyword(router: Router) -> None:
    router.answer_at_once(CallResult("a", b=1))
    router.call(11)
    assert router.sent == [[70, 11, {}, ["a"], {"b": 1}]]


def test_an_error_is_the_contracts_without_positional_arguments(router: Router) -> None:
    router.call(11)
    router.work[0].errback(Conflict("No."))
    router.call(12, {"self": 1, "fun": 2})
    router.call(13, positional=("x",))
    assert [one[:5] for one in router.sent] == [
        [8, 68, 11, {}, "tutorwamp.error.conflict"],
        [8, 68, 12, {}, "tutorwamp.error.invalid"],
        [8, 68, 13, {}, "tutorwamp.error.invalid"],
    ]
    for one in router.sent:
        assert one[5] == []
        assert one[6].keys() == {"message", "action", "details", "request_id"}


def test_who_gives_a_call_up_is_answered_and_the_work_goes_on(router: Router) -> None:
    router.call(11)
    router.tell([69, 11, {}])
    assert [one[:5] for one in router.sent] == [[8, 68, 11, {}, "tutorwamp.error.unavailable"]]
    assert not router.work[0].called
    router.work[0].callback(Given(values="heard by nobody"))
    router.tell([69, 11, {}])
    assert len(router.sent) == 1


def test_an_answer_that_cannot_be_written_is_an_error_of_ours(router: Router) -> None:
    router.answer_at_once({"values": object()})
    with capture_logs() as said:
        router.call(11)
    assert [one[:5] for one in router.sent] == [[8, 68, 11, {}, "tutorwamp.error.internal"]]
    told = router.sent[0][6]["request_id"]
    assert [(line["event"], line["request_id"]) for line in said] == [("an answer could not be sent", told)]


@pytest.mark.parametrize("listen", [on_begun, on_finished])
def test_who_listens_to_calls_and_fails_costs_that_call_only(
    router: Router, listen: Callable[[Callable[[Call], None]], Callable[[], None]]
) -> None:
    def fail(_call: Call) -> None:
        raise LookupError

    forget = listen(fail)
    try:
        with capture_logs() as said:
            router.call(11)
            router.call(12, {"self": 1})
            for work in router.work:
                work.callback(Given(values=1))
    finally:
        forget()
    assert [(one[0], one[2], one[4]) for one in router.sent] == [
        (8, request, "tutorwamp.error.internal") for request in sorted((11, 12), reverse=listen is on_finished)
    ]
    told = [(line["event"], line["request_id"]) for line in said]
    assert told == [("a call could not be done", one[6]["request_id"]) for one in router.sent]
    router.call(13)
    router.work[-1].callback(Given(values=1))
    assert router.sent[-1] == [70, 13, {}, [{"values": 1}]]


def test_nobody_is_answered_once_the_router_is_gone(router: Router) -> None:
    router.call(11)
    router.component.onClose(wasClean=False)
    router.work[0].callback(Given(values="heard by nobody"))
    assert router.sent == []


def test_what_the_router_must_not_say_ends_the_connection(router: Router) -> None:
    router.call(11)
    with pytest.raises(ProtocolError):
        router.call(11)
    with pytest.raises(ProtocolError):
        router.tell([68, 12, 8, CALLER])


def test_a_payload_that_is_not_ours_to_read_is_refused(router: Router) -> None:
    router.tell([68, 11, 7, {**CALLER, "enc_algo": "cryptobox", "enc_serializer": "json"}, b"secret"])
    assert [one[:3] for one in router.sent] == [[8, 68, 11]]
    assert router.work == []


def test_an_event_goes_out_as_autobahn_would_write_it(router: Router) -> None:
    event = {"stream": TOPIC, "seq": 1, "data": {"a": [1, None]}}
    router.publisher.publish(TOPIC, event)
    router.publisher.publish(TOPIC, event, only=5)
    ours, one = router.sent
    serializer = CBORSerializer()
    written, _ = serializer.serialize(message.Publish(ours[1], TOPIC, args=[], kwargs=event))  # type: ignore[arg-type]  # its messages' own type
    assert ours == cbor2.loads(written)
    assert one == [16, ours[1] + 1, {"eligible": [5]}, TOPIC, [], event]
    router.component.publish(TOPIC, "by position", options=PublishOptions(exclude_me=False))
    assert router.sent[2] == [16, ours[1] + 2, {"exclude_me": False}, TOPIC, ["by position"]]
