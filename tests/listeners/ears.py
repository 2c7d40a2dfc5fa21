"""Listeners of every client and serializer in one lesson, and what each of them heard."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from autobahn.wamp.types import SubscribeOptions
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.protocol import ProcessProtocol
from twisted.internet.task import LoopingCall

from tests.listeners.installed import javascript
from tests.support.machine import PASSWORD
from tests.support.node import Node
from tests.support.people import bare
from tests.support.wamp import PATIENCE_S, SERIALIZERS
from tutorwamp.client import Login

SCRIPT: Final = Path(__file__).with_name("listeners.mjs")
Heard = tuple[str, str | None, dict[str, Any]]
"""The last word of the topic, who published it, and what it says."""


@dataclass
class Ears:
    """``heard`` and ``lost`` by the name of the listener: its client and its serializer."""

    heard: dict[str, list[Heard]] = field(default_factory=dict)
    lost: dict[str, Any] = field(default_factory=dict)
    _waiting: list[tuple[Callable[[], bool], Deferred[None]]] = field(default_factory=list)

    def hear(self, listener: str, topic: str, publisher: str | None, said: dict[str, Any]) -> None:
        self.heard[listener].append((topic, publisher, said))
        self._look()

    def lose(self, listener: str, reason: Any) -> None:
        self.lost[listener] = reason
        self._look()

    def _look(self) -> None:
        for done, waiting in list(self._waiting):
            if not waiting.called and (done() or self.lost):
                waiting.callback(None)

    def forget(self) -> None:
        """What was heard until now."""
        for events in self.heard.values():
            events.clear()

    async def all_heard(self, what: Callable[[Heard], bool]) -> None:
        """Wait until each has heard such an event; nobody may have lost their session."""
        await self.each_heard(lambda events: any(map(what, reversed(events))))

    async def each_heard(self, enough: Callable[[list[Heard]], bool]) -> None:
        """Wait until what each has heard is enough; nobody may have lost their session."""

        def done() -> bool:
            return all(map(enough, self.heard.values()))

        if not done():
            waiting: Deferred[None] = Deferred()
            self._waiting = [(done, waiting)]
            await waiting.addTimeout(PATIENCE_S, reactor)
        assert self.lost == {}


class JavaScript(ProcessProtocol):
    """The process with all JavaScript clients (listeners.mjs)."""

    def __init__(self, ears: Ears) -> None:
        self._ears = ears
        self._unfinished = b""
        self._answer: Deferred[Any] = Deferred()
        self._ended: Deferred[None] = Deferred()

    @classmethod
    async def enter(cls, ears: Ears, node: Node, email: str, lesson_id: str) -> JavaScript:
        executable, folder = javascript()
        login = Login(node.url)
        user = await login.log_in(email, PASSWORD)
        made = cls(ears)
        command = [executable, "--experimental-websocket", "--no-warnings", str(SCRIPT)]
        reactor.spawnProcess(made, executable, command, env=os.environ, childFDs={0: "w", 1: "r", 2: 2})
        where = {"folder": str(folder), "url": node.url, "lesson_id": lesson_id}
        await made._asked({**where, "user": user, "token": await login.access_token()})
        return made

    async def call(self, uri: str, **arguments: Any) -> dict[str, Any]:
        """Call with each of them; their answers by name."""
        answers: dict[str, Any] = await self._asked({"calls": [uri, arguments]})
        return answers

    async def close(self) -> None:
        assert self.transport is not None
        self.transport.closeStdin()
        await self._ended.addTimeout(PATIENCE_S, reactor)

    async def _asked(self, line: dict[str, Any]) -> Any:
        self._answer = Deferred()
        assert self.transport is not None
        self.transport.write(json.dumps(line).encode() + b"\n")
        return await self._answer.addTimeout(PATIENCE_S, reactor)

    def outReceived(self, data: bytes) -> None:
        *lines, self._unfinished = (self._unfinished + data).split(b"\n")
        for line in lines:
            self._understand(json.loads(line))

    def _understand(self, said: dict[str, Any]) -> None:
        if "ready" in said:
            for name in said["ready"]:
                self._ears.heard.setdefault(name, [])
            self._answer.callback(None)
        elif "answers" in said:
            self._answer.callback(said["answers"])
        elif "closed" in said:
            self._ears.lose(said["listener"], said["closed"])
        else:
            self._ears.heard.setdefault(said["listener"], [])
            self._ears.hear(said["listener"], said["topic"], said["publisher"], said["kwargs"])

    def processEnded(self, _reason: Any) -> None:
        if not self._answer.called:
            self._answer.errback(AssertionError("the JavaScript listeners ended"))
        self._ended.callback(None)


class Python:
    """autobahn-python, a session for each serializer."""

    def __init__(self, ears: Ears) -> None:
        self._ears = ears
        self._sessions: dict[str, Any] = {}
        self._beats: list[LoopingCall] = []

    @classmethod
    async def enter(cls, ears: Ears, node: Node, email: str, lesson_id: str) -> Python:
        made = cls(ears)
        coming = [Deferred.fromCoroutine(made._sit_down(node, email, name, lesson_id)) for name in SERIALIZERS]
        await gatherResults(coming, consumeErrors=True)
        return made

    async def _sit_down(self, node: Node, email: str, serializer: str, lesson_id: str) -> None:
        name = f"autobahn-python {serializer}"
        session = self._sessions[name] = await bare(node, email, serializer)
        self._ears.heard[name] = []
        session.left.addCallback(lambda details: self._left(name, details))
        joined = await session.ask("tutorwamp.lesson.join", lesson_id=lesson_id)
        for topic, uri in joined["topics"].items():

            def hear(*_: Any, told: Any, topic: str = topic, **said: Any) -> None:
                self._ears.hear(name, topic, told.publisher_authid, said)

            await session.subscribe(hear, uri, options=SubscribeOptions(details_arg="told"))
        interval_s = (await session.ask("tutorwamp.session.heartbeat"))["interval_s"]
        beat = LoopingCall(lambda: Deferred.fromCoroutine(session.ask("tutorwamp.session.heartbeat")))
        self._beats.append(beat)
        beat.start(interval_s, now=False).addErrback(lambda failure: self._ears.lose(name, failure))

    def _left(self, name: str, details: Any) -> None:
        if name in self._sessions:
            self._ears.lose(name, details.reason)

    async def call(self, uri: str, **arguments: Any) -> dict[str, Any]:
        return {name: await session.ask(uri, **arguments) for name, session in self._sessions.items()}

    async def close(self) -> None:
        for beat in self._beats:
            beat.stop()
        sessions = list(self._sessions.values())
        self._sessions = {}
        for session in sessions:
            session.leave()
            await session.left
