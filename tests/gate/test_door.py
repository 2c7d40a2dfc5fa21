"""The public door on a real router: what one client says costs that client, and nobody else."""

from __future__ import annotations

import os
import warnings
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from autobahn.wamp.exception import ApplicationError

from tests.gate.people import SERIALIZERS, Guest, Office, Refused, Visit, soon, ticket
from tests.gate.raw import HELLO, WRITERS, Raw
from tests.gate.test_decoding import BAD_VALUES, batch, bomb, raw_call
from tests.support.node import Node
from tests.support.refused import refused
from tests.support.waiting import until
from tutorwamp.reference.catalogue import catalogue

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of the libraries Crossbar imports, not of ours
    from tutorwamp.gate.door import (
        CALL_BYTES_AT_MOST,
        CALLS_AT_ONCE,
        FRAMES_AT_MOST,
        LARGE_CALL_BYTES_AT_MOST,
        LARGE_CALLS,
        MESSAGE_BYTES_AT_MOST,
        PUBLICATION_BYTES_AT_MOST,
        STRANGERS_BYTES_AT_MOST,
    )
from tutorwamp.gate.refusals import HEARD_OUT
from tutorwamp.kernel.edges.arguments import ARGUMENTS_VALUES_AT_MOST

SHOUT = "tutorwamp.test.shout"
TYPING = "tutorwamp.lesson.one.typing"
INVALID = "tutorwamp.error.invalid"
RATE_LIMITED = "tutorwamp.error.rate_limited"
TOO_LARGE = "tutorwamp.error.too_large"
NOT_AUTHORIZED = "wamp.error.not_authorized"
SLOW = "tutorwamp.test.slow"
"""Answers when the test says so; registered anew by each, for it goes with its component."""
NORMAL, PROTOCOL_ERROR, BAD_TEXT, TOO_BIG = 1000, 1002, 1007, 1009
CPU_S_AT_MOST = 1.0
"""Of the router, for all that one test sends; what it does for a test besides is a tenth of it."""
MEMORY_BYTES_AT_MOST = 64 * 1024 * 1024
"""What a test may leave in the router."""

HOSTILE: dict[str, Any] = {
    "WELCOME": [2, 1, {}],
    "CHALLENGE": [4, "ticket", {}],
    "ERROR of an invocation": [8, 68, 1, {}, "tutorwamp.error.conflict", [], {}],
    "ERROR of a call": [8, 48, 1, {}, "tutorwamp.error.conflict"],
    "PUBLISHED": [17, 1, 1],
    "SUBSCRIBED": [33, 1, 1],
    "UNSUBSCRIBED": [35, 1],
    "EVENT": [36, 1, 1, {}],
    "EVENT_RECEIVED": [37, 1],
    "RESULT": [50, 1, {}],
    "REGISTER": [64, 1, {}, "tutorwamp.test.mine"],
    "REGISTERED": [65, 1, 1],
    "UNREGISTER": [66, 1, 1],
    "UNREGISTERED": [67, 1],
    "INVOCATION": [68, 1, 1, {}],
    "INTERRUPT": [69, 1, {}],
    "YIELD": [70, 1, {}],
    "unknown": [255, 1],
    "no kind": [],
    "kind as text": ["48", 1, {}, SHOUT],
    "true as a kind": [True, "tutor", {}],
    "no list": {"48": 1},
    "null": None,
}
STRANGERS: dict[str, Any] = {
    "CALL": [48, 1, {}, SHOUT],
    "CANCEL": [49, 1, {}],
    "PUBLISH": [16, 1, {}, TYPING],
    "SUBSCRIBE": [32, 1, {}, TYPING],
    "UNSUBSCRIBE": [34, 1, 1],
    "GOODBYE": [6, {}, "wamp.close.normal"],
    "AUTHENTICATE": [5, "ticket", {}],
    "HELLO without roles": [1, "tutor", {}],
    "HELLO as an object": {"1": "tutor"},
    "HELLO with details as a list": [1, "tutor", []],
    "HELLO with unknown features": [1, "tutor", {"roles": {"caller": {"features": {"self": 1}}}}],
    "HELLO with features as text": [1, "tutor", {"roles": {"caller": {"features": "all"}}}],
    "HELLO with NUL": [1, "tutor", {**HELLO[2], "authid": "\0"}],
    "HELLO with a large number": [1, "tutor", {**HELLO[2], "authextra": {"n": 2**60}}],
}
MEMBERS: dict[str, Any] = {
    "HELLO": HELLO,
    "AUTHENTICATE": [5, "ticket", {}],
    "ABORT": [3, {}, "wamp.error.any"],
    "CALL without a procedure": [48, 1, {}],
    "CALL with options as a list": [48, 1, [], SHOUT],
    "CALL with a text as id": [48, "1", {}, SHOUT],
    "CALL with a negative id": [48, -1, {}, SHOUT],
    "CALL with a huge id": [48, 2**53 + 1, {}, SHOUT],
    "CALL of nothing": [48, 1, {}, ""],
    "CANCEL in the name of others": [49, 1, {"forward_for": [{"session": 1, "authid": "a", "authrole": "admin"}]}],
    "CANCEL of a text": [49, "1", {}],
    "UNSUBSCRIBE in the name of others": [34, 1, 1, {"forward_for": [{"session": 1, "authid": "a", "authrole": "b"}]}],
    "SUBSCRIBE with a nested option": [32, 1, {"match": {"a": [[]]}}, TYPING],
    "PUBLISH with a text as id": [16, "1", {}, TYPING],
    "NUL in a topic": [32, 1, {}, "a\0b"],
}


def router_costs(node: Node) -> tuple[float, int]:
    """CPU seconds and bytes of memory of the router's process."""
    process = Path(f"/proc/{node.pids()['router']}")
    user, system = process.joinpath("stat").read_text().rpartition(")")[2].split()[11:13]
    pages = int(process.joinpath("statm").read_text().split()[1])
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK"), pages * os.sysconf("SC_PAGE_SIZE")


@pytest_twisted.async_yield_fixture(autouse=True)
async def bystander(node: Node, office: Office, visit: Visit) -> AsyncIterator[Guest]:
    """Somebody else, whose session lives and whose calls are answered whatever the test does; and it does not cost."""
    guest: Guest = await visit.join()
    cpu_s, memory_bytes = router_costs(node)
    yield guest
    assert (await guest.ask(SHOUT, text="hello"))["length"] == 5
    cost = router_costs(node)
    assert cost[0] - cpu_s < CPU_S_AT_MOST
    assert cost[1] - memory_bytes < MEMORY_BYTES_AT_MOST


async def endings(node: Node, made: list[Raw]) -> list[int | None]:
    return [await one.ended() for one in made]


# who is nobody yet


async def test_strangers_say_hello_or_are_gone(node: Node, serializer: str) -> None:
    made = []
    for message in {**HOSTILE, **STRANGERS}.values():  # at once: nobody waits for ever for what a stranger says
        made.append(await Raw.connect(node, serializer))
        made[-1].say(message)
    codes = dict(zip([*HOSTILE, *STRANGERS], await endings(node, made), strict=True))
    assert set(codes.values()) == {PROTOCOL_ERROR}, codes


async def test_what_strangers_cannot_say_in_plain_values_ends_it(node: Node, serializer: str) -> None:
    values = BAD_VALUES[serializer].values()
    made = []
    for value in values:  # at once: on a busy machine hundreds come in longer than the node waits for the first
        made.append(await Raw.connect(node, serializer))
        made[-1].say_bytes(raw_call(serializer, value, kind=1))
    assert set(await endings(node, made)) <= {PROTOCOL_ERROR, TOO_BIG, BAD_TEXT}


async def test_references_cost_a_stranger_the_connection_and_the_router_nothing(node: Node) -> None:
    for levels, references in ((6, 10), (14, 10), (60, 2)):
        for payload in (bomb(levels, references), b"\x83\x01\x65tutor" + bomb(levels, references)):
            one = await Raw.connect(node, "cbor")
            one.say_bytes(payload)
            assert await one.ended() == PROTOCOL_ERROR


async def test_each_step_of_the_handshake_is_taken_once(node: Node, serializer: str) -> None:
    for steps in ([HELLO, HELLO], [HELLO, [5, ticket(), {}], [5, ticket(), {}]], [HELLO, [48, 1, {}, SHOUT]]):
        one = await Raw.connect(node, serializer)
        for step in steps:
            one.say(step)
        assert await one.ended() == PROTOCOL_ERROR, steps
    denied = await Raw.connect(node, serializer)
    denied.say(HELLO)
    assert (await denied.hear())[0] == 4
    denied.say([5, "nonsense", {}])
    assert (await denied.hear())[0] == 3
    assert await denied.ended() == NORMAL  # and not kept for another try


async def test_before_welcome_nothing_is_large(node: Node, serializer: str) -> None:
    hello: list[Any] = [1, "tutor", {**HELLO[2], "authextra": {"text": "x" * (STRANGERS_BYTES_AT_MOST - 1_000)}}]
    polite = await Raw.connect(node, serializer)
    polite.say(hello)
    assert (await polite.hear())[0] == 4
    hello[2]["authextra"]["text"] += "x" * 1_000
    rude, in_pieces, endless = [await Raw.connect(node, serializer) for _ in range(3)]
    rude.say(hello)
    in_pieces.say_bytes(WRITERS[serializer](hello), in_pieces_of=1_000)
    endless.beginMessage(isBinary=serializer != "json")
    for _ in range(FRAMES_AT_MOST + 1):
        endless.sendMessageFrame(b"")
    for one in (rude, in_pieces, endless):
        assert await one.ended() == TOO_BIG


async def test_who_speaks_no_serialization_of_ours_is_refused_and_the_log_stays_short(node: Node) -> None:
    before = len(node.log())
    for protocol in ("wamp.2.ubjson", "wamp.2.flatbuffers", "chat", "wamp.2.cbor.batched.batched"):
        with pytest.raises(ConnectionError):
            await Raw.connect(node, "cbor", protocol=protocol)
    assert "Traceback" not in node.log()[before:]


# who is somebody


async def test_members_say_what_members_say_or_are_gone(node: Node, serializer: str) -> None:
    said = {**HOSTILE, **MEMBERS}
    made = [await Raw.join(node, serializer) for _ in said]
    for one, message in zip(made, said.values(), strict=True):
        one.say(message)
    codes = dict(zip(said, await endings(node, made), strict=True))
    assert codes.pop("ABORT") in (NORMAL, PROTOCOL_ERROR)
    assert set(codes.values()) == {PROTOCOL_ERROR}, codes


async def test_who_no_longer_wants_to_hear_keeps_the_session(node: Node, serializer: str) -> None:
    one = await Raw.join(node, serializer)
    more: list[list[Any]] = [[], [{}], []]
    for number, options in enumerate(more, start=1):
        one.say([32, 10 * number, {}, "tutorwamp.connection.draining"])
        _, _, subscription = await one.hear()
        one.say([34, 10 * number + 1, subscription, *options])
        assert await one.hear() == [35, 10 * number + 1]
    one.cut()


async def test_after_goodbye_nothing_is_said(node: Node, serializer: str) -> None:
    for more, code in (([], NORMAL), ([HELLO], PROTOCOL_ERROR), ([[6, {}, "wamp.close.normal"]], PROTOCOL_ERROR)):
        one = await Raw.join(node, serializer)
        for message in ([6, {}, "wamp.close.normal"], *more):
            one.say(message)
        assert (await one.hear())[0] == 6
        assert await one.ended() == code


async def test_who_called_a_component_that_died_is_told_to_come_back(node: Node, visit: Visit, serializer: str) -> None:
    """While its call is under way, and after; who cancelled a call is told so, and the log knows each request id."""
    second = await Office.open(node, ready=False)
    answers = await second.serve_slowly()
    caller = await Raw.join(node, serializer)
    caller.say([48, 1, {}, SLOW])
    caller.say([48, 2, {}, SLOW])
    await until(lambda: len(answers) >= 2, "a second call under way")
    caller.say([49, 2, {"mode": "killnowait"}])
    assert (await caller.hear())[:5] == [8, 48, 2, {}, "wamp.error.canceled"]  # and never again
    second.session.wire.transport.abortConnection()
    told = [await caller.hear()]
    await soon(second.session.gone)
    caller.say([48, 3, {}, SLOW])
    told.append(await caller.hear())
    assert [one[:5] for one in told] == [[8, 48, number, {}, "tutorwamp.error.unavailable"] for number in (1, 3)]
    for one in told:
        assert (one[6]["action"], one[6]["details"]["retry_after_s"]) == ("retry", 2.0)
        assert one[6]["message"]
        assert len(await told_by_the_log(node, f"request_id='{one[6]['request_id']}'")) == 1
    caller.say([48, 4, {}, "tutorwamp.test.nowhere"])
    assert (await caller.hear())[4] == NOT_AUTHORIZED
    caller.cut()


async def test_what_is_refused_at_the_door_and_by_ticket_is_a_line_of_the_log(node: Node, visit: Visit) -> None:
    caller = await Raw.join(node, "json")
    caller.say([48, 1, {}, SHOUT, [], {"text": "x" * CALL_BYTES_AT_MOST}])
    told = await caller.hear()
    lines = await told_by_the_log(node, told[6]["request_id"])
    assert len(lines) == 1
    assert "answered with an error" in lines[0]
    assert TOO_LARGE in lines[0]
    caller.cut()
    address = "203.0.113.77"
    with pytest.raises(Refused):
        await visit.join("nonsense", headers={"X-Forwarded-For": address})
    audits = await told_by_the_log(node, f"address='{address}'")
    assert len(audits) == 1
    assert "what='ticket refused'" in audits[0]
    assert "nonsense" not in audits[0]


async def test_nobody_answers_in_the_place_of_a_component(
    node: Node, office: Office, bystander: Guest, serializer: str
) -> None:
    answers = await office.serve_slowly()
    waiting = [bystander.call(SLOW) for _ in range(20)]
    await until(lambda: len(answers) >= 20, "20 calls under way")
    for begin, end in (([8, 68], [{}, "tutorwamp.error.conflict", [], {"message": "forged"}]), ([70], [{}, [], {}])):
        mallory = await Raw.join(node, serializer)
        for number in range(1, 300):
            mallory.say([*begin, number, *end])
        assert await mallory.ended() == PROTOCOL_ERROR
    for answer in answers:
        answer.callback({"it": "is done"})
    assert [await soon(one) for one in waiting] == [{"it": "is done"}] * 20


async def told_by_the_log(node: Node, text: str) -> list[str]:
    """The lines with a text, once there are some: they come by way of the node's controller, which is in no hurry."""

    def lines() -> list[str]:
        return [line for line in node.log().splitlines() if text in line]

    await until(lambda: bool(lines()), f"a line with {text}")
    return lines()


async def test_arguments_that_are_not_plain_cost_the_call_and_not_the_session(node: Node, serializer: str) -> None:
    one = await Raw.join(node, serializer)
    heard = 0
    for value in BAD_VALUES[serializer].values():
        if serializer == "json" and not is_utf8(value):
            continue  # a WebSocket ends over text that is none
        one.say_bytes(raw_call(serializer, value).replace(b"tutorwamp.chat.send", b"tutorwamp.chat.sent"))
        answer = await one.hear()
        assert answer[:3] == [8, 48, 7], value[:50]
        assert answer[4] in (INVALID, NOT_AUTHORIZED)  # where it could be passed on: there is no such procedure
        heard += answer[4] == INVALID
    assert heard > 2
    assert await one.lives()


def is_utf8(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True


async def test_what_cannot_be_published_is_dropped_and_nobody_ends(
    node: Node, office: Office, visit: Visit, serializer: str
) -> None:
    mallory = await Raw.join(node, serializer)
    listeners = [await visit.join(serializer=name) for name in SERIALIZERS]
    await office.gate.grant(mallory.session, "one", subscribe=[], publish=[TYPING])
    for listener in listeners:
        await office.gate.grant(listener.details.session, "one", subscribe=[TYPING])
        await listener.listen(TYPING)
    for value in BAD_VALUES[serializer].values():
        if serializer != "json" or is_utf8(value):
            mallory.say_bytes(
                raw_call(serializer, value, kind=16).replace(b"\x73tutorwamp.chat.send", b"\x73" + b"t" * 19)
            )
    mallory.say([16, 8, {}, TYPING, [], {"text": "x" * PUBLICATION_BYTES_AT_MOST}])
    mallory.say([16, 9, {"acknowledge": True}, TYPING, [], {"text": "x" * PUBLICATION_BYTES_AT_MOST}])
    mallory.say([16, 10, {"acknowledge": True}, TYPING, "no list"])
    answers = [await mallory.hear(), await mallory.hear()]
    assert [(one[1], one[2], one[4]) for one in answers] == [(16, 9, TOO_LARGE), (16, 10, INVALID)]
    mallory.say([16, 11, {}, TYPING, [], {"typing": True}])
    for listener in listeners:
        assert await listener.hear() == (TYPING, {"typing": True})


# what is large


def floats(serializer: str, size: int, uri: str = SHOUT) -> bytes:
    """A CALL of numbers, at least so many bytes long."""
    each = {"json": 5, "cbor": 9, "msgpack": 9}[serializer]
    return bytes(WRITERS[serializer]([48, 7, {}, uri, [], {"text": [0.1] * (size // each + 1)}]))


async def test_a_call_too_large_is_answered_and_nothing_is_kept_of_it(
    node: Node, office: Office, serializer: str
) -> None:
    one = await Raw.join(node, serializer)
    for size, fragment in ((CALL_BYTES_AT_MOST, None), (7_900_000, None), (2_000_000, 10_000), (2_000_000, 100_000)):
        one.say_bytes(floats(serializer, size), in_pieces_of=fragment)
        answer = await one.hear()
        assert (answer[:3], answer[4]) == ([8, 48, 7], TOO_LARGE)
        assert set(answer[6]) == {"message", "action", "details", "request_id"}
        assert await one.lives()
    one.say([48, 7, {}, SHOUT, [], {"text": "x" * (CALL_BYTES_AT_MOST - 1_000)}])
    assert (await one.hear())[3][0]["length"] == CALL_BYTES_AT_MOST - 1_000
    for message in (
        [48, 7, {}, SHOUT, [], {"text": "x" * MESSAGE_BYTES_AT_MOST}],
        [32, 7, {"match": "x" * 70_000}, TYPING],
        [5, "x" * 70_000, {}],
        [48, 7, {"x": "x" * 2_000_000}, SHOUT],
    ):
        other = await Raw.join(node, serializer)
        other.say(message)
        assert await other.ended() == TOO_BIG
    assert set(office.texts) - {"four", "hello"} == {"x" * (CALL_BYTES_AT_MOST - 1_000)}


async def test_calls_full_of_numbers_may_be_larger(node: Node, serializer: str) -> None:
    one = await Raw.join(node, serializer)
    for uri in sorted(LARGE_CALLS):
        assert uri in catalogue().procedures
        one.say_bytes(floats(serializer, LARGE_CALL_BYTES_AT_MOST // 4 * 3 // 2, uri))
        assert (await one.hear())[4] in (NOT_AUTHORIZED, TOO_LARGE)  # it is asked about, or has too many values
        one.say_bytes(floats(serializer, LARGE_CALL_BYTES_AT_MOST, uri))
        assert (await one.hear())[4] == TOO_LARGE


async def test_S26_who_does_not_wait_is_answered_at_the_door(
    node: Node, office: Office, bystander: Guest, serializer: str
) -> None:
    """Whatever sessions they come by; others and other calls are let in, and so are they when their time has come."""
    answers = await office.serve_slowly()
    person = ticket()
    for session in range(2):
        one = await Raw.join(node, serializer, person)
        for number in range(1, HEARD_OUT + 6):
            one.say([48, number, {}, SLOW])
            if not session and number <= HEARD_OUT:
                await until(lambda: bool(answers), "the call")
                answers.pop().errback(ApplicationError(RATE_LIMITED, details={"retry_after_s": 3600}))
            answer = await one.hear()
            assert (answer[:3], answer[4]) == ([8, 48, number], RATE_LIMITED)
        assert 3500 < answer[6]["details"]["retry_after_s"] <= 3600
        one.say([48, 900, {}, SHOUT, [], {"text": "four"}])
        assert (await one.hear())[3][0]["length"] == 4
    assert not answers
    asked = bystander.call(SLOW)
    await until(lambda: bool(answers), "somebody else's call")
    answers.pop().callback({"it": "is done"})
    assert await soon(asked) == {"it": "is done"}


async def test_only_a_call_that_draws_may_have_very_many_values(node: Node, serializer: str) -> None:
    one = await Raw.join(node, serializer)
    keys = dict.fromkeys(map(str, range(ARGUMENTS_VALUES_AT_MOST)), 0)
    many: list[Any] = [[0] * (ARGUMENTS_VALUES_AT_MOST * 2), keys]
    for values in many:
        one.say([48, 7, {}, SHOUT, [], {"text": values}])
        assert (await one.hear())[4] == INVALID
        for uri in sorted(LARGE_CALLS):
            one.say([48, 7, {}, uri, [], {"text": values}])
            assert (await one.hear())[4] == NOT_AUTHORIZED  # it is let in, and asked about
    one.say([48, 7, {}, SHOUT, [], {"text": "four", "more": [0] * (ARGUMENTS_VALUES_AT_MOST - 100)}])
    assert (await one.hear())[3][0]["length"] == 4


async def test_batches_are_answered_one_by_one(node: Node, serializer: str) -> None:
    one = await Raw.connect(node, serializer, protocol=f"wamp.2.{serializer}.batched")
    one.batched = True
    one.say(HELLO)
    assert (await one.hear())[0] == 4
    one.say([5, ticket(), {}])
    assert (await one.hear())[0] == 2
    calls = [[48, number, {}, SHOUT, [], {"text": "four"}] for number in range(1, 4)]
    one.say_bytes(batch(serializer, [WRITERS[serializer](call) for call in calls]))
    assert sorted([(await one.hear())[1] for _ in calls]) == [1, 2, 3]
    one.say_bytes(batch(serializer, [floats(serializer, 2_000_000)]))
    assert (await one.hear())[4] == TOO_LARGE
    one.say_bytes(batch(serializer, [WRITERS[serializer]([48, 9, {}, SHOUT])] * 101))
    assert await one.ended() == PROTOCOL_ERROR


# calls under way


async def test_a_request_id_in_use_and_calls_without_end(node: Node, office: Office) -> None:
    answers = await office.serve_slowly()
    mallory = await Raw.join(node, "cbor")
    mallory.say([48, 7, {}, SLOW])
    mallory.say([48, 7, {}, SLOW])
    assert await mallory.ended() == PROTOCOL_ERROR
    eager = await Raw.join(node, "cbor")
    for number in range(1, CALLS_AT_ONCE + 6):
        eager.say([48, number, {}, SLOW])
    refused = [await eager.hear() for _ in range(5)]
    assert {one[4] for one in refused} == {"tutorwamp.error.rate_limited"}
    assert all(one[6]["details"]["retry_after_s"] > 0 for one in refused)
    await until(lambda: len(answers) >= CALLS_AT_ONCE, f"{CALLS_AT_ONCE} calls under way")
    large = await Raw.join(node, "cbor")
    for number in range(1, 10):
        large.say([48, number, {}, SLOW, [], {"text": "x" * 1_000_000}])
    assert (await large.hear())[4] == "tutorwamp.error.rate_limited"
    for answer in answers:
        answer.callback({})


async def test_nothing_is_kept_of_who_leaves_in_the_middle(node: Node, office: Office, bystander: Guest) -> None:
    answers = await office.serve_slowly()
    before = len(node.log())
    gone = []
    for end in ("close", "goodbye"):
        for mode in ("skip", "kill", "killnowait"):
            one = await Raw.join(node, "cbor")
            gone.append(one.session)
            for number in (1, 2):
                one.say([48, number, {}, SLOW, [], {"text": "x" * 100_000}])
            one.say([49, 1, {"mode": mode}])
            if mode != "skip":
                assert (await one.hear())[:3] == [8, 48, 1]
            assert await one.lives()
            if end == "close":
                one.cut()
            else:
                one.say([6, {}, "wamp.close.normal"])
            await one.ended()
    await until(lambda: len(answers) >= 12, "12 calls under way")
    for answer in answers:
        if not answer.called:
            answer.callback({})
    assert (await bystander.ask(SHOUT))["length"] == 0
    assert "INTERNAL ERROR" not in node.log()[before:]
    assert "Traceback" not in node.log()[before:]
    here = await soon(office.session.call("wamp.session.list"))
    assert not set(gone) & set(here)


# what is said to others


async def test_what_one_cannot_be_told_the_others_hear(
    node: Node, office: Office, bystander: Guest, visit: Visit
) -> None:
    topic = "tutorwamp.lesson.one.chat"
    listeners = {one: [await visit.join(serializer=one) for _ in range(3)] for one in ("cbor", "json")}
    unlucky = [await visit.join(serializer="msgpack") for _ in range(3)]
    everybody = [*listeners["cbor"], *unlucky, *listeners["json"]]
    closing = [await Raw.join(node, "cbor") for _ in range(5)]
    for session in [*(one.details.session for one in everybody), *(one.session for one in closing)]:
        await office.gate.grant(session, "one", subscribe=[topic])
    for one in everybody:
        await one.listen(topic)
    for other in closing:
        other.say([32, 1, {}, topic])
        assert (await other.hear())[0] == 33
        other.deaf = True  # its end is begun by the node, and not answered
        other.say([8, 68, 1, {}, "x"])
    assert (await bystander.ask(SHOUT))["length"] == 0
    await office.tell(topic, n=2**70)  # msgpack has no such number
    await office.tell(topic, n=1)
    for one in (*listeners["cbor"], *listeners["json"]):
        assert await one.hear() == (topic, {"n": 2**70})
    for one in everybody:
        assert await one.hear() == (topic, {"n": 1})
    await office.session.register(lambda: {"n": 2**70}, SLOW)
    assert await listeners["json"][0].ask(SLOW) == {"n": 2**70}
    await refused("tutorwamp.error.internal", unlucky[0].ask(SLOW))
    for other in closing:
        other.cut()
