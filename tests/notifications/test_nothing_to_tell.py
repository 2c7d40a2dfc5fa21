"""The notifier costs what there is to tell; who was there is not told, whatever has died since."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
import pytest_twisted
from sqlalchemy import event
from twisted.internet.defer import succeed
from twisted.internet.task import Clock

from tests.notifications.house import House, notifier_of
from tests.support.cast import one_lesson
from tests.support.machine import Stage
from tutorwamp.app.assembly import Machine
from tutorwamp.kernel.contracts import Caller
from tutorwamp.lessons.contracts import SetPen
from tutorwamp.notifications.notifier import PATIENCE_S
from tutorwamp.notifications.progress import backlogs
from tutorwamp.notifications.writing import told_query

LESSONS = 50
DIED_AFTER_S = 20


class Working:
    """A house whose notifier works by itself, by a clock that is turned by hand."""

    def __init__(self, house: House) -> None:
        self.house, self.clock = house, Clock()
        self.notifier = notifier_of(house.stage, self.clock)
        self.notifier.start()

    async def second(self) -> None:
        """What was announced is looked at."""
        self.clock.advance(PATIENCE_S)
        await self.notifier._turns.run(lambda: succeed(None))

    def transactions(self) -> Counter[str]:
        """How many there were so far that notifications have cost."""
        counts = self.house.stage.machine.database.counts.by_name
        mine = ("notifications.", "lessons.by_id", "lessons.covers", "accounts.persons")
        return Counter({name: one.transactions for name, one in counts.items() if name.startswith(mine)})

    async def come(self, *people: Caller) -> None:
        """Into the room, with a live session."""
        for who in people:
            self.house.stage.gate.here.add(who.user_id)
            await self.house.stage.machine.lessons.join(who, one_lesson(self.house.lesson.id))

    async def go(self, who: Caller) -> None:
        """Lost, session and all."""
        self.house.stage.gate.here.discard(who.user_id)
        assert who.session is not None
        self.house.stage.machine.lessons.session_left(who.session)

    async def chats(self, who: Caller) -> int:
        return (await self.house.kinds(who)).count("chat.message")


@pytest_twisted.async_fixture
async def working(house: House) -> Working:
    made = Working(house)
    await made.notifier.catch_up()
    return made


async def test_N6_fifty_lessons_whose_people_are_connected_cost_no_transaction(
    stage_on_both: Stage, working: Working, other_on_both: Machine
) -> None:
    house = working.house
    stage_on_both.gate.here = {house.tutor.user_id, house.anna.user_id, house.ben.user_id}
    school = [house.in_lesson(await stage_on_both.given.lesson(house.tutor, house.anna)) for _ in range(LESSONS)]
    await working.second()
    for lesson in school:
        await lesson.say(house.tutor)
    await working.second()
    before = working.transactions()
    for _ in range(3):
        for lesson in school:
            await lesson.say(house.tutor)
        await working.second()
    assert working.transactions() == before
    await working.notifier.catch_up()
    cost = working.transactions() - before
    assert cost == {"notifications.progress": 1, "notifications.behind": 1}
    assert await other_on_both.notifier.catch_up() == 0, "all of it is written"


async def test_N6_the_gate_is_not_asked_for_who_is_in_the_room(
    stage: Stage, working: Working, monkeypatch: pytest.MonkeyPatch
) -> None:
    house, asked = working.house, list[set[str]]()
    await working.come(house.tutor, house.anna)
    connected = stage.gate.connected

    async def ask(user_ids: list[str]) -> set[str]:
        asked.append(set(user_ids))
        return await connected(user_ids)

    monkeypatch.setattr(stage.gate, "connected", ask)
    stage.gate.here.add(house.ben.user_id)
    for _ in range(2):
        await house.say(house.anna)
        await working.second()
    assert asked == [{house.ben.user_id}] * 2


async def test_N6_one_who_is_away_is_told_once_and_nothing_is_written_until_it_is_read(
    stage_on_both: Stage, working: Working
) -> None:
    house = working.house
    await working.come(house.tutor, house.anna)
    said = await house.say(house.tutor)
    await working.second()
    assert [await working.chats(who) for who in (house.tutor, house.anna, house.ben)] == [0, 0, 1]
    before = working.transactions()
    for _ in range(3):
        await house.say(house.tutor)
        await working.second()
    assert working.transactions() - before == {"notifications.told": 3}
    await house.read(house.ben, said.seq)
    await working.second()
    assert house.heard_by(house.ben)[-1].type == "notification.read"
    stage_on_both.clock.turn(seconds=1)
    await house.say(house.tutor)
    await working.second()
    assert await working.chats(house.ben) == 2
    assert await stage_on_both.machine.counts.compare() == 0


async def test_N6_read_marks_of_who_has_nothing_unread_write_nothing(stage: Stage, working: Working) -> None:
    house = working.house
    await working.come(house.tutor, house.anna, house.ben)
    said = await house.say(house.tutor)
    await working.second()
    before = working.transactions()
    for who in (house.anna, house.ben):
        await house.read(who, said.seq)
    await working.second()
    cost = working.transactions() - before
    assert [name for name in cost if name.startswith("notifications.")] == ["notifications.told"]


async def test_N5_the_pen_and_the_start_cost_nothing(stage: Stage, working: Working) -> None:
    house, lessons = working.house, stage.machine.lessons
    before = working.transactions()
    await lessons.start(house.tutor, one_lesson(house.lesson.id))
    await lessons.set_pen(house.tutor, SetPen(lesson_id=house.lesson.id, student_ids=[house.anna.user_id]))
    await working.second()
    assert not [name for name in working.transactions() - before if name.startswith("notifications.")]
    await house.update(title="Halves")
    await working.second()
    assert (await house.kinds(house.anna))[-1] == "lesson.changed"


@pytest.mark.parametrize("back", [True, False])
async def test_N6_who_leaves_right_after_it_was_said_has_heard_it(stage: Stage, working: Working, back: bool) -> None:
    house = working.house
    await working.come(house.tutor, house.anna)
    await house.say(house.tutor)
    stage.clock.turn(seconds=0.5)
    await working.go(house.anna)
    if back:
        await working.come(stage.given.again(house.anna))
    await working.second()
    assert (await working.chats(house.anna), await working.chats(house.ben)) == (0, 1)
    stage.clock.turn(seconds=0.5)
    await house.say(house.tutor)
    await working.second()
    assert await working.chats(house.anna) == (0 if back else 1)


async def test_N3_a_stop_writes_how_far_all_is_projected(
    stage_on_both: Stage, working: Working, other_on_both: Machine
) -> None:
    house = working.house
    stage_on_both.gate.here = {house.anna.user_id, house.ben.user_id}
    await house.say(house.tutor)
    await working.second()
    await working.notifier.stop()
    stage_on_both.gate.here.clear()
    assert await other_on_both.notifier.catch_up() == 0


@pytest.mark.parametrize("noted_s", [0, 8])
async def test_N3_N6_after_a_crash_nobody_is_told_who_was_there_and_nobody_twice(
    stage_on_both: Stage, working: Working, other_on_both: Machine, noted_s: int
) -> None:
    """``noted_s``: how long before the crash it was noted last who is there."""
    house, clock, gate = working.house, stage_on_both.clock, stage_on_both.gate
    await working.come(house.tutor, house.anna)
    await stage_on_both.machine.lessons.note_presence()
    await house.say(house.tutor)
    await working.second()
    assert await working.chats(house.ben) == 1
    clock.turn(seconds=noted_s)
    for _ in range(3):
        await house.say(house.tutor)
    await working.second()
    clock.turn(seconds=1)
    await house.notifications.mark_all_read(house.ben)
    gate.here.clear()  # the process dies: nothing is written any more, and nobody is back yet
    clock.turn(seconds=DIED_AFTER_S)
    await other_on_both.lessons.recover()
    assert await other_on_both.notifier.catch_up() == 1
    assert [await working.chats(who) for who in (house.tutor, house.anna, house.ben)] == [0, 0, 1]
    await house.say(house.tutor)
    for machine in (other_on_both, stage_on_both.machine):
        await machine.notifier.catch_up()
    assert await working.chats(house.ben) == 2, "what was said since is told"


async def test_N3_N6_after_a_crash_who_was_away_is_told(stage_on_both: Stage, house: House) -> None:
    await house.turn()
    working = Working(house)
    await working.come(house.tutor, house.anna)
    await house.say(house.tutor)
    stage_on_both.gate.here.clear()
    stage_on_both.clock.turn(seconds=DIED_AFTER_S)
    for _ in range(2):
        await house.turn()
    assert [await working.chats(who) for who in (house.tutor, house.anna, house.ben)] == [0, 0, 1]


async def test_what_is_asked_every_second_is_found_by_keys(stage: Stage, working: Working) -> None:
    house, engine, now = working.house, stage.machine.database.engine, stage.clock()
    await house.say(house.tutor)
    asked: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, values: Any, *_: Any) -> None:
        if statement.startswith("SELECT"):
            asked.append((statement, values))

    event.listen(engine, "before_cursor_execute", note)
    with engine.connect().execution_options(writes=False) as connection:
        (backlog,) = backlogs(connection, {house.stream: None})
        people = [house.anna.user_id, house.ben.user_id]
        connection.execute(told_query(people, [house.lesson.id], now, now - timedelta(minutes=1))).all()
        event.remove(engine, "before_cursor_execute", note)
        explained = [connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {one}", values) for one, values in asked]
        plan = [row.detail for rows in explained for row in rows]
    assert len(backlog.events) == 1
    assert [one for one in plan if one.startswith("SEARCH")]
    assert not [one for one in plan if one.startswith("SCAN")], plan
