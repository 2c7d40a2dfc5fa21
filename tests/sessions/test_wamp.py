"""Sessions on a real node: what is answered, who is ended and who is told, over CBOR and JSON."""

from __future__ import annotations

import os
import signal
import time
from datetime import datetime, timedelta
from typing import Any, Literal

import pytest
from autobahn.wamp.exception import ApplicationError
from twisted.internet import reactor
from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.task import deferLater

from tests.sessions.conftest import GRACE_S, INTERVAL_S, TIMEOUT_S
from tests.sessions.people import Hearts, Lesson, cut, database, timeouts
from tests.support.doors import names_of
from tests.support.node import Node
from tests.support.quiet import all_is_told
from tests.support.refused import refused
from tests.support.wamp import PATIENCE_S, BareSession
from tutorwamp.bench.crowd import Light
from tutorwamp.bench.crowd import connect as connect_light
from tutorwamp.client.errors import CallError
from tutorwamp.gate.contracts import CONNECTION_TIMEOUT
from tutorwamp.kernel.contracts import Nothing, new_id
from tutorwamp.kernel.limits import READS, UNIT_BYTES, WRITES, WRITTEN
from tutorwamp.sessions.contracts import HEARTBEAT, Heartbeat, Resume
from tutorwamp.sessions.wamp import SESSIONS_PROCEDURES

CONTRACT = {
    "tutorwamp.session.heartbeat": Heartbeat,
    "tutorwamp.session.resume": Resume,
    "tutorwamp.session.whoami": Nothing,
}
"""The public contract's names, spelled out: they are fixed."""
OUT_WITHIN_S = 2.0
"""Of being told: the gate cuts after 1.5 s."""
WHOAMI = "tutorwamp.session.whoami"
SEND = "tutorwamp.chat.send"


def test_the_door_serves_the_contracts_names() -> None:
    assert names_of(SESSIONS_PROCEDURES) == CONTRACT


# what is answered


@pytest.mark.parametrize("serializer", ["cbor", "json"])
async def test_S4_S5_S6_heartbeat_resume_and_whoami(
    quick: Node, hearts: Hearts, serializer: Literal["cbor", "json"]
) -> None:
    lesson = await Lesson.begun(quick, hearts)
    tina, anna = await lesson.enter("Tina"), await lesson.enter("Anna", serializer=serializer)
    chat, state, board = (lesson.topic(kind) for kind in ("chat", "state", "board"))
    own = f"tutorwamp.user.{lesson.users['Anna']['id']}.notifications"
    foreign = f"tutorwamp.user.{lesson.users['Ben']['id']}.notifications"
    for number in range(3):
        await tina.ask(SEND, lesson_id=lesson.id, body=f"Wörd {number}")
    await anna.heard_until(lambda: len([1 for topic, _ in anna.heard if topic == chat]) == 3)
    told = [event for topic, event in anna.heard if topic == chat]

    await all_is_told(f"sqlite:///{quick.data_dir / 'tutorwamp.sqlite3'}")
    beat = await anna.ask("tutorwamp.session.heartbeat")
    assert beat.keys() == {"now", "interval_s", "timeout_s", "behind", "epoch"}
    assert (beat["interval_s"], beat["timeout_s"], beat["behind"]) == (INTERVAL_S, TIMEOUT_S, {})
    positions = {chat: 1, state: 1, board: 0, own: 0, foreign: 0, "tutorwamp.lesson.x.chat": 7}
    beat = await anna.ask("tutorwamp.session.heartbeat", positions=positions)
    assert beat["behind"] == {chat: 3, own: 1}, "Anna was invited"

    resumed = await anna.ask("tutorwamp.session.resume", positions={**positions, own: 4})
    nothing = {"complete": False, "head": 0, "error": "tutorwamp.error.not_found"}
    assert resumed == {
        "streams": {
            chat: {"complete": True, "events": told[1:], "head": 3},
            state: {"complete": True, "events": [], "head": 1},
            board: {"complete": True, "events": [], "head": 0},
            own: {"complete": False, "head": 1},
            foreign: nothing,
            "tutorwamp.lesson.x.chat": nothing,
        },
        "epoch": beat["epoch"],
    }
    me = await anna.ask(WHOAMI)
    assert me.keys() == {"session", "user", "now"}
    assert (me["session"], me["user"]) == (anna._session_id, lesson.person("Anna"))
    assert beat["now"] <= me["now"]


@pytest.mark.parametrize("serializer", ["cbor", "json"])
async def test_arguments_that_do_not_fit_are_invalid(
    quick: Node, hearts: Hearts, serializer: Literal["cbor", "json"]
) -> None:
    lesson = await Lesson.begun(quick, hearts)
    anna = await lesson.connect("Anna", serializer=serializer)
    for uri, arguments in (
        ("heartbeat", {"positions": {"x": -1}}),
        ("heartbeat", {"positions": {"x": "1"}}),
        ("heartbeat", {"positions": {"A B": 1}}),
        ("heartbeat", {"positions": ["x"]}),
        ("heartbeat", {"position": {}}),
        ("resume", {}),
        ("resume", {"positions": None}),
        ("resume", {"positions": {f"tutorwamp.lesson.{new_id()}.chat": 0 for _ in range(101)}}),
        ("whoami", {"who": "me"}),
    ):
        error = await refused(ApplicationError, anna.ask_raw(f"tutorwamp.session.{uri}", arguments))
        assert error.error == "tutorwamp.error.invalid", (uri, arguments)
        assert error.kwargs["action"] == "fix"


# who is ended, and who is told


async def test_S1_S2_a_silent_session_alone_is_told_and_ended_and_others_see_it_go(quick: Node, hearts: Hearts) -> None:
    lesson = await Lesson.begun(quick, hearts)
    tina = await lesson.enter("Tina", serializer="json")
    ben = await lesson.enter("Ben")
    anna = await lesson.enter("Anna", beats=WHOAMI)  # asks and asks, and does not count as alive
    left = await anna.left.addTimeout(PATIENCE_S, reactor)
    assert left.reason == "tutorwamp.close.ping_timeout"
    (event,) = timeouts(anna)
    last_seen = datetime.fromisoformat(event.pop("last_seen"))
    assert event == {"session": event["session"], "timeout_s": TIMEOUT_S, "action": "retry", "retry_after_s": 1.0}
    await lesson.sees(tina, "Anna", "joined", "reconnecting", "left")
    joined, lost, gone = (
        event for topic, event in tina.heard if topic == lesson.topic("presence") and "Anna" in str(event)
    )
    for told in (joined, lost, gone):
        assert told.keys() == {"type", "at", "participant"} | ({"deadline"} if told is lost else set())
        assert told["participant"].keys() == {"person", "state", "joined_at", "deadline"}
        assert told["participant"]["person"] == lesson.person("Anna")
        assert told["participant"]["joined_at"] == joined["at"]
    assert [told["participant"]["state"] for told in (joined, lost, gone)] == ["present", "reconnecting", "left"]
    assert [told["participant"]["deadline"] for told in (joined, gone)] == [None, None]
    assert lost["deadline"] == lost["participant"]["deadline"]
    lost_at, deadline = (datetime.fromisoformat(text) for text in (lost["at"], lost["deadline"]))
    assert timedelta(0) < deadline - lost_at <= timedelta(seconds=GRACE_S)
    assert datetime.fromisoformat(gone["at"]) >= deadline
    assert datetime.fromisoformat(joined["at"]) - last_seen < timedelta(seconds=TIMEOUT_S)
    assert lost_at - last_seen > timedelta(seconds=TIMEOUT_S)
    # The others are there, and heard nothing of a timeout.
    for other in (tina, ben):
        assert timeouts(other) == []
        assert (await other.ask(WHOAMI))["session"] == other._session_id


@pytest.mark.parametrize("worker", ["container", "router"])
async def test_S2_a_process_that_stood_still_hears_before_it_judges(quick: Node, hearts: Hearts, worker: str) -> None:
    lesson = await Lesson.begun(quick, hearts)
    tina, anna = await lesson.enter("Tina"), await lesson.enter("Anna")
    cut(await lesson.enter("Ben"))
    await lesson.sees(tina, "Ben", "joined", "reconnecting")
    process = quick.pids()[worker]
    os.kill(process, signal.SIGSTOP)
    await deferLater(reactor, 2 * TIMEOUT_S)  # the silence that it is about
    os.kill(process, signal.SIGCONT)
    await lesson.sees(tina, "Ben", "joined", "reconnecting", "left")
    for session in (tina, anna):
        assert (await session.ask(WHOAMI))["session"] == session._session_id
        assert (timeouts(session), lesson.presence(session, "Anna").count("reconnecting")) == ([], 0)


async def test_S2_the_timeout_names_the_session_that_was_ended(quick: Node, hearts: Hearts) -> None:
    lesson = await Lesson.begun(quick, hearts)
    first, second = [await lesson.connect("Anna", beats=None) for _ in range(2)]
    ids = [(await session.ask(WHOAMI))["session"] for session in (first, second)]
    for session in (first, second):
        await session.hear(CONNECTION_TIMEOUT)
    for session in (first, second):
        await session.left.addTimeout(PATIENCE_S, reactor)
    assert [[event["session"] for event in timeouts(session)] for session in (first, second)] == [[ids[0]], [ids[1]]]


@pytest.mark.alone
async def test_S3_who_does_not_go_when_told_is_powerless_and_out_in_two_seconds(quick: Node, hearts: Hearts) -> None:
    lesson = await Lesson.begun(quick, hearts)
    tina = await lesson.enter("Tina")
    heard: list[str] = []
    mallory = Light(lesson.ticket("Anna"), lambda topic, _: heard.append(topic))
    mallory.stubborn = True
    await connect_light(quick.port, mallory)
    await mallory.call("tutorwamp.lesson.join", lesson_id=lesson.id)
    for topic in (lesson.topic("chat"), CONNECTION_TIMEOUT):
        await mallory.subscribe(topic)
    said = await mallory.call(SEND, lesson_id=lesson.id, body="I am here")
    assert await mallory.told.addTimeout(PATIENCE_S, reactor) == "tutorwamp.close.ping_timeout"
    told_at = time.monotonic()
    assert heard == [lesson.topic("chat"), CONNECTION_TIMEOUT]

    await tina.ask(SEND, lesson_id=lesson.id, body="Anna?")
    before = database(quick)
    refusals: list[str] = []
    while not mallory.over.called:
        attempts = [
            mallory.call(SEND, lesson_id=lesson.id, body="You cannot stop me"),
            mallory.call("tutorwamp.chat.edit", message_id=said["id"], body="I was never here"),
            mallory.call("tutorwamp.chat.mark_read", lesson_id=lesson.id, seq=1),
            mallory.call("tutorwamp.lesson.join", lesson_id=lesson.id),
            mallory.call("tutorwamp.session.heartbeat"),
            mallory.subscribe(lesson.topic("chat")),
        ]
        for done, failure in await DeferredList(attempts, consumeErrors=True):
            assert not done
            refusals.append(failure.value.uri)
    assert time.monotonic() - told_at < OUT_WITHIN_S
    assert refusals[:6] == ["wamp.error.not_authorized"] * 6
    assert set(refusals) <= {"wamp.error.not_authorized", "tutorwamp.close.ping_timeout"}
    assert database(quick) == before
    assert heard == [lesson.topic("chat"), CONNECTION_TIMEOUT]
    await lesson.sees(tina, "Anna", "joined", "reconnecting", "left")


async def test_L15_who_is_back_in_time_never_left(quick: Node, hearts: Hearts) -> None:
    lesson = await Lesson.begun(quick, hearts)
    tina, anna, ben = [await lesson.enter(name) for name in ("Tina", "Anna", "Ben")]
    cut(anna)
    await lesson.sees(tina, "Anna", "joined", "reconnecting")
    await lesson.enter("Anna")
    cut(ben)  # his place ends after Anna's old one would
    await lesson.sees(tina, "Ben", "joined", "reconnecting", "left")
    assert lesson.presence(tina, "Anna") == ["joined", "reconnecting", "joined"]


async def test_L15_an_old_sessions_timeout_does_not_remove_who_is_there(quick: Node, hearts: Hearts) -> None:
    lesson = await Lesson.begun(quick, hearts)
    tina, ben = await lesson.enter("Tina"), await lesson.enter("Ben")
    old = await lesson.enter("Anna", beats=None)
    new = await lesson.enter("Anna")
    assert (await old.left.addTimeout(PATIENCE_S, reactor)).reason == "tutorwamp.close.ping_timeout"
    cut(ben)
    await lesson.sees(tina, "Ben", "joined", "reconnecting", "left")
    assert lesson.presence(tina, "Anna") == ["joined"]
    await new.ask(SEND, lesson_id=lesson.id, body="still here")


async def test_L20_a_lesson_without_its_tutor_is_interrupted_and_goes_on_with_it(quick: Node, hearts: Hearts) -> None:
    lesson = await Lesson.begun(quick, hearts)
    tina, anna = await lesson.enter("Tina"), await lesson.enter("Anna")
    cut(tina)
    await anna.heard_until(lambda: len(lesson.states(anna)) == 1)
    tina = await lesson.enter("Tina")
    await anna.heard_until(lambda: len(lesson.states(anna)) == 2)
    told = lesson.states(anna)
    assert [(event["type"], event["seq"], event["actor"]) for event in told] == [
        ("lesson.interrupted", 2, None),
        ("lesson.continued", 3, None),
    ]
    assert [event["data"]["state"] for event in told] == ["interrupted", "live"]
    assert await tina.ask("tutorwamp.lesson.get", lesson_id=lesson.id) == told[1]["data"]
    state = lesson.topic("state")
    resumed = await tina.ask("tutorwamp.session.resume", positions={state: 1})
    assert resumed["streams"][state] == {"complete": True, "events": told, "head": 3}


# limits


async def outcomes(*calls: Any) -> tuple[list[Any], list[ApplicationError]]:
    """The answers, and the errors, of calls that are all under way at once."""
    results = await DeferredList([Deferred.fromCoroutine(call) for call in calls], consumeErrors=True)
    return [answer for done, answer in results if done], [failure.value for done, failure in results if not done]


def check_refusals(errors: list[ApplicationError], per_s: float) -> None:
    assert errors
    for error in errors:
        assert error.error == "tutorwamp.error.rate_limited"
        assert error.kwargs.keys() == {"message", "action", "details", "request_id"}
        assert error.kwargs["action"] == "retry"
        assert 0 < error.kwargs["details"]["retry_after_s"] <= 1 / per_s + 0.001


async def test_S7_too_many_calls_of_a_person_are_refused_whatever_session_they_come_from(
    quick: Node, hearts: Hearts
) -> None:
    lesson = await Lesson.begun(quick, hearts)
    first, second = [await lesson.connect("Anna", beats=None) for _ in range(2)]
    ben = await lesson.connect("Ben")

    def asked(session: BareSession) -> list[Any]:
        return [session.ask(WHOAMI) for _ in range(READS.burst)]

    began_at = time.monotonic()
    both = Deferred.fromCoroutine(outcomes(*asked(first), *asked(second)))
    others = await outcomes(*[ben.ask(WHOAMI) for _ in range(50)])
    answers, errors = await both
    most = READS.burst + (time.monotonic() - began_at) * READS.per_s
    assert READS.burst <= len(answers) <= most
    check_refusals(errors, READS.per_s)
    assert (len(others[0]), others[1]) == (50, [])


async def test_S7_what_is_refused_is_not_written_and_reading_goes_on(quick: Node, hearts: Hearts) -> None:
    lesson = await Lesson.begun(quick, hearts)
    anna = await lesson.enter("Anna", beats=None)
    more = WRITES.burst * 2
    answers, errors = await outcomes(*[anna.ask(SEND, lesson_id=lesson.id, body=str(n)) for n in range(more)])
    check_refusals(errors, WRITES.per_s)
    assert len(answers) >= WRITES.burst
    resumed = await anna.ask("tutorwamp.session.heartbeat", positions={lesson.topic("chat"): 0})
    assert resumed["behind"] == {lesson.topic("chat"): len(answers)}


async def test_S7_the_python_client_understands_that_it_may_try_again(quick: Node, hearts: Hearts) -> None:
    lesson = await Lesson.begun(quick, hearts)
    anna = Light(lesson.ticket("Anna"))
    await connect_light(quick.port, anna)
    calls = [anna.call(HEARTBEAT.uri) for _ in range(READS.burst * 2)]
    refusals = [error.value for done, error in await DeferredList(calls, consumeErrors=True) if not done]
    assert refusals
    assert all(isinstance(error, CallError) and error.may_repeat and error.retry_after_s > 0 for error in refusals)
    anna.cut()


OPEN, SUBMIT = "tutorwamp.board.open", "tutorwamp.board.submit"


async def test_S13_a_hundred_large_boards_at_once_are_a_few_and_the_others_are_refused(
    patient: Node, hearts: Hearts
) -> None:
    lesson, elsewhere = [await Lesson.begun(patient, hearts) for _ in range(2)]
    tina, ben = await lesson.enter("Tina"), await elsewhere.enter("Ben")
    points = [[float(n), n / 7] for n in range(200)]
    for _ in range(5):
        strokes = [
            {"id": new_id(), "page": lesson.id, "kind": "stroke", "points": points, "width": 2, "color": "#102030"}
            for _ in range(100)
        ]
        await tina.ask(SUBMIT, lesson_id=lesson.id, changes=[{"op": "put", "element": one} for one in strokes])
    anna = await lesson.connect("Anna", beats=None)
    began_at = time.monotonic()
    greedy = Deferred.fromCoroutine(outcomes(*[anna.ask(OPEN, lesson_id=lesson.id) for _ in range(100)]))
    said = [await ben.ask(SEND, lesson_id=elsewhere.id, body=str(number)) for number in range(20)]
    answers, errors = await greedy
    assert len(said) == 20
    units = len(str(answers[0])) / 2 // UNIT_BYTES  # numbers are shorter in JSON than in Python, never by so much
    assert units > 40
    assert 1 <= len(answers) <= 1 + (READS.burst + (time.monotonic() - began_at) * READS.per_s) / units
    assert {error.error for error in errors} == {"tutorwamp.error.rate_limited"}
    assert all(error.kwargs["details"]["retry_after_s"] > 0 for error in errors)


async def test_S15_replaced_texts_fill_a_bucket_of_bytes_and_others_write_on(patient: Node, hearts: Hearts) -> None:
    lesson = await Lesson.begun(patient, hearts)
    tina, ben = await lesson.enter("Tina"), await lesson.enter("Ben")
    element = {"id": new_id(), "page": lesson.id, "kind": "text", "x": 1, "y": 1, "size": 12, "color": "#102030"}
    ids = [new_id() for _ in range(15)]
    answers: list[Any] = []

    async def replace_until_refused() -> None:
        for version in range(20):  # each replaces the one before
            known = {"version": version} if version else {}
            texts = [{"op": "put", "element": {**element, "id": one, "text": "x" * 60_000, **known}} for one in ids]
            answers.append(await tina.ask(SUBMIT, lesson_id=lesson.id, changes=texts))

    with pytest.raises(ApplicationError) as refused:
        await replace_until_refused()
    assert [answer["rejected"] for answer in answers] == [[]] * len(answers)
    assert WRITTEN.burst // 1_000_000 <= len(answers) < 15
    assert refused.value.error == "tutorwamp.error.rate_limited"
    assert await tina.ask(HEARTBEAT.uri)
    assert await ben.ask(SEND, lesson_id=lesson.id, body="I can still write")
