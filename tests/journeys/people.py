"""People in a journey: the same few verbs, whoever's client they use."""

from __future__ import annotations

import itertools
import json
import os
import shutil
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import ProcessProtocol

from tests.support.wamp import PATIENCE_S, BareSession, Reachable, connect
from tutorwamp.client import Backoff, CallError, Client, Login
from tutorwamp.kernel.contracts import instant_text, new_id

PASSWORD = "correct horse"


class Someone(Protocol):
    """What a journey needs of a person in a lesson. ``heard``: the events of each topic, in the order they came."""

    user: dict[str, Any]
    heard: dict[str, list[dict[str, Any]]]

    async def call(self, uri: str, **arguments: Any) -> Any: ...

    async def heard_until(self, done: Callable[[], bool]) -> None: ...

    async def close(self) -> None: ...


async def register(node: Reachable, name: str, role: str) -> tuple[str, dict[str, Any]]:
    """A new account: its e-mail address and its user."""
    email = f"{new_id()}@school.example"
    return email, await Login(node.url).register(email, PASSWORD, name=name, role=role)


async def bare(node: Reachable, email: str, serializer: Any = "cbor") -> BareSession:
    """A bare session of somebody."""
    login = Login(node.url)
    await login.log_in(email, PASSWORD)
    return await connect(node, await login.access_token(), serializer)


async def planned_lesson(tutor: Any, *students: dict[str, Any]) -> dict[str, Any]:
    """A lesson from now on for an hour, made with ``tutor``'s ``call``."""
    now = datetime.now(UTC)
    lesson: dict[str, Any] = await tutor.call(
        "tutorwamp.lesson.create",
        title="Fractions",
        student_ids=[student["id"] for student in students],
        starts_at=instant_text(now),
        ends_at=instant_text(now + timedelta(hours=1)),
    )
    return lesson


class _Hearing:
    def __init__(self) -> None:
        self.heard: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self._waiting: list[tuple[Callable[[], bool], Deferred[None]]] = []

    def hear(self, topic: str, values: dict[str, Any]) -> None:
        self.heard[topic].append(values)
        for done, waiting in list(self._waiting):
            if done():
                self._waiting.remove((done, waiting))
                waiting.callback(None)

    async def heard_until(self, done: Callable[[], bool]) -> None:
        if not done():
            waiting: Deferred[None] = Deferred()
            self._waiting.append((done, waiting))
            await waiting.addTimeout(PATIENCE_S, reactor)


class PythonPerson(_Hearing):
    """Uses tutorwamp.client, over CBOR."""

    def __init__(self, client: Client) -> None:
        super().__init__()
        self.client = client
        self.user = client.user

    @classmethod
    async def enter(cls, node: Reachable, email: str) -> PythonPerson:
        """Log in and connect."""
        client = Client(node.url, backoff=Backoff(first_ceiling_s=0.1, ceiling_cap_s=0.5))
        await client.log_in(email, PASSWORD)
        await client.open()
        return cls(client)

    async def join(self, lesson_id: str) -> None:
        """Join and hear everything."""
        lesson = await self.client.join(lesson_id)
        for kind in lesson.topics:
            await lesson.on(kind, lambda event: self.hear(event.topic, dict(event.values)))

    async def call(self, uri: str, **arguments: Any) -> Any:
        return await self.client.call(uri, **arguments)

    async def close(self) -> None:
        await self.client.close()


class JavaScriptPerson(_Hearing, ProcessProtocol):
    """Uses wampy under Node.js, over JSON (person.mjs)."""

    def __init__(self) -> None:
        super().__init__()
        self.user: dict[str, Any] = {}
        self._ids = itertools.count(1)
        self._answers: dict[int, Deferred[Any]] = {}
        self._ready: Deferred[None] = Deferred()
        self._ended: Deferred[None] = Deferred()
        self._unfinished = b""

    @classmethod
    async def enter(cls, node: Reachable, email: str, lesson_id: str) -> JavaScriptPerson:
        """Log in, connect, join, hear everything."""
        person = cls()
        executable = shutil.which("node") or "node"
        script = Path(__file__).with_name("person.mjs")
        reactor.spawnProcess(
            person,
            executable,
            [executable, "--experimental-websocket", "--no-warnings", str(script)],
            env=os.environ,
            childFDs={0: "w", 1: "r", 2: 2},
        )
        person._say({"url": node.url, "email": email, "password": PASSWORD, "lesson_id": lesson_id})
        await person._ready.addTimeout(PATIENCE_S, reactor)
        return person

    async def call(self, uri: str, **arguments: Any) -> Any:
        number = next(self._ids)
        answer = self._answers[number] = Deferred()
        self._say({"id": number, "call": uri, "kwargs": arguments})
        return await answer.addTimeout(PATIENCE_S, reactor)

    async def close(self) -> None:
        self._say({"bye": True})
        await self._ended.addTimeout(PATIENCE_S, reactor)

    def outReceived(self, data: bytes) -> None:
        *lines, self._unfinished = (self._unfinished + data).split(b"\n")
        for line in lines:
            self._understand(json.loads(line))

    def _understand(self, said: dict[str, Any]) -> None:
        if "ready" in said:
            self.user = said["user"]
            self._ready.callback(None)
        elif "failed" in said:
            self._ready.errback(AssertionError(said["failed"]))
        elif "event" in said:
            self.hear(said["event"], said["kwargs"])
        elif "id" in said:
            answer = self._answers.pop(said["id"])
            if "error" in said:
                kwargs = said["error"]["kwargs"]
                answer.errback(CallError.from_fields(said["error"]["uri"], kwargs.get("message", ""), kwargs))
            else:
                answer.callback(said["result"])

    def processEnded(self, _reason: Any) -> None:
        self._ended.callback(None)

    def _say(self, line: dict[str, Any]) -> None:
        assert self.transport is not None
        self.transport.write(json.dumps(line).encode() + b"\n")
