"""Several nodes on one database, and a database that was restored: on both engines, with a clock to turn."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update
from twisted.internet import reactor

from tests.chat.room import Room
from tests.lessons.hall import Hall
from tests.support.cast import one_lesson
from tests.support.machine import HeardGate, Stage
from tests.support.refused import refused
from tutorwamp.app.assembly import Machine, assemble
from tutorwamp.kernel.errors import Unavailable
from tutorwamp.kernel.sql.nodes import LEASE, nodes
from tutorwamp.kernel.sql.streams import epochs
from tutorwamp.lessons.contracts import LessonState
from tutorwamp.lessons.values import RaiseHand, SetRules
from tutorwamp.sessions.contracts import Heartbeat, Resume

Start = Callable[[Path], Machine]
"""Starts a node in a folder."""


def epoch_in(machine: Machine) -> str:
    with machine.database.engine.connect() as connection:
        return str(connection.execute(select(epochs.c.epoch)).scalar_one())


def another(stage: Stage, folder: Path) -> Machine:
    """A node with a data folder of its own, on the stage's database."""
    settings = stage.machine.settings
    url = settings.database.url_in(settings.node.data_dir)
    folder.mkdir(exist_ok=True)
    node, database = replace(settings.node, data_dir=folder), replace(settings.database, url=url)
    time: dict[str, Any] = {"clock": stage.clock, "now_s": stage.clock.seconds}
    machine = assemble(replace(settings, node=node, database=database), reactor, gate=HeardGate(), **time)
    machine.start()
    return machine


@pytest.fixture
def second(stage_on_both: Stage, tmp_path: Path) -> Iterator[Machine]:
    machine = another(stage_on_both, tmp_path / "second")
    yield machine
    machine.stop()


@pytest.fixture
def start(stage: Stage) -> Iterator[Start]:
    """Starts a node in a folder, perhaps again."""
    with ExitStack() as running:

        def made(folder: Path) -> Machine:
            machine = another(stage, folder)
            running.callback(machine.stop)
            return machine

        yield made


async def test_L22_a_second_node_that_starts_ends_nobodys_stay(second: Machine, hall: Hall) -> None:
    nodes = hall.machine.nodes
    await nodes.begin()
    await hall.start()
    await hall.join(hall.tutor, hall.anna)
    await hall.lessons.note_presence()
    (other,) = await second.nodes.begin()
    assert other.id == nodes.id
    there = hall.on(second)
    await there.lessons.recover()
    hall.stage.clock.turn(minutes=1)
    assert await nodes.renew()
    await hall.lessons.note_presence()
    await there.pass_time()
    await there.lessons.note_presence()
    assert there.types() == []
    assert [(one.connected_s, one.last_left_at) for one in await there.attended()] == [(60, None)] * 2


async def test_L20_a_tutor_who_leaves_one_node_and_is_in_the_lesson_on_another_interrupts_nothing(
    second: Machine, hall: Hall
) -> None:
    await hall.machine.nodes.begin()
    await second.nodes.begin()
    await hall.start()
    await hall.join(hall.tutor)
    again, there = hall.again(hall.tutor), hall.on(second)
    await there.join(again)
    await hall.lessons.note_presence()
    there.lose(again)
    await there.pass_time(seconds=31)
    assert await hall.state() is LessonState.LIVE
    # The first node dies for good: the second finds what it left, and time runs.
    hall.stage.clock.turn(seconds=LEASE.total_seconds())
    await second.nodes.renew()
    await there.lessons.note_presence()
    await there.pass_time(seconds=30)
    assert await hall.state() is LessonState.INTERRUPTED
    (attended,) = await there.attended()
    assert attended.last_left_at is not None


async def test_L14_who_was_removed_on_another_node_or_is_in_what_is_over_there_is_led_out(
    second: Machine, hall: Hall
) -> None:
    lesson_id, gate = hall.lesson.id, hall.stage.gate
    await hall.start()
    await hall.join(hall.tutor, hall.anna, hall.ben)
    await hall.on(second).remove(hall.anna)
    away = gate.revoke_grants

    async def broken(*_: object, **__: object) -> None:
        raise Unavailable("The gate is away.")

    gate.revoke_grants = broken  # type: ignore[method-assign]  # a gate that does not answer
    await refused(Unavailable, hall.lessons.note_presence())
    await refused(Unavailable, hall.remove(hall.ben))  # it is done, and cannot be asked for again
    gate.revoke_grants = away  # type: ignore[method-assign]  # and one that does again
    gate.heard.clear()
    await hall.lessons.note_presence()
    shut = [("revoke_grants", lesson_id, None, one.user_id) for one in (hall.anna, hall.ben)]
    assert sorted(gate.heard) == sorted(shut)
    assert hall.names() == ["Tina"]
    gate.heard.clear()
    await hall.lessons.note_presence()
    assert gate.heard == []
    await hall.on(second).lessons.end(hall.tutor, one_lesson(lesson_id))
    await hall.lessons.note_presence()
    assert gate.heard == [("revoke_grants", lesson_id, None, None)]
    assert hall.names() == []


async def test_L25_L26_who_leaves_one_node_and_is_in_the_room_on_another_counts_as_there(
    second: Machine, hall: Hall
) -> None:
    await hall.machine.nodes.begin()
    await second.nodes.begin()
    lesson_id, there = hall.lesson.id, hall.on(second)
    await hall.lessons.set_rules(hall.tutor, SetRules(lesson_id=lesson_id, unattended="closed"))
    await hall.join(hall.tutor, hall.anna)
    await hall.lessons.raise_hand(hall.anna, RaiseHand(lesson_id=lesson_id, up=True))
    again = [hall.again(one) for one in (hall.tutor, hall.anna)]
    await there.join(*again)
    await second.lessons.note_presence()
    for one in (hall.tutor, hall.anna):
        await hall.lessons.leave(one, one_lesson(lesson_id))
    await hall.machine.lessons.note_presence()
    await hall.pass_time(seconds=40)
    now = await hall.lessons.get(hall.tutor, one_lesson(lesson_id))
    assert (now.attended, [hand.person.name for hand in now.hands]) == (True, ["Anna"])
    for one in again:
        await there.lessons.leave(one, one_lesson(lesson_id))
    now = await hall.lessons.get(hall.tutor, one_lesson(lesson_id))
    assert (now.attended, now.hands) == (False, [])


async def test_L22_a_node_that_starts_again_ends_its_own_former_stays_and_not_those_of_others(
    second: Machine, start: Start, tmp_path: Path, hall: Hall
) -> None:
    there = hall.on(second)
    for one, caller in ((hall, hall.tutor), (there, hall.anna)):
        await one.machine.nodes.begin()
        await one.join(caller)
        await one.lessons.note_presence()
    restarted = start(tmp_path / "second")
    assert restarted.nodes.id == second.nodes.id
    await restarted.nodes.begin()
    await restarted.lessons.recover()
    there_still = {one.person.id: one.last_left_at is None for one in await hall.on(restarted).attended()}
    assert there_still == {hall.tutor.user_id: True, hall.anna.user_id: False}


async def test_a_start_of_the_same_node_on_the_same_database_keeps_the_epoch(
    second: Machine, start: Start, tmp_path: Path
) -> None:
    before = epoch_in(second)
    await second.nodes.begin()
    assert await second.nodes.renew()
    await second.nodes.end()
    again = start(tmp_path / "second")
    assert await again.nodes.begin() == []
    assert epoch_in(again) == before


async def test_a_database_that_knows_less_of_the_node_than_the_node_itself_was_restored(
    second: Machine, start: Start, tmp_path: Path
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
    again = start(tmp_path / "second")
    await again.nodes.begin()
    assert len({before, between, epoch_in(again)}) == 3, "and at the start"


async def test_a_new_data_folder_renews_the_epoch_unless_somebody_lives_on_the_database(
    stage_on_both: Stage, second: Machine, start: Start, tmp_path: Path
) -> None:
    first, before = stage_on_both.machine, epoch_in(second)
    await first.nodes.begin()
    assert epoch_in(first) == before, "a database that nobody has used yet"
    await second.nodes.begin()
    assert epoch_in(first) == before, "a second node"
    for machine in (first, second):
        await machine.nodes.end()
    await start(tmp_path / "third").nodes.begin()
    assert epoch_in(first) != before, "perhaps a backup on another machine"


async def test_a_copy_of_the_data_folder_that_was_brought_back_has_another_epoch(stage: Stage, start: Start) -> None:
    first = stage.machine
    await first.nodes.begin()
    before = epoch_in(first)
    path = first.settings.node.data_dir / "node.json"
    mark = json.loads(path.read_text())
    path.write_text(json.dumps({**mark, "file": mark["file"] + 1}))  # the file it knew was another one
    await start(first.settings.node.data_dir).nodes.begin()
    assert epoch_in(first) != before


@pytest.mark.parametrize("content", ["", "{", "[]", '{"id": "x", "more": 1}'])
async def test_a_damaged_mark_stops_no_start(stage: Stage, content: str) -> None:
    path = stage.machine.settings.node.data_dir / "node.json"
    path.write_text(content)
    await stage.machine.nodes.begin()
    assert json.loads(path.read_text())["id"] == stage.machine.nodes.id


async def test_S24_positions_of_another_epoch_are_behind_and_nothing_of_them_is_complete(stage_on_both: Stage) -> None:
    room = await Room.meets(stage_on_both)
    sessions, chat = stage_on_both.machine.sessions, f"tutorwamp.lesson.{room.lesson.id}.chat"
    joined = await stage_on_both.machine.lessons.join(room.ben, one_lesson(room.lesson.id))
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
