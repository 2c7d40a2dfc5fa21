from __future__ import annotations

from typing import Any, cast

import pytest
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock
from twisted.internet.threads import deferToThread

from tests.client.talk import (
    EXPIRED,
    STARTING,
    TOPIC,
    WELCOME,
    Connect,
    Inbox,
    Tickets,
    Watcher,
    opened,
    patiently,
    why,
)
from tests.support.node import Node, free_port
from tests.support.refused import refused
from tutorwamp.client import Backoff, CallError, Connection, Disconnected, Event
from tutorwamp.client.connection import CALL_TIMEOUT_S, STEADY_AFTER_S, State
from tutorwamp.client.errors import BACK_AFTER_DRAINING_S
from tutorwamp.client.wamp import JOIN_TIMEOUT_S, SEND_AT_MOST_BYTES, Serializer
from tutorwamp.kernel.errors import Action


@pytest.mark.parametrize("serializer", ["cbor", "msgpack", "json"])
async def test_a_call_is_answered(connect: Connect, serializer: Serializer) -> None:
    connection = connect(serializer=serializer)
    await opened(connection)
    assert await connection.call("test.echo", text="Grüße", number=3) == {"caller": "ada", "text": "Grüße", "number": 3}


async def test_an_error_arrives_whole(connection: Connection) -> None:
    error = await refused(
        CallError,
        connection.call(
            "test.refuse",
            uri="tutorwamp.error.lesson.state",
            message="Not now.",
            action="reload",
            details={"state": "ended"},
            request_id="r-1",
        ),
    )
    assert (error.uri, error.message, error.action) == ("tutorwamp.error.lesson.state", "Not now.", Action.RELOAD)
    assert (error.details, error.request_id) == ({"state": "ended"}, "r-1")


async def test_what_is_not_allowed_is_refused_aloud(connection: Connection) -> None:
    for doing in (
        connection.call("wamp.session.list"),
        connection.publish("elsewhere", text="lost"),
        connection.subscribe("elsewhere", Inbox()),
    ):
        error = await refused(CallError, doing)
        assert (error.uri, error.action) == ("wamp.error.not_authorized", Action.STOP)


async def test_an_event_reaches_its_handler_with_its_publisher_until_it_is_cancelled(connect: Connect) -> None:
    ada, bob = connect(), connect(Tickets("welcome:bob"))
    await opened(ada)
    await opened(bob)
    inbox, other = Inbox(), Inbox()
    subscription = await ada.subscribe(TOPIC, inbox)
    await ada.subscribe(TOPIC, other)
    waiting, second = inbox.next(), other.next()
    await bob.publish(TOPIC, type="test.said", text="hello")
    event = await waiting
    assert (event.topic, event.type, event["text"], event.publisher) == (TOPIC, "test.said", "hello", "bob")
    await second

    await subscription.cancel()
    third = other.next()
    await bob.publish(TOPIC, text="again")  # ``inbox`` would fail: nothing waits in it
    assert (await third)["text"] == "again"


async def test_a_handler_that_fails_harms_nobody(connect: Connect) -> None:
    connection, bob = connect(), connect(Tickets("welcome:bob"))
    await opened(connection)
    await opened(bob)

    async def fail(_: Event) -> None:
        raise RuntimeError("a handler's fault")

    inbox = Inbox()
    await connection.subscribe(TOPIC, fail)
    await connection.subscribe(TOPIC, inbox)
    waiting = inbox.next()
    await bob.publish(TOPIC)
    await waiting
    assert connection.state.kind == "connected"


async def test_after_kill_9_of_the_router_all_is_as_before(router: Node, connect: Connect) -> None:
    ada, bob = connect(), connect(Tickets("welcome:bob"))
    arrivals: list[str] = []

    async def step() -> None:
        answer = await ada.call("test.echo")
        arrivals.append(f"{answer['caller']} while {ada.state.kind}")

    ada.on_arrival(step)
    await opened(ada)
    await opened(bob)
    inbox = Inbox()
    await ada.subscribe(TOPIC, inbox)
    first_session = ada.session_id
    in_flight = Deferred.fromCoroutine(refused(CallError, ada.call("test.never")))
    states, bobs = Watcher(ada), Watcher(bob)
    lost, back, bob_back = states.next("waiting"), states.next("connected"), bobs.next("connected")

    router.kill()
    error = await patiently(in_flight)
    assert isinstance(error, Disconnected)
    assert error.action is Action.RETRY
    assert why(await lost).uri == "wamp.close.transport_lost"
    await refused(Disconnected, ada.call("test.echo"))
    repeated = Deferred.fromCoroutine(ada.call_until_answered("test.echo", client_id="c-1"))

    router.start()
    await deferToThread(router.wait_ready, rest=False)
    await back
    await bob_back
    assert await patiently(repeated) == {"caller": "ada", "client_id": "c-1"}
    assert arrivals == ["ada while connecting"] * 2
    assert ada.session_id != first_session
    waiting = inbox.next()
    await bob.publish(TOPIC, text="still there?")
    assert (await waiting)["text"] == "still there?"


async def test_a_loss_while_subscriptions_are_renewed_only_takes_longer(connection: Connection) -> None:
    for topic in (TOPIC, f"{TOPIC}.other"):
        await connection.subscribe(topic, Inbox())
    sessions: list[int | None] = []

    async def arrived() -> None:
        sessions.append(connection.session_id)
        if len(sessions) == 1:
            assert connection._session is not None
            cast("Any", reactor).callLater(0, connection._session.cut)

    connection.on_arrival(arrived)
    back = Watcher(connection).next("connected")
    assert connection._session is not None
    connection._session.cut()
    await back
    assert len(sessions) == 2


async def test_a_refused_ticket_is_replaced_once(connect: Connect) -> None:
    tickets = Tickets(EXPIRED, replacements=[WELCOME])
    connection = connect(tickets)
    states = Watcher(connection)
    await opened(connection)
    assert tickets.replaced == [EXPIRED]
    assert states.kinds == ["connecting", "connecting", "connected"]


async def test_a_ticket_refused_twice_ends_it(connect: Connect) -> None:
    tickets = Tickets(EXPIRED, replacements=[EXPIRED])
    connection = connect(tickets)
    error = await refused(CallError, connection.open())
    assert (error.uri, error.action) == ("tutorwamp.error.unauthenticated", Action.REAUTH)
    assert tickets.replaced == [EXPIRED]
    assert connection.state.kind == "closed"
    await refused("tutorwamp.error.unauthenticated", connection.call_until_answered("test.echo"))


async def test_a_login_that_is_over_ends_it(connect: Connect) -> None:
    connection = connect(Tickets(CallError("tutorwamp.error.unauthenticated", "The login is over.")))
    assert (await refused(CallError, connection.open())).message == "The login is over."


async def test_a_server_that_is_not_ready_is_waited_for(connect: Connect) -> None:
    clock = Clock()
    backoff = Backoff(first_ceiling_s=4, growth=2)
    connection = connect(Tickets(STARTING, STARTING, WELCOME), clock=clock, chance=lambda: 0.5, backoff=backoff)
    states = Watcher(connection)
    first = states.next("waiting")
    opening = Deferred.fromCoroutine(connection.open())
    state = await first
    assert (why(state).uri, state.pause_s) == ("tutorwamp.error.unavailable", 2)
    clock.advance(1.9)
    assert connection.state.kind == "waiting"
    second = states.next("waiting")
    clock.advance(0.1)
    assert (await second).pause_s == 4
    clock.advance(4)
    await patiently(opening)


async def test_pauses_grow_while_nobody_listens(connect: Connect) -> None:
    clock = Clock()
    connection = connect(
        url=f"ws://127.0.0.1:{free_port()}/ws",
        clock=clock,
        chance=lambda: 1.0,
        backoff=Backoff(first_ceiling_s=1, growth=3, ceiling_cap_s=10),
    )
    states = Watcher(connection)
    waiting = states.next("waiting")
    opening = Deferred.fromCoroutine(refused(CallError, connection.open()))
    pauses = []
    for _ in range(4):
        pauses.append((await waiting).pause_s)
        waiting = states.next("waiting")
        clock.advance(pauses[-1])
    assert pauses == [1, 3, 9, 10]
    await waiting
    await connection.close()
    assert (await opening).uri == "wamp.close.normal"
    assert clock.getDelayedCalls() == []


async def test_the_servers_wish_to_wait_is_respected(connect: Connect) -> None:
    wish = CallError("tutorwamp.error.unavailable", details={"retry_after_s": 7.0})
    connection = connect(Tickets(wish), clock=Clock(), chance=lambda: 0.5, backoff=Backoff(first_ceiling_s=1))
    waiting = Watcher(connection).next("waiting")
    opening = Deferred.fromCoroutine(refused(CallError, connection.open()))
    assert (await waiting).pause_s == 7.5
    await connection.close()
    await opening


async def test_a_server_that_says_nothing_is_given_up(connect: Connect) -> None:
    clock = Clock()
    asked: Deferred[None] = Deferred()
    hung_up: Deferred[None] = Deferred()

    class Silent(Protocol):
        def dataReceived(self, data: bytes) -> None:
            asked.callback(None)

        def connectionLost(self, reason: object = None) -> None:
            hung_up.callback(None)

    port = cast("Any", reactor).listenTCP(0, Factory.forProtocol(Silent), interface="127.0.0.1")
    connection = connect(url=f"ws://127.0.0.1:{port.getHost().port}/ws", clock=clock)
    waiting = Watcher(connection).next("waiting")
    opening = Deferred.fromCoroutine(refused(CallError, connection.open()))
    await patiently(asked)
    clock.advance(JOIN_TIMEOUT_S)
    assert "does not answer" in why(await waiting).message
    await patiently(hung_up)
    await connection.close()
    await opening
    await port.stopListening()


async def test_a_revoked_session_stays_away_and_says_so(connection: Connection) -> None:
    closed = Watcher(connection).next("closed")
    error = await refused(CallError, connection.call("test.say_goodbye", reason="tutorwamp.close.revoked"))
    assert isinstance(error, Disconnected)
    assert error.uri == "tutorwamp.close.revoked"
    state = await closed
    assert (why(state).uri, why(state).message) == ("tutorwamp.close.revoked", "Said the test.")
    for doing in (connection.call("test.echo"), connection.call_until_answered("test.echo"), connection.connected()):
        error = await refused(CallError, doing)
        assert (error.uri, error.action) == ("tutorwamp.close.revoked", Action.REAUTH)


async def sent_away(connection: Connection, reason: str, **told: Any) -> State:
    """The server says goodbye; how the connection waits. It comes back when its pause is over."""
    waiting = Watcher(connection).next("waiting")
    await refused(CallError, connection.call("test.say_goodbye", reason=reason, **told))
    return await waiting


async def test_a_draining_node_is_come_back_to_and_short_lives_do_not_reset_the_pauses(connect: Connect) -> None:
    clock = Clock()
    connection = connect(clock=clock, chance=lambda: 1.0, backoff=Backoff(first_ceiling_s=1, growth=2))
    await opened(connection)
    for lived_s, pause_s in ((0, 1), (STEADY_AFTER_S - 1, 2), (STEADY_AFTER_S, 1)):
        clock.advance(lived_s)
        back = Watcher(connection).next("connected")
        state = await sent_away(connection, "tutorwamp.close.draining")
        assert (why(state).uri, state.pause_s) == ("tutorwamp.close.draining", BACK_AFTER_DRAINING_S + pause_s)
        clock.advance(state.pause_s)
        await back


async def test_a_draining_node_says_when_to_come_back(connect: Connect) -> None:
    clock = Clock()
    connection = connect(clock=clock, chance=lambda: 1.0, backoff=Backoff(first_ceiling_s=1, growth=2))
    await opened(connection)
    for told, back_s in (
        ({"action": "retry", "retry_after_s": 4.25}, 4.25),
        ({"action": "retry", "retry_after_s": 3}, 3),
        ({"action": "retry", "retry_after_s": "soon"}, BACK_AFTER_DRAINING_S),
        ({"action": "retry", "retry_after_s": -1}, 0),
    ):
        back = Watcher(connection).next("connected")
        state = await sent_away(connection, "tutorwamp.close.draining", **told)
        assert why(state).retry_after_s == back_s
        assert back_s < state.pause_s <= back_s + 8
        clock.advance(STEADY_AFTER_S + state.pause_s)
        await back


async def test_who_was_too_slow_comes_back(connect: Connect) -> None:
    clock = Clock()
    connection = connect(clock=clock)
    await opened(connection)
    back = Watcher(connection).next("connected")
    state = await sent_away(connection, "tutorwamp.close.slow")
    assert (why(state).uri, why(state).action) == ("tutorwamp.close.slow", Action.RETRY)
    clock.advance(state.pause_s)
    await back


async def test_a_topic_taken_away_is_reported_and_the_connection_lives(connection: Connection) -> None:
    taken: Deferred[None] = Deferred()
    await connection.subscribe(TOPIC, Inbox(), revoked=lambda: taken.callback(None))
    await connection.call("test.take_away", topic=TOPIC)
    await patiently(taken)
    assert connection.state.kind == "connected"
    await connection.subscribe(TOPIC, Inbox())
    assert await connection.call("test.echo") == {"caller": "ada"}


async def test_a_message_too_large_costs_the_call_and_not_the_connection(connection: Connection) -> None:
    error = await refused(CallError, connection.call_until_answered("test.echo", text="x" * SEND_AT_MOST_BYTES))
    assert (error.uri, error.action) == ("tutorwamp.error.too_large", Action.FIX)
    assert await connection.call("test.echo") == {"caller": "ada"}


async def test_an_argument_that_cannot_be_sent_is_invalid(connection: Connection) -> None:
    await refused("tutorwamp.error.invalid", connection.call("test.echo", it=object()))
    await refused("tutorwamp.error.invalid", connection.call("not a uri"))
    assert await connection.call("test.echo") == {"caller": "ada"}


async def test_a_call_without_an_answer_times_out_and_may_be_repeated(connect: Connect) -> None:
    clock = Clock()
    connection = connect(clock=clock)
    await opened(connection)
    failing = Deferred.fromCoroutine(refused(CallError, connection.call("test.never")))
    clock.advance(CALL_TIMEOUT_S)
    error = await failing
    assert (error.uri, error.may_repeat) == ("wamp.error.timeout", True)
    assert await connection.call("test.echo") == {"caller": "ada"}


async def test_a_closed_connection_can_be_opened_again(connect: Connect) -> None:
    connection = connect()
    error = await refused(CallError, connection.call("test.echo"))
    assert (error.uri, error.action) == ("wamp.close.normal", Action.STOP)
    await opened(connection)
    await connection.close()
    error = await refused(CallError, connection.call_until_answered("test.echo"))
    assert (error.uri, error.action) == ("wamp.close.normal", Action.STOP)
    await opened(connection)
    assert await connection.call("test.echo") == {"caller": "ada"}
