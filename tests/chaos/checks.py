"""What must hold after a storm, from every client and from the database."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from itertools import pairwise
from typing import Any

from sqlalchemy import Connection, func, select

from tests.chaos.deeds import until_answered
from tests.chaos.ledger import Ledger
from tests.chaos.people import Person
from tests.chaos.verdicts import Events, Plain
from tests.chaos.whereabouts import covered_s
from tests.chaos.world import World
from tests.support.waiting import until
from tutorwamp.board.tables import elements
from tutorwamp.chat.contracts import CHAT_TOPIC
from tutorwamp.client import CallError
from tutorwamp.files.tables import files
from tutorwamp.kernel.sql.streams import stream_events, streams
from tutorwamp.lessons.attendance import Stay, attendance
from tutorwamp.lessons.contracts import streams_of
from tutorwamp.polls.contracts import POLLS_TOPIC

TOLD_WITHIN_S = 60.0
"""Of notifications whose process died before it turned them: the next look finds them."""
CLOSED_WITHIN_S = 15.0
"""Of stays and sessions whose people are gone: the node notices a frozen one by its ping."""
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
    # All have been answered just now: who was away knows that by now.
    await _check_classroom(people, ledger, lesson_id)
    await _check_files(people, ledger, lesson_id)


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


async def _check_classroom(people: list[Person], ledger: Ledger, lesson_id: str) -> None:
    ask = people[0].client.call_until_answered
    lesson = await ask("tutorwamp.lesson.get", lesson_id=lesson_id)
    ledger.classroom.check_lesson(lesson, {person.id: person.upsets for person in people})
    listed = (await ask("tutorwamp.poll.list", lesson_id=lesson_id))["items"]
    answers = {poll["id"]: await ask("tutorwamp.poll.answers", poll_id=poll["id"]) for poll in listed}
    ledger.classroom.check_polls(listed, answers, [one["id"] for one in lesson["students"]])
    for person in people:
        await _sees_classroom(person, lesson_id)


async def _sees_classroom(person: Person, lesson_id: str) -> None:
    ask = person.client.call_until_answered
    polls = (await ask("tutorwamp.poll.list", lesson_id=lesson_id))["items"]
    await until(
        lambda: list(person.polls.items) == polls,
        lambda: f"{person.name} sees the polls {person.polls.items}, there are {polls}",
        within_s=15,
    )
    lesson: Plain = {}

    async def sees_lesson() -> bool:
        nonlocal lesson
        lesson = await ask("tutorwamp.lesson.get", lesson_id=lesson_id)  # a hand may still go down with its grace time
        return person.lesson.lesson == lesson

    await until(sees_lesson, lambda: f"{person.name} sees {person.lesson.lesson}, there is {lesson}", within_s=15)


async def _check_files(people: list[Person], ledger: Ledger, lesson_id: str) -> None:
    """Each is asked for by one of the people, turn by turn."""
    sent = [(said, one["id"]) for said in ledger.said if said.message is not None for one in said.files]
    for number, (said, file_id) in enumerate(sent):
        content = await _content(people[number % len(people)], lesson_id, file_id)
        ledger.check_file(said, file_id, content)


async def _content(person: Person, lesson_id: str, file_id: str) -> bytes | None:
    try:
        return await until_answered(lambda: person.client.download(lesson_id, file_id))
    except CallError as error:
        if error.uri != "tutorwamp.error.not_found":
            raise
        return None


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
    mine: Counter[str] = Counter()

    async def enough() -> Any:
        nonlocal mine
        found = await _told(person)
        mine = Counter(one["kind"] for one in found[0] if one["data"]["lesson_id"] == lesson_id)
        return (mine["lesson.invited"], mine["lesson.changed"]) >= expected and found

    def how_far() -> str:
        return f"{person.name} was told {mine}, there were {ledger.renamed} changes"

    told, counted = await until(enough, how_far, within_s=TOLD_WITHIN_S)
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


def check_stored(world: World, ledger: Ledger, lesson_id: str) -> None:
    """One order per stream: every number up to the head, once; and everything that was done, once."""
    with world.reading() as connection:
        for name in streams_of(lesson_id):
            _check_numbers(connection, ledger, name)
        chat = CHAT_TOPIC.of(lesson_id)
        ledger.check_events(_events_of(connection, chat))
        ledger.looked_up += ledger.classroom.check_poll_events(_events_of(connection, POLLS_TOPIC.of(lesson_id)))
        shown = select(files.c.id).where(files.c.lesson_id == lesson_id, files.c.message_id.is_not(None))
        ledger.check_stored_files(set(connection.execute(shown).scalars()))
        _check_reading(connection, ledger, chat)
        drawn = select(elements.c.id, elements.c.version).where(elements.c.lesson_id == lesson_id)
        ledger.check_versions({row.id: row.version for row in connection.execute(drawn)})


def _events_of(connection: Connection, stream: str) -> Events:
    kinds = select(stream_events.c.type, stream_events.c.subject, func.count()).where(stream_events.c.stream == stream)
    found = connection.execute(kinds.group_by(stream_events.c.type, stream_events.c.subject))
    return {(kind, subject): count for kind, subject, count in found}


def _check_numbers(connection: Connection, ledger: Ledger, name: str) -> None:
    head = connection.execute(select(streams.c.head).where(streams.c.name == name)).scalar_one()
    of_stream = select(stream_events.c.seq).where(stream_events.c.stream == name)
    seqs = list(connection.execute(of_stream.order_by(stream_events.c.seq)).scalars())
    # A long board's oldest events may be compacted away; what is left has no gap.
    first = seqs[0] if seqs else head + 1
    if seqs != list(range(first, head + 1)):
        ledger.note("gap", f"{name}: a gap or a double in {seqs}")
    if first != 1 and not name.endswith(".board"):
        ledger.note("lost", f"{name} begins with {first}")


def _check_reading(connection: Connection, ledger: Ledger, chat: str) -> None:
    """C12: a read mark goes forward, and is told once."""
    advanced = select(stream_events.c.actor_id, stream_events.c.data)
    of_chat = (stream_events.c.stream == chat, stream_events.c.type == "read.advanced")
    last: dict[str, int] = {}
    for reader, data in connection.execute(advanced.where(*of_chat).order_by(stream_events.c.seq)):
        read_seq = json.loads(data)["read_seq"]
        if read_seq <= last.get(reader, -1):
            ledger.note("doubled", f"{reader} has read up to {read_seq} after {last[reader]}")
        last[reader] = read_seq


async def check_attendance(world: World, lesson_id: str, tutor: Person, people: list[Person]) -> None:
    """Every stay has an end; they fit together, add up to what the tutor is told, and to what each client knows."""

    def unended() -> list[Stay]:
        return [stay for stay in _stays(world, lesson_id) if stay.left_at is None]

    await until(
        lambda: not unended(), lambda: f"nobody noticed that these are over: {unended()}", within_s=CLOSED_WITHIN_S
    )
    told = (await tutor.client.call_until_answered("tutorwamp.lesson.attendance", lesson_id=lesson_id))["items"]
    record = check_record(_stays(world, lesson_id), told)
    assert set(record) == {person.id for person in people}
    for person in people:
        try:
            person.whereabouts.check(record[person.id])
        except AssertionError as error:
            error.add_note(f"of {person.name}")
            raise


def check_record(stays: list[Stay], told: list[Plain]) -> dict[str, float]:
    """The seconds of each person, when the stays fit together and are what is told."""
    by_person: dict[str, list[tuple[float, float]]] = defaultdict(list)
    by_session: dict[Any, list[Stay]] = defaultdict(list)
    for stay in stays:
        assert stay.left_at is not None, f"not over: {stay}"
        assert stay.since <= stay.left_at, f"ends before it begins: {stay}"
        by_person[stay.user_id].append((stay.since.timestamp(), stay.left_at.timestamp()))
        by_session[stay.user_id, stay.session].append(stay)
    for mine in by_session.values():
        for one, next_one in pairwise(sorted(mine, key=lambda stay: stay.since)):
            assert one.left_at is not None, one
            assert one.left_at <= next_one.since, f"one session was there twice: {one} {next_one}"
    record = {user_id: covered_s(mine) for user_id, mine in by_person.items()}
    shown = {item["person"]["id"]: item["connected_s"] for item in told}
    assert set(shown) == set(record), f"{set(shown)} are shown, {set(record)} were there"
    for user_id, seconds in record.items():
        assert abs(shown[user_id] - seconds) < ROUNDING_S, f"{shown[user_id]} s are shown, {seconds} s are recorded"
    return record


def _stays(world: World, lesson_id: str) -> list[Stay]:
    with world.reading() as connection:
        rows = connection.execute(select(attendance).where(attendance.c.lesson_id == lesson_id)).all()
    return [Stay(**row._asdict()) for row in rows]


async def check_nobody_left(world: World) -> None:
    """No session and no grant outlives the people."""

    async def empty() -> bool:
        status = await world.gate()
        return (status.sessions, status.granted) == (0, 0)

    await until(empty, "an empty gate", within_s=CLOSED_WITHIN_S)
