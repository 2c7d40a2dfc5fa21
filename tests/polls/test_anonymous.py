"""Nobody finds out who has answered what: every table, every event and the file itself are looked through."""

from __future__ import annotations

import itertools
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, select

from tests.polls.ballot_hall import TABLES, BallotHall
from tests.support.machine import Stage, set_stage
from tests.support.refused import refused
from tutorwamp.kernel.errors import Conflict
from tutorwamp.kernel.log.calls import Call, Edge, begin
from tutorwamp.kernel.sql.columns import metadata
from tutorwamp.polls.ballots import read_without_people
from tutorwamp.polls.contracts import Poll
from tutorwamp.polls.tables import ballot_boxes, poll_answers, polls

WORDS = {"Anna": "The second half was too fast", "Ben": "All clear to me"}


async def everything(hall: BallotHall) -> list[tuple[str, str]]:
    """Each row of each table, as text."""

    def thd(connection: Connection) -> list[tuple[str, str]]:
        return [
            (table.name, " ".join(map(str, row)))
            for table in metadata.sorted_tables
            for row in connection.execute(select(table))
        ]

    return await hall.machine.database.read("test.everything", thd)


async def answered(hall: BallotHall) -> tuple[Poll, Poll]:
    """Two polls, answered by both, one of them with words."""
    chosen = await hall.ask(choices=("a", "b", "c"), kind="multiple", anonymous=True)
    said = await hall.ask("Why?", choices=(), kind="text", anonymous=True)
    for who, name, places in ((hall.ben, "Ben", (1, 2)), (hall.anna, "Anna", (0,))):
        await hall.answer(who, chosen, *places)
        await hall.answer(who, said, text=WORDS[name])
    return chosen, said


async def test_P17_no_row_of_any_table_ties_a_person_to_an_answer(stage_on_both: Stage, hall: BallotHall) -> None:
    asked = await answered(hall)
    for _ in range(2):
        about = {one.id for one in asked} | {choice.id for one in asked for choice in one.choices} | {*WORDS.values()}
        tied = [
            (table, row)
            for table, row in await everything(hall)
            for person in (hall.anna, hall.ben)
            if person.user_id in row and any(one in row for one in about)
        ]
        assert tied == []
        assert await hall.rows(poll_answers) == []
        told = [event for event in await hall.stored() if event.type == "poll.changed"]
        assert [event.actor for event in told] == [None] * 4
        for poll in asked:
            await hall.close(poll, show=True)


async def test_P18_an_open_box_tells_nothing_to_who_reads_the_database(stage_on_both: Stage, hall: BallotHall) -> None:
    await answered(hall)
    told = [row for _, row in await everything(hall)]
    assert not [row for row in told if any(words in row for words in WORDS.values())]
    for row in await hall.rows(ballot_boxes):
        assert not [one for one in (hall.anna, hall.ben) if one.user_id.encode() in row["box"]]
    times = {column.name for column in ballot_boxes.columns} & {"at", "created_at", "updated_at", "seq"}
    assert not times, "a row that knows when it was written last would tell who wrote last"


async def test_P19_what_stays_is_the_same_in_whatever_order_people_have_answered(
    stage_on_both: Stage, hall: BallotHall
) -> None:
    chloe = await stage_on_both.given.caller(name="Chloe")
    hall.lesson = await stage_on_both.given.lesson(hall.tutor, hall.anna, hall.ben, chloe)
    hall.stream = hall.TOPIC.of(hall.lesson.id)
    given = {hall.anna: (0,), hall.ben: (1,), chloe: (0,)}
    left = []
    for order in itertools.permutations(given):
        poll = await hall.ask(anonymous=True)
        for who in order:
            hall.stage.clock.turn(seconds=1)
            await hall.answer(who, poll, *given[who])
        await hall.close(poll)
        rows = {table.name: await hall.rows(table) for table in TABLES}
        left.append(
            [
                next(row for row in rows["ballot_boxes"] if row["poll_id"] == poll.id)["box"],
                *(
                    (row["salt"], row["votes"], row["answered"], row["missing"])
                    for row in rows["polls"]
                    if row["id"] == poll.id
                ),
            ]
        )
    assert left == [left[0]] * 6
    assert left[0][1] == (None, "[2, 1]", 3, 0)
    assert [ballot.choices for ballot in read_without_people(left[0][0])] == [(0,), (0,), (1,)]


async def test_P19_a_salt_is_not_to_be_found_in_the_file_either(stage: Stage, hall: BallotHall) -> None:
    asked = [await hall.ask(f"Question {number}?", anonymous=True) for number in range(15)]
    read = Path(str(stage.machine.database.engine.url.database)).read_bytes
    salts = [bytes(row["salt"]) for row in await hall.rows(polls)]
    assert len(salts) == 15
    await _write_back(stage)
    written = read()
    assert all(salt in written for salt in salts), "else this test would see nothing"
    for poll in asked:
        await hall.close(poll)
    await _write_back(stage)
    written = read()
    assert not [salt for salt in salts if salt in written]


async def _write_back(stage: Stage) -> None:
    """What stands in SQLite's log goes to the file, and out of the log."""

    def thd(_connection: Connection) -> None:
        with stage.machine.database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    await stage.machine.database.read("test.checkpoint", thd)


async def test_P20_the_tutor_is_told_what_was_said_and_how_many_are_missing(
    stage_on_both: Stage, hall: BallotHall
) -> None:
    poll = await hall.ask("Why?", choices=(), kind="text", anonymous=True)
    seen = []
    for who, text in ((None, ""), (hall.ben, "b"), (hall.anna, "a")):
        if who is not None:
            await hall.answer(who, poll, text=text)
        found = await hall.answers(poll)
        assert {(one.person, one.at) for one in found.items} <= {(None, None)}
        seen.append(([one.text for one in found.items], found.missing))
    assert seen == [([], 2), (["b"], 1), (["a", "b"], 0)]
    await hall.remove(hall.anna)
    assert (await hall.answers(poll)).missing == 0
    await hall.close(poll)
    found = await hall.answers(poll)
    assert ([one.text for one in found.items], found.missing) == (["a", "b"], 0)


async def test_P8_P18_the_last_answer_counts_while_it_is_open_and_none_afterwards(
    stage_on_both: Stage, hall: BallotHall
) -> None:
    poll = await hall.ask(anonymous=True)
    for place in (0, 1, 1, 0):
        assert (await hall.answer(hall.anna, poll, place)).answered == 1
    assert await hall.votes(poll) == [1, 0]
    assert [kind for _, kind in hall.told()] == ["poll.opened", *["poll.changed"] * 3]
    await hall.close(poll)
    await refused(Conflict, hall.answer(hall.anna, poll, 0))
    assert await hall.votes(poll) == [1, 0]


async def test_P18_under_another_secret_key_answers_are_lost_and_nobody_counts_twice(
    stage: Stage, hall: BallotHall, tmp_path: Path
) -> None:
    poll = await hall.ask(anonymous=True)
    await hall.answer(hall.anna, poll, 0)
    await hall.answer(hall.ben, poll, 0)
    other, stop = set_stage(tmp_path, TUTORWAMP_SECRET_KEY="another secret key of forty characters..")
    try:
        other.clock.now = stage.clock.now + timedelta(seconds=1)
        late = BallotHall(other, other.machine, hall.lesson, hall.tutor, hall.anna, hall.ben)
        assert (await late.answer(hall.anna, poll, 1)).answered == 1
        assert await late.votes(poll) == [0, 1]
    finally:
        stop()


async def test_P17_the_line_of_an_anonymous_answer_does_not_say_whose_it_is_or_how_long(hall: BallotHall) -> None:
    lines: dict[bool, tuple[Any, Any]] = {}
    for anonymous in (False, True):
        poll = await hall.ask("Why?", choices=(), kind="text", anonymous=anonymous)
        call = Call("tutorwamp.poll.answer", Edge.WAMP, user_id=hall.anna.user_id, bytes_in=77)
        begin(call)
        await hall.answer(hall.anna, poll, text="x")
        lines[anonymous] = (call.user_id, call.bytes_in)
    assert lines == {False: (hall.anna.user_id, 77), True: (None, 0)}
