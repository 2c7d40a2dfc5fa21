"""What members publish, and what waits for a client that does not read, against a real node. Rules S18 to S23."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from autobahn.wamp.exception import ApplicationError
from autobahn.wamp.message import Publish
from autobahn.wamp.request import PublishRequest
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.task import deferLater
from twisted.python.failure import Failure

from tests.gate.narrow import WAITING_AT_MOST
from tests.gate.people import COMPONENTS, SERIALIZERS, Guest, Office, Refused, Visit, gate_node, soon, with_gate
from tests.support.node import Node
from tests.support.refused import refused
from tests.support.waiting import until
from tutorwamp.board.elements import COORDINATE_AT_MOST
from tutorwamp.gate.contracts import CLOSE_SLOW, POINTED_AT_MOST
from tutorwamp.gate.rules import PUBLICATIONS_A_SECOND
from tutorwamp.kernel.contracts import new_id

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of the libraries Crossbar imports, not of ours
    from tutorwamp.gate.door import CALL_BYTES_AT_MOST, LARGE_CALL_BYTES_AT_MOST
    from tutorwamp.gate.wire import MESSAGE_BYTES, MESSAGES

PAGE = new_id()
CURSOR, TYPING = "tutorwamp.lesson.one.cursor", "tutorwamp.lesson.one.typing"
STATE = "tutorwamp.lesson.one.state"
MIB = 1024 * 1024

GOOD: list[tuple[str, dict[str, Any]]] = [
    (TYPING, {"typing": True}),
    (TYPING, {"typing": False}),
    (CURSOR, {"page": PAGE, "x": 1, "y": -2.5}),
    (CURSOR, {"page": PAGE, "x": COORDINATE_AT_MOST, "y": 5e-324, "laser": True}),
]
BAD: list[tuple[str, dict[str, Any]]] = [
    (TYPING, {}),
    (TYPING, {"typing": 1}),
    (TYPING, {"typing": "true"}),
    (TYPING, {"typing": None}),
    (TYPING, {"typing": True, "more": 1}),
    (TYPING, {"typing": True, "self": 1}),
    (TYPING, {"page": PAGE, "x": 1, "y": 2}),
    (CURSOR, {"typing": True}),
    (CURSOR, {"page": PAGE, "x": 1}),
    (CURSOR, {"page": PAGE, "x": True, "y": 2}),
    (CURSOR, {"page": PAGE, "x": "1", "y": 2}),
    (CURSOR, {"page": PAGE, "x": [1], "y": 2}),
    (CURSOR, {"page": PAGE, "x": COORDINATE_AT_MOST + 1, "y": 2}),
    (CURSOR, {"page": PAGE, "x": 1, "y": 2, "laser": None}),
    (CURSOR, {"page": PAGE, "x": 1, "y": 2, "laser": 1}),
    (CURSOR, {"page": PAGE, "x": 1, "y": 2, "name": "x" * 7 * MIB}),
    (CURSOR, {"page": PAGE.upper(), "x": 1, "y": 2}),
    (CURSOR, {"page": PAGE + "\n", "x": 1, "y": 2}),
    (CURSOR, {"page": "x" * 100_000, "x": 1, "y": 2}),
    (CURSOR, {"page": PAGE, "x": math.nan, "y": 2}),
    (CURSOR, {"page": PAGE, "x": 1, "y": -math.inf}),
]


async def member(office: Office, visit: Visit, serializer: str = "cbor") -> Any:
    """Somebody to whom the topics of a lesson are open."""
    guest = await visit.join(serializer=serializer)
    topics = [CURSOR, TYPING, STATE]
    await office.gate.grant(guest.details.session, "one", subscribe=topics, publish=[CURSOR, TYPING])
    return guest


def say(guest: Any, topic: str, said: dict[str, Any], positional: list[Any] | None = None, **options: Any) -> None:
    """Publish without a word from the router."""
    guest.wire.send(Publish(guest._request_id_gen.next(), topic, args=positional or [], kwargs=said, **options))


async def told(guest: Any, topic: str, said: dict[str, Any], positional: list[Any] | None = None) -> Any:
    """Publish and be told what became of it."""
    number = guest._request_id_gen.next()
    done: Deferred[Any] = Deferred()
    guest._publish_reqs[number] = PublishRequest(number, done, was_encrypted=False)
    guest.wire.send(Publish(number, topic, args=positional or [], kwargs=said, acknowledge=True))
    return await soon(done)


async def test_S18_what_members_publish_reaches_every_serializer_as_it_was_sent(
    office: Office, visit: Visit, serializer: str
) -> None:
    anna = await member(office, visit, serializer)
    listeners = [await member(office, visit, kind) for kind in SERIALIZERS]
    for listener in listeners:
        for topic in (CURSOR, TYPING):
            await listener.listen(topic)
    for topic, said in GOOD:
        say(anna, topic, said)
    for listener in listeners:
        assert [await listener.hear() for _ in GOOD] == GOOD


async def test_S18_anything_else_is_told_to_nobody_and_ends_no_session(
    office: Office, visit: Visit, serializer: str
) -> None:
    anna = await member(office, visit, serializer)
    listeners = [await member(office, visit, kind) for kind in SERIALIZERS]
    for listener in listeners:
        for topic in (CURSOR, TYPING):
            await listener.listen(topic)
    for topic, said in BAD:
        say(anna, topic, said)
    say(anna, TYPING, {"typing": True}, [1])
    say(anna, CURSOR, {"page": PAGE, "x": 0, "y": 0})
    for listener in listeners:
        assert await listener.hear() == (CURSOR, {"page": PAGE, "x": 0, "y": 0})
        assert (await listener.ask("tutorwamp.test.shout", text="hello"))["length"] == 5
    assert (await anna.ask("tutorwamp.test.shout", text="hello"))["length"] == 5


async def test_S18_who_asks_is_told_that_nobody_was(office: Office, visit: Visit, serializer: str) -> None:
    anna = await member(office, visit, serializer)
    for topic, said in BAD[:9]:
        caught = await refused("tutorwamp.error.invalid", told(anna, topic, said))
        assert set(caught.kwargs) == {"message", "action", "details", "request_id"}
    await refused("tutorwamp.error.invalid", told(anna, TYPING, {"typing": True}, [1]))
    assert await told(anna, *GOOD[0])


async def test_S18_thirty_a_second_over_both_topics_and_the_rest_are_dropped(
    office: Office, visit: Visit, serializer: str
) -> None:
    anna = await member(office, visit, serializer)
    ben = await member(office, visit)
    for topic in (CURSOR, TYPING):
        await ben.listen(topic)
    began = reactor.seconds()
    for n in range(400):
        say(anna, *((TYPING, {"typing": True}) if n % 2 else (CURSOR, {"page": PAGE, "x": n, "y": 0})))
    with pytest.raises(ApplicationError) as caught:
        await told(anna, TYPING, {"typing": False})
    took_s = reactor.seconds() - began
    assert caught.value.error == "tutorwamp.error.rate_limited"
    assert 0 < caught.value.kwargs["details"]["retry_after_s"] <= 1
    await office.tell(CURSOR, last=True)
    heard = []
    while (event := await ben.hear())[1] != {"last": True}:
        heard.append(event)
    assert PUBLICATIONS_A_SECOND <= len(heard) <= PUBLICATIONS_A_SECOND * (1 + int(took_s))
    # Another session has its own.
    assert await told(ben, TYPING, {"typing": True})


async def test_S18_who_was_passed_over_is_heard_again_and_their_calls_all_the_while(
    office: Office, visit: Visit, serializer: str
) -> None:
    anna = await member(office, visit, serializer)
    ben = await member(office, visit)
    await ben.listen(CURSOR)
    for n in range(200):
        say(anna, CURSOR, {"page": PAGE, "x": n, "y": 0})
    assert (await anna.ask("tutorwamp.test.shout", text="hello"))["length"] == 5
    await refused("tutorwamp.error.rate_limited", told(anna, CURSOR, {"page": PAGE, "x": -1, "y": 0}))
    heard: list[Any] = []
    give_up_at_s = time.monotonic() + 60
    while -2 not in heard:  # within a second, however the first thirty came
        say(anna, CURSOR, {"page": PAGE, "x": -2, "y": 0})
        assert (await anna.ask("tutorwamp.test.shout", text="again"))["length"] == 5
        assert time.monotonic() < give_up_at_s
        heard += [event["x"] for _, event in ben.heard.pending]
        ben.heard.pending.clear()


def test_S18_one_points_as_far_as_one_draws() -> None:
    assert POINTED_AT_MOST == COORDINATE_AT_MOST


# who does not read


class Sleeper(Guest):
    """Keeps what comes where the network keeps it, until it wakes up."""

    def sleep(self) -> None:
        self.wire.transport.pauseProducing()

    def wake(self) -> None:
        self.wire.transport.resumeProducing()


async def sleeper(office: Office, visit: Visit, serializer: str) -> Any:
    """Somebody in the lesson who listens to everything and falls asleep."""
    guest = await visit.join(session=Sleeper, serializer=serializer)
    await office.gate.grant(guest.details.session, "one", subscribe=[CURSOR, STATE], publish=[CURSOR])
    for topic in (CURSOR, STATE):
        await guest.listen(topic)
    guest.sleep()
    return guest


async def test_S19_who_does_not_read_is_ended_with_a_reason_and_costs_no_more_than_four_mebibytes(
    node: Node, office: Office, visit: Visit, serializer: str
) -> None:
    gone: list[int] = []
    await office.session.subscribe(gone.append, "wamp.session.on_leave")
    ben = await member(office, visit)
    await ben.listen(STATE)
    sleepers = [await sleeper(office, visit, serializer) for _ in range(10)]
    before = memory_of(node)
    most = before
    for n in range(150):  # 30 MB for each
        await office.tell(STATE, n=n, text="x" * 200_000)
        most = max(most, memory_of(node))
        assert (await ben.hear())[1]["n"] == n
    assert most - before < 160 * MIB  # what is told is kept for a while, until the collector comes
    for one in sleepers:
        one.wake()
        assert (await soon(one.left)).reason == CLOSE_SLOW
        heard = [said["n"] for _, said in one.heard.pending]
        assert heard == list(range(len(heard)))  # without a gap, as far as it came
        assert len(heard) < 150
    await until(lambda: {one.details.session for one in sleepers} <= set(gone), "the end of each")
    assert memory_of(node) - before < 120 * MIB


async def test_S19_who_does_not_wake_up_is_cut_off(strict_node: Node, strict_visit: Visit, serializer: str) -> None:
    office, left = await Office.open(strict_node), Deferred[int]()
    await office.session.subscribe(left.callback, "wamp.session.on_leave")
    asleep = await sleeper(office, strict_visit, serializer)
    for n in range(100):
        await office.tell(STATE, n=n, text="x" * 200_000)
    assert await soon(left) == asleep.details.session
    await office.close()


async def test_S19_behind_a_mebibyte_nobody_is_told_where_others_point_and_of_everything_else(
    node: Node, office: Office, visit: Visit, serializer: str
) -> None:
    anna = await member(office, visit)
    # What the network itself keeps for somebody asleep is not known: the first one shows it.
    first = await sleeper(office, visit, serializer)
    n = 0
    while f"session {first.details.session} does not read" not in node.log():
        await office.tell(STATE, n=n, text="x" * 100_000)
        n += 1
        assert n < 2_000, "two hundred megabytes, and nobody minds"
    first.wake()
    await soon(first.left)
    kept = n - 42  # by the network, of events of 100 kB
    second = await sleeper(office, visit, serializer)
    await told(anna, CURSOR, {"page": PAGE, "x": 1, "y": 0})
    for n in range(kept + 26):
        await office.tell(STATE, n=n, text="x" * 100_000)
    for x in (2, 3, 4):
        await told(anna, CURSOR, {"page": PAGE, "x": x, "y": 0})
    second.wake()
    assert await second.hear() == (CURSOR, {"page": PAGE, "x": 1, "y": 0})
    assert [(await second.hear())[1].get("n") for _ in range(kept + 26)] == list(range(kept + 26))
    await told(anna, CURSOR, {"page": PAGE, "x": 5, "y": 0})
    assert await second.hear() == (CURSOR, {"page": PAGE, "x": 5, "y": 0})


async def test_S20_one_answer_may_be_larger_for_who_reads_however_slowly(
    office: Office, visit: Visit, serializer: str
) -> None:
    await office.session.register(lambda **_: {"text": "x" * 8_000_000}, "tutorwamp.test.large")
    await office.gate.ready(COMPONENTS[0], ["tutorwamp.test.large", "tutorwamp.test.shout"])
    guest = await sleeper(office, visit, serializer)
    answer = guest.ask("tutorwamp.test.large")
    asked = Deferred.fromCoroutine(answer)
    for n in range(30):  # 3 MB beside it
        await office.tell(STATE, n=n, text="x" * 100_000)
        guest.wake()
        await deferLater(reactor, 0.01)  # reads for a moment; how much that is, nothing depends on
        guest.sleep()
    guest.wake()
    assert len((await soon(asked))["text"]) == 8_000_000
    assert [(await guest.hear())[1]["n"] for _ in range(30)] == list(range(30))


async def test_S19_who_asks_for_much_and_does_not_read_is_ended(
    node: Node, office: Office, visit: Visit, serializer: str
) -> None:
    await office.session.register(lambda **_: {"text": "x" * 8_000_000}, "tutorwamp.test.large")
    await office.gate.ready(COMPONENTS[0], ["tutorwamp.test.large", "tutorwamp.test.shout"])
    guest = await sleeper(office, visit, serializer)
    before = memory_of(node)
    for _ in range(8):
        Deferred.fromCoroutine(guest.ask("tutorwamp.test.large")).addErrback(lambda _: None)
    await until(lambda: f"session {guest.details.session} does not read" in node.log(), "the log's word of it")
    guest.wake()
    assert (await soon(guest.left)).reason == CLOSE_SLOW
    await soon(office.session.call("tutorwamp.gate.status"))
    assert memory_of(node) - before < 100 * MIB


async def test_S19_pings_that_nobody_hears_answered_are_bounded_too(
    node: Node, office: Office, visit: Visit, serializer: str
) -> None:
    guest = await sleeper(office, visit, serializer)
    before = memory_of(node)
    sending = guest.wire.transport
    ping = b"\x89\xfd\0\0\0\0" + b"p" * 125
    for _ in range(100):
        sending.write(ping * 2_000)  # 26 MB in all
        await deferLater(reactor, 0)
    assert (await office.session.call("tutorwamp.gate.status"))["sessions"] >= 1
    assert memory_of(node) - before < 40 * MIB
    sending.abortConnection()


def memory_of(node: Node) -> int:
    """Bytes of the router's process."""
    fields = Path(f"/proc/{node.pids()['router']}/statm").read_text().split()
    return int(fields[1]) * 4096


# who says much


async def test_S23_what_is_large_counts_as_many_and_others_are_heard_meanwhile(
    office: Office, visit: Visit, serializer: str
) -> None:
    loud, other = [await visit.join(serializer=serializer) for _ in range(2)]
    large = "x" * MIB
    began_s = reactor.seconds()
    calls = [Deferred.fromCoroutine(loud.ask("tutorwamp.test.shout", text=large)) for _ in range(8)]
    others = 0
    while not calls[-1].called:
        assert (await other.ask("tutorwamp.test.shout", text="hello"))["length"] == 5
        others += 1
    assert [(await one)["length"] for one in calls] == [MIB] * 8
    allowed_s = (8 * MIB / MESSAGE_BYTES - MESSAGES.burst) / MESSAGES.per_s
    assert reactor.seconds() - began_s > allowed_s - 0.6  # it is read until there is nothing left of the allowance
    assert others > 20


async def test_S23_the_largest_call_is_read_at_once(office: Office, visit: Visit, serializer: str) -> None:
    """However it is cut into frames."""
    assert CALL_BYTES_AT_MOST < LARGE_CALL_BYTES_AT_MOST <= MESSAGES.burst * MESSAGE_BYTES * 1.05
    guest = await visit.join(serializer=serializer)
    guest.wire.factory.autoFragmentSize = guest.wire.autoFragmentSize = MIB // 500
    assert (await guest.ask("tutorwamp.test.shout", text="x" * MIB))["length"] == MIB


# before there is a person


class Stranger(Protocol):
    """A TCP connection."""

    def __init__(self) -> None:
        self.heard = b""
        self.gone: Deferred[bytes] = Deferred()

    def dataReceived(self, data: bytes) -> None:
        self.heard += data

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.gone.callback(self.heard)


UPGRADE = (
    "GET /ws HTTP/1.1\r\nHost: here\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: wamp.2.{}\r\nX-Forwarded-For: {}\r\n\r\n"
)


async def stranger(node: Node, *, serializer: str = "json", address: str = "198.51.100.1") -> Stranger:
    """A WebSocket that has said nothing."""
    one: Stranger = await connectProtocol(TCP4ClientEndpoint(reactor, "127.0.0.1", node.port), Stranger())
    assert one.transport is not None
    one.transport.write(UPGRADE.format(serializer, address).encode())
    return one


@pytest.fixture(scope="module")
def strict_node(router_config: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A router with little patience and room for few."""
    path = with_gate("StrictGate", router_config, tmp_path_factory.mktemp("strict"))
    with gate_node(path, TUTORWAMP_SESSIONS_AT_MOST="2").running(rest=False) as node:
        yield node


@pytest_twisted.async_yield_fixture
async def strict_visit(strict_node: Node) -> AsyncIterator[Visit]:
    """Joins clients of that router."""
    visit = Visit(strict_node)
    yield visit
    await visit.end()


class Silent(Guest):
    """Never answers the challenge, and never says HELLO where it is to be quiet from the beginning."""

    def onChallenge(self, challenge: object) -> Any:
        return Deferred()


async def test_S21_who_does_not_come_in_is_gone(strict_node: Node, strict_visit: Visit, serializer: str) -> None:
    office = await Office.open(strict_node)
    quiet = await stranger(strict_node, serializer=serializer)
    joined = await strict_visit.join(serializer=serializer)
    silent = Deferred.fromCoroutine(strict_visit.join(session=Silent, serializer=serializer))
    silent.addErrback(lambda _: None)
    heard = await soon(quiet.gone)
    assert heard.startswith(b"HTTP/1.1 101")
    await until(lambda: strict_visit._guests[-1].gone.called, "an end")
    assert (await joined.ask("tutorwamp.test.shout", text="still here"))["length"] == 10
    await strict_visit.end()
    await office.close()


async def test_S21_sockets_are_counted_by_address_before_there_is_a_person(strict_node: Node) -> None:
    coming = [Deferred.fromCoroutine(stranger(strict_node)) for _ in range(WAITING_AT_MOST)]
    school = await gatherResults(coming)  # at once: the first must not have been sent away before the last one comes
    one_more = await stranger(strict_node)
    assert (await soon(one_more.gone)).startswith(b"HTTP/1.1 429")
    elsewhere = await stranger(strict_node, address="198.51.100.2")
    await until(lambda: elsewhere.heard != b"", "an answer")
    assert elsewhere.heard.startswith(b"HTTP/1.1 101")
    for one in (*school, elsewhere):
        await soon(one.gone)
    again = await stranger(strict_node)
    assert (await soon(again.gone)).startswith(b"HTTP/1.1 101")


async def test_S21_bytes_are_counted_by_address_before_there_is_a_person(strict_node: Node) -> None:
    elsewhere = await stranger(strict_node, address="198.51.100.2")
    loud = await stranger(strict_node, address="198.51.100.3")
    await until(lambda: loud.heard != b"" and elsewhere.heard != b"", "an answer")
    assert loud.transport is not None
    loud.transport.write((b"\x8a\xfd\0\0\0\0" + b"p" * 125) * 900)  # pongs, which nobody has to answer
    await soon(loud.gone)
    assert not elsewhere.gone.called  # so it was not the time that was up
    await soon(elsewhere.gone)


async def test_S22_a_full_node_says_so_and_lets_in_when_somebody_has_gone(
    strict_node: Node, strict_visit: Visit, serializer: str
) -> None:
    office = await Office.open(strict_node)
    anna, _ben = [await strict_visit.join(serializer=serializer) for _ in range(2)]
    with pytest.raises(Refused) as caught:
        await strict_visit.join(serializer=serializer)
    assert caught.value.reason == "tutorwamp.error.unavailable"
    left: Deferred[int] = Deferred()
    await office.session.subscribe(left.callback, "wamp.session.on_leave")
    anna.leave()
    await soon(left)
    await strict_visit.join(serializer=serializer)
    await strict_visit.end()
    await office.close()
