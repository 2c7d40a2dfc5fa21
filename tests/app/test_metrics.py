"""What a process with components counts, as Prometheus reads it: real services, real SQL."""

from __future__ import annotations

from typing import Any, cast

import pytest

from tests.chat.room import Room
from tests.support.cast import one_lesson
from tests.support.machine import Stage
from tests.support.metrics import value_in
from tutorwamp.app.metrics import noted
from tutorwamp.kernel.contracts import Caller
from tutorwamp.lessons.contracts import SetPen
from tutorwamp.sessions.contracts import Heartbeat, Resume


class Counted:
    """What has come to the process's counters since this was made."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._before = self._page()

    def _page(self) -> str:
        return noted(self._stage.machine)().decode()

    def of(self, name: str, **labels: str) -> float:
        return value_in(self._page(), name, **labels) - value_in(self._before, name, **labels)


@pytest.fixture
def counted(stage: Stage) -> Counted:
    return Counted(stage)


async def test_transactions_are_counted_by_name_and_what_they_wait_for_by_lane(stage: Stage, counted: Counted) -> None:
    room = await Room.meets(stage)
    await room.send(room.anna, "Hello")
    for name in ("tutorwamp_database_transactions_total", "tutorwamp_database_transaction_seconds_count"):
        assert counted.of(name, transaction="chat.send") == 1
    assert counted.of("tutorwamp_database_queries_total", transaction="chat.send") > 1
    assert counted.of("tutorwamp_database_wait_seconds_count", lane="others") >= 5
    assert counted.of("tutorwamp_database_wait_seconds_count", lane="reads") >= 1
    assert counted.of("tutorwamp_database_batch_size_sum", transaction="chat.send") == 1
    assert counted.of("tutorwamp_database_batch_wait_seconds_count", transaction="chat.send") == 1
    assert value_in(noted(stage.machine)().decode(), "tutorwamp_database_connections") >= 1


async def test_who_is_where_is_shown(stage: Stage) -> None:
    room = await Room.meets(stage)
    other = Caller(room.anna.user_id, room.anna.role, 77)
    for caller in (room.tutor, room.anna, other):
        await stage.machine.lessons.join(caller, one_lesson(room.lesson.id))
    text = noted(stage.machine)().decode()
    assert value_in(text, "tutorwamp_lessons_occupied") == 1
    assert value_in(text, "tutorwamp_people_in_lessons") == 2, "two sessions of one person"
    for session in (room.tutor.session, room.anna.session, 77):
        stage.machine.lessons.session_left(session or 0)
    text = noted(stage.machine)().decode()
    assert value_in(text, "tutorwamp_lessons_occupied") == 0, "a place that is kept is an empty one"
    await stage.machine.lessons.note_presence()


async def test_heartbeats_and_silences_are_counted(stage: Stage, counted: Counted) -> None:
    room = await Room.meets(stage)
    sessions = stage.machine.sessions
    assert "tutorwamp_heartbeat_last_age_seconds" not in noted(stage.machine)().decode(), "nobody was ever here"
    for caller in (room.anna, room.ben):
        details = {"session": caller.session, "authid": caller.user_id, "authrole": str(caller.role)}
        sessions.session_joined(details)
    stage.clock.turn(seconds=100)
    await sessions.heartbeat(room.ben, Heartbeat())
    stage.clock.turn(seconds=20)
    text = noted(stage.machine)().decode()
    assert value_in(text, "tutorwamp_heartbeat_last_age_seconds") == 20
    assert value_in(text, "tutorwamp_heartbeat_oldest_age_seconds") == 120
    stage.clock.turn(seconds=1)
    assert await sessions.end_silent() == 1
    assert counted.of("tutorwamp_heartbeats_total") == 1
    assert counted.of("tutorwamp_heartbeat_timeouts_total") == 1


async def test_resumes_are_counted_by_what_became_of_each_stream(stage: Stage, counted: Counted) -> None:
    room = await Room.meets(stage)
    for number in range(3):
        await room.send(room.anna, f"{number}")
    ahead, nobodys = room.stream.replace(".chat", ".board"), "tutorwamp.lesson.nobodys.chat"
    await stage.machine.sessions.resume(room.anna, Resume(positions={room.stream: 1, ahead: 99, nobodys: 0}))
    found = {
        outcome: counted.of("tutorwamp_resumed_streams_total", outcome=outcome)
        for outcome in ("complete", "too_much", "refused")
    }
    assert found == {"complete": 1, "too_much": 1, "refused": 1}
    assert counted.of("tutorwamp_resume_events_count") == 1
    assert counted.of("tutorwamp_resume_events_sum") == 2


async def test_pens_that_are_given_and_taken_are_counted(stage: Stage, counted: Counted) -> None:
    room = await Room.meets(stage)
    for students in ([room.anna.user_id, room.ben.user_id], [room.ben.user_id], [room.ben.user_id]):
        asked = SetPen(lesson_id=room.lesson.id, student_ids=students)
        await stage.machine.lessons.set_pen(room.tutor, asked)
    assert counted.of("tutorwamp_pens_total", change="given") == 2
    assert counted.of("tutorwamp_pens_total", change="taken") == 1


async def test_what_the_cache_knows_is_counted(stage: Stage, counted: Counted) -> None:
    anna = await stage.given.caller()
    for _ in range(3):
        await stage.machine.counts.get(anna.user_id)
    assert counted.of("tutorwamp_cache_requests_total", outcome="miss") == 1
    assert counted.of("tutorwamp_cache_requests_total", outcome="hit") == 2


async def test_room_on_the_disk_and_the_databases_outages_are_shown(stage: Stage) -> None:
    text = noted(stage.machine)().decode()
    assert 0 < value_in(text, "tutorwamp_data_free_bytes") < value_in(text, "tutorwamp_data_size_bytes")
    assert value_in(text, "tutorwamp_database_outage_seconds", what="writes") == 0
    stage.machine.database.outages.failed("writes", "no room")
    assert value_in(noted(stage.machine)().decode(), "tutorwamp_database_outage_seconds", what="writes") > 0
    stage.machine.database.outages.worked("writes")
    assert value_in(noted(stage.machine)().decode(), "tutorwamp_database_outage_seconds", what="writes") == 0


class Router:
    """A component's session that is joined; what it publishes is heard by nobody."""

    def is_attached(self) -> bool:
        return True

    def publish(self, topic: str, **_: Any) -> None:
        pass


async def test_events_are_counted_by_the_kind_of_their_topic_once_they_have_left(
    stage: Stage, counted: Counted
) -> None:
    room = await Room.meets(stage)
    await room.send(room.anna, "Nobody publishes it: there is no router.")
    assert counted.of("tutorwamp_events_published_total") == 0
    publisher = stage.machine.publisher
    publisher.attach(cast("Any", Router()))
    await room.send(room.anna, "Hello")
    publisher.publish("tutorwamp.somebody.elses", {})
    assert counted.of("tutorwamp_events_published_total", kind="chat") == 1
    assert counted.of("tutorwamp_events_published_total", kind="other") == 1
