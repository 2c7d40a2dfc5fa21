"""What the two sides say at the end of a session, in every order that may come."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import pytest
import pytest_twisted
from autobahn.wamp.message import Abort, Call, Error, Goodbye, Hello, Message, Result
from twisted.internet.defer import Deferred
from twisted.logger import LogEvent, capturedLogs

from tests.client.scripted_router import Script, ScriptedRouter
from tests.client.talk import Connect, Watcher, opened, patiently, why
from tests.support.refused import refused
from tutorwamp.client import CallError, Disconnected

REVOKED = "tutorwamp.close.revoked"


@pytest.fixture
def routed() -> Iterator[Callable[[Script], ScriptedRouter]]:
    made: list[ScriptedRouter] = []

    def make(script: Script) -> ScriptedRouter:
        made.append(ScriptedRouter(script))
        return made[-1]

    yield make
    for router in made:
        pytest_twisted.blockon(Deferred.fromCoroutine(router.stop()))


Routed = Callable[[Script], ScriptedRouter]


def complaints(logs: Sequence[LogEvent]) -> list[LogEvent]:
    """What went wrong in somebody's eyes: a failure that nobody took, or autobahn's word for a broken protocol."""
    return [event for event in logs if "log_failure" in event or event["log_level"].name in ("error", "critical")]


def result(asked: Message) -> Message:
    assert isinstance(asked, Call)
    return Result(asked.request, args=["the last"])


def error(asked: Message) -> Message:
    assert isinstance(asked, Call)
    return Error(Call.MESSAGE_TYPE, asked.request, "wamp.error.canceled", args=["callee gone"])


@pytest.mark.parametrize("late", [result, error])
async def test_what_the_router_answers_after_its_goodbye_is_too_late_and_harms_nothing(
    connect: Connect, routed: Routed, late: Callable[[Message], Message]
) -> None:
    def script(said: Message) -> Sequence[Message]:
        return [Goodbye(REVOKED, "Said the test."), late(said)] if isinstance(said, Call) else []

    router = routed(script)
    connection = connect(url=router.url)
    await opened(connection)
    closed = Watcher(connection).next("closed")
    with capturedLogs() as logs:
        error = await refused(Disconnected, connection.call("test.echo"))
        reason = why(await closed)
    assert (error.uri, reason.uri, reason.message) == (REVOKED, REVOKED, "Said the test.")
    assert complaints(logs) == []
    assert router.words(Goodbye) == 1, "the goodbye is answered"
    assert router.ended_cleanly == [True]


async def test_a_router_that_refuses_before_its_welcome_is_believed(connect: Connect, routed: Routed) -> None:
    def script(said: Message) -> Sequence[Message]:
        return [Abort("tutorwamp.error.forbidden", "Said the test.")] if isinstance(said, Hello) else []

    with capturedLogs() as logs:
        error = await refused(CallError, opened(connect(url=routed(script).url)))
    assert (error.uri, error.message) == ("tutorwamp.error.forbidden", "Said the test.")
    assert complaints(logs) == []


async def test_who_leaves_still_hears_the_answers_that_come_before_the_routers_goodbye(
    connect: Connect, routed: Routed
) -> None:
    asked: list[Message] = []

    def script(said: Message) -> Sequence[Message]:
        if isinstance(said, Call):
            asked.append(said)
        if isinstance(said, Goodbye):
            out = Goodbye("wamp.close.goodbye_and_out")
            return [result(asked[0]), out, error(asked[1]), out]  # twice, as where the two goodbyes cross
        return []

    router = routed(script)
    connection = connect(url=router.url)
    await opened(connection)
    with capturedLogs() as logs:
        answered = Deferred.fromCoroutine(connection.call("test.echo"))
        failing = Deferred.fromCoroutine(refused(CallError, connection.call("test.echo")))
        await patiently(Deferred.fromCoroutine(connection.close()))
        assert await answered == "the last"
        assert isinstance(await failing, Disconnected)
    assert complaints(logs) == []
    assert router.words(Goodbye) == 1, "the router's goodbye is the answer to ours and is not answered again"
    assert connection.state.kind == "closed"
    assert why(connection.state).uri == "wamp.close.normal"
