"""What every client does alike: tests/vectors/, with the Python client. And its names beside those of the contract."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, cast

import pytest
from autobahn.wamp.exception import ApplicationError
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from tests.support.node import ROOT
from tutorwamp.client import CallError, Disconnected, Event, Lesson, State
from tutorwamp.client.board import Rejected
from tutorwamp.client.connection import Connection, Handler, hand_over
from tutorwamp.client.doubt import PAUSE_AT_MOST_S
from tutorwamp.client.known import EVENTS
from tutorwamp.client.notifications import Notifications
from tutorwamp.client.rules import Backoff
from tutorwamp.client.streams import Streams
from tutorwamp.client.wamp import answer_of
from tutorwamp.kernel.errors import Action, catalogue
from tutorwamp.reference.catalogue import catalogue as contract

VECTORS = ROOT / "tests" / "vectors"
LESSON = "L"
LONG_S = 10 * PAUSE_AT_MOST_S
Plain = dict[str, Any]


def vectors(name: str) -> list[Any]:
    cases = json.loads((VECTORS / f"{name}.json").read_text())
    return [pytest.param(case, id=case["name"]) for case in cases]


class Server:
    """Answers what a client asks in a lesson; what was read is counted, and from the second time on ``afresh``."""

    def __init__(self, case: Plain, *, resumed: bool = False) -> None:
        self.clock = Clock()
        self.chance: Callable[[], float] = lambda: 0.5
        self.state = State("connected")
        self.session_id = 1
        self.reads = 0
        self.handlers: dict[str, Handler] = {}
        self._case = case
        self._resumed = resumed
        self.steps: list[Callable[[], Awaitable[object]]] = []

    async def call(self, uri: str, /, **said: Any) -> Any:
        verb = uri.removeprefix("tutorwamp.")
        answers: dict[str, Callable[[], Any]] = {
            "session.heartbeat": lambda: {"behind": {}},
            "session.resume": lambda: {"streams": {name: self._missed(at) for name, at in said["positions"].items()}},
            "lesson.join": self._joined,
            "notification.unread_count": lambda: {"unread_count": self._now(reads=1)["unread_count"]},
            "board.open": lambda: self._page(said["pages"]),
        }
        return answers.get(verb, self._read)()

    def _joined(self) -> Plain:
        topics = {kind: f"tutorwamp.lesson.{LESSON}.{kind}" for kind in ("state", "chat", "board", "polls")}
        return {"lesson": self._case["begin"], "topics": topics, "heads": dict.fromkeys(topics.values(), self.head)}

    def _read(self) -> Plain:
        self.reads += 1
        now = self._now()
        return {"items": list(reversed(now)) if isinstance(now, list) else now["items"], "next_cursor": None}

    def _now(self, reads: int = 0) -> Any:
        is_first = self.reads + reads < 2
        return json.loads(
            json.dumps(self._case["begin"] if is_first else self._case.get("afresh", self._case["begin"]))
        )

    def _page(self, pages: list[str]) -> Plain:
        """A board is opened page by page, beginning with one that these have not."""
        if pages == [LESSON]:
            self.reads += 1
            raise CallError("tutorwamp.error.not_found", "No such page.")
        now = self._now()
        return {**now, "elements": [one for one in now["elements"] if one["page"] in pages]}

    @property
    def head(self) -> int:
        begin = self._case["begin"]
        if isinstance(begin, list):
            return int(self._case.get("head", len(begin) if begin and "seq" in begin[0] else 0))
        return int(begin.get("head", 0))

    @property
    def last(self) -> int:
        return int(self._case["events"][-1]["seq"]) if self._case["events"] else self.head

    def _missed(self, at: int) -> Plain:
        if at > 2**50:  # asked for the head alone
            return {"complete": False, "head": 0}
        if not self._resumed:
            return {"complete": True, "events": [], "head": at}
        return {"complete": True, "events": self._case["events"], "head": self.last}

    call_until_answered = call

    async def subscribe(self, topic: str, handler: Handler, **_: Any) -> None:
        self.handlers[topic] = handler

    async def publish(self, _topic: str, /, **_values: Any) -> None:
        """Nobody hears it."""

    async def pause(self, _tries: int, reason: CallError) -> None:
        raise AssertionError("nothing is refused here") from reason

    def watch(self, _watcher: object) -> None:
        """The connection stays."""

    def on_return(self, step: Callable[[], Awaitable[object]]) -> None:
        self.steps.append(step)

    def tell(self, kind: str) -> None:
        topic = f"tutorwamp.lesson.{LESSON}.{kind}"
        for event in self._case["events"]:
            hand_over(Event(topic, json.loads(json.dumps(event))), self.handlers[topic])

    def pass_time(self) -> None:
        for _ in range(5):
            self.clock.advance(LONG_S)


def done(doing: Any) -> Any:
    """The result of what waits for nothing."""
    results: list[Any] = []
    Deferred.fromCoroutine(doing).addBoth(results.append)
    assert results, "it waits"
    if isinstance(results[0], Failure):
        results[0].raiseException()
    return results[0]


def entered(server: Server) -> Lesson:
    connection = cast("Connection", server)
    lesson = Lesson(connection, Streams(connection), LESSON)
    done(lesson.enter())
    return lesson


WAYS = pytest.mark.parametrize("resumed", [False, True], ids=["heard", "resumed"])


def follow(server: Server, kind: str, *, resumed: bool) -> None:
    """The case's events come, or are in what was missed."""
    if resumed:
        server._resumed = True
        for step in server.steps:
            done(step())
    else:
        server.tell(kind)


def read_once_more(server: Server, case: Plain, before: int) -> bool:
    server.pass_time()
    return server.reads - before == ("afresh" in case)


@WAYS
@pytest.mark.parametrize("case", vectors("board"))
def test_S30_the_board(case: Plain, *, resumed: bool) -> None:
    server = Server(case)
    board = done(entered(server).board())
    before = server.reads
    follow(server, "board", resumed=resumed)
    assert read_once_more(server, case, before)
    shown = {"pages": list(board.pages), "elements": [[one["id"], one["version"]] for one in board.elements.values()]}
    assert {**shown, "head": board.head} == case["shown"]


@WAYS
@pytest.mark.parametrize("case", vectors("chat"))
def test_S30_the_chat(case: Plain, *, resumed: bool) -> None:
    server = Server(case)
    chat = done(entered(server).chat())
    before = server.reads
    follow(server, "chat", resumed=resumed)
    assert read_once_more(server, case, before)
    bodies = [message["body"] for message in chat.messages]
    assert {"bodies": bodies, "read": chat.read_marks, "head": chat.head} == case["shown"]


@WAYS
@pytest.mark.parametrize("case", vectors("polls"))
def test_S30_the_polls(case: Plain, *, resumed: bool) -> None:
    server = Server(case)
    polls = done(entered(server).polls())
    before = server.reads
    follow(server, "polls", resumed=resumed)
    assert read_once_more(server, case, before)
    assert {"questions": [poll["question"] for poll in polls.items], "head": polls.head} == case["shown"]


@WAYS
@pytest.mark.parametrize("case", vectors("lesson"))
def test_S30_the_lesson(case: Plain, *, resumed: bool) -> None:
    server = Server(case)
    lesson = entered(server)
    done(lesson.on("state", lambda _: None))
    follow(server, "state", resumed=resumed)
    shown = {key: value for key, value in case["shown"].items() if key in lesson.lesson}
    assert {key: lesson.lesson[key] for key in shown} == shown


def test_S30_a_lesson_that_is_read_afresh_is_not_older_than_what_was_heard_meanwhile() -> None:
    server = Server({"begin": {"id": LESSON, "title": "1", "head": 1}, "events": []})
    lesson = entered(server)
    done(lesson.on("state", lambda _: None))
    readings: list[Deferred[Plain]] = []

    def read(*_: object, **__: object) -> Deferred[Plain]:
        readings.append(Deferred())
        return readings[-1]

    server.call_until_answered = read  # type: ignore[method-assign,assignment]  # answered when the test says so
    odd, known = (
        {"type": "lesson.updated", "data": None},
        {"type": "lesson.updated", "data": {"id": LESSON, "title": "3"}},
    )
    topic = lesson.topics["state"]
    for seq, event in ((2, odd), (3, known), (4, odd), (5, odd)):
        hand_over(Event(topic, {**event, "seq": seq}), server.handlers[topic])
    first, overtaken, last = readings
    first.callback({"id": LESSON, "title": "2"})
    assert lesson.lesson["title"] == "3", "it was asked before the third event"
    last.callback({"id": LESSON, "title": "5"})
    overtaken.callback({"id": LESSON, "title": "4"})
    assert lesson.lesson["title"] == "5"


@pytest.mark.parametrize("case", vectors("notifications"))
def test_S30_the_notifications(case: Plain) -> None:
    server = Server(case)
    connection = cast("Connection", server)
    told = Notifications(connection, Streams(connection), "me")
    done(told.open())
    before = server.reads
    for event in case["events"]:
        hand_over(Event(told._topic, event), server.handlers[told._topic])
    assert read_once_more(server, case, before)
    unread = [one["id"] for one in told.items if one.get("read_at") is None]
    assert {
        "titles": [one["title"] for one in told.items],
        "unread": unread,
        "unread_count": told.unread_count,
    } == case["shown"]


def test_S30_the_readings_grow_rarer_however_many_events_make_no_sense() -> None:
    begin: Plain = {"pages": [{"id": "p1"}], "elements": [], "head": 0}
    events = [
        {"seq": seq, "type": "board.changed", "data": {"changes": [{"op": "wobble", "id": "a"}]}}
        for seq in range(1, 601)
    ]
    server = Server({"begin": begin, "events": events})
    board = done(entered(server).board())
    topic = f"tutorwamp.lesson.{LESSON}.board"
    for event in events:
        begin["head"] = event["seq"]
        hand_over(Event(topic, event), server.handlers[topic])
        server.clock.advance(1)
    assert board.head == len(events)
    assert 5 < server.reads < 25


def test_topics_that_a_server_does_not_have_are_an_error_and_not_a_fault() -> None:
    server = Server({"begin": {"id": LESSON}, "events": []})
    lesson = entered(server)
    lesson.topics = {}
    for doing in (lesson.polls(), lesson.show_typing(typing=True)):
        with pytest.raises(CallError) as refused:
            done(doing)
        assert refused.value.action is Action.STOP


# Errors


def error_of(case: Mapping[str, Any]) -> CallError:
    match case["door"]:
        case "http":
            return CallError.from_problem(case["status"], case["body"])
        case "abort":
            return Disconnected(case["uri"], "No.")
        case "rejection":
            return Rejected(case["rejection"])
    failing: Deferred[Any] = Deferred()
    failing.errback(ApplicationError(case["uri"], **case["said"]))
    with pytest.raises(CallError) as refused:
        done(answer_of(lambda: failing, timeout_s=1, clock=Clock()))
    return refused.value


@pytest.mark.parametrize("case", vectors("errors"))
def test_S11_an_error(case: Plain) -> None:
    error = error_of(case)
    assert (error.uri, error.action) == (case.get("uri") or case["rejection"]["error"], case["action"])
    if "retry_after_s" in case:
        assert error.retry_after_s == case["retry_after_s"]
    assert 0 <= error.retry_after_s <= 3600


@pytest.mark.parametrize("case", vectors("pauses"))
@pytest.mark.parametrize("chance", [0, 0.5, 1])
def test_S11_a_pause(case: Plain, chance: float) -> None:
    error = CallError("tutorwamp.error.unavailable", details=case["details"])
    pause_s = Backoff().pause_s(1, chance, at_least_s=error.retry_after_s)
    assert case["at_least_s"] <= pause_s <= case["at_most_s"]


ACTIONS_ALONE = """
import json, sys
from tutorwamp.client import CallError
print(json.dumps({uri: CallError(uri).action for uri in json.loads(sys.argv[1])}))
"""


def test_every_error_of_the_contract_has_its_action_where_only_the_client_is() -> None:
    contract()
    expected = {uri: kind.action for uri, kind in catalogue().items() if uri.startswith("tutorwamp.")}
    known = subprocess.run(  # noqa: S603  # our own words
        [sys.executable, "-Wignore", "-c", ACTIONS_ALONE, json.dumps([*expected])],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(ROOT),
        timeout=60,
    )
    assert json.loads(known.stdout) == expected


def test_every_type_of_event_of_the_contract_is_known() -> None:
    told = {uri.rpartition(".")[2]: set(topic.events) for uri, topic in contract().topics.items() if topic.events}
    assert {kind: set(types) for kind, types in EVENTS.items()} == told
