"""No tutor fills mailboxes, and nobody waits behind somebody else's letters: on both engines, with a clock to turn."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.notifications.push.desk import ENDPOINT, Desk
from tests.notifications.push.devices import Browser
from tests.support.cast import one_lesson
from tests.support.machine import Stage
from tutorwamp.kernel.contracts import Caller
from tutorwamp.notifications.contracts import SetPreferences
from tutorwamp.notifications.push.batch import WAITS_S
from tutorwamp.notifications.push.contracts import Delivery
from tutorwamp.notifications.push.queue import PushQueue
from tutorwamp.notifications.push.turns import HOUR, MAILS, PUSHES, STRANGERS, Turns

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
HOUR_S = HOUR.total_seconds()


@given(st.integers(1, 5), st.lists(st.integers(0, 600), max_size=40))
def test_P8_never_more_than_so_many_go_within_an_hour(at_most: int, pauses_s: list[int]) -> None:
    now, went, turns = NOON, list[datetime](), Turns(at_most)
    for pause_s in pauses_s:
        now += timedelta(seconds=pause_s)
        went.append(turns.next(now))
        turns.take(went[-1])
        assert went[-1] >= now
    assert all(later - sooner >= HOUR for sooner, later in zip(went, went[at_most:], strict=False))


async def class_of(desk: Desk, number: int) -> list[Caller]:
    return [await desk.stage.given.caller() for _ in range(number)]


async def bomb(desk: Desk, tutor: Caller, students: list[Caller], lessons: int) -> None:
    for number in range(lessons):
        await desk.stage.given.lesson(tutor, *students, title=f"You have won {number}")
        await desk.house.turn()


def by_person(given: list[Delivery]) -> Counter[str]:
    return Counter(one.user_id for one in given)


async def test_P8_a_tutor_who_invites_strangers_by_the_dozen_sends_a_few_and_all_is_told_in_the_app(
    stage_on_both: Stage, letters: Desk
) -> None:
    mallory, strangers = await letters.stage.given.caller("tutor"), await class_of(letters, 30)
    await bomb(letters, mallory, strangers, 13)
    await letters.pass_s(WAITS_S)
    mails = [one for one in letters.mail.given if one.user_id in {each.user_id for each in strangers}]
    assert len(mails) == STRANGERS
    assert by_person(letters.mail.given)[letters.house.anna.user_id] == 1, "another tutor's is not behind them"
    for one in strangers:
        assert await letters.house.count(one) == 13
    letters.mail.given.clear()
    for _ in range(23):
        before = len(letters.mail.given)
        await letters.pass_s(HOUR_S)
        assert len(letters.mail.given) - before <= STRANGERS
    sent = by_person(letters.mail.given)
    assert max(sent.values()) == 1, "what waits is told in one"
    told = sum(1 + one.more for one in [*mails, *letters.mail.given])
    assert told == 13 * 30, "and nothing of it is left out"


async def test_P8_whom_a_tutor_has_taught_is_no_stranger_and_has_an_hourly_ration(
    stage_on_both: Stage, letters: Desk
) -> None:
    tina, known = letters.house.tutor, await class_of(letters, 30)
    lesson = await letters.stage.given.lesson(tina, *known)
    for one in known:
        await letters.stage.machine.lessons.join(one, one_lesson(lesson.id))
    await letters.stage.machine.lessons.note_presence()
    await letters.happens()
    await letters.pass_s(2 * HOUR_S)
    letters.mail.given.clear()
    await bomb(letters, tina, known, 14)
    await letters.pass_s(WAITS_S)
    assert set(by_person(letters.mail.given).values()) == {MAILS}
    await letters.pass_s(HOUR_S)
    assert set(by_person(letters.mail.given).values()) == {MAILS + 1}
    last = [one for one in letters.mail.given if one.user_id == known[0].user_id][-1]
    assert (last.title, last.more) == ("You have won 13", 3)
    assert last.text == "Tina has invited you to this lesson. There are 3 more notifications for you."
    await letters.pass_s(5 * HOUR_S)
    assert set(by_person(letters.mail.given).values()) == {MAILS + 1}


async def test_P8_what_is_not_wanted_or_not_sent_costs_nothing(stage_on_both: Stage, letters: Desk) -> None:
    house = letters.house
    await house.turn()
    await house.notifications.set_preferences(
        house.anna, SetPreferences(preferences={"lesson.changed": {"email": False}})
    )
    letters.stage.gate.here = {house.ben.user_id}
    for number in range(MAILS + 5):
        await letters.happens(f"Title {number}")
    letters.stage.gate.here = set()
    letters.mail.given.clear()
    await house.turn(house.update(title="Halves"))
    lesson = await letters.stage.given.lesson(house.tutor, house.anna)
    await letters.pass_s(WAITS_S)
    assert [(one.user_id, one.title) for one in letters.mail.given] == [(house.ben.user_id, "Halves")]
    await letters.happens()
    assert (letters.mail.given[-1].user_id, letters.mail.given[-1].data["lesson_id"]) == (house.anna.user_id, lesson.id)


async def test_P8_a_device_has_a_ration_too(stage_on_both: Stage, desk: Desk) -> None:
    for number in range(PUSHES + 3):
        await desk.happens(f"Title {number}")
    assert len(desk.push.given) == PUSHES
    await desk.queue.subscribe(desk.house.anna.user_id, Browser().subscription("https://push.example/new"))
    await desk.happens("Halves")
    assert [one.target for one in desk.push.given[PUSHES:]] == ["https://push.example/new"]
    await desk.pass_s(HOUR_S)
    (late,) = [one for one in desk.push.given[PUSHES + 1 :] if one.target == ENDPOINT]
    assert (late.title, late.more) == ("Halves", 4)


async def test_P9_each_persons_and_each_lessons_first_goes_before_anybodys_second(
    stage_on_both: Stage, letters: Desk
) -> None:
    machine = letters.stage.machine
    letters.queue = PushQueue(machine.database, letters.providers, letters.stage.clock, limited=False)
    for store in (machine.notifications._store, machine.notifier._store):
        store._outbox = letters.queue
    loud = await class_of(letters, 20)
    await bomb(letters, await letters.stage.given.caller("tutor"), loud, 3)
    letters.stage.clock.turn(seconds=1)
    quiet = await letters.stage.given.lesson(await letters.stage.given.caller("tutor"), *await class_of(letters, 2))
    await letters.house.turn()
    letters.stage.clock.turn(seconds=WAITS_S)
    first: Any = await letters.queue.take_due(20)
    lessons = Counter(one.data["lesson_id"] for one in first)
    assert lessons[quiet.id] == 2
    taken = list(first)
    while more := await letters.queue.take_due(20):
        taken += more
    assert len({one.delivery_id for one in taken}) == len(taken) == 3 * 20 + 2 + 2


@pytest.mark.parametrize("limited", ["on", "off"])
async def test_P8_the_switch_of_all_limits_lifts_these_as_well(letters: Desk, limited: str) -> None:
    letters.queue._limited = limited == "on"
    await bomb(letters, letters.house.tutor, [letters.house.anna], MAILS + 2)
    await letters.pass_s(WAITS_S)
    assert by_person(letters.mail.given)[letters.house.anna.user_id] == (MAILS if limited == "on" else MAILS + 3)
