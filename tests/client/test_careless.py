"""A program around the client that is not careful: it asks for the same thing twice at once, and its functions fail."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from twisted.internet.defer import Deferred, gatherResults

from tests.client.room import Enter
from tests.support.waiting import until
from tutorwamp.client import Lesson

PARTS: dict[str, Callable[[Lesson], Awaitable[Any]]] = {
    "chat": Lesson.chat,
    "board": Lesson.board,
    "polls": Lesson.polls,
}
DEEDS: dict[str, tuple[str, dict[str, str], str]] = {
    "chat": ("tutorwamp.chat.send", {"body": "Once"}, "message.created"),
    "board": ("tutorwamp.board.add_page", {}, "page.added"),
    "polls": ("tutorwamp.poll.open", {"question": "Once?", "kind": "text"}, "poll.opened"),
}


async def _twice(ask: Callable[[], Awaitable[Any]]) -> list[Any]:
    async def once() -> Any:
        return await ask()

    both: list[Any] = await gatherResults([Deferred.fromCoroutine(once()) for _ in range(2)])
    return both


async def test_who_joins_twice_at_once_is_in_the_lesson_once(enter: Enter) -> None:
    room = await enter()
    one, other = await _twice(lambda: room.tutor.join(room.lesson_id))
    assert one is other


@pytest.mark.parametrize("part", PARTS)
async def test_who_opens_a_part_twice_at_once_hears_each_event_once(enter: Enter, part: str) -> None:
    room = await enter()
    tina = await room.tutor.join(room.lesson_id)
    one, other = await _twice(lambda: PARTS[part](tina))
    assert one is other
    told: list[str | None] = []
    one.on_change(lambda event: told.append(event.type))
    uri, more, expected = DEEDS[part]
    await room.tutor.call(uri, lesson_id=room.lesson_id, **more)
    await until(lambda: told.count(expected) >= 1, "the first event is told")
    await room.tutor.call(uri, lesson_id=room.lesson_id, **more)
    await until(lambda: told.count(expected) >= 2, "and the second one, twice where the first one was")
    assert told.count(expected) == 2


async def test_notifications_that_are_opened_twice_at_once_are_heard_once(enter: Enter) -> None:
    room = await enter()
    one, other = await _twice(room.student.notifications)
    assert one is other
    assert len(room.student.connection._subscriptions) == 1


async def test_a_watcher_of_the_end_that_fails_stops_nobody(enter: Enter) -> None:
    room = await enter()
    tina = await room.tutor.join(room.lesson_id)
    closed: list[object] = []

    def fails(_: object) -> None:
        raise ValueError("mine")

    tina.on_closed(fails)
    tina.on_closed(closed.append)
    await tina.leave()
    assert closed == [None]
