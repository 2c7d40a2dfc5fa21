"""The page of metrics is as long after five thousand lessons and people as after five: no label is an id."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, cast

from sqlalchemy import Connection, event, insert
from twisted.internet.defer import Deferred, gatherResults

from tests.support.cast import one_lesson
from tests.support.machine import Stage
from tests.support.metrics import samples_in, value_in
from tutorwamp.accounts.tables import users
from tutorwamp.app.metrics import noted
from tutorwamp.chat.contracts import SendMessage
from tutorwamp.gate.contracts import CLOSE_PING_TIMEOUT, Grant, ReportReady, RevokeGrants
from tutorwamp.gate.counts import GateCollector, gate_registry, traffic
from tutorwamp.gate.service import GateService
from tutorwamp.kernel.contracts import AuthRole, Caller, new_id
from tutorwamp.kernel.errors import NotFound
from tutorwamp.kernel.log.calls import Call, Edge, finish
from tutorwamp.kernel.metrics.calls import count_calls
from tutorwamp.kernel.metrics.pages import noted_page, page_of_all
from tutorwamp.kernel.tokens import sign
from tutorwamp.lessons.contracts import CreateLesson, topics_of
from tutorwamp.sessions.contracts import Heartbeat, Resume

FEW, MANY = 5, 5_000
TOGETHER = 100
"""People who do something at the same time; they share commits."""
MORE_DIGITS = 1.03
"""Larger numbers are written with a few more digits."""


class Router:
    """A component's session that is joined; what it publishes is heard by nobody."""

    def is_attached(self) -> bool:
        return True

    def publish(self, topic: str, **_: Any) -> None:
        pass


class School:
    """People on one machine, each the tutor of a lesson, and the gate that lets them in."""

    def __init__(self, stage: Stage) -> None:
        self._stage, self._machine = stage, stage.machine
        self._machine.publisher.attach(cast("Any", Router()))
        self._key = self._machine.settings.node.signing_key()
        self._gate = GateService(
            key=self._key, expected=["chat"], allowed_origins=[], clock=stage.clock, sessions_at_most=2 * MANY
        )
        self._gate.report_ready(ReportReady(component="chat", procedures=[]), 1)

        @event.listens_for(self._machine.database.engine, "connect")
        def hurry(connection: Any, _record: Any) -> None:
            connection.execute("PRAGMA synchronous=OFF")  # what the disk takes is not what this is about

        self._machine.database.engine.dispose()

    def text(self) -> str:
        """The node's page, with the router's process beside this one."""
        router = noted_page((gate_registry, traffic, GateCollector(self._gate.status(), 2 * MANY)))()
        return page_of_all({"router": router, "components": noted(self._machine)()}).decode()

    async def live(self, people: int) -> None:
        """A day of so many people, each with a lesson."""
        ids = [new_id() for _ in range(people)]
        rows = [
            {
                "id": user_id,
                "email": f"{user_id}@school.example",
                "name": "Somebody",
                "role": "tutor",
                "password_hash": "nobody's",
                "created_at": self._stage.clock(),
            }
            for user_id in ids
        ]

        def thd(connection: Connection) -> None:
            connection.execute(insert(users), rows)

        await self._machine.database.write("test.people", thd)
        student = await self._stage.given.user()
        for first in range(0, people, TOGETHER):
            some = ids[first : first + TOGETHER]
            await gatherResults([Deferred.fromCoroutine(self._teach(one, student.id)) for one in some])
        await self._machine.lessons.note_presence()

    async def _teach(self, user_id: str, student_id: str) -> None:
        """A person comes, holds a lesson, and goes again."""
        machine, now = self._machine, self._stage.clock()
        session = int(user_id.replace("-", ""), 16) % 2**53
        caller = Caller(user_id, AuthRole.TUTOR, session)
        ticket = sign(
            self._key, user_id=user_id, role=AuthRole.TUTOR, family_id=new_id(), now=now, lifetime=timedelta(hours=1)
        )
        self._gate.authenticate(ticket, {})
        self._gate.joined(session, user_id, "tutor", now)
        details = {"session": session, "authid": user_id, "authrole": "tutor"}
        machine.sessions.session_joined(details)
        planned = CreateLesson(
            title="Fractions", student_ids=[student_id], starts_at=now, ends_at=now + timedelta(hours=1)
        )
        lesson = await machine.lessons.create(caller, planned)
        topics = list(topics_of(lesson.id).values())
        self._gate.grant(Grant(session=session, key=lesson.id, subscribe=topics, publish=[]))
        await machine.lessons.join(caller, one_lesson(lesson.id))
        await machine.chat.send_message(caller, SendMessage(lesson_id=lesson.id, body="Good morning"))
        await machine.sessions.heartbeat(caller, Heartbeat())
        await machine.sessions.resume(caller, Resume(positions={f"tutorwamp.lesson.{lesson.id}.chat": 0}))
        await machine.counts.get(user_id)
        for name, edge in (("tutorwamp.chat.send", Edge.WAMP), ("GET /api/lessons/{lesson_id}", Edge.REST)):
            finish(Call(name, edge, user_id=user_id, lesson_id=lesson.id))
            finish(Call(name, edge, user_id=user_id, lesson_id=lesson.id), NotFound("no such thing"))
        self._gate.revoke_grants(RevokeGrants(key=lesson.id))
        self._gate.drop(session, CLOSE_PING_TIMEOUT)
        machine.lessons.session_left(session)
        machine.sessions.session_left(session)


def _series(text: str) -> set[tuple[str, tuple[tuple[str, str], ...]]]:
    return {(one.name, tuple(sorted(one.labels.items()))) for one in samples_in(text)}


async def test_the_page_of_five_thousand_is_as_long_as_that_of_five(stage: Stage) -> None:
    stop = count_calls()
    try:
        school = School(stage)
        await school.live(FEW)
        few = school.text()
        await school.live(MANY)
        many = school.text()
    finally:
        stop()
    for name, process, each in (
        ("tutorwamp_joins_total", "router", 1),
        ("tutorwamp_grants_total", "router", 2),
        ("tutorwamp_heartbeats_total", "components", 1),
    ):
        before, after = (value_in(text, name, process=process) for text in (few, many))
        assert after - before == each * MANY, "all of them were there"
    assert _series(many) == _series(few)
    assert len(few) < len(many) < len(few) * MORE_DIGITS
