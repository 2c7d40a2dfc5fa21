"""Coming in and going out: what opens, who is told, and what closes again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from twisted.internet.defer import Deferred

from tests.lessons.hall import Hall
from tests.support.cast import one_lesson, under_way
from tests.support.machine import HeardGate, Stage
from tests.support.refused import refused
from tutorwamp.accounts.contracts import People, Person
from tutorwamp.app.assembly import Machine
from tutorwamp.kernel.contracts import Caller
from tutorwamp.kernel.errors import Forbidden, NotFound
from tutorwamp.lessons.attendance import AttendanceStore
from tutorwamp.lessons.contracts import (
    STATE_TOPIC,
    CancelLesson,
    LessonChanged,
    PresenceChanged,
    Topics,
    streams_of,
    topics_of,
)
from tutorwamp.lessons.errors import WrongState
from tutorwamp.lessons.presence import Presence
from tutorwamp.lessons.service import LessonsService
from tutorwamp.lessons.store import LessonsStore


class Pause:
    """A place where somebody stands until told to go on."""

    def __init__(self) -> None:
        self.reached: Deferred[None] = Deferred()
        self._going: Deferred[None] = Deferred()

    async def stand(self) -> None:
        self.reached.callback(None)
        await self._going

    def go_on(self) -> None:
        self._going.callback(None)


class SlowGate(HeardGate):
    """A gate that takes its time over a grant."""

    def __init__(self) -> None:
        super().__init__()
        self.pause = Pause()

    async def grant(self, session: int, key: str, *, subscribe: Sequence[str], publish: Sequence[str] = ()) -> None:
        await super().grant(session, key, subscribe=subscribe, publish=publish)
        await self.pause.stand()


class SlowPeople:
    """The real people; the answer to the chosen question comes late."""

    def __init__(self, people: People, slow: int) -> None:
        self._people = people
        self._until_slow = slow
        self.pause = Pause()

    async def person(self, user_id: str) -> Person:
        return await self._people.person(user_id)

    async def persons(self, user_ids: Sequence[str], *, active_only: bool = False) -> list[Person]:
        found = await self._people.persons(user_ids, active_only=active_only)
        self._until_slow -= 1
        if self._until_slow == 0:
            await self.pause.stand()
        return found


async def hall_with(stage: Stage, *, people: People | None = None, gate: HeardGate | None = None) -> Hall:
    """The cast, served by lessons with another neighbour."""
    hall, machine, settings = await Hall.meets(stage), stage.machine, stage.machine.settings.lessons
    record = AttendanceStore(machine.database, machine.nodes)
    time: dict[str, Any] = {"clock": stage.clock, "now_s": stage.clock.seconds}
    presence = Presence(record, people or machine.accounts, machine.events, settings=settings, **time)
    hall.lessons = LessonsService(
        LessonsStore(machine.database, machine.nodes),
        people or machine.accounts,
        gate or stage.gate,
        machine.events,
        presence,
        machine.limits,
        remembered=settings.remembered,
        clock=stage.clock,
    )
    return hall


# coming in


# coming in


async def test_L13_who_joins_gets_the_room_as_it_is_and_its_topics_open(stage_on_both: Stage, hall: Hall) -> None:
    first = await hall.join(hall.tutor)
    live = await hall.lessons.start(hall.tutor, one_lesson(hall.lesson.id))
    joined = await hall.join(hall.anna)
    topics = topics_of(live.id)
    assert (joined.lesson, joined.topics) == (live, Topics.model_validate(topics))
    assert [one.person for one in joined.participants] == [live.tutor, live.students[0]]
    assert first.heads == dict.fromkeys(streams_of(live.id), 0)
    assert joined.heads == {**first.heads, topics["state"]: 1}
    opens = (tuple(topics.values()), (topics["cursor"], topics["typing"]))
    assert stage_on_both.gate.heard == [("grant", one.session, live.id, *opens) for one in (hall.tutor, hall.anna)]


@pytest.mark.parametrize("state", ["scheduled", "live"])
async def test_L13_one_comes_in_before_the_lesson_starts_and_while_it_runs(hall: Hall, state: str) -> None:
    if state == "live":
        await hall.start()
    assert (await hall.join(hall.anna)).lesson.state == state


async def test_L13_a_lesson_is_not_joined_over_rest(stage: Stage, hall: Hall) -> None:
    await refused(Forbidden, hall.join(Caller(hall.tutor.user_id, hall.tutor.role)))
    assert (stage.gate.heard, hall.names()) == ([], [])


async def test_L13_who_is_removed_while_the_gate_is_asked_stays_outside(stage: Stage) -> None:
    gate = SlowGate()
    hall = await hall_with(stage, gate=gate)
    joining = under_way(hall.join(hall.anna))
    await gate.pause.reached
    await hall.lessons.update(hall.tutor, hall.without(hall.anna))
    gate.pause.go_on()
    assert isinstance(await joining, NotFound)
    assert gate.heard[-1] == ("revoke_grants", hall.lesson.id, hall.anna.session, None)
    assert (hall.names(), hall.told()) == ([], ["Anna joined", "Anna left"])


async def test_L13_who_joins_while_the_lesson_is_cancelled_stays_outside(stage: Stage) -> None:
    gate = SlowGate()
    hall = await hall_with(stage, gate=gate)
    joining = under_way(hall.join(hall.anna))
    await gate.pause.reached
    await hall.lessons.cancel(hall.tutor, CancelLesson(lesson_id=hall.lesson.id))
    gate.pause.go_on()
    assert isinstance(await joining, WrongState)
    assert gate.heard[-1] == ("revoke_grants", hall.lesson.id, hall.anna.session, None)
    assert hall.names() == []


async def test_L13_a_removal_the_join_has_not_seen_leads_out_again(stage: Stage) -> None:
    # A join reads the lesson twice, before and after the gate. The second reading is overtaken.
    people = SlowPeople(stage.machine.accounts, slow=2)
    hall = await hall_with(stage, people=people)
    joining = under_way(hall.join(hall.anna))
    await people.pause.reached
    await hall.lessons.update(hall.tutor, hall.without(hall.anna))
    people.pause.go_on()
    await joining
    assert hall.names() == []
    kinds = [heard[0] for heard in stage.gate.heard]
    assert kinds[0] == "grant"
    assert "grant" not in kinds[1:]
    assert ("revoke_grants", hall.lesson.id, None, hall.anna.user_id) in stage.gate.heard


async def test_L13_the_heads_are_never_newer_than_the_lesson(stage: Stage) -> None:
    people = SlowPeople(stage.machine.accounts, slow=2)
    hall = await hall_with(stage, people=people)
    joining = under_way(hall.join(hall.anna))
    await people.pause.reached
    await hall.start()
    people.pause.go_on()
    joined = await joining
    # Each version after the first came with one event: who resumes from these heads hears of the start.
    assert (joined.lesson.version, joined.heads[STATE_TOPIC.of(hall.lesson.id)]) == (1, 0)


# being there


async def test_L15_two_sessions_of_one_person_are_one_participant(hall: Hall) -> None:
    phone = hall.again(hall.anna)
    joined = await hall.join(hall.anna, phone)
    assert [one.person.name for one in joined.participants] == ["Anna"]
    assert hall.told() == ["Anna joined"]
    await hall.lessons.leave(hall.anna, one_lesson(hall.lesson.id))
    assert (hall.names(), hall.told()) == (["Anna"], [])
    await hall.lessons.leave(phone, one_lesson(hall.lesson.id))
    assert (hall.names(), hall.told()) == ([], ["Anna left"])


async def test_L15_a_lost_session_keeps_its_place_for_the_grace_time(stage: Stage, hall: Hall) -> None:
    phone = hall.again(hall.anna)
    await hall.join(hall.anna, phone)
    for caller, lines in ((hall.anna, ["Anna joined"]), (phone, ["Anna reconnecting"])):
        hall.lose(caller)
        assert hall.told() == lines
    (participant,) = hall.lessons.participants(hall.lesson.id)
    assert (participant.state, participant.deadline) == ("reconnecting", stage.clock() + timedelta(seconds=30))
    await hall.pass_time(seconds=29.999)
    assert hall.told() == []
    await hall.pass_time(seconds=0.001)
    assert (hall.names(), hall.told()) == ([], ["Anna left"])


async def test_L16_a_session_that_ends_while_it_joins_leaves_no_ghost(stage: Stage) -> None:
    gate = SlowGate()
    hall = await hall_with(stage, gate=gate)
    joining = under_way(hall.join(hall.anna))
    await gate.pause.reached
    hall.lose(hall.anna)
    gate.pause.go_on()
    await joining
    assert (hall.names(), hall.told()) == ([], [])


# going out


async def test_L14_leaving_closes_this_sessions_topics_only(stage: Stage, hall: Hall) -> None:
    await hall.join(hall.anna)
    stage.gate.heard.clear()
    for caller in (hall.anna, hall.ben, Caller(hall.tutor.user_id, hall.tutor.role)):
        await hall.lessons.leave(caller, one_lesson(hall.lesson.id))
    assert stage.gate.heard == [("revoke_grants", hall.lesson.id, one.session, None) for one in (hall.anna, hall.ben)]


def in_order(stage: Stage) -> list[Any]:
    """One list for the gate and the events from now on: the order between them is what counts."""
    order, events = stage.gate.heard, stage.machine.events
    order.clear()
    events.listen(LessonChanged, lambda change: order.append((change.event.type,)))
    events.listen(PresenceChanged, lambda change: order.append((change.type, change.participant.person.name)))
    return order


async def test_L14_who_is_removed_is_led_out_with_all_sessions_after_the_news(stage: Stage, hall: Hall) -> None:
    anna, lesson_id = hall.anna, hall.lesson.id
    await hall.join(hall.tutor, anna, hall.again(anna), hall.ben)
    order = in_order(stage)
    await hall.lessons.update(hall.tutor, hall.without(anna))
    news = [("lesson.updated",), ("participant.left", "Anna")]
    assert order == [*news, ("revoke_grants", lesson_id, None, anna.user_id)]
    assert hall.names() == ["Tina", "Ben"]
    lessons = hall.lessons
    for attempt in (lessons.get(anna, one_lesson(lesson_id)), hall.join(anna), lessons.admit_writer(anna, lesson_id)):
        await refused(NotFound, attempt)


@pytest.mark.parametrize("how", ["ended", "cancelled"])
async def test_L14_the_end_leads_everybody_out_after_the_news(stage: Stage, how: str, hall: Hall) -> None:
    if how == "ended":
        await hall.start()
    await hall.join(hall.tutor, hall.anna, hall.ben)
    order = in_order(stage)
    if how == "ended":
        await hall.lessons.end(hall.tutor, one_lesson(hall.lesson.id))
    else:
        await hall.lessons.cancel(hall.tutor, CancelLesson(lesson_id=hall.lesson.id))
    assert order == [
        (f"lesson.{how}",),
        *(("participant.left", name) for name in ("Tina", "Anna", "Ben")),
        ("revoke_grants", hall.lesson.id, None, None),
    ]
    assert hall.names() == []


async def test_L13_an_invitation_lets_in_on_every_machine_at_once(other_on_both: Machine, hall: Hall) -> None:
    clara, there = await hall.stage.given.caller(name="Clara"), hall.on(other_on_both)
    await refused(NotFound, there.join(clara))
    await hall.update(student_ids=[clara.user_id])
    assert (await there.join(clara)).lesson.version == 2
