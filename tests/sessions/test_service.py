"""Heartbeats, timeouts and what was missed: real SQL, clocks that are turned by hand."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from twisted.internet.task import Clock

from tests.chat.room import Room
from tests.support.machine import HeardGate, Stage
from tests.support.refused import refused
from tutorwamp.chat.contracts import CHAT_TOPIC
from tutorwamp.kernel.contracts import Caller, new_id
from tutorwamp.kernel.errors import Forbidden, Unavailable
from tutorwamp.lessons.contracts import STATE_TOPIC, topics_of
from tutorwamp.sessions.contracts import EVENTS_AT_MOST, Heartbeat, Resume, ResumedStream, SessionTimedOut
from tutorwamp.sessions.service import SessionsService
from tutorwamp.sessions.store import SessionsStore


class Watched:
    """The sessions of a room, and their time."""

    def __init__(self, room: Room, **more: Any) -> None:
        machine, stage = room.machine, room.stage
        self.room, self.stage, self.time = room, stage, Clock()
        self.timed_out: list[SessionTimedOut] = stage.events(SessionTimedOut)
        self.sessions = SessionsService(
            SessionsStore(machine.database),
            machine.lessons,
            machine.accounts,
            more.get("gate", stage.gate),
            machine.events,
            settings=machine.settings.sessions,
            clock=stage.clock,
            now_s=self.time.seconds,
        )

    def join(self, caller: Caller) -> None:
        details = {"session": caller.session, "authid": caller.user_id, "authrole": str(caller.role)}
        self.sessions.session_joined(details)

    def turn(self, seconds: float) -> None:
        self.time.advance(seconds)
        self.stage.clock.turn(seconds=seconds)

    async def resume(self, caller: Caller, **positions: int) -> dict[str, ResumedStream]:
        """By the kinds of the room's streams."""
        prefix = f"tutorwamp.lesson.{self.room.lesson.id}."
        asked = Resume(positions={prefix + kind: seq for kind, seq in positions.items()})
        resumed = await self.sessions.resume(caller, asked)
        return {name.removeprefix(prefix): stream for name, stream in resumed.streams.items()}


async def test_S2_a_silent_session_alone_is_told_and_ended(stage: Stage) -> None:
    watched = Watched(room := await Room.meets(stage))
    for caller in (room.anna, room.ben):
        watched.join(caller)
    watched.turn(100)
    beat = await watched.sessions.heartbeat(room.ben, Heartbeat())
    assert (beat.interval_s, beat.timeout_s, beat.behind, beat.now) == (30, 120, {}, stage.clock())
    watched.turn(20)
    assert await watched.sessions.end_silent() == 0
    watched.turn(1)
    stage.gate.heard.clear()
    assert await watched.sessions.end_silent() == 1
    assert stage.gate.heard == [("drop", room.anna.session, "tutorwamp.close.ping_timeout")]
    (told,) = watched.timed_out
    assert (told.session, told.last_seen, told.timeout) == (
        room.anna.session,
        stage.clock() - timedelta(seconds=121),
        timedelta(seconds=120),
    )
    assert await watched.sessions.end_silent() == 0


async def test_S1_components_are_not_watched_and_who_has_left_is_not_ended(stage: Stage) -> None:
    watched = Watched(room := await Room.meets(stage))
    watched.sessions.session_joined({"session": 5, "authid": "x", "authrole": "component"})
    watched.join(room.anna)
    assert room.anna.session is not None
    watched.sessions.session_left(room.anna.session, "whatever", "Crossbar adds")
    watched.turn(1000)
    assert await watched.sessions.end_silent() == 0


async def test_S2_while_the_gate_is_away_a_session_is_not_forgotten(stage: Stage) -> None:
    class Away:
        async def drop(self, session: int, *, reason: str, message: str) -> int:
            raise Unavailable("Away.")

    watched = Watched(room := await Room.meets(stage), gate=Away())
    watched.join(room.anna)
    watched.turn(121)
    for _ in range(2):
        assert await watched.sessions.end_silent() == 0
    assert len(watched.timed_out) == 2


async def test_S2_who_is_heard_while_others_are_ended_stays(stage: Stage) -> None:
    room = await Room.meets(stage)

    class Talking(HeardGate):
        async def drop(self, session: int, *, reason: str, message: str) -> int:
            await watched.sessions.heartbeat(room.ben, Heartbeat())
            return await super().drop(session, reason=reason, message=message)

    gate = Talking()
    watched = Watched(room, gate=gate)
    for caller in (room.anna, room.ben):
        watched.join(caller)
    watched.turn(121)
    assert await watched.sessions.end_silent() == 1
    assert [session for _, session, _ in gate.heard] == [room.anna.session]


async def test_S4_S5_a_heartbeat_tells_what_has_gone_on_and_nothing_of_others(stage_on_both: Stage) -> None:
    watched = Watched(room := await Room.meets(stage_on_both))
    await room.send(room.anna, "one")
    topics, stranger = topics_of(room.lesson.id), await stage_on_both.given.caller()
    positions = {topics["chat"]: 0, topics["state"]: 0, f"tutorwamp.user.{room.ben.user_id}.notifications": 0}
    positions[f"tutorwamp.user.{room.anna.user_id}.notifications"] = 0
    positions["nothing.of.the.kind"] = 3
    assert (await watched.sessions.heartbeat(room.ben, Heartbeat(positions=positions))).behind == {topics["chat"]: 1}
    assert (await watched.sessions.heartbeat(room.ben, Heartbeat(positions={topics["chat"]: 1}))).behind == {}
    assert (await watched.sessions.heartbeat(room.ben, Heartbeat(positions={topics["chat"]: 5}))).behind == {
        topics["chat"]: 1
    }
    assert (await watched.sessions.heartbeat(stranger, Heartbeat(positions=positions))).behind == {}


async def test_S6_what_was_missed_is_given_whole(stage_on_both: Stage) -> None:
    watched = Watched(room := await Room.meets(stage_on_both))
    for number in range(4):
        await room.send(room.anna, str(number))
    stored = await room.stored()
    resumed = await watched.resume(room.ben, chat=1, state=0, board=0)
    assert resumed["chat"] == ResumedStream(complete=True, events=[event.plain() for event in stored[1:]], head=4)
    assert resumed["state"] == resumed["board"] == ResumedStream(complete=True, events=[], head=0)
    assert (await watched.resume(room.ben, chat=4))["chat"].events == []
    assert (await watched.resume(room.ben, chat=5))["chat"] == ResumedStream(complete=False, head=4)
    assert (await watched.resume(room.ben, presence=0))["presence"].error == "tutorwamp.error.not_found"


async def test_S6_too_much_is_nothing(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    watched = Watched(room := await Room.meets(stage))
    for number in range(EVENTS_AT_MOST + 1):
        await room.send(room.anna, str(number))
    assert (await watched.resume(room.ben, chat=0))["chat"] == ResumedStream(complete=False, head=EVENTS_AT_MOST + 1)
    resumed = (await watched.resume(room.ben, chat=1))["chat"]
    assert (resumed.complete, len(resumed.events or [])) == (True, EVENTS_AT_MOST)
    monkeypatch.setattr("tutorwamp.sessions.rules.EVENT_BYTES_AT_MOST", 1_000)
    assert not (await watched.resume(room.ben, chat=1))["chat"].complete
    assert (await watched.resume(room.ben, chat=EVENTS_AT_MOST))["chat"].complete


async def test_S5_who_was_removed_resumes_what_is_left(stage: Stage) -> None:
    watched = Watched(room := await Room.meets(stage))
    await room.send(room.anna, "before")
    await room.remove(room.ben)
    own = f"tutorwamp.user.{room.ben.user_id}.notifications"
    chat = CHAT_TOPIC.of(room.lesson.id)
    resumed = await watched.sessions.resume(room.ben, Resume(positions={chat: 0, own: 0}))
    assert resumed.plain()["streams"] == {
        chat: {"complete": False, "head": 0, "error": "tutorwamp.error.not_found"},
        own: {"complete": True, "events": [], "head": 0},
    }


async def test_whoami_names_the_session_and_the_person(stage: Stage) -> None:
    watched = Watched(room := await Room.meets(stage))
    me = await watched.sessions.whoami(room.anna)
    assert (me.session, me.user.id, me.now) == (room.anna.session, room.anna.user_id, stage.clock())
    await refused(Forbidden, watched.sessions.whoami(Caller(room.anna.user_id, room.anna.role)))


def test_positions_are_bounded() -> None:
    with pytest.raises(ValueError, match="100"):
        Heartbeat(positions={f"tutorwamp.lesson.{new_id()}.chat": 0 for _ in range(101)})


async def test_S16_however_many_streams_are_named_it_is_one_question_whose_they_are(stage_on_both: Stage) -> None:
    watched = Watched(room := await Room.meets(stage_on_both))
    stranger, student = [await stage_on_both.given.caller(role) for role in ("tutor", "student")]
    foreign = [await stage_on_both.given.lesson(stranger, student) for _ in range(5)]
    said = await room.send(room.anna, "Hello")
    names = [CHAT_TOPIC.of(one) for one in (*(lesson.id for lesson in foreign), *(new_id() for _ in range(93)))]
    asked = dict.fromkeys([*names, room.stream], 0)
    counts = room.machine.database.counts
    for number in range(2):
        before = counts.of("lessons.ids_of").queries, counts.of("lessons.by_id").queries
        watched.join(room.anna)
        if number:
            resumed = (await watched.sessions.resume(room.anna, Resume(positions=asked))).streams
            assert {name for name, one in resumed.items() if one.error is None} == {room.stream}
            assert {one.error for name, one in resumed.items() if name in names} == {"tutorwamp.error.not_found"}
        else:
            beat = await watched.sessions.heartbeat(room.anna, Heartbeat(positions=asked))
            assert beat.behind == {room.stream: said.seq}
        after = counts.of("lessons.ids_of").queries, counts.of("lessons.by_id").queries
        assert (after[0] - before[0], after[1] - before[1]) == (1, 0)
    admin = await stage_on_both.given.caller("admin")
    beat = await watched.sessions.heartbeat(admin, Heartbeat(positions=asked | {STATE_TOPIC.of(foreign[0].id): 7}))
    assert beat.behind == {room.stream: said.seq, STATE_TOPIC.of(foreign[0].id): 0}


async def test_S16_one_s_own_lessons_are_known_from_memory(stage: Stage) -> None:
    watched = Watched(room := await Room.meets(stage))
    await room.send(room.anna, "Hello")
    watched.join(room.anna)
    before = room.machine.database.counts.queries()
    await watched.sessions.heartbeat(room.anna, Heartbeat(positions={room.stream: 1}))
    assert room.machine.database.counts.queries() - before == 1  # the heads


async def test_S6_what_was_missed_is_measured_in_bytes(stage_on_both: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    watched = Watched(room := await Room.meets(stage_on_both))
    monkeypatch.setattr("tutorwamp.sessions.rules.EVENT_BYTES_AT_MOST", 2_000)
    for body, complete in (("a" * 1_000, True), ("漢" * 1_000, False)):
        said = await room.send(room.anna, body)
        assert (await watched.resume(room.anna, chat=said.seq - 1))["chat"].complete is complete
