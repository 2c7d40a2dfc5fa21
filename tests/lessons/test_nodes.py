"""Several nodes on one database, and a database that was restored: on both engines, with a clock to turn."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select, update
from twisted.internet import reactor

from tests.chat.room import Room
from tests.lessons.test_presence import lose, state, types
from tests.lessons.test_service_rooms import opened
from tests.support.machine import HeardGate, Stage
from tutorwamp.app.assembly import Machine, assemble
from tutorwamp.kernel.sql.nodes import LEASE, nodes
from tutorwamp.kernel.sql.streams import epochs
from tutorwamp.lessons.contracts import LessonChanged, LessonState
from tutorwamp.sessions.contracts import Heartbeat, Resume


def epoch_in(machine: Machine) -> str:
    with machine.database.engine.connect() as connection:
        return str(connection.execute(select(epochs.c.epoch)).scalar_one())


def another(stage: Stage, folder: Path) -> Machine:
    """A node with a data folder of its own, on the stage's database."""
    settings = stage.machine.settings
    url = settings.database.url_in(settings.node.data_dir)
    folder.mkdir(exist_ok=True)
    settings = replace(
        settings,
        node=replace(settings.node, data_dir=folder),
        database=replace(settings.database, url=url),
    )
    machine = assemble(settings, reactor, clock=stage.clock, now_s=stage.clock.seconds, gate=HeardGate())
    machine.start()
    return machine


@pytest.fixture
def second(stage_on_both: Stage, tmp_path: Path) -> Iterator[Machine]:
    machine = another(stage_on_both, tmp_path / "second")
    yield machine
    machine.stop()


async def test_L22_a_second_node_that_starts_ends_nobodys_stay(stage_on_both: Stage, second: Machine) -> None:
    stage, first = stage_on_both, stage_on_both.machine
    await first.nodes.begin()
    tutor, anna, _, lesson = await opened(stage)
    await first.lessons.start(tutor, lesson.id)
    for caller in (tutor, anna):
        await first.lessons.join(caller, lesson.id)
    await first.lessons.note_presence()
    (other,) = await second.nodes.begin()
    assert other.id == first.nodes.id
    heard: list[LessonChanged] = []
    second.events.listen(LessonChanged, heard.append)
    await second.lessons.recover()
    stage.clock.turn(minutes=1)
    assert await first.nodes.renew()
    await first.lessons.note_presence()
    await second.lessons.pass_time()
    await second.lessons.note_presence()
    assert types(heard) == []
    attended = (await second.lessons.attendance(tutor, lesson.id)).items
    assert [(one.connected_s, one.last_left_at) for one in attended] == [(60, None)] * 2


async def test_L20_a_tutor_who_leaves_one_node_and_is_in_the_lesson_on_another_interrupts_nothing(
    stage_on_both: Stage, second: Machine
) -> None:
    stage, first = stage_on_both, stage_on_both.machine
    await first.nodes.begin()
    await second.nodes.begin()
    tutor, _, _, lesson = await opened(stage)
    await first.lessons.start(tutor, lesson.id)
    await first.lessons.join(tutor, lesson.id)
    again = stage.given.again(tutor)
    await second.lessons.join(again, lesson.id)
    await first.lessons.note_presence()
    lose(second, again)
    stage.clock.turn(seconds=31)
    await second.lessons.pass_time()
    assert await state(stage, tutor, lesson) is LessonState.LIVE
    # The first node dies for good: the second finds what it left, and time runs.
    stage.clock.turn(seconds=LEASE.total_seconds())
    await second.nodes.renew()
    await second.lessons.note_presence()
    stage.clock.turn(seconds=30)
    await second.lessons.pass_time()
    assert await state(stage, tutor, lesson) is LessonState.INTERRUPTED
    (attended,) = (await second.lessons.attendance(tutor, lesson.id)).items
    assert attended.last_left_at is not None


async def test_L22_a_node_that_starts_again_ends_its_own_former_stays_and_not_those_of_others(
    stage_on_both: Stage, second: Machine, tmp_path: Path
) -> None:
    stage, first = stage_on_both, stage_on_both.machine
    await first.nodes.begin()
    await second.nodes.begin()
    tutor, anna, _, lesson = await opened(stage)
    await first.lessons.join(tutor, lesson.id)
    await second.lessons.join(anna, lesson.id)
    for machine in (first, second):
        await machine.lessons.note_presence()
    restarted = another(stage, tmp_path / "second")
    try:
        assert restarted.nodes.id == second.nodes.id
        await restarted.nodes.begin()
        await restarted.lessons.recover()
        there = {
            one.person.id: one.last_left_at is None
            for one in (await restarted.lessons.attendance(tutor, lesson.id)).items
        }
        assert there == {tutor.user_id: True, anna.user_id: False}
    finally:
        restarted.stop()


async def test_a_start_of_the_same_node_on_the_same_database_keeps_the_epoch(
    stage_on_both: Stage, second: Machine, tmp_path: Path
) -> None:
    before = epoch_in(second)
    await second.nodes.begin()
    assert await second.nodes.renew()
    await second.nodes.end()
    again = another(stage_on_both, tmp_path / "second")
    try:
        assert await again.nodes.begin() == []
        assert epoch_in(again) == before
    finally:
        again.stop()


async def test_a_database_that_knows_less_of_the_node_than_the_node_itself_was_restored(
    stage_on_both: Stage, second: Machine, tmp_path: Path
) -> None:
    await second.nodes.begin()
    before = epoch_in(second)
    for _ in range(3):
        assert await second.nodes.renew()
    with second.database.engine.begin() as connection:  # what a backup of a while ago holds
        connection.execute(update(nodes).where(nodes.c.id == second.nodes.id).values(beat=2))
    assert not await second.nodes.renew(), "while it runs"
    between = epoch_in(second)
    with second.database.engine.begin() as connection:
        connection.execute(nodes.delete())
    again = another(stage_on_both, tmp_path / "second")
    try:
        await again.nodes.begin()
        assert len({before, between, epoch_in(again)}) == 3, "and at the start"
    finally:
        again.stop()


async def test_a_new_data_folder_renews_the_epoch_unless_somebody_lives_on_the_database(
    stage_on_both: Stage, second: Machine, tmp_path: Path
) -> None:
    first, before = stage_on_both.machine, epoch_in(second)
    await first.nodes.begin()
    assert epoch_in(first) == before, "a database that nobody has used yet"
    await second.nodes.begin()
    assert epoch_in(first) == before, "a second node"
    for machine in (first, second):
        await machine.nodes.end()
    third = another(stage_on_both, tmp_path / "third")
    try:
        await third.nodes.begin()
        assert epoch_in(first) != before, "perhaps a backup on another machine"
    finally:
        third.stop()


async def test_a_copy_of_the_data_folder_that_was_brought_back_has_another_epoch(stage: Stage) -> None:
    first = stage.machine
    await first.nodes.begin()
    before = epoch_in(first)
    path = first.settings.node.data_dir / "node.json"
    mark = json.loads(path.read_text())
    path.write_text(json.dumps({**mark, "file": mark["file"] + 1}))  # the file it knew was another one
    again = another(stage, first.settings.node.data_dir)
    try:
        await again.nodes.begin()
        assert epoch_in(first) != before
    finally:
        again.stop()


@pytest.mark.parametrize("content", ["", "{", "[]", '{"id": "x", "more": 1}'])
async def test_a_damaged_mark_stops_no_start(stage: Stage, content: str) -> None:
    path = stage.machine.settings.node.data_dir / "node.json"
    path.write_text(content)
    await stage.machine.nodes.begin()
    assert json.loads(path.read_text())["id"] == stage.machine.nodes.id


async def test_S24_positions_of_another_epoch_are_behind_and_nothing_of_them_is_complete(stage_on_both: Stage) -> None:
    room = await Room.meets(stage_on_both)
    sessions, chat = stage_on_both.machine.sessions, f"tutorwamp.lesson.{room.lesson.id}.chat"
    joined = await stage_on_both.machine.lessons.join(room.ben, room.lesson.id)
    for number in range(10):
        await room.send(room.anna, f"before {number}")
    positions, epoch = {chat: 10}, joined.epoch
    # Restored to the moment before, and fifteen others written: the position means other words now.
    fresh = await stage_on_both.machine.nodes.declare_restored()
    beat = await sessions.heartbeat(room.ben, Heartbeat(positions=positions, epoch=epoch))
    assert (beat.behind, beat.epoch) == ({chat: 10}, fresh)
    resumed = await sessions.resume(room.ben, Resume(positions=positions, epoch=epoch))
    assert resumed.plain() == {"streams": {chat: {"complete": False, "head": 10}}, "epoch": fresh}
    resumed = await sessions.resume(room.ben, Resume(positions=positions, epoch=fresh))
    assert resumed.plain()["streams"] == {chat: {"complete": True, "events": [], "head": 10}}
    assert (await sessions.heartbeat(room.ben, Heartbeat(positions=positions, epoch=fresh))).behind == {}
    resumed = await sessions.resume(room.ben, Resume(positions=positions))
    assert resumed.streams[chat].complete, "a client of the first edition knows of no epochs"
    assert (await sessions.heartbeat(room.ben, Heartbeat())).epoch == fresh
