"""Coming in and going out: what opens, who is told, and what closes again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from twisted.internet.defer import Deferred

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
    Lesson,
    LessonChanged,
    PresenceChanged,
    Topics,
    UpdateLesson,
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


def service_with(stage: Stage, *, people: People | None = None, gate: HeardGate | None = None) -> LessonsService:
    """The stage's lessons with another neighbour."""
    machine, settings = stage.machine, stage.machine.settings.lessons
    record = AttendanceStore(machine.database, machine.nodes)
    time: dict[str, Any] = {"clock": stage.clock, "now_s": stage.clock.seconds}
    presence = Presence(record, people or machine.accounts, machine.events, settings=settings, **time)
    return LessonsService(
        LessonsStore(machine.database, machine.nodes),
        people or machine.accounts,
        gate or stage.gate,
        machine.events,
        presence,
        remembered=settings.remembered,
        clock=stage.clock,
    )


def under_way(attempt: Any) -> Deferred[Any]:
    """Begin it, and let the test go on; an error is the result."""
    return Deferred.fromCoroutine(attempt).addErrback(lambda failure: failure.value)


async def opened(stage: Stage) -> tuple[Caller, Caller, Caller, Lesson]:
    given = stage.given
    tutor, anna, ben = (
        await given.caller("tutor", "Tina"),
        await given.caller(name="Anna"),
        await given.caller(name="Ben"),
    )
    return tutor, anna, ben, await given.lesson(tutor, anna, ben)


def without(lesson: Lesson, student: Caller) -> UpdateLesson:
    stay = [one.id for one in lesson.students if one.id != student.user_id]
    return UpdateLesson(lesson_id=lesson.id, version=lesson.version, student_ids=stay)


def told(heard: list[PresenceChanged]) -> list[str]:
    """What presence announced since the last look."""
    lines = [f"{one.participant.person.name} {one.type.removeprefix('participant.')}" for one in heard]
    heard.clear()
    return lines


def names(service: LessonsService, lesson: Lesson) -> list[str]:
    return [one.person.name for one in service.participants(lesson.id)]


# coming in


async def test_L13_who_joins_gets_the_room_as_it_is_and_its_topics_open(stage_on_both: Stage) -> None:
    stage = stage_on_both
    tutor, anna, _, lesson = await opened(stage)
    service = stage.machine.lessons
    first = await service.join(tutor, lesson.id)
    live = await service.start(tutor, lesson.id)
    joined = await service.join(anna, lesson.id)
    topics = topics_of(lesson.id)
    assert (joined.lesson, joined.topics) == (live, Topics.model_validate(topics))
    assert [one.person for one in joined.participants] == [lesson.tutor, lesson.students[0]]
    assert first.heads == dict.fromkeys(streams_of(lesson.id), 0)
    assert joined.heads == {**first.heads, topics["state"]: 1}
    opens = (tuple(topics.values()), (topics["cursor"], topics["typing"]))
    assert stage.gate.heard == [("grant", one.session, lesson.id, *opens) for one in (tutor, anna)]


@pytest.mark.parametrize("state", ["scheduled", "live"])
async def test_L13_one_comes_in_before_the_lesson_starts_and_while_it_runs(stage: Stage, state: str) -> None:
    tutor, anna, _, lesson = await opened(stage)
    if state == "live":
        await stage.machine.lessons.start(tutor, lesson.id)
    assert (await stage.machine.lessons.join(anna, lesson.id)).lesson.state == state


async def test_L13_a_lesson_is_not_joined_over_rest(stage: Stage) -> None:
    tutor, _, _, lesson = await opened(stage)
    await refused(Forbidden, stage.machine.lessons.join(Caller(tutor.user_id, tutor.role), lesson.id))
    assert stage.gate.heard == []
    assert stage.machine.lessons.participants(lesson.id) == []


async def test_L13_who_is_removed_while_the_gate_is_asked_stays_outside(stage: Stage) -> None:
    _, anna, _, lesson = await opened(stage)
    tutor, heard, gate = lesson.tutor, stage.events(PresenceChanged), SlowGate()
    service = service_with(stage, gate=gate)
    joining = under_way(service.join(anna, lesson.id))
    await gate.pause.reached
    await service.update(Caller(tutor.id, tutor.role), without(lesson, anna))
    gate.pause.go_on()
    assert isinstance(await joining, NotFound)
    assert [(one[0], one[-1]) for one in gate.heard][-1] == ("revoke_grants", None)
    assert gate.heard[-1] == ("revoke_grants", lesson.id, anna.session, None)
    assert (names(service, lesson), told(heard)) == ([], ["Anna joined", "Anna left"])


async def test_L13_who_joins_while_the_lesson_is_cancelled_stays_outside(stage: Stage) -> None:
    tutor, anna, _, lesson = await opened(stage)
    gate = SlowGate()
    service = service_with(stage, gate=gate)
    joining = under_way(service.join(anna, lesson.id))
    await gate.pause.reached
    await service.cancel(tutor, CancelLesson(lesson_id=lesson.id))
    gate.pause.go_on()
    assert isinstance(await joining, WrongState)
    assert gate.heard[-1] == ("revoke_grants", lesson.id, anna.session, None)
    assert names(service, lesson) == []


async def test_L13_a_removal_the_join_has_not_seen_leads_out_again(stage: Stage) -> None:
    tutor, anna, _, lesson = await opened(stage)
    # A join reads the lesson twice, before and after the gate. The second reading is overtaken.
    people = SlowPeople(stage.machine.accounts, slow=2)
    service = service_with(stage, people=people)
    joining = under_way(service.join(anna, lesson.id))
    await people.pause.reached
    await service.update(tutor, without(lesson, anna))
    people.pause.go_on()
    await joining
    assert names(service, lesson) == []
    kinds = [heard[0] for heard in stage.gate.heard]
    assert kinds[0] == "grant"
    assert "grant" not in kinds[1:]
    assert ("revoke_grants", lesson.id, None, anna.user_id) in stage.gate.heard


async def test_L13_the_heads_are_never_newer_than_the_lesson(stage: Stage) -> None:
    tutor, anna, _, lesson = await opened(stage)
    people = SlowPeople(stage.machine.accounts, slow=2)
    service = service_with(stage, people=people)
    joining = under_way(service.join(anna, lesson.id))
    await people.pause.reached
    await service.start(tutor, lesson.id)
    people.pause.go_on()
    joined = await joining
    # Each version after the first came with one event: who resumes from these heads hears of the start.
    assert (joined.lesson.version, joined.heads[STATE_TOPIC.of(lesson.id)]) == (1, 0)


# being there


async def test_L15_two_sessions_of_one_person_are_one_participant(stage: Stage) -> None:
    _, anna, _, lesson = await opened(stage)
    heard, service = stage.events(PresenceChanged), stage.machine.lessons
    phone = stage.given.again(anna)
    await service.join(anna, lesson.id)
    joined = await service.join(phone, lesson.id)
    assert [one.person.name for one in joined.participants] == ["Anna"]
    assert told(heard) == ["Anna joined"]
    await service.leave(anna, lesson.id)
    assert (names(service, lesson), told(heard)) == (["Anna"], [])
    await service.leave(phone, lesson.id)
    assert (names(service, lesson), told(heard)) == ([], ["Anna left"])


async def test_L15_a_lost_session_keeps_its_place_for_the_grace_time(stage: Stage) -> None:
    _, anna, _, lesson = await opened(stage)
    heard, service = stage.events(PresenceChanged), stage.machine.lessons
    phone = stage.given.again(anna)
    for caller in (anna, phone):
        await service.join(caller, lesson.id)
    for caller, lines in ((anna, ["Anna joined"]), (phone, ["Anna reconnecting"])):
        assert caller.session is not None
        service.session_left(caller.session)
        assert told(heard) == lines
    (participant,) = service.participants(lesson.id)
    assert (participant.state, participant.deadline) == ("reconnecting", stage.clock() + timedelta(seconds=30))
    stage.clock.turn(seconds=29.999)
    await service.pass_time()
    assert told(heard) == []
    stage.clock.turn(seconds=0.001)
    await service.pass_time()
    assert (names(service, lesson), told(heard)) == ([], ["Anna left"])


async def test_L16_a_session_that_ends_while_it_joins_leaves_no_ghost(stage: Stage) -> None:
    _, anna, _, lesson = await opened(stage)
    heard, gate = stage.events(PresenceChanged), SlowGate()
    service = service_with(stage, gate=gate)
    joining = under_way(service.join(anna, lesson.id))
    await gate.pause.reached
    assert anna.session is not None
    service.session_left(anna.session)
    gate.pause.go_on()
    await joining
    assert (names(service, lesson), told(heard)) == ([], [])


# going out


async def test_L14_leaving_closes_this_sessions_topics_only(stage: Stage) -> None:
    tutor, anna, ben, lesson = await opened(stage)
    service = stage.machine.lessons
    await service.join(anna, lesson.id)
    stage.gate.heard.clear()
    await service.leave(anna, lesson.id)
    await service.leave(ben, lesson.id)
    await service.leave(Caller(tutor.user_id, tutor.role), lesson.id)
    assert stage.gate.heard == [("revoke_grants", lesson.id, one.session, None) for one in (anna, ben)]


async def test_L14_who_is_removed_is_led_out_with_all_sessions_after_the_news(stage: Stage) -> None:
    tutor, anna, ben, lesson = await opened(stage)
    service, machine = stage.machine.lessons, stage.machine
    phone = stage.given.again(anna)
    for caller in (tutor, anna, phone, ben):
        await service.join(caller, lesson.id)
    # One list for the gate and the events: the order between them is what counts.
    order = stage.gate.heard
    order.clear()
    machine.events.listen(LessonChanged, lambda change: order.append((change.event.type,)))
    machine.events.listen(PresenceChanged, lambda change: order.append((change.type, change.participant.person.name)))
    await service.update(tutor, without(lesson, anna))
    assert order == [
        ("lesson.updated",),
        ("participant.left", "Anna"),
        ("revoke_grants", lesson.id, None, anna.user_id),
    ]
    assert names(service, lesson) == ["Tina", "Ben"]
    for attempt in (service.get(anna, lesson.id), service.join(anna, lesson.id), service.admit_writer(anna, lesson.id)):
        await refused(NotFound, attempt)


@pytest.mark.parametrize("how", ["ended", "cancelled"])
async def test_L14_the_end_leads_everybody_out_after_the_news(stage: Stage, how: str) -> None:
    tutor, anna, ben, lesson = await opened(stage)
    service, events, order = stage.machine.lessons, stage.machine.events, stage.gate.heard
    if how == "ended":
        await service.start(tutor, lesson.id)
    for caller in (tutor, anna, ben):
        await service.join(caller, lesson.id)
    order.clear()
    events.listen(LessonChanged, lambda change: order.append((change.event.type,)))
    events.listen(PresenceChanged, lambda change: order.append((change.type, change.participant.person.name)))
    if how == "ended":
        await service.end(tutor, lesson.id)
    else:
        await service.cancel(tutor, CancelLesson(lesson_id=lesson.id))
    assert order == [
        (f"lesson.{how}",),
        *(("participant.left", name) for name in ("Tina", "Anna", "Ben")),
        ("revoke_grants", lesson.id, None, None),
    ]
    assert names(service, lesson) == []


async def test_L13_an_invitation_lets_in_on_every_machine_at_once(stage_on_both: Stage, other_on_both: Machine) -> None:
    tutor, _, _, lesson = await opened(stage_on_both)
    clara = await stage_on_both.given.caller(name="Clara")
    await refused(NotFound, other_on_both.lessons.join(clara, lesson.id))
    asked = UpdateLesson(lesson_id=lesson.id, version=1, student_ids=[clara.user_id])
    await stage_on_both.machine.lessons.update(tutor, asked)
    assert (await other_on_both.lessons.join(clara, lesson.id)).lesson.version == 2
