"""Where somebody points."""

from __future__ import annotations

import gc

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import capturedLogs

from tests.client.board.model import PAGE
from tests.client.board.server import BoardServer
from tests.client.board.talk import Arrive
from tests.client.talk import patiently
from tests.support.refused import refused
from tutorwamp.client import Disconnected, Event
from tutorwamp.client.lesson import CURSOR_INTERVAL_S


async def test_B32_the_cursor_is_shown_at_most_twenty_times_a_second_and_the_last_position_always(
    server: BoardServer, arrive: Arrive
) -> None:
    clock = Clock()
    ada, bob = await arrive("ada", clock), await arrive("bob")
    seen: list[Event] = []
    done: Deferred[None] = Deferred()

    def see(event: Event) -> None:
        seen.append(event)
        if event["x"] == 119:
            done.callback(None)

    await bob.on("cursor", see)
    for number in range(120):  # for a second
        await ada.show_cursor(PAGE, number, 1)
        clock.advance(1 / 120)
    clock.advance(CURSOR_INTERVAL_S)
    await patiently(done)
    assert seen[0]["x"] == 0
    assert (seen[-1]["page"], seen[-1]["x"], seen[-1]["y"], seen[-1].publisher) == (PAGE, 119, 1, "ada")
    assert 15 <= len(seen) <= 21
    clock.advance(1)
    waiting = clock.getDelayedCalls()
    await ada.show_cursor(PAGE, 200, 1)
    assert clock.getDelayedCalls() == waiting


async def test_B32_a_position_that_nobody_can_be_told_any_more_is_let_go(server: BoardServer, arrive: Arrive) -> None:
    clock = Clock()
    lesson = await arrive(clock=clock)
    await lesson.show_cursor(PAGE, 1, 1)
    await lesson.show_cursor(PAGE, 2, 2)
    await lesson._connection.close()
    gc.collect()  # what earlier tests left behind must not speak up below

    with capturedLogs() as logs:
        clock.advance(CURSOR_INTERVAL_S)
        gc.collect()  # a Deferred tells of an error nobody has taken when it goes
    assert [event for event in logs if "log_failure" in event] == []
    clock.advance(CURSOR_INTERVAL_S)
    await refused(Disconnected, lesson.show_cursor(PAGE, 3, 3))
