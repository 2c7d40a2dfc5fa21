"""What must hold after a storm, from every client and from the database."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from datetime import timedelta
from itertools import pairwise
from typing import Any

from sqlalchemy import select
from twisted.internet.task import deferLater

from tests.chaos.ledger import Ledger, Plain
from tests.chaos.people import Person
from tests.chaos.world import World, reactor, until
from tutorwamp.kernel.streams import stream_events, streams
from tutorwamp.lessons.attendance import Stay, attendance, connected
from tutorwamp.lessons.contracts import streams_of

TOLD_WITHIN_S = 60.0
"""Of notifications whose process died before it turned them: the next look finds them."""
ROUNDING_S = 0.002
"""Times are kept in milliseconds."""


async def check_everybody(people: list[Person], ledger: Ledger, lesson_id: str) -> None:
    """The server tells what was acknowledged, and everybody sees what the server tells."""
    tutor = people[0]
    history = await _history(tutor, lesson_id)
    ledger.check_chat(history)
    board = await tutor.client.call_until_answered("tutorwamp.board.open", lesson_id=lesson_id)
    ledger.check_board(board["elements"])
    for person in people:
        await _sees(person, history, board)
        await _counts(person, history, ledger)
        await _notified(person, ledger, lesson_id)


async def _history(person: Person, lesson_id: str) -> list[Plain]:
    found: list[Plain] = []
    cursor: dict[str, str] = {}
    while True:
        page = await person.client.call_until_answered(
            "tutorwamp.chat.history", lesson_id=lesson_id, limit=100, **cursor
        )
        found += page["items"]
        if page["next_cursor"] is None:
            return found[::-1]
        cursor = {"cursor": page["next_cursor"]}


async def _sees(person: Person, history: list[Plain], board: Plain) -> None:
    while person.chat.has_older:
        await person.chat.read_older()
    await until(
        lambda: list(person.chat.messages) == history,
        lambda: f"{person.name} sees another chat: {_difference(list(person.chat.messages), history)}",
        within_s=15,
    )
    await until(
        lambda: person.board.state() == board,
        lambda: f"{person.name} sees another board at {person.board.head}, the server's is at {board['head']}",
        within_s=15,
    )


def _difference(seen: list[Plain], there: list[Plain]) -> str:
    by_id = {one["id"]: one for one in there}
    missing = [one for one in there if one not in seen]
    more = [one for one in seen if one not in there]
    order = [one["seq"] for one in seen] == [one["seq"] for one in by_id.values()]
    return f"missing {missing[:3]}, too much {more[:3]}, order {'right' if order else 'wrong'}"


async def _counts(person: Person, history: list[Plain], ledger: Ledger) -> None:
    marked = await person.lesson.mark_read(0)
    assert marked["read_seq"] >= ledger.read.get(person.id, 0), f"{person.name}'s read mark was lost: {marked}"
    unread = [
        one
        for one in history
        if one["seq"] > marked["read_seq"] and one["author"]["id"] != person.id and one["body"] is not None
    ]
    assert marked["unread_count"] == len(unread), f"{person.name} is told {marked}, {len(unread)} are unread"


async def _notified(person: Person, ledger: Ledger, lesson_id: str) -> None:
    """Of what concerns this lesson each thing is told once, and the count is that of the list, everywhere."""
    expected = (0, 0) if person.client.user["role"] == "tutor" else (1, ledger.renamed)
    deadline = time.monotonic() + TOLD_WITHIN_S
    while True:
        told, counted = await _told(person)
        mine = Counter(one["kind"] for one in told if one["data"]["lesson_id"] == lesson_id)
        if (mine["lesson.invited"], mine["lesson.changed"]) >= expected:
            break
        assert time.monotonic() < deadline, f"{person.name} was told {mine}, there were {ledger.renamed} changes"
        await deferLater(reactor, 0.2)
    # A change whose answer was lost is there and not acknowledged; for the tutor there is nothing either way.
    assert mine["lesson.invited"] == expected[0], f"{person.name} was told {mine}"
    assert counted == sum(one["read_at"] is None for one in told), f"{person.name} is told {counted} are unread"
    kept = person.notifications
    await until(
        lambda: (kept.unread_count, list(kept.items)) == (counted, told[: len(kept.items)]),
        lambda: f"{person.name} sees {kept.unread_count} unread of {len(kept.items)}, there are {counted}",
        within_s=15,
    )


async def _told(person: Person) -> tuple[list[Plain], int]:
    """All of somebody's notifications, and the count of those that are unread."""
    ask = person.client.call_until_answered
    told: list[Plain] = []
    cursor: dict[str, str] = {}
    while True:
        page = await ask("tutorwamp.notification.list", limit=100, **cursor)
        told += page["items"]
        if page["next_cursor"] is None:
            return told, (await ask("tutorwamp.notification.unread_count"))["unread_count"]
        cursor = {"cursor": page["next_cursor"]}


def check_stored(world: World, lesson_id: str) -> None:
    """One order per stream: every number up to the head, once."""
    with world.reading() as connection:
        for name in streams_of(lesson_id):
            head = connection.execute(select(streams.c.head).where(streams.c.name == name)).scalar_one()
            of_stream = select(stream_events.c.seq).where(stream_events.c.stream == name)
            seqs = list(connection.execute(of_stream.order_by(stream_events.c.seq)).scalars())
            # A long board's oldest events may be compacted away; what is left has no gap.
            first = seqs[0] if seqs else head + 1
            assert seqs == list(range(first, head + 1)), f"{name}: a gap or a double in {seqs}"
            assert first == 1 or name.endswith(".board"), f"{name} begins with {first}"


def check_attendance(world: World, lesson_id: str, told: list[Plain], lasted_s: float) -> None:
    """Every stay has an end, those of one session do not overlap, and they add up to what the tutor is told."""
    with world.reading() as connection:
        rows = connection.execute(select(attendance).where(attendance.c.lesson_id == lesson_id)).all()
    stays = [Stay(**row._asdict()) for row in rows]
    by_person: dict[str, list[Stay]] = defaultdict(list)
    by_session: dict[Any, list[Stay]] = defaultdict(list)
    for stay in stays:
        assert stay.left_at is not None, f"nobody noticed that {stay} is over"
        assert stay.since <= stay.left_at, f"ends before it begins: {stay}"
        by_person[stay.user_id].append(stay)
        by_session[stay.user_id, stay.session].append(stay)
    for mine in by_session.values():
        mine.sort(key=lambda one: one.since)
        for one, next_one in pairwise(mine):
            assert one.left_at is not None, one
            assert one.left_at <= next_one.since, f"one session was there twice: {one} {next_one}"
    assert {item["person"]["id"] for item in told} == set(by_person)
    for item in told:
        mine = by_person[item["person"]["id"]]
        seconds = connected(mine, max(one.left_at for one in mine if one.left_at is not None)).total_seconds()
        assert abs(item["connected_s"] - seconds) < ROUNDING_S, f"{item} is not the sum of {mine}"
        assert timedelta(0) < timedelta(seconds=seconds) <= timedelta(seconds=lasted_s + 60), f"{item} in {lasted_s} s"


async def check_nobody_left(world: World) -> None:
    """No session and no grant outlives the people."""
    status = await world.gate()
    deadline = 30
    while (status.sessions, status.granted) != (0, 0):
        deadline -= 1
        assert deadline, f"left over at the gate: {status}"
        status = await world.gate()
