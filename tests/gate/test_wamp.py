"""The gate against a real node: who gets in, what they may do, and how they are sent away."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from autobahn.twisted.websocket import WampWebSocketClientProtocol
from autobahn.wamp.exception import ApplicationError
from autobahn.wamp.types import CallOptions, ComponentConfig, PublishOptions, RegisterOptions, SubscribeOptions
from twisted.internet.defer import Deferred, DeferredList

from tests.gate.narrow import FEW, GONE
from tests.gate.people import (
    COMPONENTS,
    SERIALIZERS,
    DeafToClose,
    Office,
    Stubborn,
    Visit,
    gate_node,
    soon,
    ticket,
    with_gate,
)
from tests.gate.raw import HELLO, Raw
from tests.support.node import Node
from tests.support.refused import refused
from tests.support.waiting import until
from tutorwamp.bench.crowd import Light
from tutorwamp.bench.crowd import connect as connect_light
from tutorwamp.gate.contracts import CLOSE_DRAINING, CLOSE_REVOKED, CONNECTION_DRAINING, STOPPING
from tutorwamp.gate.wamp import BACK_BETWEEN_S, DRAINED_AT_ONCE, GateComponent
from tutorwamp.kernel.contracts import AuthRole, new_id, utc_now

NOT_AUTHORIZED = "wamp.error.not_authorized"


# getting in


async def test_the_token_decides_who_one_is(office: Office, visit: Visit, serializer: str) -> None:
    user_id = new_id()
    anna = await visit.join(ticket(user_id, role=AuthRole.TUTOR), serializer=serializer)
    assert (anna.details.authid, anna.details.authrole) == (user_id, "tutor")
    answer = await anna.ask("tutorwamp.test.shout", text="hello")
    assert answer == {"length": 5, "caller": [anna.details.session, user_id, "tutor"]}


async def test_a_bad_an_expired_and_a_forged_token_are_refused(office: Office, visit: Visit) -> None:
    for text in ("", "nonsense", "ü.ö.ä", ticket()[:-2] + "xx"):
        refusal = await refused("tutorwamp.error.unauthenticated", visit.join(text))
        assert refusal.message == "This access token is not valid."
    refusal = await refused("tutorwamp.error.unauthenticated", visit.join(ticket(age=timedelta(hours=1))))
    assert refusal.message == "This access token has expired."


async def test_nobody_gets_in_until_every_component_is_ready(node: Node, visit: Visit) -> None:
    await refused("tutorwamp.error.unavailable", visit.join())
    office = await Office.open(node, ready=False)
    *others, last = COMPONENTS
    for component in others:
        await office.gate.ready(component, [])
        await refused("tutorwamp.error.unavailable", visit.join())
    await office.gate.ready(last, [])
    await visit.join()
    await office.close()
    await refused("tutorwamp.error.unavailable", visit.join())


async def test_a_page_of_the_node_or_of_a_named_origin_may_connect_and_no_other(
    node: Node, office: Office, visit: Visit
) -> None:
    await visit.join(origin=node.url)
    await visit.join(origin="https://a.test")
    await refused("tutorwamp.error.forbidden", visit.join(origin="https://b.test"))
    await refused("tutorwamp.error.forbidden", visit.join(origin=f"http://localhost:{node.port}"))


# what one may do


async def test_only_reported_procedures_can_be_called(office: Office, visit: Visit) -> None:
    anna = await visit.join()
    for uri in (
        "tutorwamp.test.hidden",
        "tutorwamp.unknown",
        "tutorwamp.gate.drop",
        "tutorwamp.gate.authorize",
        "wamp.session.count",
        "wamp.session.kill",
    ):
        await refused(NOT_AUTHORIZED, anna.ask(uri))
    assert office.texts == []


async def test_nobody_can_call_in_the_name_of_somebody_else(office: Office, visit: Visit) -> None:
    # forward_for is made for links between routers; Crossbar would take the caller's identity from it.
    anna = await visit.join()
    admin = [{"session": 1, "authid": new_id(), "authrole": "admin"}]
    error = await refused(ApplicationError, anna.ask("tutorwamp.test.shout", options=CallOptions(forward_for=admin)))
    assert error.error == NOT_AUTHORIZED
    assert office.texts == []


async def test_nobody_but_a_component_registers(office: Office, visit: Visit) -> None:
    for options in (None, RegisterOptions(match="prefix")):
        anna = await visit.join(ticket(role=AuthRole.ADMIN))
        asked: Any = anna.register(lambda: None, "tutorwamp.test.mine", options=options)
        asked.addErrback(lambda _: None)  # it is never answered
        await soon(anna.gone)


async def test_a_granted_topic_is_open_to_that_session_only(office: Office, visit: Visit) -> None:
    user_id, topic = new_id(), "tutorwamp.lesson.one.chat"
    anna, her_other_session, ben = [await visit.join(ticket(who)) for who in (user_id, user_id, new_id())]
    await office.gate.grant(anna.details.session, "one", subscribe=[topic])
    await anna.listen(topic)
    for outsider in (her_other_session, ben):
        await refused(NOT_AUTHORIZED, outsider.listen(topic))
    await office.tell(topic, text="hello")
    assert await anna.hear() == (topic, {"text": "hello"})


async def test_patterns_are_refused_even_on_what_is_granted(office: Office, visit: Visit) -> None:
    anna = await visit.join()
    topic = "tutorwamp.lesson.one.chat"
    await office.gate.grant(anna.details.session, "one", subscribe=[topic, "tutorwamp.lesson", ""])
    for uri, options in (
        (topic, SubscribeOptions(match="prefix")),
        (topic, SubscribeOptions(match="wildcard")),
        ("tutorwamp.lesson", SubscribeOptions(match="prefix")),
        ("", SubscribeOptions(match="prefix")),
        ("tutorwamp..one.chat", SubscribeOptions(match="wildcard")),
        (topic, SubscribeOptions(get_retained=True)),
    ):
        await refused(NOT_AUTHORIZED, anna.listen(uri, options=options))
    await anna.listen(topic, options=SubscribeOptions(match="exact", get_retained=False))


async def test_everybody_hears_their_own_notifications_and_their_own_timeout(office: Office, visit: Visit) -> None:
    anna, ben = await visit.join(), await visit.join()
    await anna.listen("tutorwamp.connection.timeout")
    mine = f"tutorwamp.user.{anna.details.authid}.notifications"
    await anna.listen(mine)
    await refused(NOT_AUTHORIZED, ben.listen(mine))


async def test_publishing_is_a_grant_of_its_own_and_plain(office: Office, visit: Visit) -> None:
    anna, ben = await visit.join(), await visit.join()
    chat, typing = "tutorwamp.lesson.one.chat", "tutorwamp.lesson.one.typing"
    for member in (anna, ben):
        await office.gate.grant(member.details.session, "one", subscribe=[chat, typing], publish=[typing])
    await ben.listen(typing)
    await soon(anna.publish(typing, typing=True, options=PublishOptions(acknowledge=True, exclude_me=False)))
    assert await ben.hear() == (typing, {"typing": True})
    await refused(NOT_AUTHORIZED, soon(anna.publish(chat, options=PublishOptions(acknowledge=True))))
    forged = [{"session": 1, "authid": new_id(), "authrole": "tutor"}]
    for more in (
        {"eligible": [ben.details.session]},
        {"exclude": [1]},
        {"eligible_authrole": ["student"]},
        {"retain": True},
        {"forward_for": forged},
    ):
        options = PublishOptions(acknowledge=True, **more)
        await refused(NOT_AUTHORIZED, soon(anna.publish(typing, options=options)))


async def test_revoking_takes_the_live_subscription_and_nothing_else(office: Office, visit: Visit) -> None:
    anna, ben = await visit.join(), await visit.join()
    gone: list[tuple[int, int]] = []
    await office.session.subscribe(
        lambda session, subscription: gone.append((session, subscription)), "wamp.subscription.on_unsubscribe"
    )
    for member in (anna, ben):
        await office.gate.grant(member.details.session, "one", subscribe=["one.chat", "one.state"])
        await office.gate.grant(member.details.session, "two", subscribe=["two.chat", "one.state"])
    taken = await anna.listen("one.chat")
    for topic in ("one.state", "two.chat"):
        await anna.listen(topic)
    await ben.listen("one.chat")
    await office.gate.revoke_grants("one", session=anna.details.session)
    for topic in ("one.chat", "one.state", "two.chat"):
        await office.tell(topic)
    # one.state is still open under the other key.
    assert [await anna.hear(), await anna.hear()] == [("one.state", {}), ("two.chat", {})]
    assert await ben.hear() == ("one.chat", {})
    await refused(NOT_AUTHORIZED, anna.listen("one.chat"))
    assert (await anna.ask("tutorwamp.test.shout"))["length"] == 0
    assert gone == [(anna.details.session, taken.id)]


async def test_a_key_can_be_revoked_for_a_user_and_for_everybody(office: Office, visit: Visit) -> None:
    anna, ben = await visit.join(), await visit.join()
    for member in (anna, ben):
        await office.gate.grant(member.details.session, "one", subscribe=["one.chat", "one.state"])
        await member.listen("one.chat")
    await office.gate.revoke_grants("one", user_id=anna.details.authid)
    await office.tell("one.chat", n=1)
    assert await ben.hear() == ("one.chat", {"n": 1})
    await refused(NOT_AUTHORIZED, anna.listen("one.state"))
    await ben.listen("one.state")
    await office.gate.revoke_grants("one")
    await refused(NOT_AUTHORIZED, ben.listen("one.state"))
    assert anna.heard.pending == []


# being sent away


async def test_a_dropped_client_is_told_why(office: Office, visit: Visit) -> None:
    anna = await visit.join()
    assert (
        await office.gate.drop(anna.details.session, reason="tutorwamp.close.ping_timeout", message="Too quiet.") == 1
    )
    details = await soon(anna.left)
    assert (details.reason, details.message) == ("tutorwamp.close.ping_timeout", "Too quiet.")
    assert await office.gate.drop(anna.details.session, reason=CLOSE_REVOKED, message="Twice.") == 0


@pytest.mark.parametrize("protocol", [WampWebSocketClientProtocol, DeafToClose])
async def test_a_client_that_will_not_go_is_powerless_at_once_and_out_soon(
    office: Office, visit: Visit, protocol: type[WampWebSocketClientProtocol]
) -> None:
    mallory = await visit.join(session=Stubborn, protocol=protocol)
    ben = await visit.join()
    for member in (mallory, ben):
        await office.gate.grant(member.details.session, "one", subscribe=["one.chat"], publish=["one.typing"])
        await member.listen("one.chat")
    left = office.session.heard
    await office.session.subscribe(lambda session: left.put(("left", {"session": session})), "wamp.session.on_leave")
    assert await office.gate.drop(mallory.details.session, reason=CLOSE_REVOKED, message="Go.") == 1
    assert (await soon(mallory.told)).reason == CLOSE_REVOKED
    await refused(NOT_AUTHORIZED, mallory.ask("tutorwamp.test.shout"))
    await refused(NOT_AUTHORIZED, mallory.listen("one.chat"))
    await office.gate.grant(mallory.details.session, "one", subscribe=["one.chat"])
    await refused(NOT_AUTHORIZED, mallory.listen("one.chat"))
    await office.tell("one.chat")
    assert await ben.hear() == ("one.chat", {})
    assert await office.session.hear() == ("left", {"session": mallory.details.session})
    await soon(mallory.gone)  # before the WebSocket's own timer ends: how soon, the tests of sessions say
    assert office.texts == []
    assert mallory.heard.pending == []


async def test_dropping_a_user_ends_all_sessions_and_all_tokens_until_then(office: Office, visit: Visit) -> None:
    user_id = new_id()
    old = ticket(user_id)
    first, second = await visit.join(old), await visit.join(old, session=Stubborn)
    other = await visit.join()
    before = utc_now()
    assert await office.gate.drop_user(user_id, before=before, reason=CLOSE_REVOKED, message="Logged out.") == 2
    assert (await soon(first.left)).reason == CLOSE_REVOKED
    refusal = await refused("tutorwamp.error.unauthenticated", visit.join(old))
    assert refusal.message == "This access token has been revoked."
    await visit.join(ticket(user_id, age=timedelta(milliseconds=-2)))
    await soon(second.gone)
    assert (await other.ask("tutorwamp.test.shout"))["length"] == 0


# what components are told


async def test_components_get_contract_errors(office: Office) -> None:
    for uri, args, kwargs in (
        ("tutorwamp.gate.grant", (1,), {}),
        ("tutorwamp.gate.grant", (), {"session": "1", "key": "k", "subscribe": [], "publish": []}),
        ("tutorwamp.gate.drop", (), {"session": 1, "reason": "r", "message": "m", "more": 1}),
        ("tutorwamp.gate.ready", (), {"component": "unheard_of", "procedures": []}),
    ):
        error = await refused(ApplicationError, soon(office.session.call(uri, *args, **kwargs)))
        assert error.error == "tutorwamp.error.invalid"
        assert error.args == ()
        assert set(error.kwargs) == {"message", "action", "details", "request_id"}
        assert error.kwargs["details"]


def test_an_unexpected_fault_in_authentication_does_not_show_its_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TUTORWAMP_DATA_DIR", str(tmp_path))
    gate = GateComponent(ComponentConfig("tutor", {"components": []}))
    with pytest.raises(ApplicationError) as caught:
        gate._authenticate(None, None, {"nothing": "that Crossbar sends"})
    assert caught.value.error == "tutorwamp.error.internal"
    assert "transport" not in str(caught.value)
    assert "request_id=" in caught.value.args[0]


# stopping


async def test_a_stopping_node_says_so_before_it_goes(router_config: Path) -> None:
    with gate_node(router_config).running(rest=False) as node:
        visit = Visit(node)
        await Office.open(node)
        anna, mallory = await visit.join(), await visit.join(session=Stubborn)
        told = [await visit.join(serializer=serializer) for serializer in SERIALIZERS]
        for one in told:
            await one.listen(CONNECTION_DRAINING)
        node.ask_to_stop()
        assert (await soon(anna.left)).reason == CLOSE_DRAINING
        waits = []
        for one in told:
            assert (await soon(one.left)).reason == CLOSE_DRAINING
            ((topic, said),) = one.heard.pending  # once, its own, and before the goodbye
            assert (topic, said["action"], set(said)) == (CONNECTION_DRAINING, "retry", {"action", "retry_after_s"})
            waits.append(said["retry_after_s"])
        assert all(BACK_BETWEEN_S[0] <= wait <= BACK_BETWEEN_S[1] for wait in waits)
        assert len(set(waits)) > 1  # not everybody at once
        assert (await soon(mallory.told)).reason == CLOSE_DRAINING
        await refused("tutorwamp.error.unavailable", visit.join())
        assert node.wait_stopped() == 0
        await soon(mallory.gone)


async def test_S9_who_comes_when_the_gate_has_gone_is_told_the_same(router_config: Path, tmp_path: Path) -> None:
    """For some milliseconds the port outlives the gate, and nothing of Crossbar's own may be heard of that."""
    with gate_node(with_gate("GoneGate", router_config, tmp_path)).running(rest=False) as node:
        await Office.open(node)
        early = [await _challenged(node, serializer) for serializer in SERIALIZERS]
        node.ask_to_stop()
        await until(lambda: GONE in node.log(), node.log)
        late = [await _challenged(node, serializer) for serializer in SERIALIZERS]
        for one in (*early, *late):
            one.say([5, ticket(), {}])
            assert await one.hear() == [3, {"message": STOPPING}, "tutorwamp.error.unavailable"]
        assert node.wait_stopped() == 0


async def _challenged(node: Node, serializer: str) -> Raw:
    """Somebody who has not shown a ticket yet."""
    one = await Raw.connect(node, serializer)
    one.say(HELLO)
    assert (await one.hear())[0] == 4
    return one


async def test_S9_everybody_of_a_crowd_is_told(router_config: Path) -> None:
    with gate_node(router_config).running(rest=False) as node:
        await Office.open(node)
        crowd = [Light(ticket()) for _ in range(2 * DRAINED_AT_ONCE + 1)]
        await DeferredList([Deferred.fromCoroutine(connect_light(node.port, one)) for one in crowd])
        assert all(one.joined.called for one in crowd)
        node.ask_to_stop()
        reasons = [(await soon(one.over)).uri for one in crowd]
        assert reasons == [CLOSE_DRAINING] * len(crowd)
        assert node.wait_stopped() == 0


async def test_S7_an_address_that_comes_too_often_is_told_so(router_config: Path, tmp_path: Path) -> None:
    with gate_node(with_gate("NarrowGate", router_config, tmp_path)).running(rest=False) as node:
        await Office.open(node)
        visit = Visit(node)
        school, home = {"X-Forwarded-For": "198.51.100.1"}, {"X-Forwarded-For": "198.51.100.2"}
        for _ in range(FEW):
            await refused("tutorwamp.error.unauthenticated", visit.join("nonsense", headers=school))
        refusal = await refused("tutorwamp.error.rate_limited", visit.join(headers=school))
        assert refusal.message == "Too much at once. Come back in a moment."
        forged = {"X-Forwarded-For": "198.51.100.9, 198.51.100.1"}
        await refused("tutorwamp.error.rate_limited", visit.join(headers=forged))
        await visit.join(headers=home)
        await visit.join()
        await visit.end()
