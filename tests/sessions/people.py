"""People in a lesson on a node with little patience: some send heartbeats, some do not."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Any, Literal

from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall

from tests.support.node import Node
from tests.support.people import planned_lesson, register, ticket_of
from tests.support.wamp import BareSession, Reachable, connect
from tutorwamp.gate.contracts import CONNECTION_TIMEOUT
from tutorwamp.lessons.contracts import topics_of
from tutorwamp.sessions.contracts import HEARTBEAT


class Hearts:
    """Ask something of the node again and again for sessions, by default the heartbeat."""

    def __init__(self, interval_s: float) -> None:
        self._interval_s = interval_s
        self._loops: list[LoopingCall] = []

    def keep(self, session: BareSession, uri: str = HEARTBEAT.uri) -> None:
        def beat() -> None:
            if session.is_attached():
                Deferred.fromCoroutine(session.ask(uri)).addErrback(lambda _: None)

        loop = LoopingCall(beat)
        loop.start(self._interval_s)
        self._loops.append(loop)

    def stop(self) -> None:
        for loop in self._loops:
            loop.stop()


class Lesson:
    """A live lesson of Tina with Anna and Ben."""

    def __init__(self, node: Reachable, hearts: Hearts) -> None:
        self.node, self._hearts = node, hearts
        self.users: dict[str, dict[str, Any]] = {}
        self.id = ""
        self._tickets: dict[str, str] = {}

    @classmethod
    async def begun(cls, node: Reachable, hearts: Hearts) -> Lesson:
        lesson = cls(node, hearts)
        for name, role in {"Tina": "tutor", "Anna": "student", "Ben": "student"}.items():
            email, lesson.users[name] = await register(node, name, role)
            lesson._tickets[name] = await ticket_of(node, email)
        tina = await lesson.connect("Tina")
        planned = await planned_lesson(tina.ask, lesson.users["Anna"], lesson.users["Ben"])
        lesson.id = planned["id"]
        await tina.ask("tutorwamp.lesson.start", lesson_id=lesson.id)
        tina.leave()
        await tina.left
        return lesson

    def topic(self, kind: str) -> str:
        return topics_of(self.id)[kind]

    def ticket(self, name: str) -> str:
        return self._tickets[name]

    def person(self, name: str) -> dict[str, Any]:
        """As others see them."""
        return {key: self.users[name][key] for key in ("id", "name", "role")}

    async def connect(
        self, name: str, *, serializer: Literal["cbor", "json"] = "cbor", beats: str | None = HEARTBEAT.uri
    ) -> BareSession:
        """``beats``: what is asked every so often."""
        session = await connect(self.node, self._tickets[name], serializer)
        if beats is not None:
            self._hearts.keep(session, beats)
        return session

    async def enter(
        self, name: str, *, serializer: Literal["cbor", "json"] = "cbor", beats: str | None = HEARTBEAT.uri
    ) -> BareSession:
        """Join and hear everything."""
        session = await self.connect(name, serializer=serializer, beats=beats)
        await session.ask("tutorwamp.lesson.join", lesson_id=self.id)
        for topic in (self.topic("presence"), self.topic("state"), self.topic("chat"), CONNECTION_TIMEOUT):
            await session.hear(topic)
        return session

    def presence(self, session: BareSession, name: str) -> list[str]:
        """What was heard of somebody's coming and going."""
        return [
            event["type"].removeprefix("participant.")
            for topic, event in session.heard
            if topic == self.topic("presence") and event["participant"]["person"]["id"] == self.users[name]["id"]
        ]

    def states(self, session: BareSession) -> list[dict[str, Any]]:
        return [event for topic, event in session.heard if topic == self.topic("state")]

    async def sees(self, session: BareSession, name: str, *types: str) -> None:
        """Wait until this, exactly, was heard of somebody."""
        await session.heard_until(lambda: len(self.presence(session, name)) >= len(types))
        assert self.presence(session, name) == list(types)


def cut(session: BareSession) -> None:
    """The connection breaks."""
    session.wire().transport.abortConnection()


def timeouts(session: BareSession) -> list[dict[str, Any]]:
    return [event for topic, event in session.heard if topic == CONNECTION_TIMEOUT]


def database(node: Node) -> dict[str, list[Any]]:
    """All that is kept, but who is there and what is told of it by itself: that changes with time."""
    by_itself = ("lesson_attendance", "nodes", "notifications", "notification_progress")
    with closing(sqlite3.connect(f"file:{node.data_dir}/tutorwamp.sqlite3?mode=ro", uri=True)) as connection:
        tables = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
        return {
            table: [
                row
                for row in connection.execute(f'SELECT * FROM "{table}"')  # noqa: S608  # its own names
                if not str(row[0]).startswith("tutorwamp.user.")
            ]
            for (table,) in tables
            if table not in by_itself
        }
