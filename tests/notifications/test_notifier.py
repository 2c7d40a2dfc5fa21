"""What happens becomes notifications, once, whatever dies."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, func, select
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import Clock

from tests.kernel.sql.test_streams import answer_lost_once
from tests.notifications.house import House, notifier_of
from tests.support.machine import Stage
from tutorwamp.app.assembly import Machine
from tutorwamp.chat.contracts import DeleteMessage, SendMessage
from tutorwamp.lessons.contracts import CancelLesson
from tutorwamp.notifications.contracts import Kind, SetPreferences
from tutorwamp.notifications.notifier import PATIENCE_S
from tutorwamp.notifications.tables import notifications
from tutorwamp.notifications.writing import CHAT_QUIET_FOR


async def test_N4_N5_a_lessons_life_is_told(stage_on_both: Stage, house: House) -> None:
    await house.turn()
    cem = await stage_on_both.given.caller(name="Cem")
    await house.turn(house.update(student_ids=[house.anna.user_id, cem.user_id]))
    asked = CancelLesson(lesson_id=house.lesson.id, reason="Tina is ill.")
    await stage_on_both.machine.lessons.cancel(house.tutor, asked)
    await house.turn()
    assert await house.kinds(house.tutor) == []
    assert await house.kinds(house.anna) == ["lesson.invited", "lesson.changed", "lesson.cancelled"]
    assert await house.kinds(house.ben) == ["lesson.invited", "lesson.changed"]
    assert await house.kinds(cem) == ["lesson.invited", "lesson.cancelled"]
    assert await house.turn() == 0


async def test_N6_only_who_is_away_is_told_what_is_said_and_once_until_it_is_read(
    stage_on_both: Stage, house: House
) -> None:
    await house.turn()
    house.stage.gate.here = {house.anna.user_id}
    first = await house.say(house.tutor)
    for _ in range(3):
        await house.say(house.anna)
    await house.turn()
    assert await house.kinds(house.anna) == ["lesson.invited"]
    assert await house.kinds(house.tutor) == ["chat.message"], "Anna has written while she was away"
    (newest, _) = await house.told(house.ben)
    assert newest.data["message_id"] == first.id
    await house.turn(house.say(house.anna))
    assert len(await house.told(house.ben)) == 2
    await house.notifications.mark_all_read(house.ben)
    await house.turn(house.say(house.anna))
    assert (await house.kinds(house.ben), await house.count(house.ben)) == (
        ["lesson.invited", "chat.message", "chat.message"],
        1,
    )


async def test_N6_what_is_deleted_by_then_is_not_told(stage: Stage, house: House) -> None:
    await house.turn()
    said = await house.say(house.tutor)
    await stage.machine.chat.delete_message(house.tutor, DeleteMessage(message_id=said.id))
    await house.turn()
    assert await house.kinds(house.anna) == ["lesson.invited"]


async def test_N6_N8_who_has_chat_off_in_app_is_told_by_other_channels_again_after_a_while(
    stage_on_both: Stage, house: House
) -> None:
    await house.turn()

    def kept(connection: Connection) -> int:
        mine = notifications.c.user_id == house.anna.user_id
        query = select(func.count()).where(mine, notifications.c.kind == Kind.CHAT_MESSAGE.value)
        return connection.execute(query).scalar_one()

    async def said() -> int:
        await house.turn(house.say(house.tutor))
        return await house.stage.machine.database.read("test", kept)

    async def choose(*, in_app: bool) -> None:
        asked = SetPreferences(preferences={"chat.message": {"in_app": in_app}})
        await house.notifications.set_preferences(house.anna, asked)

    await choose(in_app=False)
    assert [await said(), await said()] == [1, 1]
    house.stage.clock.turn(seconds=CHAT_QUIET_FOR.total_seconds())
    assert [await said(), await said()] == [2, 2]
    await choose(in_app=True)
    house.stage.clock.turn(seconds=CHAT_QUIET_FOR.total_seconds())
    assert [await said(), await said()] == [3, 3]
    assert await house.kinds(house.anna) == ["lesson.invited", "chat.message"]


async def test_N3_a_lesson_that_cannot_be_turned_does_not_hold_up_the_others(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, house: House
) -> None:
    await stage.given.lesson(house.tutor, house.anna)
    notifier, store = stage.machine.notifier, stage.machine.notifications._store
    first, _ = await store.behind(2)
    project = notifier.project

    async def failing(streams: Sequence[str], *, announced: bool) -> Any:
        if first in streams:
            raise RuntimeError
        return await project(streams, announced=announced)

    monkeypatch.setattr(notifier, "project", failing)
    await notifier.catch_up()
    assert [*await store.behind(2)] == [first]


async def test_N6_who_reads_the_chat_has_read_what_it_told_of(stage_on_both: Stage, house: House) -> None:
    await house.turn()
    first = await house.say(house.tutor)
    await house.turn()
    assert [await house.count(house.anna), await house.count(house.ben)] == [2, 2]
    await house.turn(house.read(house.anna, first.seq))
    assert [await house.count(house.anna), await house.count(house.ben)] == [1, 2]
    event = house.heard_by(house.anna)[-1]
    assert (event.type, event.data["unread_count"]) == ("notification.read", 1)
    assert event.data["notification_ids"] == [(await house.told(house.anna))[0].id]
    second = await house.say(house.tutor)
    await house.turn()
    assert await house.count(house.anna) == 2, "what was said since is told again"
    await house.turn(house.say(house.tutor), house.read(house.anna, first.seq))
    assert await house.count(house.anna) == 2, "an older read mark reads nothing new"
    await house.turn(house.read(house.anna, second.seq + 1), house.say(house.tutor))
    assert await house.count(house.anna) == 2, "read, and told of what came after"
    assert await house.stage.machine.counts.compare() == 0


async def test_N6_what_was_read_before_it_could_be_told_is_not_told(house: House) -> None:
    await house.turn()
    message = await house.say(house.tutor)
    await house.turn(house.read(house.anna, message.seq))
    assert await house.kinds(house.anna) == ["lesson.invited"]
    assert await house.kinds(house.ben) == ["lesson.invited", "chat.message"]


async def test_N7_a_lesson_that_cannot_be_reminded_of_does_not_hold_up_the_others(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, house: House
) -> None:
    soon = stage.clock() + timedelta(minutes=10)
    for tutor in (house.tutor, await stage.given.caller("tutor")):
        await stage.given.lesson(tutor, house.anna, starts_at=soon, ends_at=soon + timedelta(hours=1))
    notifier = stage.machine.notifier
    add, failed = notifier._add, list[Any]()

    async def failing_twice(told: Any) -> Any:
        if len(failed) < 2:  # both together, then the first alone
            failed.append(told)
            raise RuntimeError
        return await add(told)

    monkeypatch.setattr(notifier, "_add", failing_twice)
    assert [await notifier.remind() for _ in range(3)] == [1, 1, 0]


async def test_N3_what_was_announced_to_a_process_that_died_is_told_by_the_next(
    stage_on_both: Stage, other_on_both: Machine
) -> None:
    house = await House.meets(stage_on_both)  # whose notifier never works: it might as well have died
    await house.update(title="Halves")
    await house.say(house.tutor)
    assert await house.told(house.anna) == []
    assert await other_on_both.notifier.catch_up() == 2
    assert set(await house.kinds(house.anna)) == {"lesson.invited", "lesson.changed", "chat.message"}
    assert await house.turn() == 0


async def test_N3_many_who_turn_at_once_tell_once(stage_on_both: Stage, other_on_both: Machine, house: House) -> None:
    for number in range(5):
        await house.update(title=f"Title {number}")
        await house.say(house.tutor)
    other_on_both.counts._cache = stage_on_both.machine.counts._cache  # as with a shared one
    notifiers = (stage_on_both.machine.notifier, other_on_both.notifier)
    await gatherResults([Deferred.fromCoroutine(one.catch_up()) for one in notifiers for _ in range(3)])
    assert sorted(await house.kinds(house.anna)) == ["chat.message", *["lesson.changed"] * 5, "lesson.invited"]
    counts = [one.event.data["unread_count"] for one in house.heard if house.anna.user_id in one.event.stream]
    assert counts == sorted(set(counts))
    assert await house.count(house.anna) == 7


async def test_N3_an_answer_of_the_database_that_is_lost_tells_once_and_is_announced(
    stage_on_both: Stage, house: House
) -> None:
    with answer_lost_once(stage_on_both.machine.database.engine) as lost:
        await house.turn()
    assert lost
    assert await house.kinds(house.anna) == ["lesson.invited"]
    assert [one.type for one in house.heard_by(house.anna)] == ["notification.created"]


async def test_N3_where_others_have_gone_on_since_an_answer_was_lost_it_is_announced_as_well(
    stage_on_both: Stage, other_on_both: Machine, house: House
) -> None:
    await house.turn()
    first = await house.say(house.tutor)
    await house.turn()
    await house.read(house.anna, first.seq)
    other_on_both.counts._cache = stage_on_both.machine.counts._cache  # as with a shared one

    async def go_on() -> None:
        await other_on_both.chat.send_message(house.tutor, SendMessage(lesson_id=house.lesson.id, body="Hello?"))
        await other_on_both.notifier.catch_up()

    engine = stage_on_both.machine.database.engine
    with answer_lost_once(engine, lambda: Deferred.fromCoroutine(go_on())) as lost:
        await house.turn()
    assert lost
    assert [one.type for one in house.heard_by(house.anna)[2:]] == ["notification.read"]
    assert await house.count(house.anna) == 2


async def test_N6_an_answer_of_the_database_that_is_lost_reads_once_and_is_announced(
    stage_on_both: Stage, house: House
) -> None:
    await house.turn()
    first = await house.say(house.tutor)
    await house.turn()
    await house.read(house.anna, first.seq)
    await house.say(house.tutor)
    with answer_lost_once(stage_on_both.machine.database.engine) as lost:
        await house.turn()
    assert lost
    events = [(one.seq, one.type, one.data["unread_count"]) for one in house.heard_by(house.anna)]
    assert events[2:] == [(3, "notification.read", 1), (4, "notification.created", 2)]


async def test_what_is_announced_is_turned_by_itself_and_a_lively_chat_together(stage: Stage) -> None:
    clock = Clock()
    notifier = notifier_of(stage, clock)
    notifier.start()
    house = await House.meets(stage)
    assert len(clock.getDelayedCalls()) == 1
    clock.advance(0)
    while len(house.heard) < 2:
        await stage.machine.database.read("test", lambda _: None)  # until the writer has had its turn
    for _ in range(5):
        await house.say(house.tutor)
    assert [call.getTime() for call in clock.getDelayedCalls()] == [PATIENCE_S]


# Reminders


async def test_N7_everybody_is_reminded_once_and_again_when_the_start_moves(
    stage_on_both: Stage, other_on_both: Machine, house: House
) -> None:
    ahead = stage_on_both.machine.settings.notifications.starting_ahead
    here, there = stage_on_both.machine.notifier, other_on_both.notifier
    assert await here.remind() == 0
    stage_on_both.clock.now = house.lesson.starts_at - ahead
    for notifier in (here, there, here, there):
        await notifier.remind()
    for who in (house.tutor, house.anna, house.ben):
        assert await house.kinds(who) == ["lesson.starting"]
    later = house.lesson.starts_at + timedelta(hours=2)
    await house.update(starts_at=later, ends_at=later + timedelta(hours=1))
    await there.remind()
    stage_on_both.clock.now = later - timedelta(minutes=1)
    await there.remind()
    await here.remind()
    assert await house.kinds(house.tutor) == ["lesson.starting", "lesson.starting"]


async def test_N7_what_has_started_or_is_not_to_be_is_not_told(stage: Stage, house: House) -> None:
    other = await stage.given.lesson(house.tutor, house.anna)
    await stage.machine.lessons.cancel(house.tutor, CancelLesson(lesson_id=other.id))
    stage.clock.now = other.starts_at - timedelta(minutes=1)
    assert await stage.machine.notifier.remind() == 0
    stage.clock.now = house.lesson.starts_at
    assert await stage.machine.notifier.remind() == 0


async def test_N7_who_is_added_after_the_others_were_reminded_is_reminded(stage: Stage, house: House) -> None:
    await house.turn()
    cem = await stage.given.caller(name="Cem")
    stage.clock.now = house.lesson.starts_at - timedelta(minutes=10)
    await stage.machine.notifier.remind()
    await house.update(student_ids=[house.anna.user_id, cem.user_id])
    for _ in range(2):
        await stage.machine.notifier.remind()
    assert await house.kinds(cem) == ["lesson.starting"]
    assert (await house.kinds(house.anna)).count("lesson.starting") == 1


# A storm


@pytest.mark.parametrize("seed", range(12))
async def test_N3_whatever_dies_and_whoever_turns_everything_is_told_once(
    stage_on_both: Stage, other_on_both: Machine, seed: int
) -> None:
    chance = random.Random(seed)
    house = await House.meets(stage_on_both)
    machines = (stage_on_both.machine, other_on_both)
    changes = 0
    turning: list[Deferred[int]] = []
    for _ in range(12):
        deed = chance.randrange(4)
        if deed == 0:
            changes += 1
            await house.update(title=f"Title {changes}")
        elif deed == 1:
            await house.say(house.tutor)
        elif deed == 2:
            turning.append(Deferred.fromCoroutine(chance.choice(machines).notifier.catch_up()))
        elif turning:
            turning.pop(chance.randrange(len(turning))).addErrback(lambda _: 0).cancel()  # nobody hears how it ended
    await gatherResults([one.addErrback(lambda _: 0) for one in turning])
    while await house.turn():
        pass
    for who in (house.anna, house.ben):
        kinds = await house.kinds(who)
        assert kinds.count("lesson.changed") == changes
        assert kinds.count("lesson.invited") == 1
        assert kinds.count("chat.message") <= 1

    def per_source(connection: Connection) -> int:
        query = (
            select(func.count()).select_from(notifications).group_by(notifications.c.user_id, notifications.c.source)
        )
        return max(connection.execute(query).scalars(), default=0)

    assert await machines[0].database.read("test", per_source) == 1
