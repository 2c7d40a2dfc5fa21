"""Rules, hands, the timer, and who counts as there: in several processes, on both engines, with a clock to turn."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import gatherResults

from tests.board.easel import Easel, put
from tests.chat.room import Room
from tests.lessons.hall import Hall
from tests.lessons.test_presence import AwayFor
from tests.support.cast import Cast, one_lesson, under_way
from tests.support.machine import Stage, set_stage
from tests.support.refused import refused
from tutorwamp.app.assembly import Machine
from tutorwamp.kernel.contracts import Caller
from tutorwamp.kernel.errors import Forbidden, NotFound, RateLimited
from tutorwamp.kernel.limits import WRITTEN
from tutorwamp.lessons.contracts import Lesson, UpdateLesson
from tutorwamp.lessons.errors import Muted
from tutorwamp.lessons.store import LessonsStore
from tutorwamp.lessons.values import RaiseHand, SetRules, SetTimer


def hall_of(cast: Cast) -> Hall:
    """The people of another domain's tests, in their lesson."""
    return Hall(cast.stage, cast.machine, cast.lesson, cast.tutor, cast.anna, cast.ben)


async def set_rules(hall: Hall, **asked: Any) -> Lesson:
    return await hall.lessons.set_rules(hall.tutor, SetRules(lesson_id=hall.lesson.id, **asked))


async def raise_hand(hall: Hall, caller: Caller, up: bool = True, **asked: Any) -> Lesson:
    return await hall.lessons.raise_hand(caller, RaiseHand(lesson_id=hall.lesson.id, up=up, **asked))


async def set_timer(hall: Hall, **asked: Any) -> Lesson:
    return await hall.lessons.set_timer(hall.tutor, SetTimer(lesson_id=hall.lesson.id, **asked))


async def now(hall: Hall) -> Lesson:
    return await hall.lessons.get(hall.tutor, one_lesson(hall.lesson.id))


async def hands(hall: Hall) -> list[str]:
    return [hand.person.name for hand in (await now(hall)).hands]


async def leave(hall: Hall, caller: Caller) -> None:
    await hall.lessons.leave(caller, one_lesson(hall.lesson.id))


async def is_shut(hall: Hall) -> bool:
    """Whether this process lets a student write, who may not where nobody attends."""
    asked = [under_way(hall.lessons.admit_writer(hall.anna, hall.lesson.id, to=deed)) for deed in ("say", "draw")]
    outcomes = await gatherResults(asked)
    shut = [isinstance(one, Muted) and one.details == {"rule": "unattended"} for one in outcomes]
    assert shut in ([False] * 2, [True] * 2), outcomes
    return shut[0]


# rules


async def test_L24_its_tutor_says_the_rules_and_everybody_is_told(stage_on_both: Stage, hall: Hall) -> None:
    after = await set_rules(hall, chat="tutors", muted=[hall.ben.user_id])
    assert await now(hall) == after
    (told,) = hall.heard
    assert (told.event.type, told.event.data) == ("rules.changed", after.plain())
    assert told.event.data["rules"] == {"chat": "tutors", "unattended": "open", "muted": [hall.ben.user_id]}
    assert "attended" not in told.event.data
    asked = SetRules(lesson_id=hall.lesson.id, chat="everyone")
    for caller, error in ((hall.anna, Forbidden), (await stage_on_both.given.caller("tutor"), NotFound)):
        await refused(error, hall.lessons.set_rules(caller, asked))
    await hall.lessons.set_rules(await stage_on_both.given.caller("admin"), asked)
    assert hall.types() == ["rules.changed"] * 2


async def test_L24_no_write_gets_through_that_was_admitted_from_memory(
    stage_on_both: Stage, other_on_both: Machine
) -> None:
    """The other process knows the lesson as it was, and is not told."""
    room = await Room.meets(stage_on_both)
    hall, elsewhere = hall_of(room), room.on(other_on_both)
    said = await elsewhere.send(room.anna, "Good morning")
    for rule in ({"muted": [room.anna.user_id]}, {"muted": [], "chat": "tutors"}):
        await set_rules(hall, **rule)
        await refused(Muted, elsewhere.send(room.anna, "Me again"))
        await refused(Muted, elsewhere.edit(room.anna, said, "Good night"))
        await refused(Muted, elsewhere.react(room.anna, said))
        assert (await elsewhere.send(room.tutor, "Silence")).seq
    assert (await elsewhere.mark_read(room.anna, 1)).read_seq == 1
    assert (await elsewhere.delete(room.anna, said)).body is None
    await set_rules(hall, chat="everyone")
    assert (await elsewhere.send(room.anna, "At last")).seq


async def test_L24_L25_a_rule_comes_into_force_between_two_of_many_writes(
    stage_on_both: Stage, other_on_both: Machine
) -> None:
    """Whoever is admitted while the rules change, and writes after: nothing of theirs is kept after the change."""
    room = await Room.meets(stage_on_both)
    hall, elsewhere = hall_of(room), room.on(other_on_both)
    said = await elsewhere.send(room.anna, "Good morning")
    writes: tuple[Callable[[int], Any], ...] = (
        lambda number: elsewhere.send(room.anna, f"{number}"),
        lambda number: elsewhere.edit(room.anna, said, f"Good morning {number}"),
        lambda number: elsewhere.react(room.anna, said, on=number % 2 == 0),
    )
    for rule in ({"chat": "tutors"}, {"chat": "everyone", "unattended": "closed"}):
        writing = [under_way(write(number)) for number in range(12) for write in writes]
        changing = under_way(set_rules(hall, **rule))
        writing += [under_way(write(number)) for number in range(12) for write in writes]
        assert isinstance(await changing, Lesson)
        head = len(await room.stored())
        late = [under_way(write(number)) for number in range(12) for write in writes]
        await gatherResults(writing)
        assert {type(one) for one in await gatherResults(late)} == {Muted}
        assert len(await room.stored()) == head, "what was admitted before came after, and was refused"
        await set_rules(hall, chat="everyone", unattended="open")


async def test_L24_L25_who_may_not_write_does_not_tell_that_they_are_typing(stage: Stage, hall: Hall) -> None:
    heard, anna, ben = stage.gate.heard, hall.anna, hall.again(hall.ben)
    lesson_id, typing = hall.lesson.id, f"tutorwamp.lesson.{hall.lesson.id}.typing"
    cursor = f"tutorwamp.lesson.{lesson_id}.cursor"
    await set_rules(hall, muted=[anna.user_id])
    await hall.join(hall.tutor, anna, hall.ben, ben)
    assert [one[4] for one in heard] == [(cursor, typing), (cursor,), (cursor, typing), (cursor, typing)]
    closes = [("revoke_grants", lesson_id, one.session, None, (typing,)) for one in (hall.ben, ben)]
    opens = [("grant", one.session, lesson_id, (), (typing,)) for one in (anna, hall.ben, ben)]
    for rule, told in (
        ({"chat": "tutors"}, closes),
        ({"muted": []}, []),
        ({"chat": "everyone"}, opens),
        ({"unattended": "closed"}, []),
    ):
        heard.clear()
        await set_rules(hall, **rule)
        assert heard == told
    await leave(hall, hall.tutor)
    assert heard[1:] == [("revoke_grants", lesson_id, one.session, None, (typing,)) for one in (anna, hall.ben, ben)]
    heard.clear()
    await hall.join(hall.again(hall.tutor))
    assert heard[1:] == opens


async def test_L24_who_is_muted_beside_others_does_not_type_either(stage: Stage, hall: Hall) -> None:
    await hall.join(hall.tutor, hall.anna, hall.ben)
    await set_rules(hall, muted=[hall.anna.user_id])
    stage.gate.heard.clear()
    await hall.lessons.mute(hall.tutor, hall.lesson.id, hall.ben.user_id)
    typing = f"tutorwamp.lesson.{hall.lesson.id}.typing"
    assert stage.gate.heard == [("revoke_grants", hall.lesson.id, hall.ben.session, None, (typing,))]


async def test_L24_who_is_muted_while_the_gate_is_asked_does_not_type(stage: Stage, other_on_both: Machine) -> None:
    hall = await Hall.meets(stage)
    await hall.lessons.admit_writer(hall.anna, hall.lesson.id)
    await set_rules(hall.on(other_on_both), muted=[hall.anna.user_id])
    await hall.join(hall.anna)
    granted, closed = stage.gate.heard
    typing = f"tutorwamp.lesson.{hall.lesson.id}.typing"
    assert typing in granted[4]
    assert closed == ("revoke_grants", hall.lesson.id, hall.anna.session, None, (typing,))


async def test_L24_L25_who_does_not_type_is_known_by_the_rules_of_the_moment_the_tutor_has_gone(
    stage: Stage, hall: Hall, monkeypatch: pytest.MonkeyPatch
) -> None:
    await hall.join(hall.tutor, hall.anna)
    stage.gate.heard.clear()
    attend = LessonsStore.attend

    async def attend_late(store: LessonsStore, *args: Any, **more: Any) -> None:
        monkeypatch.undo()
        await set_rules(hall, unattended="closed")
        await attend(store, *args, **more)

    monkeypatch.setattr(LessonsStore, "attend", attend_late)
    await leave(hall, hall.tutor)
    typing = f"tutorwamp.lesson.{hall.lesson.id}.typing"
    assert ("revoke_grants", hall.lesson.id, hall.anna.session, None, (typing,)) in stage.gate.heard


async def test_L24_a_repetition_is_answered_though_the_writer_is_muted_now(stage_on_both: Stage) -> None:
    room = await Room.meets(stage_on_both)
    hall = hall_of(room)
    first = await room.send(room.anna, "Hello", client_id="one")
    await set_rules(hall, muted=[room.anna.user_id])
    assert await room.send(room.anna, "Hello", client_id="one") == first
    await refused(Muted, room.send(room.anna, "Hello", client_id="two"))


async def test_L25_whoever_has_the_pen_draws_while_muted_and_not_while_nobody_attends(
    stage_on_both: Stage, other_on_both: Machine
) -> None:
    easel = await Easel.meets(stage_on_both)
    elsewhere = easel.on(other_on_both)
    hall = hall_of(easel)
    await set_rules(hall, muted=[easel.anna.user_id], chat="tutors")
    assert (await elsewhere.submit(easel.anna, put(easel.rect()))).rejected == []
    await set_rules(hall, unattended="closed")
    await refused(Muted, elsewhere.submit(easel.anna, put(easel.rect())))
    assert (await elsewhere.submit(easel.tutor, put(easel.rect()))).rejected == []
    tutor = hall.again(easel.tutor)
    await hall.join(tutor)
    assert (await elsewhere.submit(easel.anna, put(easel.rect()))).rejected == []
    await leave(hall, tutor)
    await refused(Muted, elsewhere.submit(easel.anna, put(easel.rect())))


# whether the tutor counts as there


async def test_L25_a_lesson_is_shut_until_its_tutor_comes_and_after_they_have_gone(
    stage_on_both: Stage, other_on_both: Machine, hall: Hall
) -> None:
    there = hall.on(other_on_both)
    version = (await set_rules(hall, unattended="closed")).version
    await hall.join(hall.anna, await stage_on_both.given.caller("admin"))
    assert await is_shut(hall), "an admin is no tutor"
    await hall.join(hall.tutor)
    assert [await is_shut(one) for one in (hall, there)] == [False, False]
    hall.lose(hall.tutor)
    await hall.pass_time(seconds=29)
    assert not await is_shut(hall), "the place is kept"
    await hall.pass_time(seconds=1)
    there.lessons.forget(hall.lesson.id)
    assert [await is_shut(one) for one in (hall, there)] == [True, True]
    tutor, phone = hall.again(hall.tutor), hall.again(hall.tutor)
    await hall.join(tutor, phone)
    await leave(hall, tutor)
    assert not await is_shut(hall)
    await leave(hall, phone)
    assert await is_shut(hall), "who leaves is out at once"
    assert (await now(hall)).version == version
    assert hall.types() == ["rules.changed"]
    await set_rules(hall, unattended="open")
    assert not await is_shut(hall)


async def test_L25_the_rule_counts_at_once_whichever_process_it_is_said_to(
    stage_on_both: Stage, other_on_both: Machine, hall: Hall
) -> None:
    there = hall.on(other_on_both)
    await hall.join(hall.tutor)
    await set_rules(there, unattended="closed")
    hall.lessons.forget(hall.lesson.id)
    assert [await is_shut(one) for one in (hall, there)] == [False, False]


async def test_L25_new_lessons_begin_as_the_setting_says(hall: Hall, tmp_path: Path) -> None:
    assert hall.lesson.rules.unattended == "open"
    stage, stop = set_stage(tmp_path / "closed", TUTORWAMP_UNATTENDED_LESSONS="closed")
    tutor = await stage.given.caller("tutor")
    assert (await stage.given.lesson(tutor, await stage.given.caller())).rules.unattended == "closed"
    stop()


async def test_L25_after_a_crash_the_tutor_counts_as_there_for_the_grace_time(
    stage_on_both: Stage, other_on_both: Machine, hall: Hall
) -> None:
    await set_rules(hall, unattended="closed")
    await hall.join(hall.tutor, hall.anna)
    await raise_hand(hall, hall.anna)
    hall.lose(hall.tutor, hall.anna)  # and the node is killed before the grace time is over; the other is the new one
    anew = hall.on(other_on_both)
    await anew.lessons.recover()
    await anew.pass_time(seconds=29)
    assert (await is_shut(anew), await hands(anew)) == (False, ["Anna"])
    await anew.pass_time(seconds=1)
    assert (await is_shut(anew), await hands(anew)) == (True, [])
    assert [(one.event.type, one.event.actor) for one in anew.heard] == [("hand.changed", None)]


@pytest.mark.parametrize("comes_back", [True, False])
async def test_L25_L26_who_was_there_when_the_node_died_has_the_grace_time(
    stage_on_both: Stage, other_on_both: Machine, comes_back: bool, hall: Hall
) -> None:
    await set_rules(hall, unattended="closed")
    await hall.join(hall.tutor, hall.anna)
    await raise_hand(hall, hall.anna)
    await hall.lessons.note_presence()
    anew = hall.on(other_on_both)
    await anew.lessons.recover()
    if comes_back:
        await anew.join(hall.again(hall.tutor), hall.again(hall.anna))
    for _ in range(4):
        await anew.pass_time(seconds=10)
        await anew.lessons.note_presence()
    assert (await is_shut(anew), await hands(anew)) == ((False, ["Anna"]) if comes_back else (True, []))


async def test_L25_what_could_not_be_written_is_written_when_the_database_is_back(
    stage_on_both: Stage, hall: Hall
) -> None:
    await set_rules(hall, unattended="closed")
    away = AwayFor(stage_on_both, "UPDATE lessons")
    await hall.join(hall.tutor)
    assert await is_shut(hall)
    away.back()
    await hall.pass_time(seconds=1)
    assert not await is_shut(hall)
    away = AwayFor(stage_on_both, "UPDATE lessons")
    await leave(hall, hall.tutor)
    assert not await is_shut(hall)
    away.back()
    await hall.pass_time(seconds=1)
    assert await is_shut(hall)


# hands


async def test_L26_thirty_hands_go_up_at_once_and_nobody_waits_for_a_version(
    stage_on_both: Stage, other_on_both: Machine, hall: Hall
) -> None:
    students = [await stage_on_both.given.caller(name=f"S{number}") for number in range(12)]
    await hall.update(student_ids=[one.user_id for one in students])
    version, there = hall.lesson.version, hall.on(other_on_both)
    raising = [under_way(raise_hand((hall, there)[n % 2], one)) for n, one in enumerate([*students, *students])]
    outcomes = await gatherResults(raising)
    assert all(isinstance(one, Lesson) for one in outcomes)
    up = (await now(hall)).hands
    assert {hand.person.id for hand in up} == {one.user_id for one in students}
    assert (await now(there)).hands == up
    changes = [event for event in await hall.stored() if event.type == "hand.changed"]
    assert [len(event.data["hands"]) for event in changes] == list(range(1, 13)), "each says all, in one order"
    assert [hand["person"]["id"] for hand in changes[-1].data["hands"]] == [hand.person.id for hand in up]
    asked = UpdateLesson(lesson_id=hall.lesson.id, version=version, title="Roots")
    after = await hall.lessons.update(hall.tutor, asked)
    assert (after.version, after.hands) == (version + 1, up)


async def test_L26_S15_who_raises_and_lowers_a_hand_pays_for_what_is_written(stage: Stage, hall: Hall) -> None:
    limits = hall.machine.limits
    for one in (hall.anna, hall.ben):
        limits.charge_written(one.user_id, WRITTEN.burst - 500)
    for _ in range(2):
        await raise_hand(hall, hall.ben)  # the second time is nothing, and free
    limits.write(hall.anna.user_id, 500)
    with pytest.raises(RateLimited):
        limits.write(hall.ben.user_id, 1)
    stage.clock.turn(seconds=1)
    limits.write(hall.ben.user_id, 1)


async def test_L26_a_hand_goes_down_with_who_leaves_and_stays_with_who_is_lost_for_a_moment(
    stage_on_both: Stage, hall: Hall
) -> None:
    ben = hall.again(hall.ben)
    await hall.join(hall.tutor, hall.anna, hall.ben, ben)
    await raise_hand(hall, hall.ben)
    await raise_hand(hall, hall.anna)
    await leave(hall, ben)
    hall.lose(hall.anna)
    await hall.pass_time(seconds=29)
    await hall.join(hall.again(hall.anna))
    await hall.pass_time(seconds=31)
    assert await hands(hall) == ["Ben", "Anna"]
    await leave(hall, hall.ben)
    assert await hands(hall) == ["Anna"]
    assert [(one.event.type, one.event.actor) for one in hall.heard][-1] == ("hand.changed", None)


async def test_L26_who_is_removed_has_no_hand_and_the_event_says_so(stage_on_both: Stage, hall: Hall) -> None:
    await hall.join(hall.anna)
    for one in (hall.ben, hall.anna):
        await raise_hand(hall, one)
    hall.heard.clear()
    after = await hall.remove(hall.anna)
    assert [hand.person.name for hand in after.hands] == ["Ben"]
    await hall.pass_time(seconds=1)
    (told,) = hall.heard
    assert (told.event.type, [hand["person"]["name"] for hand in told.event.data["hands"]]) == (
        "lesson.updated",
        ["Ben"],
    )


async def test_L26_the_hand_of_somebody_who_is_not_in_the_room_goes_down_after_the_grace_time(
    stage_on_both: Stage, hall: Hall
) -> None:
    """As over REST. It is found within ten seconds, and has the grace time from then."""
    await raise_hand(hall, hall.anna)
    await hall.join(hall.ben)
    await raise_hand(hall, hall.ben)
    await hall.lessons.note_presence()
    await hall.pass_time(seconds=29)
    await hall.lessons.note_presence()
    assert await hands(hall) == ["Anna", "Ben"]
    await hall.pass_time(seconds=1)
    assert await hands(hall) == ["Ben"]


async def test_L26_L27_with_the_lesson_hands_and_timer_end(stage_on_both: Stage, hall: Hall) -> None:
    await hall.start()
    await hall.join(hall.tutor, hall.anna)
    await raise_hand(hall, hall.anna)
    await set_timer(hall, ends_at=stage_on_both.clock() + timedelta(minutes=5), title="Quiz")
    after = await hall.lessons.end(hall.tutor, one_lesson(hall.lesson.id))
    assert (after.hands, after.timer) == ([], None)
    assert await now(hall) == after
    assert hall.heard[-1].event.data == after.plain()
    hall.heard.clear()
    await hall.pass_time(seconds=1)
    assert hall.types() == []


# the timer


async def test_L27_its_tutor_sets_a_timer_and_takes_it_away(stage_on_both: Stage, hall: Hall) -> None:
    ends_at = stage_on_both.clock() + timedelta(minutes=5)
    version = hall.lesson.version
    for asked, shown in (
        ({"ends_at": ends_at, "title": "Quiz"}, {"title": "Quiz", "ends_at": "2026-11-23T09:05:00.000Z"}),
        ({"ends_at": None}, None),
    ):
        for _ in range(2):
            after = await set_timer(hall, **asked)
        (told,) = hall.heard
        assert (told.event.type, told.event.data["timer"], after.version) == ("timer.changed", shown, version)
        hall.heard.clear()
    asked_by_her = SetTimer(lesson_id=hall.lesson.id, ends_at=ends_at)
    for caller, error in ((hall.anna, Forbidden), (await stage_on_both.given.caller("tutor"), NotFound)):
        await refused(error, hall.lessons.set_timer(caller, asked_by_her))


async def test_L26_what_others_change_meanwhile_is_in_every_event(
    stage_on_both: Stage, other_on_both: Machine, hall: Hall
) -> None:
    """An event says all of the lesson as it was then, though others change other parts of it."""
    there = hall.on(other_on_both)
    for number in range(8):
        raising = under_way(raise_hand((hall, there)[number % 2], hall.anna, up=number % 2 == 0))
        changing = under_way(set_rules(there, chat=("tutors", "everyone")[number % 2]))
        outcomes = await gatherResults([raising, changing])
        assert all(isinstance(one, Lesson) for one in outcomes), outcomes
    told = await hall.stored()
    assert len(told) == 16
    chat, up = "everyone", 0
    for event in told:
        if event.type == "rules.changed":
            chat = {"everyone": "tutors", "tutors": "everyone"}[chat]
        else:
            up = 1 - up
        assert (event.data["rules"]["chat"], len(event.data["hands"])) == (chat, up)
